"""Names, times and what has to go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.rotation import Family, Rotated, Rotation

FAMILY = Family("traffic.jsonl")
STAMP = "20250131T235959Z-000042"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "number", "ending"),
        [
            (f"traffic-{STAMP}.jsonl", 42, ""),
            (f"traffic-{STAMP}.jsonl.zst", 42, ".zst"),
            (f"traffic-{STAMP}.jsonl.zst.part", 42, ".zst.part"),
            (f"traffic-77-{STAMP}.jsonl", 42, ""),
            (f"traffic-77-2-{STAMP}.jsonl.zst", 42, ".zst"),
            ("traffic-20250131T235959Z-1000000.jsonl", 1_000_000, ""),
        ],
    )
    def test_rotated_files_are_known_by_their_names(self, name, number, ending):
        file = FAMILY.rotated(name)

        assert (file.number, file.ending) == (number, ending)
        assert file.plain_name == name.removesuffix(ending)
        assert not FAMILY.is_live(name)

    @pytest.mark.parametrize(
        "name",
        [
            "traffic.jsonl",
            "traffic-7.jsonl",
            "traffic.jsonl.1",
            f"traffic-{STAMP}.jsonl.gz",
            f"traffic-{STAMP}.jsonl.zst.bak",
            f"traffic-{STAMP}.jsonl\n",
            f"traffic-{STAMP}xjsonl",
            f"traffic-old-{STAMP}.jsonl",
            f"my-traffic-{STAMP}.jsonl",
            "traffic-20250131T235959Z-42.jsonl",
            "traffic-20250131T235959Z-٠٠٠٠٤٢.jsonl",
        ],
    )
    def test_nothing_else_is_one(self, name):
        """For what is one may be deleted."""
        assert FAMILY.rotated(name) is None

    @pytest.mark.parametrize(
        ("name", "is_live", "is_of_a_process"),
        [
            ("traffic.jsonl", True, False),
            ("traffic-7.jsonl", True, True),
            ("traffic-7-2.jsonl", True, True),
            ("traffic-a.jsonl", False, False),
            ("traffic-7.jsonl.zst", False, False),
            ("trafficXjsonl", False, False),
        ],
    )
    def test_live_files_too(self, name, is_live, is_of_a_process):
        assert FAMILY.is_live(name) == is_live
        assert FAMILY.is_of_a_process(name) == is_of_a_process

    @pytest.mark.parametrize("wanted", ["traffic.jsonl", "a.b[c]", "log", "x-7.jsonl"])
    @pytest.mark.parametrize("process", ["", "-7", "-7-2"])
    def test_a_name_that_is_made_is_understood(self, wanted, process):
        """With every character that a pattern would take for its own."""
        family = Family(wanted)
        stem, dot, suffix = wanted.rpartition(".")
        live = f"{stem}{process}{dot}{suffix}" if dot else wanted + process
        name = family.name(live, 1_000_000_000.9, 7)

        assert "-20010909T014640Z-000007" in name
        assert family.is_live(live)
        assert family.rotated(name) == Rotated(name, 7, "")


class TestIsDue:
    @pytest.mark.parametrize(
        ("given", "sizes", "times", "expected"),
        [
            pytest.param({"at_bytes": 100}, (60, 40), (0, 0), False, id="it just fits"),
            pytest.param({"at_bytes": 100}, (60, 41), (0, 0), True, id="it does not"),
            pytest.param({"at_bytes": 100}, (0, 500), (0, 0), False, id="an empty file"),
            pytest.param({"at_bytes": 0}, (10**12, 1), (0, 0), False, id="size is off"),
            pytest.param({"every_s": 60}, (1, 0), (59, 59.9), False, id="same period"),
            pytest.param({"every_s": 60}, (1, 0), (59.9, 60), True, id="next period"),
            pytest.param({"every_s": 60}, (0, 9), (0, 600), False, id="nothing in the last"),
            pytest.param({"every_s": 60}, (1, 0), (600, 5), True, id="clock set back"),
            pytest.param({"every_s": 0}, (1, 0), (0, 10**9), False, id="time is off"),
            pytest.param({"total_bytes": 50}, (20, 6), (0, 0), True, id="half of the total"),
        ],
    )
    def test_a_new_file_begins(self, given, sizes, times, expected):
        assert Rotation(**given).is_due(*sizes, *times) == expected


class TestSurplus:
    def test_the_oldest_go_by_number_not_by_time(self):
        """The clock may have been set back."""
        files = [
            Rotated("t-20300101T000000Z-000001.jsonl", 1, "", 40),
            Rotated("t-20200101T000000Z-000002.jsonl", 2, "", 40),
            Rotated("t-9-20200101T000000Z-000003.jsonl", 3, "", 40),
        ]
        rotation = Rotation(at_bytes=10, total_bytes=100)

        assert rotation.surplus(reversed(files), 0) == files[:1]
        assert rotation.surplus(files, 21) == files[:2]

    def test_all_is_kept_without_a_total(self):
        assert Rotation(total_bytes=0).surplus([Rotated("t", 1, "", 10**15)], 10**15) == []

    @given(st.lists(st.integers(0, 100), max_size=20), st.integers(0, 300), st.integers(1, 500))
    def test_what_stays_fits_and_no_more_goes_than_must(self, sizes, live_bytes, total_bytes):
        """Unless the live files alone are too much."""
        files = [Rotated(f"t{n:03}", n, "", size) for n, size in enumerate(sizes)]
        rotation = Rotation(at_bytes=50, total_bytes=total_bytes)
        gone = rotation.surplus(files, live_bytes)
        room = total_bytes - max(live_bytes, rotation.limit_bytes)

        assert gone == files[: len(gone)]
        kept_bytes = sum(file.size_bytes for file in files[len(gone) :])
        assert kept_bytes <= room or len(gone) == len(files)
        assert not gone or kept_bytes + gone[-1].size_bytes > room
