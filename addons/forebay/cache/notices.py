"""One warning for each cause, from any thread."""

from __future__ import annotations

import contextlib
import logging

logger = logging.getLogger(__name__)


class Notices:
    """Log the first occurrence of each cause at level WARNING, and count all."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def warn(self, cause: str, message: str) -> None:
        """Log *message*, one line, unless *cause* was there before."""
        count = self.counts[cause] = self.counts.get(cause, 0) + 1
        if count == 1:
            # mitmproxy's handlers post to its event loop, which may be closed by now.
            with contextlib.suppress(RuntimeError):
                logger.warning("cache: %s", " ".join(message.split()))
