"""What is left of responses that lead round the proxy."""

from __future__ import annotations

import pytest
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.blocklist import config
from forebay.blocklist.responses import BlocklistResponses

H3 = 'h3=":443"'


class Declaring:
    """Declares the options, as the addon does."""

    def load(self, loader):
        config.declare(loader)


def seen_by(live=True, **options):
    """Return the field of a response with one, behind the hook."""
    with taddons.context(Declaring()) as tctx:
        tctx.options.update(**options)
        flow = tflow.tflow(resp=True)
        flow.live = live
        flow.response.headers["alt-svc"] = H3
        BlocklistResponses(lambda flow: None).responseheaders(flow)
        return flow.response.headers.get("alt-svc")


def test_alternatives_that_lead_round_the_proxy_are_dropped():
    assert seen_by() is None


@pytest.mark.parametrize(
    "given", [{"blocklist_alt_svc": False}, {"blocklist": False}, {"live": False}], ids=str
)
def test_unless_nothing_is_filtered(given):
    assert seen_by(**given) == H3


def test_a_flow_without_a_response_is_left_alone():
    flow = tflow.tflow()

    BlocklistResponses(lambda flow: None).responseheaders(flow)

    assert flow.response is None


@pytest.mark.parametrize(
    ("answer", "is_judged"), [(None, True), ("cache", True), ("blocklist", False)]
)
def test_what_comes_from_a_site_is_judged(answer, is_judged):
    """Hits too; a refusal of ours is none."""
    judged = []
    with taddons.context(Declaring()):
        flow = tflow.tflow(resp=True)
        if answer:
            outcome.of(flow)["answer"] = answer

        BlocklistResponses(judged.append).responseheaders(flow)

    assert judged == [flow] * is_judged
