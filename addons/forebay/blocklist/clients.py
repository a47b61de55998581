"""What is remembered of clients, each of which is one connection, until they leave.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from forebay.blocklist.verdict import Verdict

_MOST_ALLOWED = 256


@dataclass(slots=True)
class Remembered:
    """What is remembered of one client.

    Attributes:
        user: the name by which it logged in last.
        tunnel: why the target of its CONNECT is refused, where that was accepted so
            that the page can be shown.
        allowed: the names under which its requests were let through, which might be
            refused by their names alone.
        permitted: what its CONNECT that goes round the lists may connect to, until the
            tunnel turns out to hold requests, each of which speaks for itself.
    """

    user: str | None = None
    tunnel: Verdict | None = None
    allowed: set[str] = field(default_factory=set)
    permitted: frozenset[str] = frozenset()

    def allow(self, names: Iterable[str]) -> None:
        """Remember the names of a request that is let through; bounded."""
        if len(self.allowed) > _MOST_ALLOWED:
            self.allowed.clear()
        self.allowed.update(names)


class Known[Client]:
    """All clients of which something is remembered."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Client, Remembered] = WeakKeyDictionary()

    def __getitem__(self, client: Client) -> Remembered:
        """Return what is remembered of *client*, to be read and written in place."""
        found = self._known.get(client)
        if found is None:
            found = self._known[client] = Remembered()
        return found

    def forget(self, client: Client) -> None:
        """Forget one client."""
        self._known.pop(client, None)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
