"""Files that answer; real ones, in a folder of the test's own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.rewrite.answer import Answer
from forebay.rewrite.localfile import WHOLE_BYTES, LocalFile, find

posix = pytest.mark.skipif(sys.platform == "win32", reason="has no such files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, beside a secret that nobody may get."""
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (tmp_path / "root-secret").mkdir()
    (tmp_path / "root-secret" / "a.txt").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "docs").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "index.html").write_bytes(b"home")
    (root / "docs" / "index.html").write_bytes(b"docs")
    (root / "docs" / "a b.css").write_bytes(b"css")
    (root / ".env").write_bytes(b"secret")
    (root / "docs" / ".htaccess").write_bytes(b"secret")
    return root


def body(folder: Path, path: str, below: str = "/") -> bytes | None:
    found = find(Answer(folder=str(folder), below=below), path)
    return None if found is None else found.body


@pytest.mark.parametrize(
    ("path", "below", "expected"),
    [
        ("/", "/", b"home"),
        ("/index.html", "/", b"home"),
        ("/docs/", "/", b"docs"),
        ("/docs", "/", b"docs"),
        ("/docs/a%20b.css", "/", b"css"),
        ("/x/docs/a%20b.css", "/x/", b"css"),
        ("/docs%2Findex.html", "/", b"docs"),
        ("/docs/a%20b.css", "/x/", None),
        ("/nothing", "/", None),
        ("/empty/", "/", None),
        ("/empty", "/", None),
        ("/index.html/", "/", None),
        ("/index.html/a", "/", None),
        ("/" + "a" * 5000, "/", None),
        ("/" + "a/" * 5000, "/", None),
    ],
)
def test_which_file_answers(folder, path, below, expected):
    assert body(folder, path, below) == expected


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/docs/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt",
     "/..%5csecret.txt", "/..\\secret.txt", "/docs/..%5c..%5csecret.txt", "//secret.txt", "/%2e%2e%2froot-secret/a.txt",
     "/.env", "/%2eenv", "/docs/.htaccess", "/docs/..%2f.env", "/index.html%00", "/%00", "/docs/%00/index.html"],
)  # fmt: skip
def test_nothing_outside_and_nothing_hidden(folder, path):
    assert body(folder, path) is None


def test_an_absolute_path_is_none_of_the_folder(folder):
    for path in (f"/{folder.parent}/secret.txt", f"/%2f{folder.parent}/secret.txt"):
        assert body(folder, path) is None


@posix
class TestLinks:
    def test_one_inside_the_folder_is_followed(self, folder):
        (folder / "other.html").symlink_to("index.html")
        (folder / "more").symlink_to("docs", target_is_directory=True)

        assert body(folder, "/other.html") == b"home"
        assert body(folder, "/more/") == b"docs"

    def test_one_out_of_the_folder_is_not(self, folder):
        (folder / "a.txt").symlink_to(folder.parent / "secret.txt")
        (folder / "up").symlink_to("..", target_is_directory=True)
        (folder / "beside").symlink_to("../root-secret", target_is_directory=True)
        (folder / "empty" / "index.html").symlink_to("../../secret.txt")

        for path in ("/a.txt", "/up/secret.txt", "/beside/a.txt", "/empty/", "/empty"):
            assert body(folder, path) is None

    def test_one_that_leads_nowhere_or_to_itself_is_none(self, folder):
        (folder / "loop").symlink_to("loop")
        (folder / "one").symlink_to("two")
        (folder / "two").symlink_to("one")
        (folder / "gone").symlink_to("nothing")

        for path in ("/loop", "/loop/", "/one/a", "/two", "/gone"):
            assert body(folder, path) is None

    def test_the_folder_itself_may_be_one(self, folder, tmp_path):
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)

        assert body(tmp_path / "link", "/") == b"home"


@posix
class TestNoFiles:
    def test_a_pipe_is_refused_and_not_waited_for(self, folder):
        os.mkfifo(folder / "pipe")

        with pytest.raises(OSError, match="expected a file, found a device or a pipe"):
            body(folder, "/pipe")

    def test_a_device_is_refused(self):
        with pytest.raises(OSError, match="expected a file, found a device or a pipe"):
            find(Answer(file="/dev/zero"), "/")

    def test_one_that_may_not_be_read_is_an_error(self, folder):
        (folder / "index.html").chmod(0)
        if os.access(folder / "index.html", os.R_OK):
            pytest.skip("root may read all")

        with pytest.raises(PermissionError):
            body(folder, "/")


def test_a_folder_called_index_html_is_none(folder):
    (folder / "empty" / "index.html").mkdir()

    assert body(folder, "/empty/index.html") is None
    assert body(folder, "/empty") is None


class TestFile:
    def test_one_file_answers_whatever_the_path(self, folder):
        answer = Answer(file=str(folder / "docs" / "a b.css"))

        for path in ("/", "/../x", "*"):
            assert find(answer, path) == LocalFile(
                "text/css; charset=utf-8", 3, b"css", folder / "docs" / "a b.css"
            )

    @pytest.mark.parametrize("name", ["nothing", "docs", "index.html/x", "a\0b"])
    def test_one_that_is_not_there_is_none(self, folder, name):
        assert find(Answer(file=f"{folder}/{name}"), "/") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.js.map", "application/json; charset=utf-8"),
        ("a.SVG", "image/svg+xml"),
        ("a.png", "image/png"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.webp", "image/webp"),
        ("a.unknown", "application/octet-stream"),
        ("html", "application/octet-stream"),
    ],
)
def test_content_types(folder, name, expected):
    (folder / name).write_bytes(b"")

    found = find(Answer(folder=str(folder)), "/" + name)

    assert found == LocalFile(expected, 0, b"", folder / name)


def test_a_long_file_is_read_in_pieces(folder):
    content = bytes(range(250)) * (WHOLE_BYTES // 250)
    (folder / "whole.bin").write_bytes(content)
    (folder / "long.bin").write_bytes(content + b"end")

    assert body(folder, "/whole.bin") == content
    found = find(Answer(folder=str(folder)), "/long.bin")

    assert found is not None
    assert (found.body, found.size_bytes) == (None, WHOLE_BYTES + 3)
    assert found.read(0, 3) == b"\0\1\2"
    assert found.read(WHOLE_BYTES, 1000) == b"end"
    assert found.read(WHOLE_BYTES + 3, 1000) == b""
    (folder / "long.bin").unlink()
    with pytest.raises(FileNotFoundError):
        found.read(0, 3)


BITS = st.sampled_from(
    ["/", ".", "..", "%2e", "%2f", "%5c", "\\", "root", "docs", "secret.txt", "index.html", "up", "%00", "~", "-secret", "a.txt"]
)  # fmt: skip


@posix
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(BITS, max_size=10).map("".join))
def test_no_path_gets_a_secret(folder, path):
    if not (folder / "up").is_symlink():
        (folder / "up").symlink_to("..", target_is_directory=True)

    assert body(folder, "/" + path) in {None, b"home", b"docs", b"css"}
