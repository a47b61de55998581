"""Requests and responses of HAR."""

from __future__ import annotations

import pytest

from export.records import exchange
from forebay.export.harmessage import query, request, response


def test_fields_are_listed_one_by_one():
    made = request(exchange(request_headers={"accept": ["a", "b"], "cookie": ["x=1"]}))

    assert made["headers"] == [
        {"name": "accept", "value": "a"},
        {"name": "accept", "value": "b"},
        {"name": "cookie", "value": "x=1"},
    ]
    assert made["cookies"] == [{"name": "x", "value": "1"}]


def test_what_is_not_known_is_minus_one_or_empty():
    record = exchange(protocol_version=None, status=None)

    assert request(record) == {
        "method": "GET", "url": "https://a.example/x?q=1", "httpVersion": "", "cookies": [],
        "headers": [], "queryString": [{"name": "q", "value": "1"}], "headersSize": -1,
        "bodySize": -1,
    }  # fmt: skip
    assert response(record) == {
        "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
        "content": {"size": -1, "mimeType": ""}, "redirectURL": "", "headersSize": -1,
        "bodySize": -1,
    }  # fmt: skip


def test_sizes_that_are_known_are_told():
    record = exchange(
        request_header_bytes=100, request_body_bytes=0, response_header_bytes=200,
        response_body_bytes=50, response_decoded_bytes=120, protocol_version="2",
    )  # fmt: skip
    asked, answered = request(record), response(record)

    assert (asked["headersSize"], asked["bodySize"], asked["httpVersion"]) == (100, 0, "HTTP/2")
    assert (answered["headersSize"], answered["bodySize"]) == (200, 50)
    assert answered["content"] == {"size": 120, "mimeType": "", "compression": 70}


@pytest.mark.parametrize(
    ("given", "size"),
    [
        pytest.param({"response_decoded_bytes": 9}, 9, id="counted"),
        pytest.param({"response_body": {"text": "abc", "size": 3}}, 3, id="captured whole"),
        pytest.param(
            {"response_body": {"text": "abc", "size": 3, "truncated": True}}, -1, id="cut"
        ),
        pytest.param({"response_body": {"base64": "", "size": 3, "coding": "x"}}, -1, id="coded"),
        pytest.param({"response_body": {"size": "3"}}, -1, id="no number"),
        pytest.param({"response_headers": {}}, 50, id="known to be plain"),
        pytest.param({"response_headers": {"content-encoding": ["br"]}}, -1, id="known not to be"),
        pytest.param({}, -1, id="not known to be"),
    ],
)
def test_the_size_of_the_content_is_that_without_codings(given, size):
    content = response(exchange(response_body_bytes=50, **given))["content"]

    assert content["size"] == size
    assert content.get("compression") == (None if size == -1 else size - 50)


def test_text_is_text():
    body = {"text": "é", "size": 2, "truncated": False, "sha256": "ab"}
    record = exchange(
        request_body=body, response_body=body, request_content_type="text/plain",
        response_content_type="text/html",
    )  # fmt: skip

    assert request(record)["postData"] == {
        "mimeType": "text/plain", "params": [], "text": "é", "_sha256": "ab",
    }  # fmt: skip
    assert response(record)["content"] == {
        "size": 2, "mimeType": "text/html", "text": "é", "_sha256": "ab",
    }  # fmt: skip


def test_what_is_no_text_is_base64():
    """A request's has no place in the format: a reader would take it for the text."""
    record = exchange(request_body={"base64": "/w=="}, response_body={"base64": "/w=="})

    posted, content = request(record)["postData"], response(record)["content"]

    assert (posted["text"], posted["_base64"]) == ("", "/w==")
    assert (content["text"], content["encoding"]) == ("/w==", "base64")


def test_why_it_is_not_the_body_that_was_sent_is_in_a_comment():
    body = {"base64": "", "truncated": True, "coding": "br", "note": "damaged", "redacted": True}

    for made in (
        request(exchange(request_body=body))["postData"],
        response(exchange(response_body=body))["content"],
    ):
        assert made["comment"] == (
            "only the beginning was captured; still coded as br: damaged; secrets are masked"
        )


def test_where_it_leads_and_why_it_failed():
    record = exchange(
        response_headers={"location": ["/y"]}, error_type="reset", error_message="peer closed"
    )

    assert response(record)["redirectURL"] == "/y"
    assert response(record)["_error"] == "peer closed"
    assert response(exchange(error_type="reset"))["_error"] == "reset"


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("&&", []),
        ("=", [("", "")]),
        ("a=b=c;d", [("a", "b=c;d")]),
        ("%zz", [("%zz", "")]),
    ],
)
def test_odd_queries(text, pairs):
    assert [(pair["name"], pair["value"]) for pair in query(text)] == pairs
