"""``forebay report``: files, options, exit statuses."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard

from forebay.cli import report
from forebay.trafficlog.record import encode
from report.logs import BEGIN, record, write

ADDONS = Path(__file__).parents[2] / "addons"
COMMAND = [
    sys.executable,
    "-c",
    "import sys; from forebay.cli import main; sys.exit(main())",
    "report",
]


@pytest.fixture(name="reported")
def _reported(capsys, tmp_path, monkeypatch):
    """Run the command in a folder of its own; return status, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*arguments):
        status = report.run([*arguments, "--home", str(tmp_path / "home")])
        return status, *capsys.readouterr()

    return call


@pytest.fixture(name="log")
def _log(tmp_path):
    return write(tmp_path / "traffic.jsonl", 200)


def requests(out):
    return json.loads(out)["traffic"]["exchanges"]


def test_tables(reported, log):
    status, out, err = reported(str(log))

    assert status == 0
    assert "Top hosts" in out
    assert "Lost: 3 records, as 1 gap record" in out
    assert f"Skipped 1 damaged line; the first: {log}:202:" in " ".join(out.split())
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 120
    assert err == ""


def test_json_is_one_document(reported, log):
    status, out, _ = reported(str(log), "--json", "--top", "2")

    found = json.loads(out)
    assert status == 0
    assert (found["format"], found["traffic"]["records"]) == (1, 200)
    assert len(found["hosts"]["rows"]) == len(found["slowest"]) == 2
    assert found["damaged"]["count"] == 1


def test_forms_of_files_add_up(reported, tmp_path):
    line = encode(record(instance=None))
    (tmp_path / "a").write_bytes(line)
    (tmp_path / "b").write_bytes(gzip.compress(line * 2))
    (tmp_path / "c").write_bytes(zstandard.ZstdCompressor().compress(line * 4))

    assert requests(reported("a", "b", "c", "--json")[1]) == 7


def test_the_standard_input_is_a_file_too(reported, monkeypatch):
    source = io.BufferedReader(io.BytesIO(encode(record())))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=source))

    assert requests(reported("-", "--json")[1]) == 1


def test_without_a_file_it_is_the_log_at_home(reported, tmp_path):
    folder = tmp_path / "home" / "log"
    folder.mkdir(parents=True)
    rotated = folder / "traffic-20260301T000000Z-000001.jsonl"
    (folder / "traffic.jsonl").write_bytes(encode(record(seq=4)))
    rotated.write_bytes(encode(record(seq=3)))
    rotated.with_name(f"{rotated.name}.zst").write_bytes(
        zstandard.ZstdCompressor().compress(encode(record(seq=3)))
    )

    status, out, _ = reported("--json")

    found = json.loads(out)
    assert status == 0
    assert [Path(each).name for each in found["files"]] == [f"{rotated.name}.zst", "traffic.jsonl"]
    assert found["traffic"]["records"] == 2


def test_records_are_selected(reported, tmp_path):
    lines = [
        record(seq=n, user=user, server_address=host, client_address=client)
        for n, user, host, client in (
            (1, "ada", "a.example", "192.0.2.1"),
            (2, None, "b.a.example", "192.0.2.2"),
            (3, None, "c.example", "198.51.100.1"),
        )
    ]
    (tmp_path / "log").write_bytes(b"".join(map(encode, lines)))

    for options, count in (
        (["--user", "ada"], 1),
        (["--host", "a.example"], 1),
        (["--host", ".a.example"], 2),
        (["--client", "192.0.2.0/24"], 2),
        (["--since", BEGIN.isoformat()], 3),
        (["--until", "2026-03-02T12:00:01Z", "--since", "2026-03-02"], 3),
    ):
        status, out, _ = reported("log", "--json", *options)
        assert (status, requests(out)) == (0, count), options
        assert json.loads(out)["selection"] == dict(
            zip((o[2:] for o in options[::2]), options[1::2], strict=True)
        )


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 1, "found no traffic log in "),
        (("empty",), 1, "found no record"),
        (("traffic.jsonl", "--user", "nobody"), 1, "found no record that fits"),
        (("garbage",), 1, "found no record; the first damaged line: garbage:1: expected a record"),
        (("missing",), 2, "expected a traffic log, found missing: No such file"),
        (("traffic.jsonl", "--since", "soon"), 2, "--since: expected a time such as"),
        (("traffic.jsonl", "--client", "me"), 2, "--client: expected an address or a network"),
        (
            ("traffic.jsonl", "--html", "no/such/out"),
            2,
            "--html: expected to write no/such/out, found: No such",
        ),
        (("traffic.jsonl", "--html", "."), 2, "--html: expected to write ., found: "),
        (
            ("traffic.jsonl", "--html", "traffic.jsonl"),
            2,
            "--html: expected a file to write, found traffic.jsonl",
        ),
        (("~nobody-at-all/x",), 2, "FILE: expected a path"),
        (("a\x1b[2Jb",), 2, "found a\\x1b[2Jb: No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(reported, log, tmp_path, arguments, status, said):
    (tmp_path / "empty").touch()
    (tmp_path / "garbage").write_bytes(b"\x00\xff\n")

    found, out, err = reported(*arguments)

    assert (found, out) == (status, "")
    assert err.startswith("forebay report: ")
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("top", ["0", "1001", "x", "²", ""])
def test_the_number_of_rows_is_bounded(reported, log, top, capsys):
    with pytest.raises(SystemExit) as ended:
        reported(str(log), "--top", top)

    assert ended.value.code == 2
    assert "expected a number from 1 to 1000" in capsys.readouterr().err


def test_the_page_replaces_what_was_there_and_leaves_nothing_else(reported, log, tmp_path):
    out = tmp_path / "out" / "report.html"
    out.parent.mkdir()
    out.write_text("before", encoding="utf-8")

    status, printed, err = reported(str(log), "--html", str(out))

    assert (status, printed, err) == (0, "", "")
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [each.name for each in out.parent.iterdir()] == ["report.html"]


def test_a_page_that_cannot_be_renamed_leaves_nothing(reported, log, tmp_path):
    (tmp_path / "folder" / "out").mkdir(parents=True)

    assert reported(str(log), "--html", "folder/out")[0] == 2
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["out"]


def run(arguments, **given):
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=os.environ | {"PYTHONPATH": str(ADDONS)},
        stderr=subprocess.PIPE,
        **given,
    )


def test_a_closed_pipe_is_no_error(log):
    """As in ``forebay report | head -1``: read nothing of what is more than a pipe holds."""
    reading, writing = os.pipe()
    os.close(reading)

    with run([str(log), "--json"], stdout=writing) as process:
        os.close(writing)
        _, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, b"")


def test_an_interrupt_ends_it_without_a_traceback(tmp_path):
    """It waits for its input once it has opened the pipe for reading, which ours waits for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with run([str(pipe)], stdout=subprocess.DEVNULL) as process, pipe.open("wb"):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err == b"forebay report: interrupted\n"


def test_progress_is_shown_on_a_terminal_for_large_files(reported, log, monkeypatch):
    """A pseudo-terminal as standard error."""
    import pty

    leader, follower = pty.openpty()
    monkeypatch.setattr(report, "_LARGE_BYTES", 10)
    monkeypatch.setattr(report, "_PROGRESS_BYTES", 1)

    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with report._progress([log]) as progress:
            progress(log.stat().st_size)
    shown = os.read(leader, 100_000)
    os.close(leader)

    assert b"/" in shown
    assert "━".encode() in shown


def test_there_is_no_progress_without_a_terminal(log, capsys, monkeypatch):
    monkeypatch.setattr(report, "_LARGE_BYTES", 10)

    with report._progress([log, Path("missing")]) as progress:
        progress(10)

    assert capsys.readouterr().err == ""
