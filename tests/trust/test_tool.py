"""Other programs, which cannot ask anything."""

from __future__ import annotations

import os
import sys

import pytest

from forebay.errors import ForebayError
from forebay.trust import tool


def python(text, *, deadline_s=60.0):
    return tool.run([sys.executable, "-c", text], deadline_s=deadline_s)


def test_what_it_prints_is_returned():
    assert python("print('a')").strip() == b"a"


def test_it_has_no_input_and_no_terminal():
    """Programs that ask for a password open the terminal itself."""
    assert python(
        "import sys; print(sys.stdin.read() == '')\n"
        "try: open('/dev/tty'); print('terminal')\n"
        "except OSError: print('none')"
    ).split() == [b"True", b"none"]


def test_it_speaks_english():
    assert python("import os; print(os.environ['LC_ALL'])").strip() == b"C"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import sys; sys.exit('a\\nb\\x1b[1m')", r"to succeed, found: b\\x1b\[1m$"),
        ("raise SystemExit(7)", "to succeed, found: status 7$"),
    ],
)
def test_a_failure_is_one_line(text, message):
    with pytest.raises(ForebayError, match=message):
        python(text)


def test_one_that_does_not_end_is_ended():
    with pytest.raises(ForebayError, match="to end within 0 s"):
        python("import threading; threading.Event().wait()", deadline_s=0.3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_it_has_started_ends_with_it(tmp_path):
    """A script's own programs would go on changing the store."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb") as reading:
        with pytest.raises(ForebayError, match="found it still running"):
            tool.run(["sh", "-c", f"(sleep 20; echo left) > '{pipe}' & wait"], deadline_s=1)
        os.set_blocking(reading.fileno(), True)

        assert reading.read() == b""  # at once, as nobody has it open any more


def test_one_that_is_not_there_is_named():
    with pytest.raises(ForebayError, match="expected the program no-such-tool, found none"):
        tool.run(["no-such-tool"], deadline_s=1)


def test_one_that_cannot_be_run_is_named(tmp_path):
    (tmp_path / "tool").write_text("", encoding="utf-8")

    with pytest.raises(ForebayError, match=r"expected to run .*, found: Permission denied"):
        tool.run([str(tmp_path / "tool")], deadline_s=1)
