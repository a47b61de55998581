"""Directives for caches of this kind alone: CDN-Cache-Control (RFC 9213).

One that can be read, whole, takes the place of Cache-Control and of Expires;
one that cannot counts as absent.  A known directive with a value of another
type makes the field unreadable; one that restricts counts with any value.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebay.cache.directives import Directives, cache_control
from forebay.cache.headers import Head
from forebay.cache.structured import InnerList, Item, Member, StructuredFieldError, parse_dictionary

FIELD = b"cdn-cache-control"
_SPANS = frozenset({"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"})
_FLAGS = frozenset({"must-revalidate", "must-understand", "proxy-revalidate", "public"})
_LONGEST_BYTES = 4096


class Targeted(StrEnum):
    """When targeted fields are obeyed: in front of an origin they mean us, elsewhere hardly."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"

    def applies(self, *, is_reverse: bool) -> bool:
        """Return whether they are obeyed for a flow in reverse mode or another."""
        return is_reverse if self is Targeted.AUTO else self is Targeted.ON


@dataclass(frozen=True, slots=True)
class Governing:
    """The directives that count; *is_targeted* when Expires does not."""

    control: Directives
    is_targeted: bool = False


def governing(head: Head, *, targeted: bool) -> Governing:
    """Return the directives that count for a response with this head.

    >>> head = Head([(b"Cache-Control", b"no-store"), (b"CDN-Cache-Control", b"max-age=9")])
    >>> governing(head, targeted=True).control.seconds("max-age")
    9
    """
    if targeted and FIELD in head:
        found = _directives(b", ".join(head.lines(FIELD)))
        if found is not None:
            return Governing(found, is_targeted=True)
    return Governing(cache_control(head))


def _directives(value: bytes) -> Directives | None:
    """Return what the field says; None when it is empty or cannot be read (RFC 9213 §2.1)."""
    if len(value) > _LONGEST_BYTES:
        return None
    try:
        members = parse_dictionary(value)
    except StructuredFieldError:
        return None
    if not members or not all(_is_typed(name, member) for name, member in members.items()):
        return None
    return Directives(
        {name: (_argument(member),) for name, member in members.items() if not _is_false(member)}
    )


def _is_typed(name: str, member: Member) -> bool:
    value = None if isinstance(member, InnerList) else member.value
    if name in _SPANS:
        return isinstance(value, int) and not isinstance(value, bool)
    return name not in _FLAGS or isinstance(value, bool)


def _is_false(member: Member) -> bool:
    return isinstance(member, Item) and member.value is False


def _argument(member: Member) -> str:
    if isinstance(member, InnerList):
        return "()"
    return "" if member.value is True else str(member.value)
