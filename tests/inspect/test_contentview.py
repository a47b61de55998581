"""The view among mitmproxy's own."""

from __future__ import annotations

import pytest
from mitmproxy import contentviews
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.inspect import contentview


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    """A registry of the test's own."""
    own = contentviews.ContentviewRegistry()
    for view in contentviews.registry.values():
        own.register(view)
    own._by_name.pop("forebay", None)
    monkeypatch.setattr(contentviews, "registry", own)
    with taddons.context():
        yield


def shown(flow, message, view="forebay"):
    return contentviews.prettify_message(message, flow, view, contentviews.registry)


def test_it_shows_the_account_of_either_message():
    contentview.register()
    flow = tflow.tflow(resp=True)
    outcome.begin(flow)

    for message in (flow.request, flow.response):
        found = shown(flow, message)
        assert (found.view_name, found.syntax_highlight) == ("Forebay", "yaml")
        assert found.text.startswith("request: GET http://address:22/path\n")


def test_it_is_never_chosen_unasked():
    contentview.register()
    flow = tflow.tflow(resp=True)
    outcome.begin(flow)

    assert shown(flow, flow.response, "auto").view_name != "Forebay"


def test_it_is_offered_once():
    contentview.register()
    first = contentviews.registry["forebay"]

    contentview.register()

    assert contentviews.registry["forebay"] is first
    assert contentviews.registry.available_views().count("forebay") == 1


def test_other_flows_have_a_line():
    view = contentview.ForebayContentview()

    assert view.prettify(b"x", contentviews.Metadata(flow=tflow.ttcpflow())).startswith("# Only")
    assert view.prettify(b"x", contentviews.Metadata()).startswith("# Only")
