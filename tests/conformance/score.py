"""Count what the suite found, compare it with the floors, and say what failed.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

PASSED = frozenset({"pass", "yes"})
SCORED = ("required", "optimal")
OPTIONS = ("refuse", "store")
"""Values of ``cache_set_cookie`` that are scored."""
SUITE = {"required": 157, "optimal": 86, "check": 86}
"""Tests of each kind, those for browsers left out."""

PEERS = {
    # Required and optimal, all measured with this edition on one machine.
    "no cache (bare mitmdump)": (47, 1),
    "Apache httpd 2.4.71": (85, 49),
    "nginx 1.22": (93, 50),
    "Varnish 7.1": (106, 40),
    "Squid 5.7": (120, 49),
    "Apache Traffic Server 9.2.9": (125, 65),
    "all peers together": (144, 68),
}

type Outcome = dict[str, Any]
type Counts = dict[str, int]
type Deliberate = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over the suite: how the proxy was asked, with which option, what came of it."""

    mode: str
    set_cookie: str
    outcomes: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        """The run in words.

        >>> Run("reverse", "refuse", ()).name
        'reverse, cache_set_cookie=refuse'
        """
        return f"{self.mode}, cache_set_cookie={self.set_cookie}"

    def counts(self) -> Counts:
        """Return how many tests of each kind passed."""
        return {
            kind: sum(o["kind"] == kind and o["verdict"] in PASSED for o in self.outcomes)
            for kind in SUITE
        }


def shortfalls(run: Run, floors: dict[str, dict[str, Counts]]) -> Iterator[str]:
    """Yield a line for each kind in which *run* scored less than its recorded floor."""
    found = run.counts()
    for kind, floor in floors[run.mode][run.set_cookie].items():
        if found[kind] < floor:
            yield f"{run.name}: expected at least {floor} {kind} tests to pass, found {found[kind]}"


def table(runs: Iterable[Run]) -> Iterator[str]:
    """Yield the scores of the peers, then of *runs*, one line each."""
    yield "{:40} {:>8} {:>8} {:>6}".format("", *SUITE)
    yield "{:40} {:>8} {:>8} {:>6}".format("tests", *SUITE.values())
    for name, (required, optimal) in PEERS.items():
        yield f"{name:40} {required:8} {optimal:8}"
    for run in runs:
        yield "{:40} {:>8} {:>8} {:>6}".format(run.name, *run.counts().values())


def read_deliberate(entries: Iterable[dict[str, Any]]) -> Deliberate:
    """Return the reasons by test and set-cookie option; without one an entry is for each.

    >>> read_deliberate([{"tests": ["a"], "reason": "so", "set_cookie": "refuse"}])
    {('a', 'refuse'): 'so'}
    """
    return {
        (test, option): entry["reason"]
        for entry in entries
        for test in entry["tests"]
        for option in ([entry["set_cookie"]] if "set_cookie" in entry else OPTIONS)
    }


def failures(
    runs: Iterable[Run], deliberate: Deliberate, kinds: Iterable[str] = SCORED
) -> Iterator[str]:
    """Yield what failed in any of *runs*, each test once, with the runs unless it is all.

    What is to be mended comes first, then what fails on purpose, with the reason.
    """
    runs = tuple(runs)
    for kind in kinds:
        open_, meant = [], []
        for test, seen in _failed(runs, kind).items():
            outcome = seen[0][1]
            why = [deliberate.get((test, run.set_cookie)) for run, _ in seen]
            where = _where([run for run, _ in seen], runs)
            lines = [f"  {test} [{outcome['suite']}]{where}", f"      {outcome['name']}"]
            if None in why:
                open_.append([*lines, f"      {reason(outcome)}"])
            else:
                meant.append([*lines, f"      on purpose: {why[0]}"])
        yield f"\nfailed, {kind}: {len(open_)}, and on purpose {len(meant)}"
        for lines in (*open_, *meant):
            yield from lines
    for run in runs:
        for outcome in run.outcomes:
            if outcome["verdict"] in PASSED and (outcome["id"], run.set_cookie) in deliberate:
                yield f"\n{run.name}: {outcome['id']} passes, although it is listed as deliberate"


def _failed(runs: tuple[Run, ...], kind: str) -> dict[str, list[tuple[Run, Outcome]]]:
    failed: dict[str, list[tuple[Run, Outcome]]] = {}
    for run in runs:
        for outcome in run.outcomes:
            if outcome["kind"] == kind and outcome["verdict"] not in PASSED:
                failed.setdefault(outcome["id"], []).append((run, outcome))
    return failed


def _where(seen: list[Run], runs: tuple[Run, ...]) -> str:
    if len(seen) == len(runs):
        return ""
    for option in OPTIONS:
        if seen == [run for run in runs if run.set_cookie == option]:
            return f"  only with cache_set_cookie={option}"
    return f"  only in {'; '.join(run.name for run in seen)}"


def reason(outcome: Outcome) -> str:
    """Return why a test did not pass.

    >>> reason({"verdict": "setup_fail", "detail": "Setup: status is 502", "depends_on": []})
    'could not be set up: status is 502'
    """
    detail = str(outcome["detail"]).removeprefix("Assertion: ").removeprefix("Setup: ")
    match outcome["verdict"]:
        case "dependency_fail":
            own = "" if outcome["detail"] is None else f"; itself: {detail}"
            return f"depends on one that failed: {', '.join(outcome['depends_on'])}{own}"
        case "setup_fail":
            return f"could not be set up: {detail}"
        case "retry":
            return "the origin was asked twice for one request"
        case _:
            return detail
