"""The options."""

from __future__ import annotations

from mitmproxy.test import taddons

from forebay.blocklist import config


class Declaring:
    """Declares the options, as the addon does."""

    def load(self, loader):
        config.declare(loader)


def test_what_changes_the_rules_is_declared():
    with taddons.context(Declaring()) as tctx:
        assert set(tctx.options.keys()) >= config.RULES
        assert tctx.options.blocklist
