"""What a cassette may say, for those that were edited by hand.

Importing this imports pydantic (see `forebay.schema`): import it late.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from forebay import schema
from forebay.errors import RuleError
from forebay.recording import bodytext
from forebay.recording.interaction import Headers
from forebay.schema import OneOrMore, checked

type Style = Literal["json", "json compact", "json ascii", "json ascii compact"]


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


class InteractionSection(schema.Section):
    """One item of ``interactions``."""

    request: RequestSection
    response: ResponseSection


class CassetteFile(schema.Section):
    """The whole file."""

    version: int
    interactions: list[InteractionSection] = []

    @field_validator("version")
    @classmethod
    def _is_known(cls, version: int) -> int:
        if version != 1:
            raise ValueError(f"expected version 1, found {version}")
        return version
