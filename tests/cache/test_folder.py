"""The cache's folder."""

from __future__ import annotations

import stat

import pytest

from forebay.cache import folder as folders
from forebay.cache.entry import FORMAT
from forebay.errors import ForebayError


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_closed_to_others(tmp_path):
    objects = folders.prepare(tmp_path / "a" / "cache")

    assert mode(tmp_path / "a" / "cache") == mode(objects) == 0o700
    assert mode(tmp_path / "a" / "cache" / "format") == 0o600
    assert folders.format_number(tmp_path / "a" / "cache") == FORMAT


def test_preparing_again_changes_nothing(tmp_path):
    (folders.prepare(tmp_path) / "kept").write_bytes(b"x")

    assert (folders.prepare(tmp_path) / "kept").exists()


def test_a_newer_format_is_refused_and_left_alone(tmp_path):
    (folders.prepare(tmp_path) / "kept").write_bytes(b"x")
    (tmp_path / "format").write_text(f"{FORMAT + 1}\n")

    with pytest.raises(
        ForebayError, match=rf"^cache_dir: expected .*, found format {FORMAT + 1} in [^\n]*$"
    ):
        folders.prepare(tmp_path)

    assert (tmp_path / "objects" / "kept").exists()


@pytest.mark.parametrize("content", [None, "", "x", "0", "1" * 5000 + "x"])
def test_what_nobody_knows_the_format_of_is_put_aside(tmp_path, content):
    (folders.prepare(tmp_path) / "kept").write_bytes(b"x")
    if content is None:
        (tmp_path / "format").unlink()
    else:
        (tmp_path / "format").write_text(content)
    if content == "1" * 5000 + "x":  # what is read of it is a number, and a high one
        with pytest.raises(ForebayError):
            folders.prepare(tmp_path)
        return

    objects = folders.prepare(tmp_path)

    assert not list(objects.iterdir())
    assert (tmp_path / "damaged" / "kept").exists()


def test_only_the_last_damaged_database_is_kept(tmp_path):
    for name in ("first", "second"):
        (folders.prepare(tmp_path) / name).write_bytes(b"x")
        folders.put_aside(tmp_path)

    assert [path.name for path in (tmp_path / "damaged").iterdir()] == ["second"]


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    """A user may have named a folder of his own."""
    (tmp_path / "photo").write_bytes(b"x")

    folders.prepare(tmp_path)

    assert (tmp_path / "photo").read_bytes() == b"x"


def test_a_private_file_keeps_its_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x")

    folders.create_private(path)

    assert path.read_bytes() == b"x" and mode(path) == 0o600
