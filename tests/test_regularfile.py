"""Files, and what only has the name of one."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from forebay.regularfile import open_regular

posix = pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")
NO_FILE = "expected a file, found a device or a pipe"


def refusal(path: Path) -> str | None:
    with pytest.raises(OSError) as caught:
        open_regular(path)
    return caught.value.strerror


def test_a_file_is_read_as_it_is(tmp_path):
    """Line ends too, and through a link."""
    file, link = tmp_path / "a.txt", tmp_path / "b.txt"
    file.write_bytes(b"a\r\n\x1a\nb")
    link.symlink_to(file)

    for path in (file, link):
        with open_regular(path) as opened:
            assert opened.readline() == b"a\r\n"
            assert opened.read() == b"\x1a\nb"


@posix
def test_a_pipe_is_not_waited_for(tmp_path):
    """Neither for somebody who writes to it, nor for what comes."""
    pipe = tmp_path / "a.txt"
    os.mkfifo(pipe)

    assert refusal(pipe) == NO_FILE

    writer = os.open(pipe, os.O_RDWR)
    try:
        assert refusal(pipe) == NO_FILE
    finally:
        os.close(writer)


@posix
def test_a_device_and_a_socket_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.txt")

        assert refusal(Path("a.txt")) == NO_FILE
    assert refusal(Path(os.devnull)) == NO_FILE


@posix
def test_nothing_stays_open_after_a_refusal(tmp_path):
    """The lowest free descriptor is the one that is given next."""
    pipe, file = tmp_path / "pipe", tmp_path / "a.txt"
    os.mkfifo(pipe)
    file.touch()
    with open_regular(file) as opened:
        free = opened.fileno()
    refusal(pipe)

    with open_regular(file) as opened:
        assert opened.fileno() == free
        assert not os.get_inheritable(free)


@posix
def test_a_folder_and_a_missing_file_are_said_as_ever(tmp_path):
    assert refusal(tmp_path) == "Is a directory"
    assert refusal(tmp_path / "none") == "No such file or directory"


def test_a_name_that_no_file_can_have():
    with pytest.raises(ValueError, match="null"):
        open_regular(Path("a\0b"))
