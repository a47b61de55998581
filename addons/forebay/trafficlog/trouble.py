"""What keeps records from the disk, and what follows from it (``trafficlog_on_error``).

Pure.
"""

from __future__ import annotations

import enum


class Trouble(enum.IntEnum):
    """What is wrong; a greater one stands in for a smaller one."""

    LOST = 0
    """A record could not be made or encoded: nothing that passes."""
    REFUSED = 1
    """The disk refuses; records wait in memory."""
    STUCK = 2
    """The disk has refused, or has not answered, for longer than it may."""
    FULL = 3
    """No room is left to wait in: a record is lost."""


class OnError(enum.Enum):
    """What becomes of the traffic when records cannot be written."""

    DROP = "drop"
    """It goes on; what is lost is noted as a gap."""
    STOP = "stop"
    """The proxy ends when a record is lost, or the disk is stuck."""
    BLOCK = "block"
    """Requests are refused while the disk is in trouble."""

    def stops(self, trouble: Trouble | None) -> bool:
        """Return whether the proxy ends.

        >>> [trouble.name for trouble in Trouble if OnError.STOP.stops(trouble)]
        ['LOST', 'STUCK', 'FULL']
        """
        return self is OnError.STOP and trouble not in (None, Trouble.REFUSED)

    def refuses(self, trouble: Trouble | None) -> bool:
        """Return whether requests are refused.

        >>> [trouble.name for trouble in Trouble if OnError.BLOCK.refuses(trouble)]
        ['REFUSED', 'STUCK', 'FULL']
        """
        return self is OnError.BLOCK and trouble not in (None, Trouble.LOST)
