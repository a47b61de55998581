"""IP addresses: the one form for each, whatever its spelling.

Pure: no mitmproxy, no clock, no files, no sockets.
"""

from __future__ import annotations

import ipaddress
import re

# A connection to the unspecified address ends at the machine itself (Linux, BSD).
_SELF = {
    "0.0.0.0": ("127.0.0.1", "localhost"),
    "::": ("::1", "127.0.0.1", "localhost"),
}
_NUMBERS = re.compile(r"(?:(?:0x[0-9a-f]+|[0-9]+)\.){0,3}(?:0x[0-9a-f]+|[0-9]+)").fullmatch


def ipv6(text: str) -> str | None:
    """Return the IPv6 address *text*, without brackets and zone, compressed (RFC 5952).

    An IPv4-mapped one (RFC 4291 §2.5.5.2) becomes its IPv4 address; what is no
    IPv6 address is None.

    >>> ipv6("0:0::1"), ipv6("::ffff:127.0.0.1"), ipv6("127.0.0.1")
    ('::1', '127.0.0.1', None)
    """
    if ":" not in text:
        return None
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    return str(address.ipv4_mapped or address)


def ipv4(text: str) -> str | None:
    """Return the dotted quad for any form that inet_aton(3) reads, None for all else.

    One to four numbers, each decimal, octal (leading 0) or hexadecimal (0x);
    the last fills all bytes that are left.  *text* is in lower case.

    >>> ipv4("0x7f.1"), ipv4("08.1")
    ('127.0.0.1', None)
    """
    if not _NUMBERS(text):
        return None
    try:
        *leading, last = [_number(part) for part in text.split(".")]
    except ValueError:
        return None  # 08 is no octal number
    value = 0
    for number in leading:
        if number > 255:
            return None
        value = value << 8 | number
    room = 32 - 8 * len(leading)
    if last >> room:
        return None
    return str(ipaddress.IPv4Address(value << room | last))


def loopback(address: str) -> tuple[str, ...]:
    """Return under what other loopback names a connection to *address* might as well be made.

    *address* is canonical.  All of 127.0.0.0/8 is the machine itself (RFC 1122
    §3.2.1.3).  IPv6 forms other than IPv4-mapped that hold an IPv4 address
    (IPv4-compatible, NAT64, 6to4) are not delivered to it.

    >>> loopback("0.0.0.0"), loopback("127.0.0.2"), loopback("192.0.2.1")
    (('127.0.0.1', 'localhost'), ('127.0.0.1',), ())
    """
    if address.startswith("127.") and address != "127.0.0.1" and ipv4(address) == address:
        return ("127.0.0.1",)
    return _SELF.get(address, ())


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text, 16)
    return int(text, 8 if text.startswith("0") else 10)
