"""The switch."""

from __future__ import annotations

from mitmproxy.test import taddons

from forebay.proxycore import patch
from forebay.turbo.addon import Turbo
from forebay.turbo.dispatch import TableAddonManager


def test_the_option_switches_it():
    with taddons.context(Turbo()) as tctx:
        manager = tctx.master.addons
        for on in (True, False, True):
            tctx.options.turbo = not on
            tctx.options.turbo = on
            assert isinstance(manager, TableAddonManager) is on


def test_it_goes_with_the_addon():
    """Removing it is done by the very manager that it changed."""
    turbo = Turbo()
    with taddons.context(turbo) as tctx:
        tctx.configure(turbo, turbo=False)
        tctx.configure(turbo, turbo=True)
        tctx.master.addons.remove(turbo)

        assert not isinstance(tctx.master.addons, TableAddonManager)


def test_an_unknown_core_is_one_warning(caplog, monkeypatch):
    monkeypatch.setattr(patch.version, "VERSION", "99.0")
    with taddons.context(Turbo()) as tctx:
        tctx.options.turbo = False
        tctx.options.turbo = True

    assert [r.message for r in caplog.records] == [
        "turbo: expected mitmproxy 12.2.3, found 99.0; switched off"
    ]
