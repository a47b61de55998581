"""Try rules on an exchange that is written down, without any traffic.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from forebay.names import canonical
from forebay.rewrite import body
from forebay.rewrite.answer import Answer
from forebay.rewrite.edits import EditError
from forebay.rewrite.exchange import Exchange, Fields, bytes_of, text_of, values
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.rule import Mode, Phase, Rule
from forebay.rewrite.run import NOWHERE, Applied, Result, run
from forebay.rewrite.template import Groups, Values
from forebay.rewrite.urledit import answer_fields, split_url

NOW_S = 1_700_000_000.0
"""When trials take place."""
ID = "00000000-0000-4000-8000-000000000000"
"""What ``{uuid}`` is in them."""


type Answered = tuple[int, Fields, str]
"""Status, fields and body of a response."""
type FlowOf = Callable[[Exchange, Answered | None], object]
"""Makes what flow filters look at."""


def no_flow(exchange: Exchange, answered: Answered | None) -> object:
    """Return nothing, so that no flow filter matches."""
    return None


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response as rules have left it; *body* is decoded text."""

    fields: Fields
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What rules have made of an exchange.

    Args:
        exchange: with both heads edited.
        request: the request.
        response: the response; None where none was given and no rule answers.
        applied: the rules that matched, with their phase.
        skipped: rules whose edits of a body could not be made, and why.
    """

    exchange: Exchange
    request: Message
    response: Message | None
    applied: tuple[tuple[Phase, Applied], ...]
    skipped: tuple[tuple[Rule, str], ...] = ()

    def has_applied(self, rule: Rule) -> bool:
        """Return whether *rule* has matched in either phase."""
        return any(one.rule == rule for _, one in self.applied)


def exchange_for(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    client: str | None = None,
    user: str | None = None,
) -> Exchange:
    """Return the exchange that a request for *url* begins; with a Host field, if it lacks one.

    Raises:
        ValueError: when *url* is none.
    """
    try:
        scheme, host, port, target = split_url(url)
    except EditError as error:
        raise ValueError(f"expected an absolute URL, found {error}") from None
    fields = fields_of(headers or {})
    found = Exchange(method, scheme, host, port, target, fields, (canonical(host),))
    if not values(fields, b"host"):
        fields = ((b"Host", found.authority.encode("ascii")), *fields)
    return replace(found, request=fields, client=client, user=user)


def fields_of(headers: Mapping[str, str]) -> Fields:
    """Return the fields that *headers* says."""
    return tuple((bytes_of(name), bytes_of(value)) for name, value in headers.items())


def trial(
    rules: Iterable[Rule],
    exchange: Exchange,
    *,
    sent: str = "",
    answered: Answered | None = None,
) -> Outcome:
    """Return what *rules* make of *exchange*.

    Args:
        rules: in their order; all are taken to be on.
        exchange: the request.
        sent: its body.
        answered: the response.
    """
    rules = tuple(rules)
    asked = _phase(rules, Phase.REQUEST, exchange)
    exchange = asked.exchange
    applied = [(Phase.REQUEST, one) for one in asked.applied]
    skipped: list[tuple[Rule, str]] = []
    request, exchange = _with_body(asked, exchange, sent, skipped, of_response=False)
    if asked.answer is not None:
        try:
            answered = _answered(*asked.answer, exchange)
        except EditError as error:
            phase, last = applied[-1]
            applied[-1] = phase, replace(last, failed=str(error), answer=(NOWHERE, {}))
            answered = _answered(NOWHERE, {}, exchange)
    if answered is None:
        return Outcome(exchange, request, None, tuple(applied), tuple(skipped))
    status, fields, text = answered
    exchange = replace(exchange, status=status, response=fields)
    given = _phase(rules, Phase.RESPONSE, exchange)
    applied += [(Phase.RESPONSE, one) for one in given.applied]
    response, exchange = _with_body(given, given.exchange, text, skipped, of_response=True)
    return Outcome(exchange, request, response, tuple(applied), tuple(skipped))


def _answered(answer: Answer, groups: Groups, exchange: Exchange) -> Answered:
    filling = Values(exchange, NOW_S, lambda: ID, groups)
    fields = answer_fields(answer, filling)
    return answer.status, fields, "" if answer.body is None else answer.body.expand(filling)


def _phase(rules: Sequence[Rule], phase: Phase, exchange: Exchange) -> Result:
    index = RuleIndex(rule for rule in rules if rule.takes_part(phase))
    return run(index, phase, exchange, now_s=NOW_S, new_id=lambda: ID)


def _with_body(
    result: Result,
    exchange: Exchange,
    text: str,
    skipped: list[tuple[Rule, str]],
    *,
    of_response: bool,
) -> tuple[Message, Exchange]:
    fields = exchange.fields(of_response=of_response)
    if not result.tasks or not text:
        return Message(fields, text), exchange
    filling = Values(exchange, NOW_S, lambda: ID)
    charset = body.charset_of(fields, b"")
    raw = text.encode(charset, "surrogateescape" if charset == "utf-8" else "replace")
    # The text is decoded already.
    plain = tuple(pair for pair in fields if pair[0].lower() != b"content-encoding")
    edited = body.edit(
        result.tasks, raw, plain, filling, is_part=of_response and exchange.status == 206
    )
    skipped += [(one.task.rule, one.skipped) for one in edited.done if one.skipped is not None]
    if edited.body is None:
        return Message(fields, text), exchange
    exchange = exchange.with_fields(edited.fields, of_response=of_response)
    return Message(edited.fields, edited.body.decode(charset, "replace")), exchange


def acting(rules: Iterable[Rule], tried: Rule) -> list[Rule]:
    """Return *rules* with *tried*, should it be in shadow mode, acting."""
    return [replace(rule, mode=Mode.ACT) if rule == tried else rule for rule in rules]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a message must be; None for what does not matter.

    Args:
        url: of the request.
        method: of the request.
        status: of the response.
        headers: name to the values joined by commas, or None for a field that is absent.
        body: as text.
    """

    url: str | None = None
    method: str | None = None
    status: str | None = None
    headers: Mapping[str, str | None] | None = None
    body: str | None = None


def differences(found: Outcome, phase: Phase, expected: Expected) -> list[str]:
    """Return in words what is otherwise than expected."""
    message = found.request if phase is Phase.REQUEST else found.response
    if message is None:
        return [f"expected a {phase}, found none"]
    exchange = found.exchange
    status = None if exchange.status is None else str(exchange.status)
    said = [
        ("url", expected.url, exchange.url),
        ("method", expected.method, exchange.method),
        ("status", expected.status, status),
        ("body", expected.body, message.body),
    ]
    differing = [
        f"{phase} {name}: expected {wanted!r:.200}, found {got!r:.200}"
        for name, wanted, got in said
        if wanted is not None and wanted != got
    ]
    for name, wanted in (expected.headers or {}).items():
        lines = values(message.fields, name.lower().encode("latin-1", "replace"))
        got = ", ".join(map(text_of, lines)) if lines else None
        if wanted != got:
            shown = "no such field" if got is None else repr(got)
            asked = "no such field" if wanted is None else repr(wanted)
            differing.append(f"{phase} {name}: expected {asked:.200}, found {shown:.200}")
    return differing
