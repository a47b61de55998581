"""What a running proxy says of itself, as text.

It may be of another version, so nothing is taken for granted: units are told by
the ends of names, and whatever a value is, it is shown on one line.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.report import figures

_UNITS = ("_at_s", "_bytes", "_s")
_AS_THEY_ARE = frozenset({"pid", "last_seq"})
_LONGEST = 500
_MOST_ROWS = 200


def lines_of(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is shown of one proxy: its problems first, then a part for each addon."""
    proxy = found.get("proxy")
    problems = problems_of(found)
    state = figures.plural(len(problems), "problem") if problems else "well"
    pid = proxy.get("pid", "?") if isinstance(proxy, Mapping) else "?"
    yield f"proxy {visible(str(pid))}: {state}"
    yield from (f"  ! {visible(line, _LONGEST)}" for line in problems)
    for key, section in found.items():
        if key != "problems" and section:
            yield from _part(key, section)


def problems_of(found: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a proxy, a line each."""
    problems = found.get("problems")
    return [str(line) for line in problems] if isinstance(problems, list) else []


def _part(key: str, section: object) -> Iterator[str]:
    if not isinstance(section, Mapping):
        yield f"{_label(key)}: {_shown(key, section)}"
        return
    summary = section.get("summary", "")
    yield f"{_label(key)}{': ' if summary else ''}{_shown('summary', summary)}"
    single = [
        (_label(name), _shown(name, value))
        for name, value in section.items()
        if name not in ("summary", "on") and not _says_nothing(value) and not _is_table(value)
    ]
    width = max((len(label) for label, _ in single), default=0)
    yield from (f"  {label:<{width}}  {text}" for label, text in single)
    for name, value in section.items():
        if _is_table(value):
            yield f"  {_label(name)}"
            yield from _table(value)


def _says_nothing(value: object) -> bool:
    return value is None or value == "" or value == []


def _is_table(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and each for each in value)
    )


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [name for name in rows[0] if any(not _says_nothing(row.get(name)) for row in rows)]
    cells = [
        [_label(name) for name in names],
        *([_shown(name, row.get(name)) for name in names] for row in rows[:_MOST_ROWS]),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    to_the_right = [_is_number(rows[0].get(name)) for name in names]
    for line in cells:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_the_right, strict=True)
        )
        yield f"    {'  '.join(aligned)}".rstrip()
    if len(rows) > _MOST_ROWS:
        yield f"    and {figures.count(len(rows) - _MOST_ROWS)} more"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _label(name: str) -> str:
    """Return a name for people, without its unit.

    >>> _label("modified_at_s"), _label("ram_limit_bytes"), _label("judged")
    ('modified', 'ram limit', 'judged')
    """
    for unit in _UNITS:
        if name.endswith(unit):
            name = name.removesuffix(unit)
            break
    return visible(name.replace("_", " "))


def _shown(name: str, value: object) -> str:
    """Return a value on one line, in the unit that the end of its name says.

    >>> _shown("uptime_s", 3723), _shown("ram_bytes", 2048), _shown("hit_ratio", 0.5)
    ('1 h 2 min', '2.05 kB', '50.0 %')
    >>> _shown("groups_on", ["a", "b"]), _shown("turbo", True), _shown("x", {"y": 1})
    ('a, b', 'yes', "{'y': 1}")
    >>> _shown("uptime_s", float("inf"))
    'inf'
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _number(name, value)
        except (ValueError, OverflowError, OSError):  # no number that people have a use for
            return visible(str(value), _LONGEST)
    match value:
        case None:
            return figures.NONE
        case bool():
            return "yes" if value else "no"
        case list():
            return visible(", ".join(map(str, value)), _LONGEST)
        case _:
            return visible(str(value), _LONGEST)


def _number(name: str, value: float) -> str:
    if name.endswith("_at_s"):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    if name.endswith("_bytes"):
        return figures.size(value)
    if name.endswith("_s"):
        return figures.seconds(value)
    if name.endswith("_ratio"):
        return figures.percent(value)
    if isinstance(value, int) and name not in _AS_THEY_ARE:
        return figures.count(value)
    return str(value)
