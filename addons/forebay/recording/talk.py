"""A WebSocket that is recorded, message by message, up to a size and a number of them.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.recording.interaction import Message, Side, WebSocket


@dataclass(slots=True)
class Talk:
    """What is said over a WebSocket.

    Attributes:
        limit_bytes: the longest that all messages may be together.
        most: how many there may be.
        excess: why it is not kept, where it is not.
    """

    limit_bytes: int
    most: int
    excess: str = ""
    _messages: list[Message] = field(default_factory=list)
    _size_bytes: int = 0

    def add(self, message: Message) -> None:
        """Keep a message, or let go of all where there is too much of them."""
        if self.excess:
            return
        self._messages.append(message)
        self._size_bytes += len(message.content)
        if self._size_bytes > self.limit_bytes:
            self.excess = (
                f"expected messages of at most {self.limit_bytes:,} bytes "
                "(recording_max_body_bytes), found more"
            )
        elif len(self._messages) > self.most:
            self.excess = (
                f"expected at most {self.most:,} messages (recording_max_messages), found more"
            )
        if self.excess:
            self._messages.clear()

    def ended(self, closed_by: Side | None, code: int, reason: str) -> WebSocket:
        """Return all that was said."""
        return WebSocket(tuple(self._messages), closed_by, code, reason)
