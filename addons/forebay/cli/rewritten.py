"""What rewrite rules do to a request, in words and in plain types."""

from __future__ import annotations

import argparse
import uuid
from dataclasses import dataclass, replace
from typing import Any

from mitmproxy import http

from forebay import outcome
from forebay.blocklist.verdict import visible
from forebay.cli.places import home_folder, rules_folder
from forebay.outcome import Outcome
from forebay.paths import expanded
from forebay.rewrite import load, localfile
from forebay.rewrite.edits import EditError
from forebay.rewrite.flows import entry_of, exchange_of, put_request
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.load import RuleSet
from forebay.rewrite.rule import Mode, Phase, Rule
from forebay.rewrite.run import NOWHERE, UNSAID, Result, run
from forebay.rewrite.template import Values
from forebay.rewrite.urledit import answer_fields
from forebay.rewrite.whole import asked_whole


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What rules have made of a request.

    Args:
        entries: the rules that matched, as the log has them.
        status: that of the answer that a rule gives itself, or None.
        may: the rules that may edit the response, as nobody knows that yet.
    """

    entries: list[Outcome]
    status: int | None = None
    may: tuple[Rule, ...] = ()

    def as_plain(self) -> dict[str, Any]:
        """Return it in plain types."""
        response = [
            {"id": rule.id, "file": rule.file, "line": rule.line, "mode": str(rule.mode)}
            for rule in self.may
        ]
        return {"request": self.entries, "response": response, "answers": self.status}


def rules_for(given: argparse.Namespace) -> RuleSet:
    """Return all rules, whether they are in force or not.

    Raises:
        ForebayError: when they cannot be read.
    """
    if not given.rewrite:
        return RuleSet()
    user = home_folder(given) / "rules"
    sources = load.sources(rules_folder(given), user, given.rewrite_files)
    named = {expanded("rewrite_files", each).absolute() for each in given.rewrite_files}
    places = [
        each if each.path.absolute() in named else replace(each, may_be_absent=True)
        for each in sources
    ]
    return load.loader(load.environment_of(given.rewrite_env))(places)


def of_flow(flow: http.HTTPFlow, rules: RuleSet, *, client: str | None, now_s: float) -> Rewritten:
    """Edit the request of *flow* by *rules*, as the proxy does; return and note what they did."""
    exchange = replace(exchange_of(flow, Phase.REQUEST), client=client)
    result = run(rules.request, Phase.REQUEST, exchange, now_s=now_s, new_id=_new_id)
    entries = [entry_of(each, Phase.REQUEST) for each in result.applied]
    put_request(flow, result.exchange)
    status = None
    if result.answer is not None:
        status = _answer(result, entries[-1], now_s)
    elif len(rules.bodies):
        sent = replace(result.exchange, request=flow.request.headers.fields)
        applied, fields = asked_whole(rules.bodies, result.exchange, sent)
        if applied is not None:
            flow.request.headers.fields = fields
            entries.append(entry_of(applied, Phase.REQUEST))
    if entries:
        outcome.of(flow)["rewrite"] = entries
    after = replace(exchange_of(flow, Phase.REQUEST), client=client)
    relaxed = RuleIndex(
        replace(rule, matcher=load.as_far_as_requests_tell(rule.matcher))
        for rule in rules.active
        if rule.response
    )
    may = tuple(
        relaxed.rules[number]
        for number in relaxed.candidates(after)
        if relaxed.rules[number].matcher.match(after, of_response=True) is not None
    )
    return Rewritten(entries, status, may)


def _answer(result: Result, entry: Outcome, now_s: float) -> int | None:
    """Return the status that is answered, None where the origin is asked all the same."""
    assert result.answer is not None
    answer, groups = result.answer
    if answer.is_file:
        try:
            found = localfile.find(answer, result.exchange.path)
        except OSError as error:
            found = None
            entry["failed"] = f"cannot read its file: {error.strerror}"
        if found is None and answer.passes_missing:
            entry.setdefault("skipped", "no such file")
            return None
        if found is None:
            return 404
    try:
        values = Values(result.exchange, now_s, _new_id, groups)
        answer_fields(answer, values)
        if answer.body is not None:
            answer.body.expand(values)
    except EditError as error:
        told = any(template.tells_secrets for template in answer.templates)
        entry["failed"], entry["answer"] = UNSAID if told else str(error), NOWHERE.status
        return NOWHERE.status
    return answer.status


def _new_id() -> str:
    return str(uuid.uuid4())


def in_words(found: Rewritten) -> list[str]:
    """Return lines for what rules did; none when no rule is about the request."""
    lines = []
    for entry in found.entries:
        lines.append(f"rewrite: {_named(entry)}")
        for change in entry["changes"]:
            shown = change_in_words(change["before"], change["after"])
            lines.append(f"  {visible(change['field'])}: {shown}")
        answer = entry.get("answer") if _is_shadow(entry) else found.status
        if "answer" in entry and answer is not None:
            lines.append(f"  answers {answer}")
        if "failed" in entry:
            lines.append(f"  cannot be made: {visible(entry['failed'])}")
        if "skipped" in entry:
            lines.append(f"  passed over: {visible(entry['skipped'])}")
    lines += [
        f"rewrite: may edit the response: {_named(each)}" for each in found.as_plain()["response"]
    ]
    return lines


def change_in_words(before: str | None, after: str | None) -> str:
    """Return what something said before and after."""
    return " -> ".join("(absent)" if each is None else visible(each) for each in (before, after))


def _named(entry: dict[str, Any]) -> str:
    shadow = ", in shadow mode" if _is_shadow(entry) else ""
    return f"{visible(entry['id'])} ({visible(entry['file'])}:{entry['line']}){shadow}"


def _is_shadow(entry: dict[str, Any]) -> bool:
    return entry.get("mode") == Mode.SHADOW
