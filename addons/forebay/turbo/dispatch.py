"""Call the listeners of a hook from a table, instead of looking for them each time.

For each of the eight events of one exchange mitmproxy walks all of its thirty
addons and theirs, and asks each whether it listens.  Here that is asked once
for each hook, and again whenever the addons or an option have changed.

What differs: an addon that raises does not keep those behind it in the same
script from being called, and a hook that is added to a living addon object is
called from the next change on only.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from mitmproxy import addonmanager, exceptions, flow, hooks
from mitmproxy.addonmanager import AddonManager

from forebay.proxycore.patch import CoreMismatchError, check_version

_CHANGES = (addonmanager.LoadHook, hooks.ConfigureHook, hooks.RunningHook, hooks.DoneHook)

type Listener = Callable[..., Any]


class TableAddonManager(AddonManager):
    """mitmproxy's manager with a table of listeners; made of a living one by changing its class."""

    listeners: dict[str, tuple[Listener, ...]]

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """Trigger *event*, and ``update`` after it where somebody listens."""
        (message, *_) = event.args()
        await self.trigger_event(event)
        if isinstance(message, flow.Flow) and self._of("update"):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        """Call all listeners of *event* in the order of the chain."""
        arguments = event.args()
        for listener in self._of(event.name):
            try:
                result = listener(*arguments)
                if result is not None and inspect.isawaitable(result):
                    await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception:
                with addonmanager.safecall():  # logs it as the core does
                    raise

    def _of(self, name: str) -> tuple[Listener, ...]:
        found = self.listeners.get(name)
        if found is None:
            candidates = (getattr(addon, name, None) for addon in addonmanager.traverse(self.chain))
            # A module imported under a hook's name is no listener, as in the core.
            found = self.listeners[name] = tuple(
                candidate
                for candidate in candidates
                if candidate and not isinstance(candidate, types.ModuleType)
            )
        return found

    # All that changes who listens: scripts and options come and go through these.

    def register(self, addon: Any) -> Any:
        """Register *addon*; the table is made anew."""
        self.listeners.clear()
        return super().register(addon)  # type: ignore[no-untyped-call]

    def add(self, *addons: Any) -> None:
        """Add *addons*; the table is made anew."""
        super().add(*addons)  # type: ignore[no-untyped-call]
        self.listeners.clear()

    def remove(self, addon: Any) -> None:
        """Remove *addon*; the table is made anew."""
        self.listeners.clear()
        super().remove(addon)  # type: ignore[no-untyped-call]
        if isinstance(self, TableAddonManager):  # else it was we who were removed
            self.listeners.clear()

    def clear(self) -> None:
        """Remove all addons; the table is made anew."""
        self.listeners.clear()
        super().clear()  # type: ignore[no-untyped-call]

    def invoke_addon_sync(self, addon: Any, event: hooks.Hook) -> None:
        """Call one addon, as happens when it is configured, begins to run or ends."""
        if isinstance(event, _CHANGES):  # every line of the log comes this way too
            self.listeners.clear()
        super().invoke_addon_sync(addon, event)


def install(manager: AddonManager) -> None:
    """Give *manager* the table.

    Raises:
        CoreMismatchError: when this mitmproxy is not a known one, or the
            manager is not of its own class.
    """
    if isinstance(manager, TableAddonManager):
        return
    check_version("turbo")
    if type(manager) is not AddonManager:
        raise CoreMismatchError(f"turbo: expected AddonManager, found {type(manager).__name__}")
    manager.listeners = {}  # type: ignore[attr-defined]
    manager.__class__ = TableAddonManager


def uninstall(manager: AddonManager) -> None:
    """Make *manager* what it was; a second call does nothing."""
    if isinstance(manager, TableAddonManager):
        manager.__class__ = AddonManager  # type: ignore[assignment]
        del manager.listeners
