"""Which clients reject the proxy's certificate, how often in a row, and what has been said of it.

Pure, and bounded: a client may ask for any number of hosts that do not exist.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

MOST_CLIENTS = 128
MOST_HOSTS = 128
"""Of one client that are remembered; the last ones."""
MOST_LINES = 8
"""About one agent of a client; one that rejects this many hosts rejects all."""
MOST_AGENTS = 16
"""Of one client that are told of: an agent is what a client calls itself."""
_TO_BE_SURE = 2
# As mitmproxy words it; a scanner that sends nothing is told of in the same words.
_CLOSED = "The client disconnected during the handshake."
# RFC 8446 §6.2; as OpenSSL words them.
_ALERT = re.compile(
    r"unknown ca\b|(?:bad|unsupported) certificate\b|certificate (?:unknown|expired|revoked)\b"
)

type Place = tuple[str, int]
"""Host, in its canonical form, and port."""


class Kind(Enum):
    """How a client left a handshake."""

    ALERT = "alert"
    CLOSED = "closed"


class Say(Enum):
    """What is said of a rejection."""

    NOTHING = 0
    IT = 1
    IT_AND_NO_MORE = 2


@dataclass(frozen=True, slots=True)
class Notice:
    """What follows from a rejection.

    Attributes:
        say: what is said of it.
        passes: whether the client's connections to the place pass from now on.
    """

    say: Say = Say.NOTHING
    passes: bool = False


@dataclass(slots=True)
class Rejected:
    """What one client did with the certificate of one place."""

    times: int = 0
    in_a_row: int = 0
    agent: str = ""
    error: str = ""
    passes: bool = False


@dataclass(slots=True)
class _Client:
    places: OrderedDict[Place, Rejected] = field(default_factory=OrderedDict)
    said: dict[str, set[Place]] = field(default_factory=dict)


def kind_of(error: str) -> Kind | None:
    """Return how a handshake was rejected, by what mitmproxy says; None if it failed otherwise.

    >>> kind_of("The client does not trust the proxy's certificate for a (tlsv1 alert unknown ca)")
    <Kind.ALERT: 'alert'>
    """
    if error.startswith(_CLOSED):
        return Kind.CLOSED
    return Kind.ALERT if _ALERT.search(error) else None


class Rejections:
    """All that is remembered."""

    def __init__(self, most_clients: int = MOST_CLIENTS, most_hosts: int = MOST_HOSTS) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._most_clients, self._most_hosts = most_clients, most_hosts

    def reject(
        self, client: str, place: Place, kind: Kind, *, agent: str = "", error: str = "", after: int
    ) -> Notice:
        """Count a rejection.

        Args:
            client: its address.
            place: what it has asked for.
            kind: how it left.
            agent: what it calls itself, or "".
            error: the reason it gave.
            after: after so many in a row connections pass; 0 for never.
        """
        known = _touched(self._clients, client, _Client, self._most_clients)
        found = _touched(known.places, place, Rejected, self._most_hosts)
        found.times += 1
        found.in_a_row += 1
        found.agent, found.error = agent, error
        passes = 0 < after <= found.in_a_row and not found.passes
        found.passes |= passes
        # A connection may be closed for many reasons.
        sure = kind is Kind.ALERT or found.in_a_row >= _TO_BE_SURE
        return Notice(_say(known, agent, place) if sure else Say.NOTHING, passes)

    def accept(self, client: str, place: Place) -> None:
        """Note that a client took the certificate."""
        known = self._clients.get(client)
        found = None if known is None else known.places.get(place)
        if found is not None:
            found.in_a_row = 0
            found.passes = False

    def knows(self, client: str) -> bool:
        """Return whether a client has rejected anything."""
        return client in self._clients

    def passes(self, client: str, place: Place) -> bool:
        """Return whether a client's connections to *place* pass."""
        known = self._clients.get(client)
        found = None if known is None else known.places.get(place)
        return found is not None and found.passes

    def forget_counts(self) -> None:
        """Begin to count anew; nothing passes."""
        for _, _, found in self:
            found.in_a_row = 0
            found.passes = False

    def __iter__(self) -> Iterator[tuple[str, Place, Rejected]]:
        """Yield client, place and what was counted, the latest last."""
        for client, known in self._clients.items():
            for place, found in known.places.items():
                yield client, place, found


def _say(known: _Client, agent: str, place: Place) -> Say:
    said = known.said.get(agent)
    if said is None:
        if len(known.said) >= MOST_AGENTS:
            return Say.NOTHING
        said = known.said[agent] = set()
    if place in said or len(said) >= MOST_LINES:
        return Say.NOTHING
    said.add(place)
    return Say.IT_AND_NO_MORE if len(said) == MOST_LINES else Say.IT


def _touched[K, V](found: OrderedDict[K, V], key: K, make: type[V], most: int) -> V:
    """Return the value of *key*, made if missing, as the latest of at most *most*."""
    value = found.get(key)
    if value is None:
        value = found[key] = make()
        if len(found) > most:
            found.popitem(last=False)
    found.move_to_end(key)
    return value
