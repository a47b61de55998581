"""``forebay tail``: as a process that is followed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import zstandard

from forebay.cli import tail
from forebay.trafficlog.record import Gap, encode
from report.logs import HOSTILE, record

ADDONS = Path(__file__).parents[2] / "addons"
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from forebay.cli import main; sys.exit(main())",
    "tail",
]


def numbered(*seqs, **given):
    return b"".join(encode(record(seq=n, url_full=f"http://a/{n}", **given)) for n in seqs)


@contextmanager
def following(*arguments):
    """Run it; what it prints is awaited line by line, and it is stopped in the end."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ADDONS)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def awaited(process):
    """Return the number of the record in the next line."""
    return int(process.stdout.readline().split(b"http://a/")[1].split()[0])


def append(path, data):
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture(name="path")
def _path(tmp_path):
    return tmp_path / "log" / "traffic.jsonl"


def test_it_follows_through_all_that_happens_to_a_file(path):
    """Not there, there, renamed, cut; and Ctrl-C ends it with status 0."""
    path.parent.mkdir()
    with following("--home", path.parent.parent) as process:
        append(path, numbered(1, 2))
        assert [awaited(process), awaited(process)] == [1, 2]
        path.rename(path.with_name("old"))
        append(path, numbered(3, 4))
        assert [awaited(process), awaited(process)] == [3, 4]
        os.truncate(path, 0)
        append(path, numbered(5))
        assert awaited(process) == 5

        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, b"", b"")


def test_it_begins_with_the_last_lines(path):
    path.parent.mkdir()
    path.write_bytes(numbered(*range(30)))
    with following(path, "-n", "2") as process:
        assert [awaited(process), awaited(process)] == [28, 29]
        append(path, numbered(30))
        assert awaited(process) == 30


def test_the_standard_input_is_followed():
    with following("-") as process:
        process.stdin.write(numbered(7))
        process.stdin.flush()
        assert awaited(process) == 7
        process.stdin.write(b"garbage\n")
        _, err = process.communicate(timeout=60)

    assert err == b"forebay tail: skipped a damaged line\n"
    assert process.returncode == 0


def test_a_closed_pipe_ends_it(path):
    path.parent.mkdir()
    path.write_bytes(numbered(1))
    with following(path) as process:
        awaited(process)
        process.stdout.close()
        append(path, numbered(2))

        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == b""


@pytest.fixture(name="shown")
def _shown(path, capsys):
    path.parent.mkdir()

    def call(*arguments, data=None):
        if data is not None:
            path.write_bytes(data)
        status = tail.run([str(path), "--no-follow", *arguments])
        return status, *capsys.readouterr()

    return call


MIXED = b"".join(
    encode(record(seq=n, url_full=f"http://a/{n}", **given))
    for n, given in enumerate((
        {},
        {"status": 503},
        {"status": 404, "server_address": "b.example"},
        {"error_type": "truncated"},
        {"block": {"action": "block"}},
        {"kind": "websocket"},
        {"block": {"action": "allow"}},
    ))
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "seqs"),
    [
        (["--status", "5xx"], [1]),
        (["--status", "404"], [2]),
        (["--errors"], [1, 3]),
        (["--blocked"], [4]),
        (["--kind", "websocket"], [5]),
        (["--host", "b.example"], [2]),
        (["--host", ".example", "-n", "2"], [5, 6]),
        (["-n", "0"], []),
        (["--errors", "--host", "b.example"], []),
    ],
)
def test_records_are_chosen(shown, options, seqs):
    """The last lines are the last of those that fit."""
    status, out, err = shown(*options, "--json", data=MIXED)

    assert [json.loads(each)["seq"] for each in out.splitlines()] == seqs
    assert (status, err) == (0, "")


def test_a_gap_is_shown_unless_something_is_asked_for(shown):
    gap = encode(Gap(lost=3, from_seq=1, to_seq=3))

    assert shown(data=gap)[1] == "3 records lost (1 to 3)\n"
    assert shown("--errors", data=gap)[1] == ""


def test_a_compressed_file_is_shown_to_its_end(path, capsys):
    packed = path.parent
    packed.mkdir()
    packed /= "old.jsonl.zst"
    packed.write_bytes(zstandard.ZstdCompressor().compress(MIXED + b"garbage\n"))

    assert tail.run([str(packed), "-n", "1"]) == 0
    assert "http://a/6" in capsys.readouterr().out


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_text_of_a_log_reaches_the_terminal_as_it_is(shown, text, form):
    raw = encode(record(url_full=text, user=text, client_address=text, error_type=text))
    beyond = json.dumps(json.loads(raw), ensure_ascii=False).encode("utf-8", "replace")

    for data in (raw, beyond + b"\n"):
        out = shown(*form, data=data)[1]
        assert out.rstrip("\n").isprintable()
        assert out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing"], "found nothing at missing"),
        (["."], "expected to read ., found: Is a directory"),
    ],
)
def test_what_cannot_be_read_is_said(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert tail.run([*arguments, "--no-follow"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["-n", "-1"], ["-n", "x"], ["--status", "6xx"], ["--status", "20"]]
)
def test_wrong_options_are_refused(options, capsys):
    with pytest.raises(SystemExit) as ended:
        tail.run(options)

    assert ended.value.code == 2
    assert "expected a" in capsys.readouterr().err
