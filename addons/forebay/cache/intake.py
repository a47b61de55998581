"""What the cache does with an origin's response: store it, or make the stored one of a 304."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mitmproxy import http

from forebay.cache import answer, storable, validation, variants, vary
from forebay.cache.cache_status import forwarded
from forebay.cache.collector import Collector
from forebay.cache.decision import Revalidate
from forebay.cache.entry import Entry
from forebay.cache.freshness import initial_age, validity
from forebay.cache.headers import Head
from forebay.cache.key import primary_key
from forebay.cache.plan import Plan, notes_of, target_of
from forebay.cache.store import Store
from forebay.proxycore import bodies


@dataclass(frozen=True, slots=True)
class Intake:
    """Where to store, and what may be stored.

    Args:
        store: the store.
        max_object_bytes: the largest body to be stored.
        set_cookie: what becomes of responses with Set-Cookie.
        failed: told of an exception while a body is stored.
    """

    store: Store
    max_object_bytes: int
    set_cookie: storable.SetCookie
    failed: Callable[[str, Exception], None]

    def take(self, flow: http.HTTPFlow, plan: Plan, now_s: float) -> None:
        """Take the head of a response that came over the wire for *plan*, and mark it."""
        response = flow.response
        assert response is not None
        if response.status_code < 200:
            return
        decision, notes = plan.decision, notes_of(flow)
        if plan.found is None:
            answer.mark(response, forwarded(decision.fwd, detail=decision.reason))
            return
        validates = isinstance(decision, Revalidate)
        status = response.status_code if validates else None
        if validates and status == 304:
            why_not = self._refresh(flow.request, response, plan, now_s)
            notes["result"] = "revalidated"
        else:
            why_not = self._collect(flow, response, plan, now_s, notes)
        if why_not is not None:
            notes["unstored"] = why_not
        answer.mark(
            response,
            forwarded(decision.fwd, fwd_status=status, stored=why_not is None, detail=why_not),
        )

    def finish(self, flow: http.HTTPFlow, plan: Plan) -> None:
        """Give a refreshed response its body, which the core has emptied, and store it."""
        response, found = plan.response, plan.found
        if response is None or found is None or flow.response is not response:
            return
        assert found.entry is not None
        response.raw_content = found.entry.body
        if plan.refreshed is not None:
            variants.save(self.store, primary_key(plan.target), found.index, plan.refreshed)
            notes_of(flow)["stored"] = True

    def _collect(
        self,
        flow: http.HTTPFlow,
        response: http.Response,
        plan: Plan,
        now_s: float,
        notes: dict[str, Any],
    ) -> str | None:
        """Have the response stored when its body is complete, or return why not."""
        assert plan.found is not None
        if plan.target.method != b"GET":
            return "method HEAD"
        status, head = response.status_code, Head(response.headers.fields)
        length = storable.content_length(head)
        reason = storable.framing_reason(response.data.http_version, status, head)
        if reason is None and length is not None and length > self.max_object_bytes:
            reason = "too large"
        if reason is not None:
            return reason
        complete = self._judge(flow.request, status, response.data.reason, head, plan, now_s)
        if isinstance(complete, str):
            return complete
        # Nothing below may hold the flow, which holds it.
        store, failed = self.store, self.failed
        primary, index = primary_key(plan.target), plan.found.index

        def commit(body: bytes) -> None:
            try:
                variants.save(store, primary, index, complete(body))
                notes["stored"] = True
            except Exception as error:
                failed("response", error)

        bodies.consume_response(
            flow,
            Collector(limit_bytes=self.max_object_bytes, expected_bytes=length, commit=commit),
        )
        return None

    def _judge(
        self,
        request: http.Request,
        status: int,
        reason: bytes,
        response: Head,
        plan: Plan,
        now_s: float,
    ) -> Callable[[bytes], Entry] | str:
        """Return what makes an entry of a body, or why there must be none."""
        if target_of(request) != plan.target:
            return "request changed on its way"
        head, asked_s = Head(request.headers.fields), plan.requested_at_s
        verdict = storable.decide(
            request=head,
            status=status,
            response=response,
            validity=validity(response, requested_at_s=asked_s, received_at_s=now_s),
            set_cookie=self.set_cookie,
        )
        if isinstance(verdict, storable.Unstorable):
            return verdict.reason
        names = vary.names(response)
        said = None if names is None else vary.values(names, head)
        if said is None:
            return "vary"
        return lambda body: Entry(status, reason, verdict.fields, asked_s, now_s, said, body)

    def _refresh(
        self, request: http.Request, response: http.Response, plan: Plan, now_s: float
    ) -> str | None:
        """Make the stored response of a 304 (§4.3.3, §4.3.4), or return why it is not updated."""
        assert plan.found is not None
        stored = plan.found.entry
        assert stored is not None
        news = Head(response.headers.fields)
        # First of all a whole answer, whatever goes wrong below: the client
        # has not asked for a 304.  With a body in place nobody streams it.
        response.data.http_version = b"HTTP/1.1"
        response.status_code, response.data.reason = stored.status, stored.reason
        response.headers = http.Headers(
            answer.framed(stored.fields, stored.status, len(stored.body))
        )
        response.raw_content = stored.body
        plan.response = response
        if not validation.selects(news, Head(stored.fields)):
            # It calls ours current and names another: good for this once.
            self.store.delete(plan.found.key)
            return "304 for another response"
        fields = validation.merge(stored.fields, news)
        framed = answer.framed(fields, stored.status, len(stored.body))
        judged = self._judge(request, stored.status, stored.reason, Head(fields), plan, now_s)
        if not isinstance(judged, str):
            plan.refreshed = judged(stored.body)
            if b"age" in news:
                framed += ((b"Age", b"%d" % initial_age(plan.refreshed.validity)),)
        response.headers.fields = framed
        return judged if isinstance(judged, str) else None
