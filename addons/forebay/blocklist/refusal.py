"""What a flow gets that is refused, and how its outcome tells so."""

from __future__ import annotations

from mitmproxy import ctx, dns, http
from mitmproxy import flow as mflow
from mitmproxy.net.dns import response_codes

from forebay import outcome
from forebay.blocklist import answer
from forebay.blocklist.facts import Facts
from forebay.blocklist.policies import Policy
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict

FAILED = Verdict(Action.BLOCK, "the blocklist failed on this request")
# Browsers show no answer to a CONNECT; other clients may.
_OF_CONNECT = Facts("document", stated=True)


def note(flow: mflow.Flow, verdict: Verdict) -> None:
    """Put the verdict into the outcome, if it is one."""
    if verdict is not NOT_LISTED:
        outcome.of(flow)["block"] = verdict.as_outcome()


def answer_request(
    flow: http.HTTPFlow, verdict: Verdict, policy: Policy | None, given: Facts | None, now_s: float
) -> None:
    """Answer a request as its kind asks for, or close its connection if that is wanted.

    Args:
        flow: of the request.
        verdict: why it is refused.
        policy: of its client.
        given: what it says of itself; None for a CONNECT.
        now_s: the time, POSIX seconds.
    """
    outcome.of(flow)["answer"] = "blocklist"
    drop = ctx.options.blocklist_answer == "drop" or (policy and policy.answer == "drop")
    if drop and given is not None:
        flow.kill()
        return
    given = given or _OF_CONNECT
    request = flow.request
    made = answer.answer(
        verdict,
        answer.Asked(
            host=verdict.name or request.host,
            method=request.method,
            # A frame may have asked: its page must be one that frames can show.
            type="other" if given.type == "document" and not given.stated else given.type,
            origin=given.origin,
            requested_method=given.requested_method,
            requested_headers=given.requested_headers,
        ),
        now_s=now_s,
        redirect=verdict.redirect,
    )
    flow.response = http.Response.make(made.status, made.body, made.headers)
    if made.status == 204:
        del flow.response.headers["content-length"]  # RFC 9110 §8.6


def deny(flow: dns.DNSFlow) -> None:
    """Answer that the name does not exist."""
    flow.response = flow.request.fail(response_codes.NXDOMAIN)


def fail(flow: http.HTTPFlow) -> None:
    """Answer a request that could not be judged."""
    # Nothing is used here that may just have raised.
    flow.response = http.Response.make(403, b"Forebay could not judge this request.\n")
    outcome.of(flow)["answer"] = "blocklist"
    note(flow, FAILED)
