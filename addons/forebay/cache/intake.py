"""What the cache does with an origin's response: store it, or use it for what is stored."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mitmproxy import http

from forebay.cache import answer, ranges, storable, update, variants
from forebay.cache.cache_status import forwarded
from forebay.cache.collector import Collector
from forebay.cache.combine import combined, settled
from forebay.cache.completion import completion
from forebay.cache.decision import Complete, Revalidate
from forebay.cache.entry import Entry
from forebay.cache.freshness import is_fresh
from forebay.cache.generation import POLL_S
from forebay.cache.headers import Head
from forebay.cache.invalidation import Recent, invalidated, is_unsafe
from forebay.cache.judge import answers_gets, judged
from forebay.cache.largebody import KEPT_BYTES, Body, LargeBody
from forebay.cache.plan import Plan, notes_of
from forebay.cache.rule import key_for, rule_for
from forebay.cache.store import Store
from forebay.cache.variants import Found
from forebay.proxycore import bodies, source


@dataclass(frozen=True, slots=True)
class Intake:
    """Where to store, and what may be stored.

    Args:
        store: the store.
        max_object_bytes: the largest body to be stored; beyond ``KEPT_BYTES`` on disk.
        set_cookie: what becomes of responses with Set-Cookie.
        failed: told of an exception while a body is stored.
        recent: what was invalidated lately.
    """

    store: Store
    max_object_bytes: int
    set_cookie: storable.SetCookie
    failed: Callable[[str, Exception], None]
    recent: Recent = field(default_factory=Recent)

    def take(
        self,
        flow: http.HTTPFlow,
        plan: Plan,
        now_s: float,
        grown: Callable[[], object] = lambda: None,
    ) -> None:
        """Take the head of a response that came over the wire for *plan*, and mark it.

        *grown* is called once its body proves too long for memory.
        """
        response = flow.response
        assert response is not None
        if response.status_code < 200:
            return
        decision, notes = plan.decision, notes_of(flow)
        if is_unsafe(plan.target.method):
            self._change(response, plan, now_s)
        if plan.found is None:
            reason = plan.detail(decision.reason)
            answer.mark(response, forwarded(decision.fwd, detail=reason))
            return
        status = response.status_code
        why_not: str | None
        serve = update.stand_in_for_error(response, plan, now_s, self._kept_bytes)
        if serve is not None:
            _keep_whole(flow, self._kept_bytes)
            notes.update(result="stale", reason=serve.reason, age_s=serve.age_s, ttl_s=serve.ttl_s)
            why_not = serve.reason
        elif isinstance(decision, Revalidate) and status == 304:
            refreshed = update.refresh(flow.request, response, plan, now_s, self.set_cookie)
            notes["result"] = "revalidated"
            why_not = refreshed if isinstance(refreshed, str) else None
            if isinstance(refreshed, Entry):
                notes["stored"] = self._save(plan, plan.found, refreshed)
        elif isinstance(decision, Complete) and status == 206:
            why_not = self._complete(flow, response, plan, now_s)
        elif plan.target.method == b"HEAD":
            why_not = self._confirm(flow.request, response, plan, now_s)
            notes["stored"] = why_not is None
        else:
            why_not = self._collect(flow, response, plan, now_s, notes, grown)
        if plan.response is response and isinstance(plan.body, LargeBody):
            read = source.in_thread(plan.body.read, len(plan.body))
            source.attach(flow, len(plan.body), read, over_wire=True)
        if why_not in update.OUTDATING:
            self.store.delete(plan.found.key)
        if why_not is not None:
            notes["unstored"] = why_not
        tells_status = serve is not None or isinstance(decision, Revalidate | Complete)
        answer.mark(
            response,
            forwarded(
                decision.fwd,
                fwd_status=status if tells_status else None,
                stored=why_not is None,
                detail=plan.detail(why_not),
            ),
        )

    @property
    def _kept_bytes(self) -> int:
        return min(self.max_object_bytes, KEPT_BYTES)

    def _has_room(self, body: Body) -> bool:
        is_large = isinstance(body, LargeBody)
        return len(body) <= (self.max_object_bytes if is_large else self._kept_bytes)

    def finish(self, flow: http.HTTPFlow, plan: Plan) -> None:
        """Give an answer from the store its body, which the core has emptied, and store it."""
        response, found = plan.response, plan.found
        if response is None or found is None or flow.response is not response:
            return
        if plan.completion is not None:
            whole = plan.completion.whole(response.raw_content or b"")
            if whole is None:
                self.store.delete(found.key)
                update.fail_to_complete(response, plan)
            else:
                plan.body = whole
                if plan.becomes is not None and self._save(plan, found, plan.becomes(whole)):
                    notes_of(flow)["stored"] = True
        if isinstance(plan.body, bytes):
            response.raw_content = plan.body

    def _save(self, plan: Plan, found: Found, entry: Entry) -> bool:
        """Store *entry*, unless its resource was changed since it was asked for (§4.4)."""
        if self.recent.is_outdated(plan.key, entry.requested_at_s):
            return False
        if not self.recent.is_newest(plan.key, entry.said, entry.requested_at_s):
            return False  # one that was asked for later is there already
        variants.save(self.store, plan.key, found.index, entry)
        return True

    def outdate(self, now_s: float) -> None:
        """Take what was asked for before now as outdated: somebody has deleted, who knows what.

        What was stored within the time that it took to learn of it goes, too:
        it may have brought a list of variants back that was deleted.
        """
        for key in self.recent.note_all(now_s, since_s=now_s - 4 * POLL_S):
            self.store.delete(key)

    def _change(self, response: http.Response, plan: Plan, now_s: float) -> None:
        """Invalidate what an unsafe request has changed (§4.4), and see whether to store it."""
        head = Head(response.headers.fields)
        for target in invalidated(plan.target, response.status_code, head):
            key = key_for(rule_for(plan.rules, target), target, plan.asked)
            self.store.delete(key, everywhere=True)
            self.recent.note(key, now_s)
        if answers_gets(plan, response.status_code, head):
            plan.found = Found(plan.key)  # it stands for GETs of the target (RFC 9110 §9.3.3)
            plan.requested_at_s = max(plan.requested_at_s, now_s)

    def _complete(
        self, flow: http.HTTPFlow, response: http.Response, plan: Plan, now_s: float
    ) -> str | None:
        """Make the whole of a part that comes for a stored one, or return why not (§3.4)."""
        assert plan.found is not None
        assert plan.found.entry is not None
        head = Head(response.headers.fields)
        found = completion(plan.found.entry, head)
        assert found is not None  # or it would have been asked for again
        store, key = self.store, plan.found.key
        _keep_whole(flow, found.rest.size_bytes, lambda: store.delete(key))
        framing = storable.framing_reason(response.data.http_version, 206, head)
        becomes = update.complete(flow.request, response, plan, found, now_s, self.set_cookie)
        if framing is not None:
            return framing
        if isinstance(becomes, str):
            return becomes
        plan.becomes = becomes
        return None

    def _confirm(
        self, request: http.Request, response: http.Response, plan: Plan, now_s: float
    ) -> str | None:
        """Store what a response to HEAD makes of the stored one, or return why not."""
        assert plan.found is not None
        entry = update.confirm(request, response, plan, now_s, self.set_cookie)
        if isinstance(entry, str):
            return entry
        return None if self._save(plan, plan.found, entry) else "changed meanwhile"

    def _collect(
        self,
        flow: http.HTTPFlow,
        response: http.Response,
        plan: Plan,
        now_s: float,
        notes: dict[str, Any],
        grown: Callable[[], object],
    ) -> str | None:
        """Have the response stored when its body is complete, or return why not."""
        found = plan.found
        assert found is not None
        status, head = response.status_code, Head(response.headers.fields)
        reason = storable.body_reason(
            response.data.http_version, status, head, limit_bytes=self.max_object_bytes
        )
        if reason is not None:
            return reason
        part = ranges.content_range(head) if status == 206 else None
        length = storable.content_length(head) if part is None else part.size_bytes
        complete = judged(
            flow.request, status, response.data.reason, head, plan, now_s, self.set_cookie
        )
        if isinstance(complete, str):
            return complete
        plan.becomes = complete
        # Nothing below may hold the flow, which holds it.
        failed = self.failed

        def commit(body: Body) -> None:
            is_saved = False
            try:
                entry = _placed(complete(body), found.entry, now_s)
                if entry is not None and self._has_room(entry.body):
                    is_saved = notes["stored"] = self._save(plan, found, entry)
            except Exception as error:
                failed("response", error)
            if isinstance(body, LargeBody) and not is_saved:
                self.store.discard(body)

        collector = Collector(
            limit_bytes=self.max_object_bytes,
            expected_bytes=length,
            commit=commit,
            draft=self.store.draft,
            promised=lambda: notes.update(stored=True),
            grown=grown,
            kept_bytes=self._kept_bytes,
        )
        if collector.is_given_up:
            return "too large for memory"  # and it can be in no file now
        bodies.consume_response(flow, collector)
        return None


def _keep_whole(
    flow: http.HTTPFlow, limit_bytes: int, outgrown: Callable[[], object] = lambda: None
) -> None:
    """Have the body that comes kept whole, as another one takes its place; break off a longer."""
    owner = weakref.ref(flow)

    def kill() -> None:
        outgrown()
        found = owner()
        if found is not None:
            found.kill()

    bodies.want_response(flow, limit_bytes, kill, is_announced=False)


def _placed(new: Entry, stored: Entry | None, now_s: float) -> Entry | None:
    """Return what to store for *new*: for a part, it with what is there, or alone, or nothing."""
    if new.part is None:
        return new
    both = None if stored is None else combined(stored, new)
    if both is not None:
        return both
    if stored is not None and stored.part is None and is_fresh(stored.validity, now_s):
        return None  # the whole serves more requests
    return settled(new)
