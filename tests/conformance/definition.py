"""A test of the suite in words, for whoever makes it pass.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

type Definition = dict[str, Any]

TYPES = {
    "cached": "comes from the store; the origin does not see it",
    "not_cached": "reaches the origin as request {number} and is answered with its response",
    "etag_validated": "reaches the origin with If-None-Match, which answers 304 (999 without it)",
    "lm_validated": "reaches the origin with If-Modified-Since, which answers 304 (999 without it)",
}
DATES = {"date", "expires", "last-modified", "if-modified-since", "if-unmodified-since"}
CLIENT_ADDS = ["Pragma: foo", "Cache-Control: nothing-to-see-here"]


def field(header: str | list[Any]) -> str:
    """Return a field as the suite means it; numbers in dates are seconds from now.

    >>> field(["Expires", -5])
    'Expires: (now -5 s)'
    >>> field(["Age", ">", 2]), field(["Date", "=", "X"]), field("ETag")
    ('Age > 2', 'Date = the value of X', 'ETag')
    >>> field(["Vary", "*", False])
    'Vary: *   (not compared)'
    """
    match header:
        case str(name):
            return name
        case [name, "=", str(other)]:
            return f"{name} = the value of {other}"
        case [name, ">", int(bound)]:
            return f"{name} > {bound}"
        case [name, int(span), *rest] if name.lower() in DATES:
            text = f"{name}: (now {span:+} s)"
        case [name, value, *rest]:
            text = f"{name}: {value}"
        case _:
            raise ValueError(f"expected a field, found {header!r}")
    return text + ("   (not compared)" if rest == [False] else "")


def describe(test: Definition, suite: Definition) -> Iterator[str]:
    """Yield the lines that explain *test* of *suite*."""
    yield f"{test['id']} [{suite['id']}] {test.get('kind', 'required')}"
    yield f"    {test['name']}"
    if anchors := [*test.get("spec_anchors", []), *suite.get("spec_anchors", [])]:
        yield f"    RFC 9111: {', '.join(anchors)}"
    if test.get("depends_on"):
        yield f"    counts only if these pass: {', '.join(test['depends_on'])}"
    for number, request in enumerate(test["requests"], start=1):
        yield from (f"    {line}" for line in _request(request, number))


def _request(request: Definition, number: int) -> Iterator[str]:
    path = f"/{request['filename']}" if "filename" in request else ""
    query = f"?{request['query_arg']}" if "query_arg" in request else ""
    setup = "   (a failure here is one of the setup)" if request.get("setup") else ""
    yield f"{number}. {request.get('request_method', 'GET')} /test/ID{path}{query}{setup}"
    sent = [field(header) for header in request.get("request_headers", CLIENT_ADDS)]
    yield from (f"     > {line}" for line in sent)
    if "request_body" in request:
        yield f"     > body {request['request_body']!r}"
    if request.get("disconnect"):
        yield "     < the origin breaks the connection off"
    else:
        yield f"     < {' '.join(map(str, request.get('response_status', [200, 'OK'])))}"
    yield from (f"     < {field(header)}" for header in request.get("response_headers", []))
    if request.get("response_body") is not None:
        yield f"     < body {request['response_body']!r}"
    yield from (f"     = {line}" for line in _expected(request, number))
    for name in ("magic_locations", "magic_ims", "rfc850date", "redirect", "setup_tests"):
        if name in request:
            yield f"       {name}: {request[name]}"
    if request.get("pause_after"):
        yield "     3 s pause"


def _expected(request: Definition, number: int) -> Iterator[str]:
    if "expected_type" in request:
        yield TYPES[request["expected_type"]].format(number=number)
    if "expected_method" in request:
        yield f"the origin sees the method {request['expected_method']}"
    for header in request.get("expected_request_headers", []):
        yield f"the origin sees {field(header)}"
    if "expected_status" in request:
        yield f"the client sees status {request['expected_status']}"
    for header in request.get("expected_response_headers", []):
        yield f"the client sees {field(header)}"
    for header in request.get("expected_response_headers_missing", []):
        yield f"the client does not see {field(header)}"
    if request.get("expected_response_text") is not None:
        yield f"the client sees the body {request['expected_response_text']!r}"
    if request.get("check_body") is False:
        yield "the body does not matter"
