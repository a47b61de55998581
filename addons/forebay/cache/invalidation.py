"""What a request that changes things makes outdated (RFC 9111 §4.4)."""

from __future__ import annotations

from collections import OrderedDict

from forebay.cache.headers import Head
from forebay.cache.key import Target
from forebay.cache.references import resolve
from forebay.cache.vary import Values

_SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})  # RFC 9110 §9.2.1
_LIMIT = 4096


def is_unsafe(method: bytes) -> bool:
    """Return whether *method* may change things on the origin; an unknown one may."""
    return method not in _SAFE


def invalidated(target: Target, status: int, response: Head) -> tuple[Target, ...]:
    """Return the resources that the response to an unsafe request makes outdated.

    The target itself, and what Location and Content-Location name on the same
    origin; nothing when the request failed.
    """
    if not 200 <= status <= 399:
        return ()
    found = {target.path: target}
    for name in (b"location", b"content-location"):
        value = response.only(name)
        named = resolve(target, value) if value else None
        if named is not None:
            found.setdefault(named.path, named)
    return tuple(found.values())


class Recent:
    """When keys were last invalidated, so that what was asked for earlier is not stored later.

    >>> recent = Recent()
    >>> recent.note(b"k", 10.0)
    >>> recent.is_outdated(b"k", 9.9), recent.is_outdated(b"k", 10.1)
    (True, False)
    """

    __slots__ = ("_all_s", "_at_s", "_forgotten_s", "_limit", "_saved")

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._at_s: OrderedDict[bytes, float] = OrderedDict()
        self._forgotten_s = float("-inf")
        self._all_s = float("-inf")
        self._saved: OrderedDict[tuple[bytes, Values], float] = OrderedDict()

    def note(self, key: bytes, now_s: float) -> None:
        """Remember that *key* was invalidated now."""
        self._at_s.pop(key, None)
        self._at_s[key] = now_s
        if len(self._at_s) > self._limit:
            _, at_s = self._at_s.popitem(last=False)
            self._forgotten_s = max(self._forgotten_s, at_s)

    def is_outdated(self, key: bytes, requested_at_s: float) -> bool:
        """Return whether an answer to what was asked at *requested_at_s* may predate a change."""
        # Of what is forgotten nothing is known, so it counts as invalidated.
        return requested_at_s < max(self._all_s, self._at_s.get(key, self._forgotten_s))

    def note_all(self, now_s: float, *, since_s: float) -> list[bytes]:
        """Remember that any key may have been invalidated now.

        Returns:
            The keys of what was asked for since *since_s* and is stored already.
        """
        self._all_s = max(self._all_s, now_s)
        return list(dict.fromkeys(k for (k, _), at_s in self._saved.items() if at_s >= since_s))

    def is_newest(self, key: bytes, said: Values, requested_at_s: float) -> bool:
        """Note that the response to what was asked at that time is stored, unless a later one is.

        >>> recent = Recent()
        >>> [recent.is_newest(b"k", (), at_s) for at_s in (5.0, 4.0, 5.0)]
        [True, False, True]
        """
        if requested_at_s < self._saved.get((key, said), requested_at_s):
            return False
        self._saved.pop((key, said), None)
        self._saved[key, said] = requested_at_s
        if len(self._saved) > self._limit:
            self._saved.popitem(last=False)
        return True
