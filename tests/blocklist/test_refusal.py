"""What refused flows get."""

from __future__ import annotations

import pytest
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.blocklist import config, refusal
from forebay.blocklist.facts import Facts
from forebay.blocklist.policies import Policy
from forebay.blocklist.verdict import NOT_LISTED, Action, Verdict

LISTED = Verdict(Action.BLOCK, "ads.example is listed", name="ads.example")


class Declaring:
    """Declares the options, as the addon does."""

    def load(self, loader):
        config.declare(loader)


@pytest.fixture(name="answered")
def _answered():
    with taddons.context(Declaring()) as tctx:

        def answered(given, policy=None, **options):
            tctx.options.update(**options)
            flow = tflow.tflow()
            refusal.answer_request(flow, LISTED, policy, given, 1_700_000_000.0)
            assert outcome.answered_by(flow) == "blocklist"
            return flow

        yield answered


def test_a_document_gets_a_page_that_frames_show_only_where_one_may_have_asked(answered):
    page = answered(Facts("document", stated=True)).response
    frame = answered(Facts("document", stated=False)).response

    assert b"ads.example" in page.raw_content
    told = [each.headers["content-security-policy"] for each in (page, frame)]
    assert ["frame-ancestors" in each for each in told] == [True, False]


@pytest.mark.parametrize("how", ["option", "policy"])
def test_to_drop_closes_connections_but_that_of_a_connect(answered, how):
    """Its client would take it for a proxy that is down."""
    given = (
        {"blocklist_answer": "drop"}
        if how == "option"
        else {"policy": Policy("p", "policies.yaml", 1, answer="drop")}
    )

    assert answered(Facts("image"), **given).error is not None
    assert answered(None, **given).response.status_code == 403


def test_a_flow_that_could_not_be_judged_says_so():
    flow = tflow.tflow()

    refusal.fail(flow)

    assert flow.response.status_code == 403
    assert outcome.of(flow)["block"]["reason"] == "the blocklist failed on this request"


def test_a_name_is_denied():
    flow = tflow.tdnsflow()

    refusal.deny(flow)

    assert flow.response.response_code == 3


def test_what_is_not_listed_is_not_noted():
    flow = tflow.tflow()

    refusal.note(flow, NOT_LISTED)
    assert "block" not in outcome.of(flow)
    refusal.note(flow, LISTED)
    assert outcome.of(flow)["block"]["action"] == "block"
