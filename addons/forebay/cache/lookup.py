"""What the cache does with a request: answer it, or plan what its response is for."""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.proxy.mode_specs import ReverseMode

from forebay import outcome
from forebay.cache import answer, variants
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import Forward, Refuse, Revalidate, Serve, decide
from forebay.cache.headers import Head
from forebay.cache.key import Target, bypass_reason, primary_key
from forebay.cache.plan import Plan, add_conditions, note, target_of
from forebay.cache.store import Store


async def look_up(flow: http.HTTPFlow, store: Store, now_s: float) -> Plan | None:
    """Set the flow's response from *store*, or return what is planned for the origin's.

    None without a response: something else became of the flow meanwhile.
    """
    head = Head(flow.request.headers.fields)
    target = target_of(flow.request)
    reason = _bypass_reason(flow, target, head)
    if reason is not None:
        note(flow, "bypass", reason)
        fwd = Fwd.METHOD if reason == "method" else Fwd.BYPASS
        return Plan(target, Forward(fwd, reason), now_s)
    found = await variants.find(store, primary_key(target), head)
    if flow.response is not None or flow.error is not None or not flow.live:
        return None  # the disk was slower than the client
    is_get = target.method == b"GET"
    decision = decide(
        head,
        found.entry,
        now_s,
        absent=Fwd.URI_MISS if found.index is None else Fwd.VARY_MISS,
        may_validate=is_get,
    )
    match decision:
        case Serve():
            assert found.entry is not None
            flow.response = answer.from_entry(found.entry, decision, now_s, with_body=is_get)
            notes = note(flow, "hit", decision.reason)
            notes["age_s"], notes["ttl_s"] = decision.age_s, decision.ttl_s
            outcome.of(flow)["answer"] = "cache"
            return None
        case Refuse():
            flow.response = answer.gateway_timeout()
            note(flow, "miss", f"only-if-cached, {decision.reason}")
            outcome.of(flow)["answer"] = "cache"
            return None
        case Revalidate():
            notes = note(flow, "stale", decision.reason)
            notes["added"] = [name.decode("ascii") for name, _ in decision.fields]
            add_conditions(flow.request, decision)
        case _:
            note(flow, "miss", decision.reason)
    return Plan(target, decision, now_s, found)


def _bypass_reason(flow: http.HTTPFlow, target: Target, head: Head) -> str | None:
    # In reverse mode the name in TLS is the proxy's, not the origin's.
    is_reverse = isinstance(flow.client_conn.proxy_mode, ReverseMode)
    return bypass_reason(
        target,
        head,
        authority=flow.request.authority,
        sni=None if is_reverse else flow.client_conn.sni,
        # None: the body was streamed, and the request has left before this hook.
        has_body=flow.request.raw_content != b"",
    )
