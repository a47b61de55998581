"""diskcache without pickle and without paths."""

from __future__ import annotations

import pickle

import pytest
from diskcache.core import MODE_BINARY, MODE_NONE, MODE_PICKLE, MODE_RAW, MODE_TEXT

from forebay.cache.rawdisk import RawDisk, RefusedRowError

NAME = "ab/cd/" + "0" * 28 + ".val"


@pytest.fixture
def raw(tmp_path):
    return RawDisk(str(tmp_path), min_file_size=10)


def value_file(tmp_path, content=b"x"):
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_bytes_go_through(raw):
    key, is_raw = raw.put(b"k")
    size, mode, name, value = raw.store(b"short", False)

    assert raw.get(bytes(key), is_raw) == b"k"
    assert (size, mode, name) == (0, MODE_RAW, None)
    assert raw.fetch(mode, name, bytes(value), False) == b"short"


def test_a_long_value_is_a_file_for_its_owner(raw, tmp_path):
    size, mode, name, value = raw.store(b"x" * 10, False)

    assert (size, mode, value) == (10, MODE_BINARY, None)
    assert raw.fetch(mode, name, None, False) == b"x" * 10
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert raw.written == [name]


@pytest.mark.parametrize("value", ["text", 1, 1.5, None, {}, bytearray(b"x")])
def test_other_keys_and_values_are_refused(raw, value):
    with pytest.raises(RefusedRowError):
        raw.put(value)
    with pytest.raises(RefusedRowError):
        raw.store(value, False)


def test_streams_and_pickled_keys_are_refused(raw):
    with pytest.raises(RefusedRowError):
        raw.store(b"x", True)
    with pytest.raises(RefusedRowError):
        raw.get(pickle.dumps({}), 0)
    with pytest.raises(RefusedRowError):
        raw.get("text", 1)


@pytest.mark.parametrize("mode", [MODE_NONE, MODE_TEXT, MODE_PICKLE, 99])
def test_other_rows_are_refused(raw, tmp_path, mode):
    value_file(tmp_path)

    with pytest.raises(RefusedRowError):
        raw.fetch(mode, NAME, None, False)
    with pytest.raises(RefusedRowError):
        raw.fetch(mode, None, b"x", False)


@pytest.mark.parametrize("value", ["text", 1, None])
def test_raw_rows_hold_bytes(raw, value):
    with pytest.raises(RefusedRowError):
        raw.fetch(MODE_RAW, None, value, False)


@pytest.mark.parametrize(
    "name",
    ["../../secret", "/etc/hostname", "ab/../" + NAME, "secret", "", NAME + "\n", "ab/cd/x.val"],
)
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    raw = RawDisk(str(folder), min_file_size=10)

    with pytest.raises(RefusedRowError):
        raw.fetch(MODE_BINARY, name, None, False)
    raw.remove(name)

    assert secret.exists()


def test_no_link_leads_out_of_the_folder(raw, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    path = tmp_path / NAME
    path.parent.mkdir(parents=True)
    path.symlink_to(secret)

    with pytest.raises(RefusedRowError):
        raw.fetch(MODE_BINARY, NAME, None, False)


def test_a_value_file_can_be_removed(raw, tmp_path):
    path = value_file(tmp_path)

    raw.remove(NAME)
    raw.remove(NAME)

    assert not path.exists()
