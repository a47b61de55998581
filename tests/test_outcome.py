"""What our addons decided about a flow."""

from __future__ import annotations

import io

import pytest
from mitmproxy import io as mio
from mitmproxy.test import tflow

from forebay import outcome


def test_each_attempt_begins_anew():
    flow = tflow.tflow()

    outcome.begin(flow)["answer"] = "cache"
    assert outcome.answered_by(flow) == "cache"
    outcome.begin(flow)

    assert outcome.of(flow) == {"attempt": 2}
    assert outcome.answered_by(flow) is None


def test_an_outcome_appears_when_it_is_asked_for():
    """And whatever else lies under the key is replaced."""
    flow = tflow.tflow()
    flow.metadata[outcome.KEY] = "something else"

    assert outcome.of(flow) == {"attempt": 1}
    assert outcome.of(flow) is outcome.of(flow)


def test_it_survives_saving():
    """Plain types only, or mitmproxy loses the flow."""
    flow = tflow.tflow(resp=True)
    outcome.of(flow).update(
        names=["a"], block={"line": 3, "exception": None}, rewrite=[{"id": "x"}], s=0.5
    )
    file = io.BytesIO()

    mio.FlowWriter(file).add(flow)
    file.seek(0)
    (read,) = mio.FlowReader(file).stream()

    assert read.metadata[outcome.KEY] == outcome.of(flow)


@pytest.mark.parametrize(
    ("bypass", "replay", "expected"),
    [
        (None, None, False),
        (["cache"], None, True),
        (["cache"], "response", True),
        (["rewrite"], None, False),
        ([], None, False),
        (["cache"], "request", False),
    ],
)
def test_what_is_gone_round(bypass, replay, expected):
    """A replay goes round nothing, even by what was saved with the flow."""
    flow = tflow.tflow()
    flow.is_replay = replay
    if bypass is not None:
        outcome.begin(flow)["bypass"] = {"asked": ["cache"], "done": bypass, "ignored": None}

    assert outcome.bypasses(flow, "cache") is expected


ENTRY = {"phase": "request", "changes": [{"field": "X"}]}


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([ENTRY], True),
        ([{**ENTRY, "changes": []}], False),
        ([{**ENTRY, "mode": "shadow"}], False),
        ([{**ENTRY, "phase": "response"}], False),
        ([ENTRY, {**ENTRY, "answer": 204}], False),
    ],
)
def test_a_later_attempt_knows_that_rules_have_edited_the_request(entries, expected):
    """But not where a rule answered, for nothing was sent then."""
    flow = tflow.tflow()
    outcome.begin(flow)["rewrite"] = entries

    for _ in range(2):
        assert ("rewritten" in outcome.begin(flow)) is expected
