"""Switch the speed-ups on and off."""

from __future__ import annotations

import logging

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from forebay.proxycore.patch import CoreMismatchError
from forebay.turbo import dispatch

logger = logging.getLogger(__name__)


class Turbo:
    """Make mitmproxy's core faster; ``dispatch`` says what differs."""

    name = "forebay.turbo"

    def load(self, loader: Loader) -> None:
        """Declare the option."""
        loader.add_option(
            "turbo",
            bool,
            True,
            "Call hooks from a table instead of searching all addons each time.",
        )

    def configure(self, updated: set[str]) -> None:
        """Install or take back."""
        if "turbo" not in updated:
            return
        if not ctx.options.turbo:
            dispatch.uninstall(ctx.master.addons)
            return
        try:
            dispatch.install(ctx.master.addons)
        except CoreMismatchError as error:
            logger.warning("%s; switched off", error)

    def done(self) -> None:
        """Take back."""
        dispatch.uninstall(ctx.master.addons)
