"""Apply the rules in force to flows: heads as they pass, bodies once they are whole."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from mitmproxy import http as mhttp

from forebay import outcome
from forebay.outcome import Outcome
from forebay.proxycore import bodies, source
from forebay.rewrite import body, localfile
from forebay.rewrite.answer import BODILESS
from forebay.rewrite.body import Task
from forebay.rewrite.bodyedits import WholeText
from forebay.rewrite.edits import EditError
from forebay.rewrite.flows import (
    entry_of,
    exchange_of,
    note_done,
    put_body,
    put_request,
    put_response,
)
from forebay.rewrite.load import RuleSet
from forebay.rewrite.rule import Mode, Phase
from forebay.rewrite.run import NOWHERE, UNSAID, Result, run
from forebay.rewrite.template import Values
from forebay.rewrite.urledit import answer_fields
from forebay.rewrite.whole import asked_whole

logger = logging.getLogger(__name__)

LIMIT_CAUSES = 100
THREAD_BYTES = 64 * 1024
"""A longer body is edited in a thread."""


@dataclass(slots=True, eq=False)
class _Pending:
    """What waits for a body; never refers to its flow."""

    tasks: tuple[Task, ...]
    entries: list[Outcome]

    def skip(self, reason: str) -> None:
        """Note that none of the tasks is done."""
        note_done(body.skipped(self.tasks, reason), self.entries)
        self.tasks = ()


class Editor:
    """The rule set in force, and how it is applied to a flow; both addons share one.

    Args:
        clock: POSIX seconds.
        new_id: returns a new UUID.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.rules = RuleSet()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._clock, self._new_id = clock, new_id
        self._pending: weakref.WeakKeyDictionary[mhttp.Message, _Pending] = (
            weakref.WeakKeyDictionary()
        )
        self._seen: weakref.WeakSet[mhttp.Response] = weakref.WeakSet()
        self._warned: set[str] = set()

    def request(self, flow: mhttp.HTTPFlow) -> Awaitable[None] | None:
        """Apply the rules for requests; where a file answers, what is to be awaited."""
        try:
            result = self._run(flow, Phase.REQUEST)
            if result is None:
                return None
            entries = self._record(flow, result, Phase.REQUEST)
            put_request(flow, result.exchange)
            self._want_whole(flow, result)
            if result.answer is not None:
                if result.answer[0].is_file:
                    return self._answer_from_file(flow, result, entries)
                self._answer_or_note(flow, result, None, entries)
            elif result.tasks:
                self._expect(flow, flow.request, result.tasks, entries, bodies.want_request)
        except Exception as error:  # rewriting fails open
            self._failed("request", error)
        return None

    def response(self, flow: mhttp.HTTPFlow) -> Awaitable[None] | None:
        """Apply the rules for responses to the head; for a stored body, what is to be awaited."""
        assert flow.response is not None
        try:
            result = self._run(flow, Phase.RESPONSE)
            if result is None:
                return None
            entries = self._record(flow, result, Phase.RESPONSE)
            put_response(flow.response, result.exchange)
            if result.tasks:
                return self._expect_response(flow, result.tasks, entries)
        except Exception as error:
            self._failed("response", error)
        return None

    def _run(self, flow: mhttp.HTTPFlow, phase: Phase) -> Result | None:
        """Return what the rules make of a message; None when they make nothing of it."""
        if self._is_done(flow, phase):
            return None
        rules = self.rules.request if phase is Phase.REQUEST else self.rules.response
        exchange = exchange_of(flow, phase)
        result = run(rules, phase, exchange, now_s=self._clock(), new_id=self._new_id)
        if result.applied:
            return result
        return result if phase is Phase.REQUEST and len(self.rules.bodies) else None

    def _is_done(self, flow: mhttp.HTTPFlow, phase: Phase) -> bool:
        """Return whether the message is as rules have left it; forget those of one it replaces."""
        record = outcome.of(flow)
        entries = record.get("rewrite", [])
        if phase is Phase.REQUEST:
            if flow.is_replay == "request" and record.get("rewritten"):
                return True
            return any(entry["phase"] == phase for entry in entries)  # a head that comes twice
        assert flow.response is not None
        if flow.response in self._seen:
            return True
        self._seen.add(flow.response)
        if any(entry["phase"] == phase for entry in entries):
            record["rewrite"] = [entry for entry in entries if entry["phase"] != phase]
        return False

    def _record(self, flow: mhttp.HTTPFlow, result: Result, phase: Phase) -> list[Outcome]:
        entries = [entry_of(one, phase) for one in result.applied]
        if entries:
            _note(flow, entries)
        self.counts.update((one.rule.file, one.rule.id) for one in result.applied)
        return entries

    # Answers.

    def _answer_or_note(
        self,
        flow: mhttp.HTTPFlow,
        result: Result,
        found: localfile.LocalFile | None,
        entries: list[Outcome],
    ) -> None:
        assert result.answer is not None
        try:
            self._answer(flow, result, found)
        except EditError as error:  # the origin shall not answer what a rule would
            told = any(template.tells_secrets for template in result.answer[0].templates)
            entries[-1]["failed"] = UNSAID if told else str(error)
            entries[-1]["answer"] = NOWHERE.status
            self._answer(flow, replace(result, answer=(NOWHERE, {})), None)

    def _answer(
        self, flow: mhttp.HTTPFlow, result: Result, found: localfile.LocalFile | None
    ) -> None:
        assert result.answer is not None
        answer, groups = result.answer
        values = Values(result.exchange, self._clock(), self._new_id, groups)
        fields = answer_fields(answer, values)
        content: bytes | None = b""
        kind = "text/plain; charset=utf-8"
        if found is not None:
            content, kind = found.body, found.content_type
        elif answer.body is not None:
            content = answer.body.expand(values).encode("utf-8", "surrogateescape")
        response = mhttp.Response.make(answer.status, content or b"", fields)
        if answer.status in BODILESS:
            response.headers.pop("content-length", None)  # RFC 9110 §8.6
        elif (found or answer.body) and "content-type" not in response.headers:
            response.headers["Content-Type"] = kind
        flow.response = response
        outcome.of(flow)["answer"] = "rewrite"
        if found is not None and content is None:
            read = source.in_thread(found.read, found.size_bytes)
            source.attach(flow, found.size_bytes, read)

    async def _answer_from_file(
        self, flow: mhttp.HTTPFlow, result: Result, entries: list[Outcome]
    ) -> None:
        try:
            assert result.answer is not None
            answer, _ = result.answer
            try:
                path = result.exchange.path
                found = await asyncio.to_thread(localfile.find, answer, path)
            except OSError as error:
                found = None
                entries[-1]["failed"] = f"cannot read its file: {error.strerror}"
            if flow.response or flow.error or not flow.live:
                return
            if found is not None and found.body is None and not source.available():
                entries[-1]["failed"] = "a long file, which this mitmproxy cannot be made to send"
                return
            if found is not None:
                self._answer_or_note(flow, result, found, entries)
            elif answer.passes_missing:
                entries[-1].setdefault("skipped", "no such file")
            else:
                flow.response = _not_found(entries[-1])
                outcome.of(flow)["answer"] = "rewrite"
        except Exception as error:
            self._failed("request", error)

    # Bodies.

    def _want_whole(self, flow: mhttp.HTTPFlow, result: Result) -> None:
        """Ask for no part, and for no coding that cannot be undone, of what is to be edited.

        As a change of the first rule that will edit it.
        """
        if not len(self.rules.bodies) or result.answer is not None:
            return
        sent = replace(result.exchange, request=flow.request.headers.fields)
        applied, fields = asked_whole(self.rules.bodies, result.exchange, sent)
        if applied is not None:
            flow.request.headers.fields = fields
            _note(flow, [entry_of(applied, Phase.REQUEST)])

    def _expect_response(
        self, flow: mhttp.HTTPFlow, tasks: tuple[Task, ...], entries: list[Outcome]
    ) -> Awaitable[None] | None:
        response = flow.response
        assert response is not None
        waiting = _Pending(tasks, entries)
        stored_bytes = source.size_bytes(flow)
        if flow.request.method == "HEAD" or response.status_code in BODILESS:
            if any(task.rule.mode is Mode.ACT for task in tasks):
                response.headers.fields = body.fields_of(response.headers.fields, None)
        elif response.status_code == 206:
            waiting.skip("a part of a body (206)")
        elif stored_bytes is not None:
            limit_bytes = _limit_bytes(tasks)
            if stored_bytes > limit_bytes:
                waiting.skip(_too_long(limit_bytes))
            else:
                return self._from_source(flow, response, waiting)
        elif response.raw_content is not None:
            self._pending[response] = waiting
        else:
            self._expect(flow, response, tasks, entries, bodies.want_response)
        return None

    async def _from_source(
        self, flow: mhttp.HTTPFlow, response: mhttp.Response, waiting: _Pending
    ) -> None:
        try:
            if await source.take(flow):
                self._pending[response] = waiting
            else:
                waiting.skip("a long body that is validated, sent as it is stored")
        except Exception as error:
            waiting.skip(f"cannot be read: {error}")

    def _expect(
        self,
        flow: mhttp.HTTPFlow,
        message: mhttp.Message,
        tasks: tuple[Task, ...],
        entries: list[Outcome],
        want: Callable[[mhttp.HTTPFlow, int, Callable[[], object]], None],
    ) -> None:
        waiting = self._pending[message] = _Pending(tasks, entries)
        limit_bytes = _limit_bytes(tasks)
        want(flow, limit_bytes, partial(waiting.skip, _too_long(limit_bytes)))

    def whole(self, flow: mhttp.HTTPFlow, phase: Phase) -> Awaitable[None] | None:
        """Edit a body that is whole; for a long one, what is to be awaited."""
        message = flow.request if phase is Phase.REQUEST else flow.response
        waiting = None if message is None else self._pending.pop(message, None)
        if message is None or waiting is None or not waiting.tasks:
            return None
        raw = message.raw_content
        if raw is None:
            waiting.skip("streamed by another script")
            return None
        if not raw and not any(_fills(task) for task in waiting.tasks):
            return None
        values = Values(exchange_of(flow, phase), self._clock(), self._new_id)
        edit = partial(body.edit, waiting.tasks, raw, message.headers.fields, values)
        if len(raw) > THREAD_BYTES:
            return self._in_thread(message, waiting, edit, phase)
        try:
            put_body(message, edit(), waiting.entries)
        except Exception as error:
            self._failed(phase, error)
        return None

    async def _in_thread(
        self,
        message: mhttp.Message,
        waiting: _Pending,
        edit: Callable[[], body.Edited],
        phase: Phase,
    ) -> None:
        try:
            put_body(message, await asyncio.to_thread(edit), waiting.entries)
        except Exception as error:
            self._failed(phase, error)

    def _failed(self, what: str, error: Exception) -> None:
        cause = " ".join(f"{type(error).__name__}: {error}"[:200].split())
        if cause not in self._warned and len(self._warned) < LIMIT_CAUSES:
            self._warned.add(cause)
            logger.warning("rewrite: the %s was left as it is: %s", what, cause)


def _note(flow: mhttp.HTTPFlow, entries: list[Outcome]) -> None:
    record = outcome.of(flow)
    record["rewrite"] = [*record.get("rewrite", ()), *entries]


def _limit_bytes(tasks: tuple[Task, ...]) -> int:
    return max(task.edits.limit_bytes for task in tasks)


def _too_long(limit_bytes: int) -> str:
    return f"longer than {limit_bytes:,} bytes, or without end"


def _fills(task: Task) -> bool:
    """Return whether *task* has something for an empty body, too."""
    return any(isinstance(edit, WholeText) for edit in task.edits.edits)


def _not_found(entry: Outcome) -> mhttp.Response:
    text = f"No file answers this request (rule {entry['id']}).\n"
    fields = ((b"Content-Type", b"text/plain; charset=utf-8"), (b"Cache-Control", b"no-store"))
    return mhttp.Response.make(404, text.encode("utf-8", "replace"), fields)
