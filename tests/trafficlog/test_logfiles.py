"""Which files make up a traffic log."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from forebay.errors import ForebayError
from forebay.trafficlog.logfiles import default_files, rotated_at, still_there

OLDEST_FIRST = [
    "traffic-77-20251231T235959Z-000009.jsonl.zst",
    "traffic-20260101T000000Z-000010.jsonl.zst",
    "traffic-77-2-20260101T000000Z-000011.jsonl",
    "traffic-20251231T000000Z-000012.jsonl",  # the clock had been set back
    "traffic-20260101T000001Z-999999.jsonl",
    "traffic-20260101T000001Z-1000000.jsonl",
    "traffic-77.jsonl",
    "traffic-77-2.jsonl",
    "traffic.jsonl",
]


@pytest.fixture(name="log")
def _log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def names(log: Path) -> list[str]:
    return [path.name for path in default_files(log.parent)]


def test_rotated_files_come_by_their_number_then_live_ones_by_last_change(log):
    """Whatever process wrote them, and in whatever order the folder lists them."""
    shuffled = random.Random(1).sample(OLDEST_FIRST, len(OLDEST_FIRST))
    for name in shuffled:
        (log / name).touch()
        # A rotated file that was touched later is no younger.
        changed_at_s = 1000 + OLDEST_FIRST.index(name) if "Z-" not in name else 9e8
        os.utime(log / name, (changed_at_s, changed_at_s))

    assert names(log) == OLDEST_FIRST


@pytest.mark.parametrize(
    "name",
    [
        "traffic.jsonl.zst",
        "traffic.jsonl.1",
        "traffic-old.jsonl",
        "traffic-1-2-3.jsonl",
        "traffic-20260101T000000Z.jsonl",
        "traffic-20260101T000000Z-1.jsonl",
        "traffic-20260101T000000Z-000001.jsonl.zst.part",
        "traffic-20260101T000000Z-000001.zst",
        "Traffic.jsonl",
        "traffic.jsonl\n",
        "traffic-\u0661.jsonl",
        "report.html",
    ],
)
def test_other_names_are_no_part_of_it(log, name):
    (log / name).touch()

    assert names(log) == []


def test_a_file_in_both_forms_counts_once(log):
    for name in ("traffic-20260101T000000Z-000001.jsonl", "traffic.jsonl"):
        (log / name).touch()
    (log / "traffic-20260101T000000Z-000001.jsonl.zst").touch()

    assert names(log) == ["traffic-20260101T000000Z-000001.jsonl.zst", "traffic.jsonl"]


def test_what_is_no_file_is_left_out(log):
    """A pipe would be waited for."""
    (log / "traffic.jsonl").mkdir()
    os.mkfifo(log / "traffic-7.jsonl")
    (log / "traffic-8.jsonl").symlink_to(log / "gone")

    assert names(log) == []


def test_without_a_folder_there_are_none(tmp_path):
    assert default_files(tmp_path / "none") == []
    (tmp_path / "log").touch()
    assert default_files(tmp_path) == []


def test_a_folder_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(ForebayError, match=r"expected to read .*, found: File name too long"):
        default_files(tmp_path / ("x" * 300))


def test_what_was_compressed_or_deleted_meanwhile_is_no_mistake(log):
    """A long log takes a while, and the proxy goes on."""
    rotated = log / "traffic-20260101T000000Z-000001.jsonl"
    old = log / "traffic-20250101T000000Z-000000.jsonl"
    for path in (rotated, old, log / "traffic.jsonl"):
        path.touch()
    found = still_there(default_files(log.parent))

    assert next(found) == old
    rotated.rename(f"{rotated}.zst")
    assert next(found) == Path(f"{rotated}.zst")
    (log / "traffic.jsonl").unlink()
    assert list(found) == []


@pytest.mark.parametrize("name", ["traffic.jsonl", "x", "traffic-20260199T000000Z-000001.jsonl"])
def test_a_name_without_a_time_has_none(name):
    assert rotated_at(Path(name)) is None
