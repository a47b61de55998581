"""The body of a response on its way to the store."""

from __future__ import annotations

from collections.abc import Callable

from forebay.proxycore.body import Capture


class Collector(Capture):
    """A body consumer that keeps at most *limit_bytes*, and hands a whole body over.

    Args:
        limit_bytes: a longer body is given up as soon as it shows.
        expected_bytes: the announced length; another one is no whole body.
        commit: called once with a whole body.
    """

    __slots__ = ("_commit", "_expected_bytes")

    def __init__(
        self, *, limit_bytes: int, expected_bytes: int | None, commit: Callable[[bytes], None]
    ) -> None:
        super().__init__(limit_bytes)
        self._expected_bytes = expected_bytes
        self._commit = commit

    def end(self) -> None:
        """Hand the body over, if it is whole."""
        body = self.whole()
        self.abort()
        if body is not None and self._expected_bytes in (None, len(body)):
            self._commit(body)

    def abort(self) -> None:
        """Forget the body."""
        self._pieces = None
