"""The blocklist's options."""

from __future__ import annotations

from collections.abc import Sequence

from mitmproxy.addonmanager import Loader

from forebay import settings

RULES = frozenset(
    {
        "blocklist",
        "blocklist_files",
        "blocklist_connect",
        "blocklist_require_lists",
        "forebay_home",
        "forebay_rules",
    }
)
"""A change of one of these may mean other rules, or others that are refused."""


def declare(loader: Loader) -> None:
    """Declare the options."""
    settings.declare(loader)
    loader.add_option("blocklist", bool, True, "Refuse requests that lists name.")
    loader.add_option(
        "blocklist_files",
        Sequence[str],
        [],
        "Further lists, which count as your own: Adblock network rules, hosts files, plain "
        "domains; see rules/blocklists/sample.txt for the syntax.",
    )
    loader.add_option(
        "blocklist_connect",
        str,
        "page",
        "What a CONNECT to a listed host gets: page (accepted, and the requests inside "
        "get the block page, as browsers show no answer to a CONNECT) or refuse (403).",
    )
    loader.add_option(
        "blocklist_answer",
        str,
        "page",
        "What a blocked request gets: page (an answer by its type) or drop (the connection "
        "is closed).",
    )
    loader.add_option(
        "blocklist_require_lists",
        bool,
        False,
        "Refuse to start while an enabled list of lists.yaml was never fetched.",
    )
    loader.add_option(
        "blocklist_update", bool, False, "Fetch the lists of lists.yaml when they expire."
    )
    loader.add_option(
        "blocklist_alt_svc",
        bool,
        True,
        "Drop HTTP/3 from Alt-Svc fields, as clients would go round the proxy by it.",
    )
