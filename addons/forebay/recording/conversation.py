"""A WebSocket that is played: what its server says next, and whether the client says what it did.

Pure.  The recorded order holds: a message of the server is due when all that
came before it has been said.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.recording.interaction import Message, Request, Side, WebSocket
from forebay.recording.match import Difference, Matcher, difference


@dataclass(frozen=True, slots=True)
class Unexpected:
    """A message of the client that is not the recorded one.

    Attributes:
        request: what began the WebSocket.
        number: of the interaction in the cassette, from 0.
        message: number of the message that was due, from 0; where no more was
            recorded, how many there are.
        is_more: whether that is so.
        difference: what was found, and what was recorded.
    """

    request: Request
    number: int
    message: int
    is_more: bool
    difference: Difference


@dataclass(slots=True)
class Conversation:
    """A recorded WebSocket, and how far it was played.

    Attributes:
        request: what began it.
        number: of the interaction in the cassette, from 0.
        recorded: what was said.
        matcher: compares messages.
        at: number of the message that is due.
        unexpected: what the client has said otherwise.
        is_over: whether either side has left.
    """

    request: Request
    number: int
    recorded: WebSocket
    matcher: Matcher = field(default_factory=Matcher)
    at: int = 0
    unexpected: Unexpected | None = None
    is_over: bool = False

    def due(self) -> list[Message]:
        """Return what the server says now; it counts as said."""
        messages, start = self.recorded.messages, self.at
        while self.at < len(messages) and messages[self.at].side is Side.SERVER:
            self.at += 1
        return list(messages[start : self.at])

    def hear(self, said: Message) -> bool:
        """Return whether the client says what was recorded; see `unexpected` where it does not."""
        messages, number = self.recorded.messages, self.at
        if number == len(messages):
            found = difference(f"message {number + 1}", self._shown(said), "")
            self.unexpected = Unexpected(self.request, self.number, number, True, found)
            return False
        mine, other = self._shown(said), self._shown(messages[number])
        if "body" in self.matcher.parts and mine != other:
            found = difference(f"message {number + 1}", mine, other)
            self.unexpected = Unexpected(self.request, self.number, number, False, found)
            return False
        self.at += 1
        return True

    def _shown(self, message: Message) -> str:
        text = self.matcher.content(message.content)
        return text if message.is_text else f"binary: {message.content.hex(' ')}"

    @property
    def is_played(self) -> bool:
        """Whether all messages were said."""
        return self.at == len(self.recorded.messages)

    @property
    def closes(self) -> bool:
        """Whether it is for the server to end it now."""
        return self.is_played and self.recorded.closed_by is Side.SERVER
