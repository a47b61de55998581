"""The text of a policies file to policies, or everything that is wrong with it.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Network, ip_interface, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetPydanticSchema,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from forebay import schema
from forebay.blocklist.policies import (
    MINUTES_OF_DAY,
    AllowedHosts,
    Answer,
    Clients,
    Mode,
    Network,
    Policy,
    Week,
    Window,
    user_key,
)
from forebay.errors import RuleError
from forebay.schema import OneOrMore, checked

LONGEST_NAME = 100
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_RANGE = re.compile(r"[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?").fullmatch
_TIME = re.compile(r"([0-9]{1,2}):([0-5][0-9])").fullmatch
# What stands for nothing under a key, and is refused.
_NARROWING: dict[object, object] = {
    **{key: [] for key in ("clients", "users", "when", "allow", "days")},
    **dict.fromkeys(("from", "to"), ""),
}
_MAPPED = 96  # bits of an IPv6 address before the IPv4 address that is mapped in it


def network(text: str) -> Network:
    """Return the address or range *text*; an IPv4-mapped one as that of IPv4.

    Raises:
        RuleError: when it is none, or has bits set behind its prefix.

    >>> network("192.0.2.0/24"), network("::ffff:192.0.2.7")
    (IPv4Network('192.0.2.0/24'), IPv4Network('192.0.2.7/32'))
    """
    try:
        if not _RANGE(text):
            raise ValueError
        interface = ip_interface(text)
    except ValueError:
        raise RuleError(
            f"expected an address or a range such as 192.0.2.0/24 or fd00::/8, found {text!r:.70}"
        ) from None
    found, address = _unmapped(interface.network), _unmapped(ip_network(interface.ip))
    if interface.ip != interface.network.network_address:
        raise RuleError(
            f"expected the range {found} or the address {address.network_address}, found {text!r}"
        )
    return found


def _unmapped(found: Network) -> Network:
    if isinstance(found, IPv6Network) and found.prefixlen >= _MAPPED:
        address = found.network_address.ipv4_mapped
        if address is not None:
            return ip_network(f"{address}/{found.prefixlen - _MAPPED}")
    return found


def weekdays(text: str) -> frozenset[int]:
    """Return the day or the range of days *text*, 0 for Monday; a range may go past Sunday.

    Raises:
        RuleError: when it is none.

    >>> sorted(weekdays("sat-mon"))
    [0, 5, 6]
    """
    first, dash, last = text.lower().partition("-")
    if first not in DAYS or (last if dash else first) not in DAYS:
        raise RuleError(
            f"expected a day ({', '.join(DAYS)}) or a range such as mon-fri, found {text!r:.70}"
        )
    begin = DAYS.index(first)
    length = (DAYS.index(last) - begin) % 7 + 1 if dash else 1
    return frozenset((begin + i) % 7 for i in range(length))


def minute_of_day(text: str, *, latest: int = MINUTES_OF_DAY) -> int:
    """Return the time *text* in minutes since midnight, up to *latest*.

    Raises:
        RuleError: when it is none.

    >>> minute_of_day("08:30"), minute_of_day("24:00")
    (510, 1440)
    """
    found = _TIME(text)
    minute = int(found[1]) * 60 + int(found[2]) if found else latest + 1
    if minute > latest:
        raise RuleError(
            f"expected a time from 00:00 to {latest // 60}:{latest % 60:02}, found {text!r:.70}"
        )
    return minute


def first_minute(text: str) -> int:
    """Return the time *text* in minutes since midnight, which is before the next midnight.

    Raises:
        RuleError: when it is none.
    """
    return minute_of_day(text, latest=MINUTES_OF_DAY - 1)


def _allowed(text: str) -> AllowedHosts:
    return AllowedHosts((text,))


def _name(text: str) -> str:
    if not (text.isprintable() and text.strip() == text and 0 < len(text) <= LONGEST_NAME):
        raise ValueError(
            f"expected one line of at most {LONGEST_NAME} characters, found {text!r:.70}"
        )
    return text


def _user(text: str) -> str:
    if ":" in text:  # RFC 7617 §2
        raise ValueError(f"expected the name of a user, which has no colon, found {text!r:.70}")
    return _name(text)


class NarrowingSection(schema.Section):
    """A section in which an absent key means all, so that one with nothing under it must not.

    Else the last address commented out would make a policy one for everybody.
    """

    @model_validator(mode="before")
    @classmethod
    def _keep(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {key: _NARROWING.get(key) if value is None else value for key, value in data.items()}


def _not_empty(value: object) -> object:
    if value == {}:
        raise ValueError("expected days, from or to, found an empty mapping")
    return value


# Made by a call, as no attribute can be written with the name "from".
_WINDOW = create_model(
    "WindowSection",
    __base__=NarrowingSection,
    **{
        "days": (OneOrMore[Annotated[str, checked(weekdays)]], list(DAYS)),
        "from": (Annotated[str, checked(first_minute)], "00:00"),
        "to": (Annotated[str, checked(minute_of_day)], "24:00"),
    },
)  # type: ignore[call-overload]
type WindowSection = Annotated[
    NarrowingSection,
    GetPydanticSchema(lambda _, handler: handler(_WINDOW)),
    BeforeValidator(_not_empty),
]


class PolicySection(NarrowingSection):
    """One item of ``policies``."""

    id: Annotated[str, AfterValidator(_name)]
    clients: OneOrMore[Annotated[str, checked(network)]] | None = None
    users: OneOrMore[Annotated[str, AfterValidator(_user)]] | None = None
    when: Annotated[list[WindowSection], Field(min_length=1)] | None = None
    groups: dict[Annotated[str, AfterValidator(_name)], bool] = {}
    allow: OneOrMore[Annotated[str, checked(_allowed)]] | None = None
    answer: Answer = "page"
    mode: Annotated[Mode, Field(validate_default=True)] = Mode.FILTER

    @field_validator("id")
    @classmethod
    def _is_own(cls, found: str, info: ValidationInfo) -> str:
        assert info.context is not None
        ids = info.context.setdefault("ids", set())
        if found in ids:
            raise ValueError(
                f"expected an id of its own, found {found!r}, that of an earlier policy"
            )
        ids.add(found)
        return found

    @field_validator("mode")
    @classmethod
    def _has_use_for_the_rest(cls, mode: Mode, info: ValidationInfo) -> Mode:
        idle = [key for key in ("groups", "allow") if info.data.get(key)]
        if mode is Mode.OFF and idle:
            raise ValueError(
                f"expected no {' and '.join(idle)} beside mode: off, under which nothing is "
                "blocked; to switch the policy itself off, comment it out"
            )
        return mode

    def policy(self, path: Path, line: int) -> Policy:
        """Return what it says."""
        return Policy(
            id=self.id,
            path=str(path),
            line=line,
            clients=Clients(frozenset(map(network, self.clients))) if self.clients else None,
            users=frozenset(map(user_key, self.users)) if self.users else None,
            when=Week.of(map(_window, self.when)) if self.when else None,
            on=frozenset(group for group, on in self.groups.items() if on),
            off=frozenset(group for group, on in self.groups.items() if not on),
            mode=self.mode,
            allow=AllowedHosts(tuple(self.allow or ())),
            answer=self.answer,
        )


def _window(section: NarrowingSection) -> Window:
    found = section.model_dump()
    return Window(
        frozenset().union(*map(weekdays, found["days"])),
        first_minute(found["from"]),
        minute_of_day(found["to"]),
    )


class PoliciesFile(schema.Section):
    """The whole file."""

    policies: list[PolicySection] = []


def parse(text: str, path: Path) -> tuple[Policy, ...]:
    """Return the policies of *text*, in its order; *path* is only named in them.

    Raises:
        RuleErrors: with all that is wrong.
    """
    document = schema.parse(text, path, PoliciesFile)
    return tuple(
        section.policy(path, document.line("policies", i))
        for i, section in enumerate(document.model.policies)
    )
