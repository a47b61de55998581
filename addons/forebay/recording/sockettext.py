"""WebSockets as people can read them in a cassette, and back to the same messages.

Pure.  Each message is one item: who has sent it and its text, JSON on many lines
where it is long, or base64 with ``sent_as: base64`` beside it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from forebay.recording import bodytext
from forebay.recording.bodytext import BodyError
from forebay.recording.interaction import NO_CODE, Message, Side, WebSocket

CODES = range(1000, 5000)
"""Close codes (RFC 6455 §7.4.2)."""
BASE64 = "base64"
_LONGEST_LINE = 100
"""JSON up to this length stays on one line."""
_KEYS = frozenset({"messages", "closed_by", "code", "reason"})


def shown(found: WebSocket) -> dict[str, Any]:
    """Return what stands in the cassette for a WebSocket.

    >>> shown(WebSocket((Message(Side.CLIENT, b"hi"), Message(Side.SERVER, b"bin", is_text=False))))
    {'messages': [{'client': 'hi'}, {'server': 'Ymlu', 'sent_as': 'base64'}]}
    """
    said: dict[str, Any] = {"messages": [_shown(each) for each in found.messages]}
    if found.closed_by is not None:
        said["closed_by"] = str(found.closed_by)
        if found.code != NO_CODE:
            said["code"] = found.code
        if found.reason:
            said["reason"] = found.reason
    return said


def _shown(message: Message) -> dict[str, str]:
    side = str(message.side)
    if not message.is_text:
        return {side: base64.b64encode(message.content).decode("ascii"), "sent_as": BASE64}
    text = message.content.decode("utf-8", "surrogateescape")
    if len(text) <= _LONGEST_LINE:
        return {side: text}
    text, style = bodytext.spread(text)
    return {side: text} | ({"sent_as": style} if style else {})


def read(said: Mapping[str, Any]) -> WebSocket:
    """Return the WebSocket of which *said* speaks, as YAML has it.

    Raises:
        BodyError: when a message cannot be made out.
        TypeError: or another, when what is there is not what `shown` returns.
    """
    items, closed_by = said["messages"], said.get("closed_by")
    code, reason = said.get("code", NO_CODE), said.get("reason", "")
    if not said.keys() <= _KEYS or type(code) is not int or not isinstance(reason, str):
        raise TypeError
    if code not in CODES:
        raise ValueError
    return WebSocket(
        tuple(map(_read, items)),
        None if closed_by is None else Side(closed_by),
        code,
        reason,
    )


def _read(item: Mapping[str, Any]) -> Message:
    (side, text), *rest = item.items()
    if not isinstance(text, str) or len(rest) > 1 or (rest and rest[0][0] != "sent_as"):
        raise TypeError
    return message(Side(side), text, rest[0][1] if rest else None)


def message(side: Side, text: str, style: str | None) -> Message:
    """Return a message.

    Args:
        side: who has sent it.
        text: as the cassette has it.
        style: how it was sent, if that is said.

    Raises:
        BodyError: when it is not of that style.
    """
    if style == BASE64:
        try:
            return Message(side, base64.b64decode(text, validate=True), is_text=False)
        except binascii.Error:
            raise BodyError("expected base64, as sent_as says, found other text") from None
    if style is not None:
        text = bodytext.gathered(text, style)
    return Message(side, text.encode("utf-8", "surrogateescape"))
