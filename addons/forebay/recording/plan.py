"""What a test asks of its recording: by its marker, by options, or by what is usual.

Pure; the standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.recording import cassettepath

MODES = ("none", "once", "new_episodes", "all", "passthrough")
"""The names of ``tape.Mode``."""
_LISTS = ("match", "ignore", "allow")
ARGUMENTS = ("name", "mode", *_LISTS, "on_exhausted", "fail_on_unused")
"""What the marker takes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a test is recorded.

    Attributes:
        cassette: the file.
        mode: what happens to requests.
        said: what else the proxy is told, by its own names.
        needs_all: whether a recording that nobody has asked for is a failure.
    """

    cassette: Path
    mode: str
    said: Mapping[str, Any] = field(default_factory=dict)
    needs_all: bool = False


def made(
    marks: Iterable[Mapping[str, Any]], folder: Path, test: str, modes: Iterable[str | None]
) -> Plan:
    """Return the plan of a test.

    Args:
        marks: what its markers say, the nearest first.
        folder: where the cassettes of its module are.
        test: its name, such as ``TestPay.test_once[eur]``.
        modes: those wanted, the one that wins first: None where nothing is said,
            and `MARKED` where the marker is asked.

    Raises:
        ForebayError: when a marker says what cannot be.
    """
    said: dict[str, Any] = {}
    for mark in reversed(list(marks)):
        said |= mark
    unknown = sorted(said.keys() - set(ARGUMENTS))
    if unknown:
        raise ForebayError(
            f"recording: expected {', '.join(ARGUMENTS)} as arguments of the marker, "
            f"found {', '.join(unknown)}"
        )
    name = said.pop("name", None)
    cassette = (
        cassettepath.of_test(folder, test)
        if name is None
        else cassettepath.named(folder, str(name))
    )
    marked, needs_all = said.pop("mode", None), bool(said.pop("fail_on_unused", False))
    wanted = [marked if each is MARKED else each for each in modes]
    mode = next((each for each in wanted if each), "once")
    if mode not in MODES:
        raise ForebayError(f"recording: expected {' or '.join(MODES)} as mode, found {mode!r:.70}")
    for each in _LISTS:
        if each in said:
            said[each] = [said[each]] if isinstance(said[each], str) else list(said[each])
    return Plan(Path(cassette), mode, said, needs_all)


MARKED = "marked"
"""Stands for the mode of the marker."""


def usual_mode(environ: Mapping[str, str]) -> str:
    """Return the mode where nothing else is said: nothing is recorded in CI.

    >>> usual_mode({}), usual_mode({"CI": "true"}), usual_mode({"CI": "0"})
    ('once', 'none', 'once')
    """
    return "once" if environ.get("CI", "").strip().lower() in ("", "0", "false") else "none"
