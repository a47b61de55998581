"""Which header fields a rule may write, and with which values (RFC 9110 §5).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re

from forebay.errors import RuleError

_FRAMING = "it says where the message ends, which the proxy decides"
_CONNECTION = "it is about one connection, not about the message (RFC 9110 §7.6.1)"
REFUSED = {
    b"content-length": _FRAMING,
    b"transfer-encoding": _FRAMING,
    b"trailer": _FRAMING,
    b"connection": _CONNECTION,
    b"keep-alive": _CONNECTION,
    b"proxy-connection": _CONNECTION,
    b"te": _CONNECTION,
    b"upgrade": _CONNECTION,
    b"host": "it must agree with the URL; the action url changes both",
}

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # RFC 9110 §5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search  # a tab is allowed (§5.5)


def seen_name(text: str) -> bytes:
    """Return *text* as the name of a field, which a rule may look at whatever it is.

    Raises:
        RuleError: when it is no name.
    """
    if not _TOKEN(text):
        raise RuleError(f"expected a field name such as X-Trace, found {text!r:.70}")
    return text.encode("ascii")


def field_name(text: str) -> bytes:
    """Return *text* as a name that a rule may write.

    Raises:
        RuleError: when it is no name, or a field that is not a rule's to write.

    >>> field_name("X-Trace")
    b'X-Trace'
    """
    name = seen_name(text)
    reason = REFUSED.get(name.lower())
    if reason is not None:
        raise RuleError(f"expected a field that a rule may write, found {text}: {reason}")
    return name


def removed_name(text: str) -> tuple[bytes, bool]:
    """Return the name to remove, and whether all names that begin with it are meant.

    Fields that a rule may not write are never among those.

    Raises:
        RuleError: when it is neither a name that a rule may write nor a beginning with ``*``.

    >>> removed_name("X-Debug-*"), removed_name("Via")
    ((b'X-Debug-', True), (b'Via', False))
    """
    if not text.endswith("*"):
        return field_name(text), False
    if text == "*" or "*" in text[:-1] or not _TOKEN(text):
        raise RuleError(
            f"expected a field name or its beginning such as X-Debug-*, found {text!r:.70}"
        )
    return text[:-1].encode("ascii"), True


def control_in(text: str) -> str | None:
    r"""Return a character of *text* that no value may hold, or None.

    >>> control_in("a\r\nb")
    '\r'
    """
    found = _CONTROL(text)
    return None if found is None else found[0]


def field_value(text: str) -> bytes:
    """Return *text* as the value of a field.

    Raises:
        RuleError: when it could break out of its line, or cannot be sent.

    >>> field_value("no-store")
    b'no-store'
    """
    if control := _CONTROL(text):
        raise RuleError(
            f"expected a value of one line without control characters, found {control[0]!r}"
        )
    if text != text.strip(" \t"):
        raise RuleError(f"expected a value without space around it, found {text!r:.70}")
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError as error:
        found = text[error.start]
        raise RuleError(
            f"expected characters of ISO 8859-1, found {found!r}: encode it as its reader expects"
        ) from None
