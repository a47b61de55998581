"""Which parts of the proxy one request is to go round, and whether it may.

Pure.  Whoever sits at this machine may say ``X-Forebay-Bypass: cache, rewrite``
to see what a request gets without them.  A page in a browser, or a client
elsewhere, must not, so the field is honoured only where none of these holds:

1. The client is not on this machine, or another proxy has passed the request on.
2. A script in a browser made it: ``Sec-Fetch-Mode`` or ``Sec-Fetch-Dest`` says so, or
   it has an ``Origin``.  A service worker may add fields to a navigation that it has
   caught and sends once more; but then that is one of a script's, to no document.
3. It is a replay: who sends that is not who sent it first.
4. The proxy stands in for a server (reverse mode): whoever is in front of it speaks
   for all of its clients, and need not say so.
5. The field cannot be read as a list of words (RFC 9110 §5.6.1).

What is left: a script in a page that was fetched over plain HTTP and asks for more
of the same origin, as browsers send nothing there by which to tell; and whoever
comes by a forwarder on this machine that says nothing (a tunnel, some proxies).
So ``block`` counts only where the user has named it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebay import addresses
from forebay.endtoend import Fields
from forebay.errors import ForebayError

OPTION = "forebay_bypass"
FIELD = b"x-forebay-bypass"
SHOWN = "X-Forebay-Bypass"
CACHE, REWRITE, BLOCK = "cache", "rewrite", "block"
WORDS = (CACHE, REWRITE, BLOCK)

_LENGTH = len(FIELD)
_LONGEST_BYTES = 200
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}").fullmatch  # RFC 9110 §5.6.2
_UNUSUAL = re.compile(rb"[^0-9a-z-]").sub
_OF_PROXIES = frozenset(
    b"via forwarded client-ip x-client-ip x-cluster-client-ip x-real-ip true-client-ip "
    b"cf-connecting-ip fastly-client-ip".split()
)
_NAVIGATION = [(b"sec-fetch-dest", b"document"), (b"sec-fetch-mode", b"navigate")]
_ALSO_OF_PROXIES = (b"x-forwarded-", b"x-original-", b"x-envoy-")


@dataclass(frozen=True, slots=True)
class Bypass:
    """What became of the field of one request.

    Args:
        asked: the words in it, in lower case, known or not.
        done: those that are honoured.
        ignored: why the others are not, or None when there are none.
    """

    asked: tuple[str, ...]
    done: tuple[str, ...]
    ignored: str | None = None

    def as_outcome(self) -> dict[str, Any]:
        """Return it in plain types, for the flow's outcome."""
        return {"asked": list(self.asked), "done": list(self.done), "ignored": self.ignored}


def parse_allowed(text: str) -> frozenset[str]:
    """Return what may be bypassed by the option's value.

    >>> sorted(parse_allowed("cache, Rewrite")), parse_allowed("")
    (['cache', 'rewrite'], frozenset())

    Raises:
        ForebayError: when it names anything else.
    """
    words = [word.strip().lower() for word in text.split(",")]
    found = frozenset(filter(None, words))
    for word in words:
        if word and word not in WORDS:
            raise ForebayError(
                f"{OPTION}: expected cache, rewrite or block, separated by commas, "
                f"or nothing, found {word[:100]!r}"
            )
    return found


def taken(fields: Fields) -> tuple[Fields, list[bytes]] | None:
    """Return the other fields, and the values of ours; None when there is none of it.

    >>> taken(((b"A", b"1"), (b"x-forebay-BYPASS", b"cache")))
    (((b'A', b'1'),), [b'cache'])
    """
    # Asked of every request, so the length is compared before the name.
    for name, _ in fields:
        if len(name) == _LENGTH and name.lower() == FIELD:
            break
    else:
        return None
    kept: list[tuple[bytes, bytes]] = []
    values: list[bytes] = []
    for name, value in fields:
        if name.lower() == FIELD:
            values.append(value)
        else:
            kept.append((name, value))
    return tuple(kept), values


def judged(values: Sequence[bytes], allowed: frozenset[str], doubt: str | None) -> Bypass:
    """Return what becomes of a request whose field has these *values*.

    >>> judged([b"cache", b"Block"], frozenset({"cache"}), None)
    Bypass(asked=('cache', 'block'), done=('cache',), ignored='not in forebay_bypass: block')

    Args:
        values: one for each line of the field.
        allowed: what may be bypassed.
        doubt: why nothing is honoured whatever it says, see `doubt`; None: no doubt.
    """
    words = _words(values)
    if words is None:
        return Bypass((), (), doubt or "not a list of words")
    if doubt is not None:
        return Bypass(words, (), doubt)
    done = tuple(word for word in words if word in WORDS and word in allowed)
    reasons = (
        ("unknown", [word for word in words if word not in WORDS]),
        (f"not in {OPTION}", [word for word in words if word in WORDS and word not in allowed]),
    )
    ignored = "; ".join(f"{why}: {', '.join(which)}" for why, which in reasons if which)
    return Bypass(words, done, ignored or None)


def _words(values: Sequence[bytes]) -> tuple[str, ...] | None:
    """Return the words in lower case, each once, or None for what is no list of words."""
    if sum(map(len, values)) > _LONGEST_BYTES:
        return None
    members = [member.strip(b" \t") for value in values for member in value.split(b",")]
    members = [member for member in members if member]  # empty ones are none
    if not all(map(_TOKEN, members)):
        return None
    return tuple(dict.fromkeys(member.decode("ascii").lower() for member in members))


def doubt(
    fields: Fields, *, client: str | None, is_replay: bool = False, is_reverse: bool = False
) -> str | None:
    """Return why a request with these *fields* may go round nothing, or None.

    >>> doubt(((b"Origin", b"null"),), client="127.0.0.1")
    'sent by a script in a browser (Origin)'

    Args:
        fields: all fields of the request, other than ours.
        client: the address of the client's end of the connection.
        is_replay: whether the request is sent once more by mitmproxy.
        is_reverse: whether the proxy stands in for a server.
    """
    if is_replay:
        return "a replay"
    if client is None or not is_this_machine(client):
        return "the client is not on this machine"
    if is_reverse:
        return "reverse mode"
    purpose: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        lowered = name.lower()
        if lowered in _OF_PROXIES or lowered.startswith(_ALSO_OF_PROXIES):
            return f"passed on by another proxy ({_shown(lowered)})"
        if lowered == b"origin":
            return "sent by a script in a browser (Origin)"
        if lowered.startswith(b"sec-fetch-"):
            purpose.append((lowered, value))
    told = sorted(each for each in purpose if each[0] in (b"sec-fetch-dest", b"sec-fetch-mode"))
    if purpose and told != _NAVIGATION:
        return "sent by a script in a browser (Sec-Fetch)"
    return None


def is_this_machine(address: str) -> bool:
    """Return whether an IP address is a loopback one, IPv4-mapped ones included.

    >>> is_this_machine("127.9.9.9"), is_this_machine("::ffff:127.0.0.1")
    (True, True)
    """
    try:
        return ipaddress.ip_address(addresses.ipv6(address) or address).is_loopback
    except ValueError:
        return False


def _shown(name: bytes) -> str:
    return _UNUSUAL(b"?", name[:40]).decode("ascii").title()
