"""What tests say about requests."""

from __future__ import annotations

import base64

import pytest

from forebay.recording.assertions import Request, Requests

LOGIN = Request(
    "POST", "https://Auth.example/login?next=%2Fa&x=", body=b'{"user": "ann"}', status=200
)
PAGE = Request("GET", "https://pay.example/a/1?tag=a&tag=b", status=200)
PAY = Request("POST", "https://pay.example:8443/pay", body=b"sum=1", outcome="refused")
SEEN = [LOGIN, PAGE, PAY]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, SEEN),
        ({"method": "post"}, [LOGIN, PAY]),
        ({"host": "pay.example"}, [PAGE, PAY]),
        ({"host": "*.example"}, SEEN),
        ({"host": "AUTH.example"}, [LOGIN]),
        ({"path": "/a/*"}, [PAGE]),
        ({"path": "/a"}, []),
        ({"url": "https://pay.example*/pay"}, [PAY]),
        ({"url": "https://pay.example/a/1?tag=a&tag=b"}, [PAGE]),
        ({"url": "https://pay.example/a/1.tag=a&tag=b"}, []),
        ({"query": {"tag": ["a", "b"]}}, [PAGE]),
        ({"query": {"tag": "a"}}, []),
        ({"query": {"next": "/a", "x": ""}}, [LOGIN]),
        ({"query": {"other": "1"}}, []),
        ({"outcome": "refused"}, [PAY]),
        ({"method": "POST", "host": "pay.example"}, [PAY]),
    ],
)
def test_which_are_meant(wanted, found):
    assert list(Requests(SEEN, **wanted)) == found


def test_claims_that_hold_can_be_built_upon():
    posts = Requests(SEEN, "POST")

    assert posts.count(2).at_least(1).at_least(2)[0].json == {"user": "ann"}
    assert Requests(SEEN, "GET").once() is PAGE
    assert len(Requests(SEEN, "PUT").none()) == 0
    assert posts.text == ['{"user": "ann"}', "sum=1"]
    assert Requests(SEEN, host="auth.example").json == [{"user": "ann"}]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (lambda found: found.once(), "expected 1 request with method='POST', found 2 in"),
        (lambda found: found.none(), "expected no request with method='POST', found 2 in"),
        (lambda found: found.count(3), "expected 3 requests with method='POST', found 2 in"),
        (lambda found: found.at_least(3), "expected at least 3 requests with method='POST', found"),
        (lambda found: found[2], "expected a request with number 2 with method='POST', found 2 in"),
        (lambda found: found.in_order("/pay", "/login"), "expected /login after /pay with method"),
    ],
)
def test_claims_that_do_not_hold_list_what_was_seen(claim, expected):
    with pytest.raises(AssertionError) as caught:
        claim(Requests(SEEN, "POST"))

    assert str(caught.value).startswith(expected)
    assert str(caught.value).splitlines()[1:] == [
        "  > POST https://Auth.example/login?next=%2Fa&x= (played 200)",
        "    GET https://pay.example/a/1?tag=a&tag=b (played 200)",
        "  > POST https://pay.example:8443/pay (refused)",
    ]


def test_what_was_seen_is_cut_where_it_is_long():
    with pytest.raises(AssertionError) as caught:
        Requests([PAGE] * 60).none()

    assert len(str(caught.value).splitlines()) == 52
    assert str(caught.value).endswith("and 10 more")


def test_nothing_was_seen():
    with pytest.raises(
        AssertionError, match=r"expected 1 request, found 0 in\n +no request at all"
    ):
        Requests([]).once()


def test_order():
    """Others may come in between; the same one does not count twice."""
    found = Requests(SEEN)

    found.in_order("/login", "/pay").in_order("POST /login", "get https://pay.example/*", "/pay")
    with pytest.raises(AssertionError, match="expected POST /login after /login"):
        found.in_order("/login", "POST /login")
    with pytest.raises(AssertionError, match="expected PUT /pay, found"):
        found.in_order("PUT /pay")


def test_a_request_as_the_proxy_tells_it():
    said = {"method": "PUT", "url": "http://h", "headers": {"a": "1, 2"}, "outcome": "played"}

    found = Request.of(said | {"body": base64.b64encode(b"\xff").decode(), "status": 204})

    assert found == Request("PUT", "http://h", {"a": "1, 2"}, b"\xff", "played", 204)
    assert (found.path, found.host, found.query, found.text) == ("/", "h", {}, "\ufffd")
    assert Request.of(said).body == b""


def test_a_body_that_is_no_json_says_so():
    with pytest.raises(
        AssertionError, match=r"expected JSON as the body of POST .*/pay, found b'sum"
    ):
        _ = PAY.json
