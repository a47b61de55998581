"""The table does what mitmproxy's own search does."""

from __future__ import annotations

import asyncio
import logging
import types

import pytest
from mitmproxy import addonmanager, exceptions, hooks
from mitmproxy.proxy.layers.http import HttpRequestHook
from mitmproxy.test import taddons, tflow

from forebay.proxycore import patch
from forebay.proxycore.patch import CoreMismatchError
from forebay.turbo import dispatch


class Listener:
    """Notes its calls; may raise, be asynchronous, or have addons of its own."""

    def __init__(self, name, log, *, raises=None, addons=()):
        self.name, self.log, self.raises, self.addons = name, log, raises, list(addons)

    def request(self, flow):
        self.log.append(self.name)
        if self.raises:
            raise self.raises


class Asynchronous(Listener):
    async def request(self, flow):
        await asyncio.sleep(0)
        self.log.append(self.name)
        if self.raises:
            raise self.raises


class Updated(Listener):
    def update(self, flows):
        self.log.append(f"update {len(flows)}")


class Deaf:
    name = "deaf"
    request = types.ModuleType("request")


def calls(*make, table, trigger=None):
    """Build addons, trigger a request, and return what was called."""
    log = []

    async def run():
        with taddons.context(loadcore=False) as tctx:
            tctx.master.addons.add(*(build(log) for build in make))
            if table:
                dispatch.install(tctx.master.addons)
            if trigger:
                await trigger(tctx.master.addons, log)
            else:
                await tctx.master.addons.handle_lifecycle(HttpRequestHook(tflow.tflow()))
            tctx.master._legacy_log_events.uninstall()  # its loop ends here

    asyncio.run(run())
    return log


def a(log):
    return Listener("a", log)


def b(log):
    return Asynchronous("b", log)


def nested(log):
    return Listener("outer", log, addons=[Asynchronous("inner", log), Listener("last", log)])


def halting(log):
    return Listener("halting", log, raises=exceptions.AddonHalt())


def halting_later(log):
    return Asynchronous("halting later", log, raises=exceptions.AddonHalt())


def failing(log):
    return Listener("failing", log, raises=ValueError("broken hook"))


def updated(log):
    return Updated("updated", log)


def deaf(log):
    return Deaf()


@pytest.mark.parametrize(
    "make",
    [
        (),
        (a,),
        (a, b),
        (nested, a),
        (a, halting, b),
        (a, halting_later, b),
        (failing, a),
        (updated, a),
        (deaf, a),
    ],
)
def test_the_same_listeners_are_called_in_the_same_order(make):
    assert calls(*make, table=True) == calls(*make, table=False)


def test_a_failure_is_logged_as_the_core_does(caplog):
    """And costs nobody else's call."""
    with caplog.at_level(logging.ERROR):
        log = calls(failing, a, table=True)

    assert log == ["failing", "a"]
    assert caplog.records[0].message == "Addon error: broken hook"


def test_a_failure_spares_the_addons_behind_it_in_one_script():
    """The core skips them."""

    def script(log):
        return Listener("script", log, addons=[failing(log), a(log)])

    assert calls(script, table=False) == ["script", "failing"]
    assert calls(script, table=True) == ["script", "failing", "a"]


def test_a_refused_option_is_passed_on():
    def refusing(log):
        return Listener("refusing", log, raises=exceptions.OptionsError("no"))

    for table in (True, False):
        with pytest.raises(exceptions.OptionsError):
            calls(refusing, table=table)


async def add_and_remove(manager, log):
    hook = HttpRequestHook(tflow.tflow())
    await manager.trigger_event(hook)
    late = Listener("late", log)
    manager.add(late)
    await manager.trigger_event(hook)
    manager.remove(late)
    await manager.trigger_event(hook)
    manager.clear()
    await manager.trigger_event(hook)


async def register_like_a_script(manager, log):
    """A script's module is registered first and put in its place afterwards."""
    hook = HttpRequestHook(tflow.tflow())
    (loader,) = manager.chain
    await manager.trigger_event(hook)
    late = Listener("late", log)
    manager.register(late)
    await manager.trigger_event(hook)
    loader.addons.append(late)
    manager.invoke_addon_sync(late, hooks.ConfigureHook(set()))
    await manager.trigger_event(hook)


@pytest.mark.parametrize("trigger", [add_and_remove, register_like_a_script])
def test_addons_come_and_go(trigger):
    assert calls(a, table=True, trigger=trigger) == calls(a, table=False, trigger=trigger)


async def log_a_line(manager, log):
    """Each line of the log is an event of mitmproxy's; it changes no addon."""
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    before = dict(manager.listeners)
    manager.trigger(hooks.ConfigureHook(set()))
    assert manager.listeners == {}
    await manager.trigger_event(HttpRequestHook(tflow.tflow()))
    logging.getLogger().warning("a line")
    await asyncio.sleep(0)
    assert manager.listeners == before != {}


def test_a_log_line_leaves_the_table_alone():
    assert calls(a, table=True, trigger=log_a_line) == ["a", "a"]


def test_it_is_installed_once_and_taken_back():
    with taddons.context() as tctx:
        manager = tctx.master.addons

        dispatch.install(manager)
        dispatch.install(manager)
        assert isinstance(manager, dispatch.TableAddonManager)

        dispatch.uninstall(manager)
        dispatch.uninstall(manager)
        assert type(manager) is addonmanager.AddonManager


def test_a_core_that_is_not_known_is_left_alone(monkeypatch):
    class Other(addonmanager.AddonManager):
        pass

    with taddons.context() as tctx:
        tctx.master.addons.__class__ = Other
        with pytest.raises(CoreMismatchError, match="turbo: expected AddonManager, found Other"):
            dispatch.install(tctx.master.addons)
        monkeypatch.setattr(patch.version, "VERSION", "99.0")
        with pytest.raises(CoreMismatchError, match=r"turbo: expected mitmproxy 12\.2\.3"):
            dispatch.install(tctx.master.addons)
