"""What rules would have made of traffic that is on record, beside what was made of it.

A record tells of the messages as they were after the rules of that time; what
those changed is in it as well, so it is undone first.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebay.rewrite.exchange import Exchange, Fields, bytes_of, values
from forebay.rewrite.rule import Phase, Rule
from forebay.rewrite.run import MASK, Change
from forebay.rewrite.trial import FlowOf, exchange_for, no_flow, trial

type Said = tuple[str, str, str | None, str | None]
"""Phase, field, and what it said before and after."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A change that only the rules of today make, or only those of the record made.

    Args:
        is_new: whether it is the rules of today that make it.
        rule: the id of the rule.
        place: its file and line.
        said: the change.
    """

    is_new: bool
    rule: str
    place: str
    said: Said


def differences(
    rules: Iterable[Rule], record: Mapping[str, Any], flow_of: FlowOf = no_flow
) -> list[Difference]:
    """Return what *rules* make of a recorded exchange otherwise than was made of it then.

    Args:
        rules: the rules, in order.
        record: a record of the traffic log.
        flow_of: makes what flow filters look at.

    Raises:
        ValueError: when the record is not of an HTTP exchange with a URL.
    """
    url = record.get("url.full")
    if record.get("kind") != "http" or not isinstance(url, str):
        raise ValueError("expected the record of an HTTP exchange")
    entries = [entry for entry in record.get("forebay.rewrite") or () if isinstance(entry, dict)]
    exchange = _before(url, record, entries)
    status = record.get("http.response.status_code")
    answered = None
    if isinstance(status, int) and record.get("forebay.block") is None:
        fields = _fields(record.get("http.response.header"))
        fields, status = _undone_response(fields, status, entries)
        answered = status, fields, ""
    exchange = replace(exchange, flow=flow_of(exchange, answered))
    outcome = trial(rules, exchange, answered=answered)
    now = {
        (str(phase), change.field, change.before, change.after): applied.rule
        for phase, applied in outcome.applied
        for change in applied.changes
    }
    then = {said: entry for entry in entries for said in _said(entry)}
    found = [
        Difference(True, rule.id, f"{rule.file}:{rule.line}", said)
        for said, rule in now.items()
        if said not in then
    ]
    found += [
        Difference(False, str(entry.get("id")), f"{entry.get('file')}:{entry.get('line')}", said)
        for said, entry in then.items()
        if said not in now and said[1] != "body"
    ]
    return sorted(found, key=lambda one: (one.said[0], one.said[1], one.is_new))


def _said(entry: Mapping[str, Any]) -> list[Said]:
    return [
        (str(entry.get("phase")), change["field"], change["before"], change["after"])
        for change in entry.get("changes", ())
    ]


def _fields(recorded: Any) -> Fields:
    if not isinstance(recorded, dict):
        return ()
    return tuple(
        (bytes_of(name), bytes_of(str(value)))
        for name, lines in recorded.items()
        for value in lines
    )


def _before(url: str, record: Mapping[str, Any], entries: list[dict[str, Any]]) -> Exchange:
    """Return the request as it was before the rules of its time."""
    method = str(record.get("http.request.method") or "GET")
    fields = _fields(record.get("http.request.header"))
    for change in reversed(_changes(entries, Phase.REQUEST)):
        if change.field == "url" and change.before is not None:
            url = change.before
        elif change.field == "method" and change.before is not None:
            method = change.before
        else:
            fields = _undone(fields, change)
    exchange = exchange_for(url, method=method, client=record.get("client.address"))
    if not values(fields, b"host"):
        fields = (*exchange.request, *fields)
    return replace(exchange, request=fields)


def _undone_response(
    fields: Fields, status: int, entries: list[dict[str, Any]]
) -> tuple[Fields, int]:
    for change in reversed(_changes(entries, Phase.RESPONSE)):
        if change.field == "status" and change.before is not None:
            status = int(change.before)
        else:
            fields = _undone(fields, change)
    return fields, status


def _changes(entries: list[dict[str, Any]], phase: Phase) -> list[Change]:
    return [
        Change(change["field"], change["before"], change["after"])
        for entry in entries
        if entry.get("phase") == str(phase) and entry.get("mode") != "shadow"
        for change in entry.get("changes", ())
        if change["field"] != "body"
    ]


def _undone(fields: Fields, change: Change) -> Fields:
    """Return *fields* as they were before *change*; a masked or shortened value stays as it is."""
    key = change.field.lower().encode("latin-1", "replace")
    before = change.before
    if before is not None and (MASK in before or before.endswith("…")):
        return fields
    kept = tuple(pair for pair in fields if pair[0].lower() != key)
    return kept if before is None else (*kept, (bytes_of(change.field), bytes_of(before)))
