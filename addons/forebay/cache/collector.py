"""The body of a response on its way to the store."""

from __future__ import annotations

from collections.abc import Callable


class Collector:
    """A body consumer that keeps at most *limit_bytes*, and hands a whole body over.

    Args:
        limit_bytes: a longer body is given up as soon as it shows.
        expected_bytes: the announced length; another one is no whole body.
        commit: called once with a whole body.
    """

    __slots__ = ("_commit", "_expected_bytes", "_limit_bytes", "_pieces", "_size_bytes")

    def __init__(
        self, *, limit_bytes: int, expected_bytes: int | None, commit: Callable[[bytes], None]
    ) -> None:
        self._limit_bytes = limit_bytes
        self._expected_bytes = expected_bytes
        self._commit = commit
        self._pieces: list[bytes] | None = []
        self._size_bytes = 0

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            self._pieces = None
        if self._pieces is not None:
            self._pieces.append(data)

    def end(self) -> None:
        """Hand the body over, if it is whole."""
        pieces, self._pieces = self._pieces, None
        if pieces is not None and self._expected_bytes in (None, self._size_bytes):
            self._commit(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def abort(self) -> None:
        """Forget the body."""
        self._pieces = None
