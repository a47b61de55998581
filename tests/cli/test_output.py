"""Where a result goes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from forebay.cli.output import NothingError, draft_of, guarded, opened
from forebay.errors import ForebayError


def write(path, data: bytes) -> None:
    with opened(path) as out:
        out.write(data)


def test_a_file_appears_whole_and_private(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    with opened(path) as out:
        out.write(b"new")
        out.flush()
        assert path.read_bytes() == b"old"

    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")

    with pytest.raises(TypeError, match="bytes-like"), opened(path) as out:
        out.write("no bytes")

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_pipe_is_written_to_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()

    write(path, b"x")
    reader.join()

    assert read == [b"x"]
    assert path.is_fifo()


@pytest.mark.parametrize("name", [None, "-"])
def test_without_a_file_it_is_the_standard_output(capfdbinary, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    write(None if name is None else Path(name), b"\xff")

    assert capfdbinary.readouterr().out == b"\xff"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("none/out", "No such file or directory"),
        ("", "Is a directory"),
        ("file/out", "Not a directory"),
    ],
)
def test_where_nothing_can_be_written_is_said(tmp_path, place, message):
    (tmp_path / "file").touch()

    with pytest.raises(ForebayError, match=f"expected to write .*, found: {message}"):
        write(tmp_path / place, b"x")


def test_a_full_disk_is_said():
    with (
        pytest.raises(ForebayError, match="expected to write /dev/full, found: No space left"),
        opened(Path("/dev/full")) as out,
    ):
        out.write(b"x" * 100_000)


def test_a_draft_takes_the_place(tmp_path):
    with draft_of(tmp_path / "out") as draft:
        draft.write_bytes(b"x")

    assert (tmp_path / "out").read_bytes() == b"x"


class TestStatus:
    @pytest.mark.parametrize(
        ("error", "status", "said"),
        [
            (ForebayError("a\nb\x1b"), 2, "x: a\nx: b\\x1b\n"),
            (NothingError("none"), 1, "x: none\n"),
            (KeyboardInterrupt(), 130, ""),
            (
                OSError(28, "No space left on device"),
                2,
                "x: expected to write, found: No space left on device\n",
            ),
        ],
    )
    def test_what_goes_wrong_is_said_once(self, capsys, error, status, said):
        def work() -> int:
            raise error

        assert guarded("x", work) == status
        assert capsys.readouterr().err == said

    def test_what_went_well_is_not(self, capsys):
        assert guarded("x", lambda: 0) == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize(
        ("sink", "status", "said"),
        [
            ("pipe", 141, b""),
            ("/dev/full", 2, b"x: expected to write, found: No space left on device\n"),
        ],
    )
    def test_an_output_that_takes_no_more_ends_it_without_a_traceback(self, sink, status, said):
        """Neither at the write nor at Python's own end."""
        if sink == "pipe":
            read, write_to = os.pipe()
            os.close(read)
        else:
            write_to = os.open(sink, os.O_WRONLY)
        code = (
            "import sys; from forebay.cli.output import guarded\n"
            "def work():\n    print('x' * 100_000)\n    return 0\n"
            "sys.exit(guarded('x', work))"
        )

        done = subprocess.run([sys.executable, "-c", code], stdout=write_to, stderr=subprocess.PIPE)
        os.close(write_to)

        assert (done.returncode, done.stderr) == (status, said)

    def test_no_output_at_all_is_no_mistake(self):
        """Closed by the shell: ``>&-``."""
        code = (
            "import sys; from forebay.cli.output import guarded; sys.exit(guarded('x', lambda: 0))"
        )

        done = subprocess.run(
            ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-c", code], capture_output=True
        )

        assert (done.returncode, done.stderr) == (0, b"")
