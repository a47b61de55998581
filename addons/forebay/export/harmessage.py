"""Make the request and the response of a HAR 1.2 entry.

Pure.  What the format demands and the log does not know is -1 for a number and
empty for a text.  Members of our own begin with ``_``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from forebay.export import harcookies
from forebay.trafficlog.record import Record


def request(record: Record) -> dict[str, Any]:
    """Return the ``request`` of a record that has a URL."""
    fields = record.request_headers or {}
    made: dict[str, Any] = {
        "method": record.method or "",
        "url": record.url_full or "",
        "httpVersion": _version(record),
        "cookies": harcookies.sent(fields.get("cookie", ())),
        "headers": _headers(fields),
        "queryString": query(record.url_query or ""),
        "headersSize": _size(record.request_header_bytes),
        "bodySize": _size(record.request_body_bytes),
    }
    if record.request_body is not None:
        made["postData"] = _posted(record.request_body, record.request_content_type)
    return made


def response(record: Record) -> dict[str, Any]:
    """Return the ``response`` of *record*: with the status 0 when there was none."""
    fields = record.response_headers or {}
    made: dict[str, Any] = {
        "status": record.status or 0,
        "statusText": "",
        "httpVersion": "" if record.status is None else _version(record),
        "cookies": harcookies.received(fields.get("set-cookie", ())),
        "headers": _headers(fields),
        "content": _content(record),
        "redirectURL": next(iter(fields.get("location", ())), ""),
        "headersSize": _size(record.response_header_bytes),
        "bodySize": _size(record.response_body_bytes),
    }
    if record.error_type is not None:
        made["_error"] = record.error_message or record.error_type
    return made


def said(content: bytes, at_s: float, *, is_text: bool, is_sent: bool) -> dict[str, Any]:
    """Return a message of a WebSocket as browsers write it.

    >>> said(b"hi", 0.0, is_text=True, is_sent=True)
    {'type': 'send', 'time': 0.0, 'opcode': 1, 'data': 'hi'}
    """
    return {
        "type": "send" if is_sent else "receive",
        "time": at_s,
        "opcode": 1 if is_text else 2,
        "data": content.decode("utf-8", "replace") if is_text else b64encode(content).decode(),
    }


def query(text: str) -> list[dict[str, str]]:
    r"""Return the parameters of a query, decoded, in their order.

    >>> query("a=%C3%A9+1&b&a=%ff")
    [{'name': 'a', 'value': 'é 1'}, {'name': 'b', 'value': ''}, {'name': 'a', 'value': '\\xff'}]
    """
    pairs = parse_qsl(text, keep_blank_values=True, errors="backslashreplace")
    return [{"name": name, "value": value} for name, value in pairs]


def _version(record: Record) -> str:
    """Return the version that was spoken with the client, in both directions."""
    version = record.protocol_version
    return "" if version is None else f"HTTP/{version}"


def _headers(fields: Mapping[str, list[str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": each} for name, values in fields.items() for each in values]


def _size(size_bytes: int | None) -> int:
    return -1 if size_bytes is None else size_bytes


def _posted(body: dict[str, Any], content_type: str | None) -> dict[str, Any]:
    """Return ``postData``; the format has no way to hold what is no text, so ours is beside it."""
    made: dict[str, Any] = {"mimeType": content_type or "", "params": []}
    text = body.get("text")
    made["text"] = text if isinstance(text, str) else ""
    if "base64" in body:
        made["_base64"] = body["base64"]
    return made | _remarks(body)


def _content(record: Record) -> dict[str, Any]:
    body = record.response_body or {}
    size = record.response_decoded_bytes
    if size is None and body and not (body.get("truncated") or "coding" in body):
        found = body.get("size")
        size = found if isinstance(found, int) else None
    if size is None and _is_plain(record):
        size = record.response_body_bytes
    made: dict[str, Any] = {"size": _size(size), "mimeType": record.response_content_type or ""}
    if size is not None and record.response_body_bytes is not None:
        made["compression"] = size - record.response_body_bytes
    if isinstance(body.get("text"), str):
        made["text"] = body["text"]
    elif isinstance(body.get("base64"), str):
        made |= {"text": body["base64"], "encoding": "base64"}
    return made | _remarks(body)


def _is_plain(record: Record) -> bool:
    """Return whether the response's body is known to be without a content coding."""
    return record.response_headers is not None and not record.response_headers.get(
        "content-encoding"
    )


def _remarks(body: dict[str, Any]) -> dict[str, Any]:
    """Return in a comment why a captured body is not the body that was transferred."""
    found = []
    if body.get("truncated"):
        found.append("only the beginning was captured")
    if "coding" in body:
        found.append(f"still coded as {body['coding']}: {body.get('note')}")
    if body.get("redacted"):
        found.append("secrets are masked")
    if body.get("sha256"):
        return {"_sha256": body["sha256"]} | ({"comment": "; ".join(found)} if found else {})
    return {"comment": "; ".join(found)} if found else {}
