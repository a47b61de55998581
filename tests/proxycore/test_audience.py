"""Who looks at flows."""

from __future__ import annotations

import pytest

from forebay.proxycore.audience import Audience, present


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("scripts", ["main.py"], Audience.NOBODY),
        ("scripts", ["main.py", "mine.py"], Audience.EDITOR),
        ("modify_body", ["/a/b"], Audience.EDITOR),
        ("save_stream_file", "flows", Audience.VIEWER),
        ("hardump", "flows.har", Audience.VIEWER),
        ("client_replay", ["flows"], Audience.VIEWER),
    ],
)
def test_each_option_tells(all_options, option, value, expected):
    all_options.set_quietly(option, value)

    assert present() is expected


def test_mitmweb_and_the_console_look(all_options):
    """Both have the addon "view"."""
    assert present() is Audience.NOBODY

    all_options.master.addons.lookup["view"] = object()

    assert present() is Audience.VIEWER


def test_an_editor_outweighs_a_viewer(all_options):
    all_options.set_quietly("hardump", "flows.har")
    all_options.set_quietly("modify_body", ["/a/b"])

    assert present() is Audience.EDITOR
