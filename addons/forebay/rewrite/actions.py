"""Apply rules to the fields of one message, and tell what changed.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from forebay.rewrite.fields import REFUSED
from forebay.rewrite.match import Head
from forebay.rewrite.rule import Operation, Phase, Rule, Verb
from forebay.secret import FIELDS, is_secret

LONGEST_SHOWN = 200

type Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What a field said before and after: its lines joined (RFC 9110 §5.3), None when absent.

    Secrets are masked and long values cut, as this goes to the log.
    """

    field: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule that matched, with what it changed: nothing, when all was so already."""

    rule: Rule
    changes: tuple[Change, ...]


def rewrite(
    rules: Iterable[Rule], phase: Phase, head: Head, fields: Fields, *, lower_case: bool = False
) -> tuple[Fields, list[Applied]]:
    """Return *fields* as *rules* leave them, and which rules were applied.

    Rules are taken in order, each to what those before it left; one with
    ``stop`` that matches is the last.

    With *lower_case* names are written as HTTP/2 demands (RFC 9113 §8.2.1).
    """
    applied: list[Applied] = []
    for rule in rules:
        if not rule.matcher.matches(head):
            continue
        edited = fields
        operations = rule.operations(phase)
        for operation in operations:
            edited = edit(edited, operation, lower_case=lower_case)
        applied.append(Applied(rule, _changes(operations, fields, edited)))
        fields = edited
        if rule.stop:
            break
    return fields, applied


def edit(fields: Fields, operation: Operation, *, lower_case: bool = False) -> Fields:
    """Return *fields* after one operation; other fields keep their place and spelling.

    >>> edit(((b"a", b"1"), (b"B", b"2"), (b"A", b"3")), Operation(Verb.SET, b"A", b"4"))
    ((b'A', b'4'), (b'B', b'2'))
    """
    if operation.verb is Verb.REMOVE:
        return tuple(field for field in fields if not covers(operation, field[0]))
    name = operation.name.lower() if lower_case else operation.name
    own = (name, operation.value)
    if operation.verb is Verb.APPEND:
        return (*fields, own)
    key = name.lower()
    places = [i for i, field in enumerate(fields) if field[0].lower() == key]
    if not places:
        return (*fields, own)
    if operation.verb is Verb.DEFAULT:
        return fields
    first = places[0]
    others = (field for field in fields[first + 1 :] if field[0].lower() != key)
    return (*fields[:first], own, *others)


def covers(operation: Operation, name: bytes) -> bool:
    """Return whether *operation* is about the field *name*, in whatever case.

    A beginning never covers what a rule may not write: ``T*`` leaves
    Transfer-Encoding alone.
    """
    key = name.lower()
    if operation.is_prefix:
        return key.startswith(operation.name.lower()) and key not in REFUSED
    return key == operation.name.lower()


def _changes(operations: Iterable[Operation], before: Fields, after: Fields) -> tuple[Change, ...]:
    names: dict[bytes, bytes] = {}
    for operation in operations:
        if operation.is_prefix:
            for name, _ in before:
                if covers(operation, name):
                    names.setdefault(name.lower(), name)
        else:
            names.setdefault(operation.name.lower(), operation.name)
    return tuple(
        Change(name.decode("latin-1"), _shown(before, key), _shown(after, key))
        for key, name in names.items()
        if _values(before, key) != _values(after, key)
    )


def _values(fields: Fields, key: bytes) -> list[bytes]:
    return [value for name, value in fields if name.lower() == key]


def _shown(fields: Fields, key: bytes) -> str | None:
    values = _values(fields, key)
    if not values:
        return None
    name = key.decode("latin-1")
    if name in FIELDS or is_secret(name):
        return "REDACTED"
    text = b", ".join(values).decode("latin-1")
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
