"""The verdict on a run of the public suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance.score import OPTIONS, Run, failures, read_deliberate, reason, shortfalls, table

HERE = Path(__file__).parent
MODES = ("reverse", "absolute", "connect")


def outcome(test: str = "a", verdict: str = "fail", **given):
    return {
        "id": test,
        "suite": "age",
        "kind": "required",
        "name": "HTTP cache must",
        "depends_on": [],
        "verdict": verdict,
        "detail": None if verdict in ("pass", "yes") else "Assertion: found 1",
        **given,
    }


def run(*outcomes, mode: str = "reverse", set_cookie: str = "refuse") -> Run:
    return Run(mode, set_cookie, outcomes)


class TestCounts:
    @pytest.mark.parametrize(
        "verdict", ["fail", "setup_fail", "dependency_fail", "retry", "untested"]
    )
    def test_only_a_pass_counts(self, verdict):
        """A test whose dependency failed says nothing, even if it passed itself."""
        found = run(outcome("a", "pass"), outcome("b", verdict)).counts()

        assert found == {"required": 1, "optimal": 0, "check": 0}

    def test_kinds_are_apart(self):
        found = run(outcome(verdict="pass", kind="optimal"), outcome(verdict="yes", kind="check"))

        assert found.counts() == {"required": 0, "optimal": 1, "check": 1}


class TestShortfalls:
    FLOORS = {"reverse": {"refuse": {"required": 1, "optimal": 0}}}

    def test_the_floor_itself_is_enough(self):
        assert list(shortfalls(run(outcome(verdict="pass")), self.FLOORS)) == []

    def test_one_less_is_not(self):
        (line,) = shortfalls(run(outcome()), self.FLOORS)

        assert line.endswith("expected at least 1 required tests to pass, found 0")

    def test_a_run_without_floor_is_a_mistake(self):
        with pytest.raises(KeyError):
            list(shortfalls(run(mode="connect"), self.FLOORS))


class TestFailures:
    def test_what_fails_everywhere_is_named_once(self):
        lines = list(failures([run(outcome()), run(outcome(), mode="connect")], {}))

        assert [line for line in lines if line.startswith("  a ")] == ["  a [age]"]

    def test_a_difference_between_modes_is_named(self):
        lines = list(failures([run(outcome()), run(outcome(verdict="pass"), mode="connect")], {}))

        assert "  a [age]  only in reverse, cache_set_cookie=refuse" in lines

    def test_a_difference_between_options_is_named_once(self):
        runs = [
            run(outcome()),
            run(outcome(), mode="connect"),
            run(outcome(verdict="pass"), set_cookie="store"),
        ]

        assert "  a [age]  only with cache_set_cookie=refuse" in list(failures(runs, {}))

    def test_what_is_meant_to_fail_comes_last_with_the_reason(self):
        deliberate = read_deliberate([{"tests": ["a"], "reason": "so says §1"}])
        lines = list(failures([run(outcome("a"), outcome("b"))], deliberate))

        assert lines[0] == "\nfailed, required: 1, and on purpose 1"
        assert lines.index("  b [age]") < lines.index("  a [age]")
        assert "      on purpose: so says §1" in lines

    def test_a_reason_for_one_option_is_none_for_the_other(self):
        entry = {"tests": ["a"], "reason": "so", "set_cookie": "refuse"}
        lines = list(failures([run(outcome(), set_cookie="store")], read_deliberate([entry])))

        assert lines[0] == "\nfailed, required: 1, and on purpose 0"

    def test_an_outdated_reason_is_reported(self):
        deliberate = read_deliberate([{"tests": ["a"], "reason": "so"}])
        lines = list(failures([run(outcome(verdict="pass"))], deliberate))

        assert lines[-1].endswith("a passes, although it is listed as deliberate")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"verdict": "fail"}, "found 1"),
        ({"verdict": "retry"}, "the origin was asked twice for one request"),
        (
            {"verdict": "dependency_fail", "depends_on": ["b"]},
            "depends on one that failed: b; itself: found 1",
        ),
        (
            {"verdict": "dependency_fail", "depends_on": ["b"], "detail": None},
            "depends on one that failed: b",
        ),
    ],
)
def test_the_reason_says_whose_fault_it_is(given, expected):
    assert reason(outcome(**given)) == expected


def test_the_table_ends_with_our_runs():
    lines = list(table([run(outcome(verdict="pass"))]))

    assert lines[-1].split() == ["reverse,", "cache_set_cookie=refuse", "1", "0", "0"]


def test_every_run_has_a_floor_above_that_of_no_cache():
    """Traffic that went past the cache must not do."""
    floors = json.loads((HERE / "floors.json").read_text(encoding="utf-8"))

    for mode in MODES:
        for option in OPTIONS:
            assert floors[mode][option]["required"] > 47
            assert floors[mode][option]["optimal"] > 1


def test_the_suite_is_pinned_by_hash():
    packages = json.loads((HERE / "packages.json").read_text(encoding="utf-8"))

    assert "http-cache-tests@0.4.5" in packages
    assert all(digest.startswith("sha512-") for digest in packages.values())
