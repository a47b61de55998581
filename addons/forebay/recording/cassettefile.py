"""What a cassette may say, for those that were edited by hand.

Importing this imports pydantic (see `forebay.schema`): import it late.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from forebay import schema
from forebay.errors import RuleError
from forebay.recording import bodytext, sockettext
from forebay.recording.interaction import NO_CODE, SWITCHED, Headers, Message, Side, WebSocket
from forebay.schema import OneOrMore, checked

type Style = Literal["json", "json compact", "json ascii", "json ascii compact", "crlf"]
type MessageStyle = Literal["json", "json compact", "json ascii", "json ascii compact", "base64"]


def absolute_url(text: str) -> str:
    """Return *text*, an absolute URL.

    Raises:
        RuleError: when it is none.
    """
    try:
        found = urlsplit(text)
        is_url = bool(found.scheme and found.hostname)
    except ValueError:
        is_url = False
    if not is_url:
        raise RuleError(f"expected an absolute URL, found {text!r:.70}")
    return text


class MessageSection(schema.Section):
    """What requests and responses have in common."""

    headers: dict[str, OneOrMore[str]] = {}
    body: str = ""
    sent_as: Style | None = None
    body_file: str | None = None

    def pairs(self) -> Headers:
        """Return the header fields, in the order that cassettes have them in."""
        return tuple(
            (name.lower(), value) for name, values in self.headers.items() for value in values
        )

    def content(self, files: Mapping[str, bytes]) -> bytes:
        """Return the body.

        Raises:
            BodyError: when it cannot be made out.
        """
        return bodytext.read(self.model_dump(exclude_none=True), files)


class RequestSection(MessageSection):
    """``request``."""

    method: Annotated[str, Field(min_length=1)]
    url: Annotated[str, checked(absolute_url)]


class ResponseSection(MessageSection):
    """``response``."""

    status: Annotated[int, Field(ge=100, le=599)]
    ended_by: Literal["client"] | None = None


class MessageItem(schema.Section):
    """One item of ``messages``."""

    client: str | None = None
    server: str | None = None
    sent_as: MessageStyle | None = None

    @model_validator(mode="after")
    def _has_one_sender(self) -> Self:
        if (self.client is None) == (self.server is None):
            raise ValueError("expected client or server as who has sent a message")
        self.made()
        return self

    def made(self) -> Message:
        """Return the message.

        Raises:
            BodyError: when it cannot be made out.
        """
        if self.client is None:
            return sockettext.message(Side.SERVER, self.server or "", self.sent_as)
        return sockettext.message(Side.CLIENT, self.client, self.sent_as)


class WebSocketSection(schema.Section):
    """``websocket``."""

    messages: list[MessageItem] = []
    closed_by: Literal["client", "server"] | None = None
    code: Annotated[int, Field(ge=1000, le=4999)] = NO_CODE
    reason: str = ""

    def made(self) -> WebSocket:
        """Return the WebSocket."""
        return WebSocket(
            tuple(each.made() for each in self.messages),
            None if self.closed_by is None else Side(self.closed_by),
            self.code,
            self.reason,
        )


class InteractionSection(schema.Section):
    """One item of ``interactions``."""

    request: RequestSection
    response: ResponseSection
    websocket: WebSocketSection | None = None

    @model_validator(mode="after")
    def _is_switched(self) -> Self:
        if self.websocket is not None and self.response.status != SWITCHED:
            raise ValueError(
                f"expected the status {SWITCHED} before a WebSocket, found {self.response.status}"
            )
        return self


class CassetteFile(schema.Section):
    """The whole file."""

    version: int
    interactions: list[InteractionSection] = []

    @field_validator("version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version not in (1, 2):
            raise ValueError(f"expected version 1 or 2, found {version}")
        return version
