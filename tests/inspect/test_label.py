"""Whose comment and marker it is."""

from __future__ import annotations

from mitmproxy import http
from mitmproxy.test import tflow

from forebay import outcome
from forebay.inspect import label


def test_a_later_attempt_replaces_what_was_ours():
    flow = tflow.tflow()
    label.put(flow, "cache miss", "")
    label.put(flow, "cache miss", "")
    outcome.begin(flow)

    label.put(flow, "cache hit age 1s", ":recycle:")

    assert (flow.comment, flow.marked) == ("cache hit age 1s", ":recycle:")
    assert not label.is_users_mark(flow)


def test_what_the_user_has_set_stays():
    """Before or after ours; each of the two alone."""
    flow = tflow.tflow()
    flow.comment = "mine"
    label.put(flow, "cache miss", ":recycle:")
    flow.marked = ":heart:"

    label.put(flow, "cache hit age 1s", ":warning:")

    assert (flow.comment, flow.marked) == ("mine", ":heart:")
    assert label.is_users_mark(flow)


def test_a_copy_and_a_saved_flow_know_whose_it_is():
    flow = tflow.tflow()
    label.put(flow, "cache miss", ":warning:")
    loaded = http.HTTPFlow.from_state(flow.get_state())

    for other in (flow.copy(), loaded):
        assert not label.is_users_mark(other)
        label.put(other, "cache hit age 1s", "")
        assert (other.comment, other.marked) == ("cache hit age 1s", "")


def test_a_mark_without_a_label_is_the_users():
    """As is one in a file that somebody else wrote, whatever it has under our key."""
    flow = tflow.tflow()
    assert not label.is_users_mark(flow)
    flow.marked = ":heart:"
    assert label.is_users_mark(flow)
    flow.metadata[label.KEY] = "x"
    assert label.is_users_mark(flow)
