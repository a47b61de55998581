"""Recordings from and to other tools: HTTP Archives (HAR 1.2), and cassettes of VCR.py.

Pure.  What comes in is cleaned like what is recorded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from forebay.export import harmessage
from forebay.recording import clean, told
from forebay.recording.interaction import SWITCHED, Interaction, Message, Side, WebSocket
from forebay.trafficlog.record import Record
from forebay.trafficlog.redact import Redactor

LIMIT_BYTES = 64 * 1024 * 1024
"""A body that is longer without its codings stays coded."""


class ArchiveError(ValueError):
    """A file of another tool that cannot be made out; its text says why."""


def records(interactions: Iterable[Interaction], at: datetime) -> Iterator[Record]:
    """Yield a record of the traffic log for each interaction; cassettes tell no times."""
    for seq, each in enumerate(interactions, start=1):
        asked, answered = each.request, each.response
        url = urlsplit(asked.url)
        yield Record(
            kind="http" if each.websocket is None else "websocket",
            seq=seq,
            timestamp=at,
            method=asked.method,
            url_full=asked.url,
            url_scheme=url.scheme,
            url_path=url.path,
            url_query=url.query or None,
            server_address=url.hostname,
            status=answered.status,
            protocol_version="1.1",
            request_headers=told.lines(asked.headers),
            response_headers=told.lines(answered.headers),
            request_content_type=asked.header("content-type"),
            response_content_type=answered.header("content-type"),
            request_body=_body(asked.body),
            response_body=_body(answered.body),
            request_decoded_bytes=len(asked.body),
            response_decoded_bytes=len(answered.body),
        )


def messages(found: Interaction, at: datetime) -> list[dict[str, Any]] | None:
    """Return the messages of a WebSocket as archives have them; None for another exchange."""
    if found.websocket is None:
        return None
    return [
        harmessage.said(
            each.content,
            at.timestamp(),
            is_text=each.is_text,
            is_sent=each.side is Side.CLIENT,
        )
        for each in found.websocket.messages
    ]


def _body(data: bytes) -> dict[str, Any] | None:
    if not data:
        return None
    try:
        content = {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        content = {"base64": base64.b64encode(data).decode("ascii")}
    return {"size": len(data), "truncated": False, **content}


def from_har(document: Any, redactor: Redactor) -> list[Interaction]:
    """Return the exchanges of an HTTP Archive that have an answer.

    Args:
        document: as JSON has it.
        redactor: masks secrets.

    Raises:
        ArchiveError: when it is none.
    """
    try:
        entries = list(document["log"]["entries"])
    except (KeyError, TypeError):
        raise ArchiveError("expected an HTTP Archive with log.entries, found none") from None
    found = []
    for number, entry in enumerate(entries, start=1):
        try:
            asked, answered = entry["request"], entry["response"]
            if not answered["status"]:
                continue  # there was no answer
            said = _said(redactor, entry)
            url = str(asked["url"])
            if said is not None and url.startswith("http"):
                url = f"ws{url[4:]}"  # as recordings have it
            found.append(
                Interaction(
                    clean.request(
                        redactor,
                        str(asked["method"]),
                        url,
                        _fields(asked),
                        _posted(asked.get("postData") or {}),
                        LIMIT_BYTES,
                    ),
                    clean.response(
                        redactor,
                        int(answered["status"]),
                        _decoded(_fields(answered)),
                        _content(answered.get("content") or {}),
                        LIMIT_BYTES,
                    ),
                    said,
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArchiveError(f"expected an exchange as entry {number}, found {error!r}") from None
    return found


def _said(redactor: Redactor, entry: Mapping[str, Any]) -> WebSocket | None:
    """Return the WebSocket of an entry, as browsers write it; how it was closed they do not say."""
    said = entry.get("_webSocketMessages")
    if said is None or entry["response"]["status"] != SWITCHED:
        return None
    return clean.websocket(redactor, WebSocket(tuple(map(_message, said))))


def _message(said: Mapping[str, Any]) -> Message:
    side = {"send": Side.CLIENT, "receive": Side.SERVER}[said["type"]]
    if said["opcode"] == 2:
        return Message(side, base64.b64decode(said["data"], validate=True), is_text=False)
    return Message(side, _bytes(said["data"]))


def _fields(message: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    return [
        (_bytes(each["name"]), _bytes(each["value"]))
        for each in message.get("headers", ())
        if not str(each["name"]).startswith(":")  # HTTP/2's own, as browsers write them
    ]


def _decoded(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields of a response whose content is decoded, as it is in archives."""
    return [pair for pair in fields if pair[0].lower() != b"content-encoding"]


def _bytes(text: Any) -> bytes:
    return str(text).encode("utf-8", "surrogateescape")


def _posted(data: Mapping[str, Any]) -> bytes:
    if "_base64" in data:
        return base64.b64decode(data["_base64"], validate=True)
    if data.get("text"):
        return _bytes(data["text"])
    pairs = data.get("params") or ()
    return b"&".join(_bytes(f"{each['name']}={each.get('value', '')}") for each in pairs)


def _content(content: Mapping[str, Any]) -> bytes:
    text = content.get("text") or ""
    if content.get("encoding") == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise ValueError(f"content that is no base64: {error}") from None
    return _bytes(text)


def is_vcr(document: Any) -> bool:
    """Return whether *document*, as YAML has it, is a cassette of VCR.py."""
    try:
        first = document["interactions"][0]
        return "uri" in first["request"] and "code" in first["response"]["status"]
    except (KeyError, TypeError, IndexError):
        return False


def from_vcr(document: Any, redactor: Redactor) -> list[Interaction]:
    """Return the interactions of a cassette of VCR.py.

    Raises:
        ArchiveError: when one of them cannot be made out.
    """
    found = []
    for number, each in enumerate(document["interactions"], start=1):
        try:
            asked, answered = each["request"], each["response"]
            found.append(
                Interaction(
                    clean.request(
                        redactor,
                        str(asked["method"]),
                        str(asked["uri"]),
                        _listed(asked.get("headers")),
                        _vcr_body(asked.get("body")),
                        LIMIT_BYTES,
                    ),
                    clean.response(
                        redactor,
                        int(answered["status"]["code"]),
                        _listed(answered.get("headers")),
                        _vcr_body(answered.get("body")),
                        LIMIT_BYTES,
                    ),
                )
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArchiveError(
                f"expected an exchange as interaction {number}, found {error!r}"
            ) from None
    return found


def _listed(headers: Mapping[str, Any] | None) -> list[tuple[bytes, bytes]]:
    return [
        (_bytes(name), _bytes(value))
        for name, values in (headers or {}).items()
        for value in (values if isinstance(values, list) else [values])
    ]


def _vcr_body(body: Any) -> bytes:
    match body:
        case None:
            return b""
        case {"string": found} | {"base64_string": found} if found is None:
            return b""
        case {"base64_string": found}:
            return base64.b64decode(found)
        case {"string": found}:
            return found if isinstance(found, bytes) else _bytes(found)
        case bytes():
            return body
        case _:
            return _bytes(body)
