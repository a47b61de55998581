"""Take one message through the rules, and tell what each has changed.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

from forebay.rewrite.answer import Answer
from forebay.rewrite.body import Task
from forebay.rewrite.cookies import is_attribute
from forebay.rewrite.edits import Edit, EditError
from forebay.rewrite.exchange import Exchange, Fields, text_of
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.rule import Mode, Phase, Rule
from forebay.rewrite.template import Groups, Template, Values
from forebay.rewrite.urledit import UrlEdit
from forebay.secret import is_secret_field
from forebay.trafficlog import redact
from forebay.trafficlog.redact import MASK

LONGEST_SHOWN = 200
_COOKIES = frozenset({"cookie", "set-cookie"})
UNSAID = "a value made of secrets, which cannot be said"
NOWHERE = Answer(
    502,
    ((b"Cache-Control", Template.of("no-store")),),
    Template.of("A rewrite rule is for this request and cannot be applied; see the log.\n"),
)
"""What answers where the answer of a rule, or the new URL, cannot be said."""


@dataclass(frozen=True, slots=True)
class Change:
    """What something said before and after: for a field its lines joined (RFC 9110 §5.3).

    None when it was absent.  Secrets are masked and long values cut, as this
    goes to the log.
    """

    field: str
    before: str | None
    after: str | None

    def as_plain(self) -> dict[str, str | None]:
        """Return it in plain types."""
        return {"field": self.field, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule that matched, with what it changed: nothing, when all was so already.

    Args:
        rule: the rule.
        changes: what is other at the head.
        failed: which of its edits could not be made, and why.
        answer: what it answers, with the groups of its path.
    """

    rule: Rule
    changes: tuple[Change, ...] = ()
    failed: str | None = None
    answer: tuple[Answer, Groups] | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What rules make of a message.

    Args:
        exchange: with its head edited.
        applied: the rules that matched, in order.
        tasks: what is to be done to its body.
        answer: what is answered in place of the origin, and the groups of the rule's path.
    """

    exchange: Exchange
    applied: tuple[Applied, ...] = ()
    tasks: tuple[Task, ...] = ()
    answer: tuple[Answer, Groups] | None = None


def run(
    rules: RuleIndex,
    phase: Phase,
    exchange: Exchange,
    *,
    now_s: float,
    new_id: Callable[[], str],
) -> Result:
    """Return what *rules* make of one message of *exchange*.

    Rules are taken in order, each to what those before it left; one with
    ``stop`` that matches is the last, and so is one that answers.  A rule in
    shadow mode changes nothing and ends nothing.  Of a rule that cannot be made
    whole, for what its placeholders stand for, the rest is made; where that is
    its URL, `NOWHERE` answers, as the request must not go to where it was sent.

    Args:
        rules: those that take part in *phase*.
        phase: which message.
        exchange: the request, and its response if there is one.
        now_s: the time, POSIX seconds.
        new_id: returns a new UUID.
    """
    of_response = phase is Phase.RESPONSE
    candidates = rules.candidates(exchange)
    if not candidates:
        return Result(exchange)
    applied: list[Applied] = []
    tasks: list[Task] = []
    secrets: frozenset[str] = frozenset()
    answer: tuple[Answer, Groups] | None = None
    at = 0
    while at < len(candidates):
        number = candidates[at]
        at += 1
        rule = rules.rules[number]
        groups = rule.matcher.match(exchange, of_response=of_response)
        if groups is None:
            continue
        edits = rule.edits(phase)
        given = edits.answer
        edited = exchange
        failed: list[str] = []
        if edits.head:
            # What stands for a placeholder is what the rule has found: its own edits
            # have no order that the reader of its file could see.
            values = Values(exchange, now_s, new_id, groups)
            for edit in edits.steps:
                try:
                    edited = edit.apply(edited, values, of_response=of_response)
                except EditError as error:  # a client shall not be able to ward off the others
                    failed.append(_why(error, edit))
                    if isinstance(edit, UrlEdit):
                        given = NOWHERE
        changes: tuple[Change, ...] = ()
        if edited is not exchange:
            changes = changes_of(exchange, edited, edits.secrets | secrets, secrets)
        answering = None if given is None else (given, groups)
        applied.append(Applied(rule, changes, "; ".join(failed) or None, answering))
        if edits.body is not None:
            tasks.append(Task(rule, edits.body, groups))
        if rule.mode is Mode.SHADOW:
            continue
        secrets |= edits.secrets
        moved = rules.finds_others(exchange, edited)
        exchange = edited
        if answering is not None:
            answer = answering
            break
        if rule.stop:
            break
        if moved:  # it may be for other rules now
            candidates = [each for each in rules.candidates(exchange) if each > number]
            at = 0
    return Result(exchange, tuple(applied), tuple(tasks), answer)


def _why(error: EditError, edit: Edit) -> str:
    return UNSAID if edit.secrets else str(error)


def changes_of(
    before: Exchange,
    after: Exchange,
    secrets: Container[str] = (),
    known: Container[str] = (),
) -> tuple[Change, ...]:
    """Return what is other in *after*.

    Args:
        before: the messages before.
        after: and after.
        secrets: what is made of secrets: fields by their names in lower case, or ``url``.
        known: what was so before.
    """
    changes = []
    if before.method != after.method:
        changes.append(Change("method", before.method, after.method))
    if (before.scheme, before.host, before.port, before.target) != (
        after.scheme,
        after.host,
        after.port,
        after.target,
    ):
        url = MASK if "url" in secrets else cut(redact.target(after.url))
        was = MASK if "url" in known else cut(redact.target(before.url))
        changes.append(Change("url", was, url))
    if before.status != after.status:
        changes.append(Change("status", str(before.status), str(after.status)))
    changes += _field_changes(before.request, after.request, secrets, known)
    changes += _field_changes(before.response, after.response, secrets, known)
    return tuple(changes)


def _field_changes(
    before: Fields, after: Fields, secrets: Container[str], known: Container[str]
) -> list[Change]:
    if before is after or before == after:
        return []
    gone, come = set(before), set(after)
    changed = gone ^ come
    if not changed or len(gone) < len(before) or len(come) < len(after):
        changed = gone | come  # one line more or less of the same, or another order
    names: dict[bytes, bytes] = {}
    for pair in (*after, *before):
        if pair in changed:
            names.setdefault(pair[0].lower(), pair[0])
    was, now = _lines(before, names), _lines(after, names)
    return [
        Change(
            text_of(name),
            MASK if key in was and text_of(key) in known else _shown(key, was.get(key)),
            MASK if key in now and text_of(key) in secrets else _shown(key, now.get(key)),
        )
        for key, name in names.items()
        if was.get(key) != now.get(key)
    ]


def _lines(fields: Fields, keys: Container[bytes]) -> dict[bytes, list[bytes]]:
    """Return the values of the fields whose names, in lower case, are among *keys*."""
    lines: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        key = name.lower()
        if key in keys:
            lines.setdefault(key, []).append(value)
    return lines


def _shown(key: bytes, values: list[bytes] | None) -> str | None:
    if values is None:
        return None
    name = text_of(key)
    if name in _COOKIES:
        return cut(_cookies(values, is_set=name == "set-cookie"))
    if is_secret_field(name):
        return MASK
    # Masked first: cut first, what tells that something is a secret might be gone.
    return cut(redact.text(text_of(b", ".join(values))[: 16 * LONGEST_SHOWN]))


def _cookies(values: list[bytes], *, is_set: bool) -> str:
    """Return which cookies there are, and the attributes of those that are set; no values."""
    shown = []
    for line in values:
        for i, pair in enumerate(text_of(line).split(";")):
            name, equals, _ = pair.strip().partition("=")
            if is_set and i > 0 and is_attribute(name):
                shown.append(pair.strip())
            elif pair.strip():  # without a name all of it is the value
                shown.append(f"{name}={MASK}" if equals else MASK)
    return "; ".join(shown)


def cut(text: str) -> str:
    """Return *text*, shortened for a log."""
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"
