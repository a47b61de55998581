"""Shared by the guards' tests: mitmproxy's options, and a guard off and on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from mitmproxy import options
from mitmproxy.addons import next_layer, proxyserver
from mitmproxy.test import taddons


@pytest.fixture(name="opts")
def _opts() -> options.Options:
    """All options that the core's layers read, lazily connecting as Forebay does."""
    with taddons.context(proxyserver.Proxyserver(), next_layer.NextLayer()) as tctx:
        tctx.options.connection_strategy = "lazy"
        yield tctx.options


class AllOptions:
    """The options that tell who looks at flows, without the addons that act on them."""

    def __init__(self, tctx: taddons.context) -> None:
        self.master = tctx.master
        self.options = tctx.options

    def set_quietly(self, option: str, value: object) -> None:
        self.options._options[option].value = value


@pytest.fixture(name="all_options")
def _all_options() -> AllOptions:
    with taddons.context() as tctx:
        for name, kind, default in (
            ("scripts", Sequence[str], []),
            ("modify_body", Sequence[str], []),
            ("client_replay", Sequence[str], []),
            ("save_stream_file", str | None, None),
            ("hardump", str, ""),
        ):
            if name not in tctx.options:
                tctx.options.add_option(name, kind, default, "")
        yield AllOptions(tctx)
