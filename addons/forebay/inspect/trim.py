"""Keep only the newest flows in the view of mitmweb and the console, which keep all.

Steps are small and leave the event loop in between; flows that are under way,
or that somebody has marked, stay.
"""

from __future__ import annotations

import asyncio

from mitmproxy import ctx
from mitmproxy import flow as mflow
from mitmproxy.addons.view import View

from forebay.inspect import label

STEP_FLOWS = 50
PAUSE_S = 0.2
"""How long removing waits for more to remove: the last hooks of a flow end meanwhile."""


class Trim:
    """Remove the oldest flows once there are more than a limit.

    Attributes:
        limit: how many flows stay; 0 for all.
    """

    def __init__(self) -> None:
        self.limit = 0
        self._timer: asyncio.Handle | None = None

    def wake(self) -> None:
        """See to it soon, unless that is arranged already."""
        if self.limit and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self.step)

    def stop(self) -> None:
        """Remove no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def step(self) -> None:
        """Remove some, and come again while there are more."""
        self._timer = None
        view = ctx.master.addons.get("view")
        if not self.limit or not isinstance(view, View) or view.store_count() <= self.limit:
            return
        surplus = self._surplus(view)
        for flow in surplus[:STEP_FLOWS]:
            view.remove([flow])  # several at once would be announced in the event log
        if len(surplus) > STEP_FLOWS:
            self._timer = asyncio.get_running_loop().call_soon(self.step)

    def _surplus(self, view: View) -> list[mflow.Flow]:
        """Return the flows that may go, the oldest first."""
        kept = [flow for flow in view.resolve("@all") if not label.is_users_mark(flow)]
        # Removing a flow that is under way would end it.
        return [flow for flow in kept[: max(0, len(kept) - self.limit)] if not flow.live]
