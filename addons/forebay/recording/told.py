"""What is said of a recording: to the client whose request nothing answers, and to the test.

Pure.  All of it is plain data, as it goes over the control connection.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from forebay.recording.conversation import Unexpected
from forebay.recording.interaction import Headers, Interaction, Request, Side
from forebay.recording.tape import Asked, Refuse

STATUS = 599
"""Of the answer to a request that nothing answers: an error that no client tries again."""
REASON = "Not Recorded"


def why(found: Refuse) -> str:
    """Return in a line why a request was refused.

    >>> why(Refuse(Request("GET", "http://h/"), times=2))
    'GET http://h/ was recorded 2 times and is asked once more'
    """
    asked = f"{found.request.method} {found.request.url}"
    if found.times:
        times = "once" if found.times == 1 else f"{found.times} times"
        return f"{asked} was recorded {times} and is asked once more"
    return f"{asked} is not in the recording"


def refusal(found: Refuse) -> dict[str, Any]:
    """Return what is known about a request that was refused."""
    said: dict[str, Any] = {
        "error": why(found),
        "method": found.request.method,
        "url": found.request.url,
        "recorded_times": found.times,
    }
    if found.nearest is not None:
        said["nearest"] = {"method": found.nearest.method, "url": found.nearest.url}
        said["differences"] = [
            {"part": each.part, "asked": each.asked, "recorded": each.recorded}
            for each in found.differences
        ]
    return said


def what(found: Unexpected, place: str) -> str:
    """Return in a line what is wrong with a message; *place* is where the recorded one is."""
    url, number = found.request.url, found.message + 1
    if found.is_more:
        return f"{url}: expected no message after the {found.message} of {place}, found one more"
    return f"{url}: expected message {number} as in {place}, found another"


def unexpected(found: Unexpected, place: str) -> dict[str, str]:
    """Return what is known about a message that is not the recorded one."""
    return {
        "error": what(found, place),
        "recorded": found.difference.recorded,
        "found": found.difference.asked,
    }


def answer(found: Refuse, cassette: str) -> bytes:
    """Return the body of the answer to a request that was refused."""
    said = {
        **refusal(found),
        "cassette": cassette,
        "help": "record it anew (recording mode new_episodes or all), or let its host pass (allow)",
    }
    return json.dumps(said, indent=2).encode() + b"\n"


def asked(seen: Asked) -> dict[str, Any]:
    """Return a request that was seen, with what came of it."""
    said: dict[str, Any] = {**_request(seen.request), "outcome": seen.outcome}
    if seen.response is not None:
        said["status"] = seen.response.status
    return said


def _request(request: Request) -> dict[str, Any]:
    said: dict[str, Any] = {
        "method": request.method,
        "url": request.url,
        "headers": headers(request.headers),
    }
    if request.body:
        said["body"] = base64.b64encode(request.body).decode("ascii")
    return said


def headers(found: Headers) -> dict[str, str]:
    """Return header fields with their values joined (RFC 9110 §5.3)."""
    said: dict[str, str] = {}
    for name, value in found:
        said[name] = f"{said[name]}, {value}" if name in said else value
    return said


def lines(found: Headers) -> dict[str, list[str]]:
    """Return header fields with all their values, as records have them."""
    said: dict[str, list[str]] = {}
    for name, value in found:
        said.setdefault(name, []).append(value)
    return said


def searchable(found: Interaction) -> dict[str, Any]:
    """Return an interaction under the names of records, for what looks for secrets in those."""
    said: dict[str, Any] = {
        "url.full": found.request.url,
        "http.request.header": lines(found.request.headers),
        "http.response.header": lines(found.response.headers),
        "forebay.request.content_type": found.request.header("content-type"),
        "forebay.response.content_type": found.response.header("content-type"),
    }
    for name, body in (("request", found.request.body), ("response", found.response.body)):
        if body:
            said[f"forebay.{name}.body"] = _searchable_body(body)
    return said


def searchable_messages(found: Interaction) -> Iterator[dict[str, Any]]:
    """Yield the messages of a WebSocket as `searchable` does bodies."""
    for each in () if found.websocket is None else found.websocket.messages:
        name = "request" if each.side is Side.CLIENT else "response"
        yield {f"forebay.{name}.body": _searchable_body(each.content)}


def _searchable_body(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode("ascii")}
