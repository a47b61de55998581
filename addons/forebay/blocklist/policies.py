"""Who gets which lists, and when.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import chain
from pathlib import PurePath
from typing import Literal, Self

from forebay.errors import RuleError
from forebay.names import canonical, is_address

type Address = IPv4Address | IPv6Address
type Network = IPv4Network | IPv6Network
type Answer = Literal["page", "drop"]

MINUTES_OF_DAY = 24 * 60
_MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY

# No name in DNS is longer.
_LONGEST_NAME = 253
_BELOW = re.compile(r"(?:[a-z0-9_-]+\.)+").fullmatch
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+\Z)[a-z0-9_-]{1,63}").fullmatch
_EVERYTHING = re.compile(r"[.*\s]*").fullmatch

_REMEMBERED = 1024
_LONGEST_REMEMBERED_USER = 200


class Mode(Enum):
    """How the lists are used."""

    FILTER = "filter"
    ALLOW_ONLY = "allow-only"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """Hosts that are not blocked: ``example.org`` with all below it, ``*.example.org`` only those.

    Raises:
        RuleError: for the first of *entries* that is no host, or that would cover everything.

    >>> hosts = AllowedHosts(("example.org", "*.example.net"))
    >>> hosts.covers("www.example.org"), hosts.covers("a.example.net"), hosts.covers("example.net")
    ('example.org', '*.example.net', None)
    """

    entries: tuple[str, ...] = ()
    _hosts: dict[str, str] = field(init=False, compare=False, repr=False)
    _above: dict[str, str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        hosts: dict[str, str] = {}
        above: dict[str, str] = {}
        for entry in self.entries:
            host = _host(entry)
            if not entry.startswith("*."):
                hosts.setdefault(host, entry)
            if not is_address(host):
                above.setdefault(host, entry)
        object.__setattr__(self, "_hosts", hosts)
        object.__setattr__(self, "_above", above)

    def covers(self, name: str) -> str | None:
        """Return the entry, as it was written, that covers the canonical *name* most closely."""
        entry = self._hosts.get(name)
        if entry is not None or not self._above or len(name) > _LONGEST_NAME:
            return entry
        dot = name.find(".") + 1
        while dot:
            entry = self._above.get(name[dot:])
            if entry is not None:
                # What no resolver takes may mean another host to the next proxy.
                return entry if _BELOW(name[:dot]) else None
            dot = name.find(".", dot) + 1
        return None


@dataclass(frozen=True, slots=True)
class Clients:
    """Ranges of client addresses; those of IPv4 hold for IPv4-mapped ones too (RFC 4291 §2.5.5.2).

    Args:
        ranges: none of them IPv4-mapped.
    """

    ranges: frozenset[Network]
    # For each length of prefix all prefixes: many ranges take no longer than few.
    _prefixes: tuple[tuple[int, int, frozenset[int]], ...] = field(
        init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        found: dict[tuple[int, int], set[int]] = {}
        for one in self.ranges:
            shift = one.max_prefixlen - one.prefixlen
            found.setdefault((one.version, shift), set()).add(int(one.network_address) >> shift)
        prefixes = tuple((*key, frozenset(values)) for key, values in found.items())
        object.__setattr__(self, "_prefixes", prefixes)

    def covers(self, address: Address) -> bool:
        """Return whether *address*, which is not IPv4-mapped, lies in one of the ranges."""
        version, value = address.version, int(address)
        return any(
            version == of_version and value >> shift in prefixes
            for of_version, shift, prefixes in self._prefixes
        )


@dataclass(frozen=True, slots=True)
class Window:
    """A time of day on some days, in minutes; past midnight when it ends no later than it begins.

    Args:
        days: the weekdays on which it begins, 0 for Monday.
        from_minute: the first minute of the day that belongs to it.
        to_minute: the first that does not, up to 1440.
    """

    days: frozenset[int] = frozenset(range(7))
    from_minute: int = 0
    to_minute: int = MINUTES_OF_DAY


@dataclass(frozen=True, slots=True)
class Week:
    """Parts of a week; *edges* are the minutes of the week at which one begins or ends, in turn.

    >>> Week.of([Window(frozenset({6}), 22 * 60, 2 * 60)]).edges
    (0, 120, 9960, 10080)
    """

    edges: tuple[int, ...]

    @classmethod
    def of(cls, windows: Iterable[Window]) -> Self:
        """Return all *windows* together."""
        spans = []
        for window in windows:
            length = (window.to_minute - window.from_minute) % MINUTES_OF_DAY or MINUTES_OF_DAY
            for day in window.days:
                begin = day * MINUTES_OF_DAY + window.from_minute
                end = begin + length
                spans.append((begin, min(end, _MINUTES_OF_WEEK)))
                if end > _MINUTES_OF_WEEK:
                    spans.append((0, end - _MINUTES_OF_WEEK))
        edges: list[int] = []
        for begin, end in sorted(spans):
            if edges and begin <= edges[-1]:
                edges[-1] = max(edges[-1], end)
            else:
                edges += begin, end
        return cls(tuple(edges))

    def covers(self, weekday: int, minute: int) -> bool:
        """Return whether *minute* (of the day) on *weekday* (0 for Monday) is in one of them."""
        return bisect_right(self.edges, weekday * MINUTES_OF_DAY + minute) % 2 == 1


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for some clients and users at some times; None stands for any.

    Args:
        id: its name, its own among all policies.
        path: the file in which it stands.
        line: the line there, from 1.
        clients: the addresses from which requests come.
        users: the names of proxy users, as `user_key` gives them.
        when: the parts of the week, in local time.
        on: the groups of lists that are used, whatever is said elsewhere.
        off: the groups that are not.
        mode: how the lists are used.
        allow: what is never blocked.
        answer: what a blocked request gets: an answer by type, or a closed connection.
    """

    id: str
    path: str
    line: int
    clients: Clients | None = None
    users: frozenset[str] | None = None
    when: Week | None = None
    on: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    mode: Mode = Mode.FILTER
    allow: AllowedHosts = AllowedHosts()
    answer: Answer = "page"

    @property
    def place(self) -> str:
        """The file name and line, without the folder, such as ``policies.yaml:7``."""
        return f"{PurePath(self.path).name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies in the order in which they are tried.

    Args:
        policies: each with an id of its own.
        needs_client: whether any looks at the client's address.
        needs_user: whether any looks at the user.
        needs_time: whether any looks at the time.
    """

    policies: tuple[Policy, ...] = ()
    needs_client: bool = field(init=False, compare=False)
    needs_user: bool = field(init=False, compare=False)
    needs_time: bool = field(init=False, compare=False)
    _remembered: Callable[[str | None, str | None], tuple[Policy, ...]] = field(
        init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        for name, key in (("client", "clients"), ("user", "users"), ("time", "when")):
            needed = any(getattr(policy, key) is not None for policy in self.policies)
            object.__setattr__(self, f"needs_{name}", needed)
        remembered = lru_cache(_REMEMBERED)(partial(_fitting, self.policies))
        object.__setattr__(self, "_remembered", remembered)

    @classmethod
    def of(cls, *files: Iterable[Policy]) -> Self:
        """Return the policies of all *files*: those of the first come first, and keep their ids."""
        found: dict[str, Policy] = {}
        for policy in chain(*files):
            found.setdefault(policy.id, policy)
        return cls(tuple(found.values()))

    def choose(
        self, *, client: str | None, user: str | None, weekday: int, minute: int
    ) -> Policy | None:
        """Return the first policy that fits, None when lists are used as they say themselves.

        What nobody looks at (see ``needs_client`` and so on) may be anything.

        Args:
            client: the client's address, None when unknown.
            user: the name under which the client logged in at the proxy, None when unknown.
            weekday: 0 for Monday, local time.
            minute: of the day, local time.
        """
        if not self.policies:
            return None
        client = client if self.needs_client else None
        user = user if self.needs_user else None
        if user is not None and len(user) > _LONGEST_REMEMBERED_USER:
            fitting = _fitting(self.policies, client, user)
        else:
            fitting = self._remembered(client, user)
        for policy in fitting:
            if policy.when is None or policy.when.covers(weekday, minute):
                return policy
        return None


def user_key(name: str) -> str:
    """Return *name* in the form in which users are compared.

    Directories take many spellings for one user (RFC 4518 §2), so another
    spelling must be no way around a policy.

    >>> user_key(" Anna  Smith")
    'anna smith'
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _fitting(
    policies: tuple[Policy, ...], client: str | None, user: str | None
) -> tuple[Policy, ...]:
    """Return the policies that fit at some time, none after one that always does."""
    address = _address(client)
    key = None if user is None else user_key(user)
    found = []
    for policy in policies:
        if policy.clients and not (address and policy.clients.covers(address)):
            continue
        if policy.users is not None and key not in policy.users:
            continue
        found.append(policy)
        if policy.when is None:
            break
    return tuple(found)


def _address(client: str | None) -> Address | None:
    try:
        address = ip_address(client or "")
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _host(entry: str) -> str:
    """Return the canonical host of *entry*, without its ``*.``.

    Raises:
        RuleError: when it is none.
    """
    if _EVERYTHING(entry):
        raise RuleError(
            f"expected a host, found {entry!r:.70}, which is all of them: for that use mode: off"
        )
    rest = entry.removeprefix("*.")
    host = canonical(rest)
    if "%" not in rest:
        if is_address(host) and rest == entry:
            return host
        if _HOST(host) and len(host) <= _LONGEST_NAME:
            return host
    raise RuleError(
        "expected a host such as example.org (with all below it) or *.example.org (only those "
        f"below), without scheme, port and path, found {entry!r:.70}"
    )
