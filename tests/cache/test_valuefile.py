"""Drafts and value files on a real disk."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cache.builders import NOW
from forebay.cache.largebody import PIECE_BYTES, DamagedBodyError, Digester, LargeBody
from forebay.cache.rawdisk import _VALUE_FILE
from forebay.cache.valuefile import DraftFile, OpenFile, new_name, sweep_drafts

BYTES = random.Random(2).randbytes(PIECE_BYTES + 999)


def kept(tmp_path):
    """Return a body whose file has been put in place."""
    digester, draft = Digester(), DraftFile(tmp_path / "drafts")
    draft.write(BYTES)
    digester.update(BYTES)
    draft.keep_as(tmp_path / "ab" / "cd" / "x.val")
    return LargeBody(str(tmp_path / "ab" / "cd" / "x.val"), len(BYTES), digester.digests())


def opened(body, damaged=lambda: None):
    return LargeBody(
        body.name,
        body.total_bytes,
        body.digests,
        file=OpenFile(body.name, body.total_bytes, damaged),
    )


def test_a_finished_draft_is_moved_into_its_place(tmp_path):
    body = opened(kept(tmp_path))

    assert body.read(0, 2**21) + body.read(PIECE_BYTES, 2**21) == BYTES
    assert body.read(5, 10) == BYTES[5:15]
    assert list((tmp_path / "drafts").iterdir()) == []
    assert Path(body.name).stat().st_mode & 0o777 == 0o600


def test_a_folder_that_was_removed_is_made_again_and_nobody_else_may_enter(tmp_path):
    """With nothing but large bodies there is nobody else to make it."""
    draft = DraftFile(tmp_path / "objects" / "drafts")

    draft.discard()
    for folder in (tmp_path / "objects", tmp_path / "objects" / "drafts"):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_piece_that_was_changed_is_not_given_out(tmp_path):
    body, told = kept(tmp_path), []
    with Path(body.name).open("r+b") as file:
        file.seek(PIECE_BYTES + 3)
        file.write(bytes([BYTES[PIECE_BYTES + 3] ^ 1]))
    found = opened(body, lambda: told.append(True))

    assert found.read(0, 100) == BYTES[:100]
    assert told == []
    with pytest.raises(DamagedBodyError):
        found.read(PIECE_BYTES, 1)
    assert told == [True]


@pytest.mark.parametrize("size_bytes", [0, len(BYTES) - 1, len(BYTES) + 1])
def test_a_file_of_another_size_is_refused(tmp_path, size_bytes):
    body = kept(tmp_path)
    os.truncate(body.name, size_bytes)

    with pytest.raises(DamagedBodyError):
        opened(body)


def test_an_open_file_can_be_read_when_its_name_is_gone(tmp_path):
    body = opened(kept(tmp_path))
    Path(body.name).unlink()

    assert body.read(0, 10) == BYTES[:10]


def test_the_last_reference_closes_it(tmp_path):
    body = kept(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    found = opened(body)
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1
    del found
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_draft_that_is_written_outlives_a_sweep(tmp_path):
    draft = DraftFile(tmp_path)
    draft.write(b"x")

    assert sweep_drafts(tmp_path, NOW * 2) == 0 and draft.path.exists()
    draft.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_draft_of_a_killed_process_is_swept_at_once(tmp_path):
    script = (
        f"import sys, os, signal; sys.path[:0] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from forebay.cache.valuefile import DraftFile\n"
        f"DraftFile(Path({str(tmp_path)!r})).write(b'x')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=False)

    assert len(list(tmp_path.iterdir())) == 1
    assert sweep_drafts(tmp_path, NOW) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_draft_that_cannot_be_moved_is_told(tmp_path):
    draft = DraftFile(tmp_path / "drafts")
    draft.path.unlink()

    with pytest.raises(FileNotFoundError):
        draft.keep_as(tmp_path / "ab" / "x.val")


def test_names_are_those_of_value_files():
    names = {new_name() for _ in range(100)}

    assert len(names) == 100
    assert all(re.fullmatch(_VALUE_FILE, name) for name in names)
