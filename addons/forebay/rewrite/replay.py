"""What rules would have made of traffic that is on record, beside what was made of it.

A record tells of the messages as they were after the rules of that time; what
those changed is in it as well, so it is undone first.  Secrets are masked in it and
long values cut, in the changes too: so are the changes that are compared with them.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebay.names import canonical, is_address, split_authority
from forebay.rewrite.cookies import is_attribute
from forebay.rewrite.exchange import Exchange, Fields, bytes_of, values
from forebay.rewrite.rule import Phase, Rule
from forebay.rewrite.run import Applied, Change
from forebay.rewrite.trial import FlowOf, exchange_for, no_flow, trial
from forebay.trafficlog import redact
from forebay.trafficlog.redact import MASK

type Said = tuple[str, str, str | None, str | None]
"""Phase, field, and what it said before and after; an answer is the field ``answer``."""

# What is asked of the origin for the sake of a body that is to be edited.
_FOR_BODIES = frozenset({"accept-encoding", "range", "if-range"})
# The log's own masking takes the semicolon after a mask with it.
_BETWEEN_COOKIES = re.compile(rf"; |(?<={MASK}) ")


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

    Nothing where it was blocked before any rule had seen it.

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
    rules = tuple(rules)
    entries = [entry for entry in record.get("forebay.rewrite") or () if isinstance(entry, dict)]
    is_blocked = (record.get("forebay.block") or {}).get("action") == "block"
    if is_blocked and not entries:
        return []
    exchange = _before(url, record, entries)
    status = record.get("http.response.status_code")
    answered = None
    if isinstance(status, int) and not is_blocked:
        fields = _fields(record.get("http.response.header"))
        fields, status = _undone_response(fields, status, entries)
        answered = status, fields, ""
    exchange = replace(exchange, flow=flow_of(exchange, answered))
    outcome = trial(rules, exchange, answered=answered)
    now = {
        said: applied.rule
        for phase, applied in outcome.applied
        for said in _said_now(phase, applied)
    }
    then = {said: entry for entry in entries for said in _said(entry)}
    of_bodies = {rule.id for rule in rules if rule.response.body is not None}
    found = [
        Difference(True, rule.id, f"{rule.file}:{rule.line}", said)
        for said, rule in now.items()
        if said not in then and said[2] != said[3]  # of a mask nobody knows
    ]
    found += [
        Difference(False, str(entry.get("id")), f"{entry.get('file')}:{entry.get('line')}", said)
        for said, entry in then.items()
        if said not in now
        and said[1] != "body"
        and not (entry.get("id") in of_bodies and said[1].lower() in _FOR_BODIES)
    ]
    return sorted(found, key=lambda one: (one.said[0], one.said[1], one.is_new))


def _said(entry: Mapping[str, Any]) -> list[Said]:
    phase = str(entry.get("phase"))
    said: list[Said] = [
        (phase, change["field"], change["before"], change["after"])
        for change in entry.get("changes", ())
    ]
    if entry.get("answer") is not None:
        said.append((phase, "answer", None, str(entry["answer"])))
    return said


def _said_now(phase: Phase, applied: Applied) -> list[Said]:
    """Return what the log would say of *applied*."""
    said: list[Said] = [
        (str(phase), change.field, redact.verdict(change.before), redact.verdict(change.after))
        for change in applied.changes
    ]
    if applied.answer is not None:
        said.append((str(phase), "answer", None, str(applied.answer[0].status)))
    return said


def _fields(recorded: Any) -> Fields:
    if not isinstance(recorded, dict):
        return ()
    return tuple(
        (name.encode("utf-8", "surrogateescape"), str(value).encode("utf-8", "surrogateescape"))
        for name, lines in recorded.items()
        for value in lines
    )


def _before(url: str, record: Mapping[str, Any], entries: list[dict[str, Any]]) -> Exchange:
    """Return the request as it was before the rules of its time."""
    method = str(record.get("http.request.method") or "GET")
    fields = _fields(record.get("http.request.header"))
    for change in reversed(_changes(entries, Phase.REQUEST)):
        if change.field == "url" and change.before is not None:
            url = _with_end(change.before, url)
            # It names the host that the request was sent to.
            fields = tuple(pair for pair in fields if pair[0].lower() != b"host")
        elif change.field == "method" and change.before is not None:
            method = change.before
        else:
            fields = _undone(fields, change)
    exchange = exchange_for(url, method=method, client=record.get("client.address"))
    if not values(fields, b"host"):
        fields = (*exchange.request, *fields)
    return replace(exchange, request=fields, hosts=_hosts(exchange, record))


def _with_end(before: str, after: str) -> str:
    """Return the URL *before*; where its end was cut off, as in what it became if that goes on so.

    >>> _with_end("https://a.example/lo…", "https://b.example/long")
    'https://a.example/long'
    """
    known = before.removesuffix("…")
    at, after_at = (url.find("/", url.find("://") + 3) for url in (known, after))
    if known == before or at < 0 or not after[after_at:].startswith(known[at:]):
        return before
    return known[:at] + after[after_at:]


def _hosts(exchange: Exchange, record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the host; an address alone says none (see `forebay.rewrite.flows`)."""
    named = record.get("tls.client.server_name") or record.get("forebay.request.host")
    if not named or not is_address(exchange.host):
        return exchange.hosts
    return (*exchange.hosts, canonical(split_authority(named)[0]))


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
    """Return *fields* as they were before *change*, as far as it tells."""
    key = change.field.lower().encode("latin-1", "replace")
    kept = tuple(pair for pair in fields if pair[0].lower() != key)
    if change.before is None:
        return kept
    lines = [change.before]
    if key in (b"cookie", b"set-cookie"):
        lines = _cookie_lines(change.before, is_set=key == b"set-cookie")
    return (*kept, *((bytes_of(change.field), bytes_of(line)) for line in lines))


def _cookie_lines(shown: str, *, is_set: bool) -> list[str]:
    """Return the lines of which only names, and attributes, are shown."""
    lines: list[str] = []
    for pair in _BETWEEN_COOKIES.split(shown):
        if lines and (not is_set or is_attribute(pair.partition("=")[0])):
            lines[-1] += f"; {pair}"
        else:
            lines.append(pair)
    return lines
