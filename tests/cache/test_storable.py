"""What may be stored: RFC 9111 §3, §3.5."""

from __future__ import annotations

import pytest

from cache.builders import NOW, head
from forebay.cache import storable
from forebay.cache.freshness import validity
from forebay.cache.storable import SetCookie, Storable, Unstorable

STORED = "stored"


def outcome(verdict):
    return STORED if isinstance(verdict, Storable) else verdict.reason


def decide(
    response=None, request=None, *, status=200, set_cookie=SetCookie.REFUSE, forced_s=None, **given
):
    response = head(**({"cache_control": "max-age=60"} if response is None else response))
    return storable.decide(
        request=head(**(request or {})),
        status=status,
        response=response,
        validity=validity(
            response,
            requested_at_s=NOW,
            received_at_s=NOW,
            status=status,
            targeted=given.get("targeted", False),
            forced_s=forced_s,
        ),
        set_cookie=set_cookie,
        **given,
    )


class TestStatus:
    @pytest.mark.parametrize(
        "status", [200, 203, 204, 299, 301, 302, 307, 404, 410, 499, 500, 503, 599]
    )
    def test_any_final_status_with_explicit_freshness(self, status):
        assert outcome(decide(status=status)) == STORED

    @pytest.mark.parametrize("status", [100, 101, 103, 199, 304, 600, 999])
    def test_none_that_is_not_final_or_not_whole(self, status):
        assert decide(status=status) == Unstorable(f"status {status}")

    @pytest.mark.parametrize(("status", "expected"), [(200, STORED), (599, "must-understand")])
    def test_must_understand_takes_the_place_of_no_store(self, status, expected):
        """§5.2.2.3."""
        control = {"cache_control": "no-store, must-understand, max-age=9"}

        assert outcome(decide(control, status=status)) == expected

    @pytest.mark.parametrize(
        ("response", "request_fields", "expected"),
        [
            ({"content_range": "bytes 0-4/9"}, {"range": "bytes=0-4"}, STORED),
            ({"content_range": "bytes 0-4/*"}, {"range": "x"}, "status 206 without its range"),
            ({}, {"range": "bytes=0-4"}, "status 206 without its range"),
            ({"content_range": "bytes 0-4/9"}, {}, "status 206 without its range"),
        ],
    )
    def test_a_part_has_to_say_which(self, response, request_fields, expected):
        """§3.3."""
        response = {"cache_control": "max-age=9", **response}

        assert outcome(decide(response, request_fields, status=206)) == expected

    @pytest.mark.parametrize("status", [412, 416])
    def test_an_answer_about_the_request_is_for_it_alone(self, status):
        assert outcome(decide(None, {"range": "bytes=9-"}, status=status)) == f"status {status}"
        assert outcome(decide(None, {"if_none_match": "*"}, status=status)) == f"status {status}"
        assert outcome(decide(None, {}, status=status)) == STORED

    @pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
    def test_a_validator_is_enough_where_the_status_is_understood(self, status):
        assert outcome(decide({"etag": '"a"'}, status=status)) == STORED

    @pytest.mark.parametrize("status", [201, 202, 302, 403, 500, 503, 599])
    def test_a_validator_alone_is_not_enough_elsewhere(self, status):
        expected = f"status {status} without explicit freshness"

        assert outcome(decide({"etag": '"a"'}, status=status)) == expected
        assert outcome(decide({"etag": '"a"', "cache_control": "public"}, status=status)) == STORED


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"cache_control": "max-age=300,  No-Store"}, "no-store"),
        ({"cache_control": "max-age=300, private"}, "private"),
        ({"cache_control": 'max-age=300, private="x-a"'}, "private"),
        ({"cache_control": "public, private, max-age=9"}, "private"),
        ({"cache_control": "no-store, must-understand, max-age=9"}, STORED),
        ({"cache_control": "no-store, must-understand=1, max-age=9"}, "no-store"),
        ({"cache_control": "must-understand, private, max-age=9"}, "private"),
        ({"cache_control": "max-age=9", "cdn_cache_control": "no-store"}, STORED),
        ({"cache_control": "no-cache"}, "no-cache without validator"),
        ({"cache_control": "no-cache", "etag": '"a"'}, STORED),
        ({"cache_control": 'no-cache="x-a"', "etag": '"a"'}, STORED),
        ({}, "no freshness and no validator"),
        ({"cache_control": "public"}, "no freshness and no validator"),
        ({"etag": "unquoted"}, "no freshness and no validator"),
        ({"last_modified": "Tue, 14 Nov 2023 22:13:20 GMT"}, STORED),
        ({"last_modified": "yesterday"}, "no freshness and no validator"),
        ({"cache_control": "max-age=0"}, "stale without validator"),
        ({"cache_control": "max-age=60", "age": "60"}, "stale without validator"),
        ({"expires": "0"}, "stale without validator"),
        ({"cache_control": "max-age=60", "vary": "a, *"}, "vary"),
        ({"cache_control": "max-age=60", "x": "a\r\n b"}, "control character in a field"),
        ({"cache_control": "max-age=60", "x": "a" * 66_000}, "head too large"),
        ({"cache_control": "max-age=60", "x": "a" * 65_000}, STORED),
        ({"cache_control": "max-age=60", "pragma": "no-cache"}, STORED),
    ],
)
def test_what_the_response_says(response, expected):
    assert outcome(decide(response)) == expected


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        ("max-age=60", "authorization"),
        ("max-age=60, public", STORED),
        ("max-age=60, must-revalidate", STORED),
        ("s-maxage=60", STORED),
        ("s-maxage=x, max-age=60", "authorization"),
        ("max-age=60, public=1", "authorization"),
        ("max-age=60, proxy-revalidate", "authorization"),
        ("max-age=60, public, private", "private"),
    ],
)
def test_credentials_need_a_response_that_is_declared_to_be_shared(control, expected):
    """§3.5."""
    assert outcome(decide({"cache_control": control}, {"authorization": "Basic x"})) == expected


def test_a_request_may_forbid_storing():
    """§5.2.1.5."""
    assert outcome(decide(None, {"cache_control": "No-Store"})) == "request no-store"


def test_a_request_with_cookies_forbids_nothing():
    assert outcome(decide(None, {"cookie": "a=1"})) == STORED


@pytest.mark.parametrize(
    ("choice", "control", "expected"),
    [
        (SetCookie.REFUSE, "max-age=60", None),
        (SetCookie.REFUSE, "max-age=60, public", ["Cache-Control", "Set-Cookie", "Set-Cookie"]),
        (SetCookie.REFUSE, "s-maxage=60", ["Cache-Control", "Set-Cookie", "Set-Cookie"]),
        (SetCookie.STRIP, "max-age=60", ["Cache-Control"]),
        (SetCookie.STRIP, "s-maxage=60", ["Cache-Control", "Set-Cookie", "Set-Cookie"]),
        (SetCookie.STORE, "max-age=60", ["Cache-Control", "Set-Cookie", "Set-Cookie"]),
    ],
)
def test_set_cookie_by_choice(choice, control, expected):
    verdict = decide({"cache_control": control, "set_cookie": ["a=1", "b=2"]}, set_cookie=choice)

    if expected is None:
        assert verdict == Unstorable("set-cookie")
    else:
        assert [name.decode() for name, _ in verdict.fields] == expected


def test_fields_for_one_hop_are_left_out():
    verdict = decide({"cache_control": "max-age=60", "connection": "x-a", "x_a": "1", "x_b": "2"})

    assert verdict == Storable(((b"Cache-Control", b"max-age=60"), (b"X-B", b"2")))


@pytest.mark.parametrize(
    ("version", "status", "fields", "expected"),
    [
        (b"HTTP/1.1", 200, {"content_length": "5"}, None),
        (b"HTTP/1.1", 200, {"transfer_encoding": "Chunked"}, None),
        (b"HTTP/1.1", 200, {"transfer_encoding": "gzip, chunked"}, "transfer coding"),
        (b"HTTP/1.1", 200, {"transfer_encoding": ["gzip", "chunked"]}, "transfer coding"),
        (b"HTTP/1.1", 200, {}, "end of body not proved"),
        (b"HTTP/1.0", 200, {}, "end of body not proved"),
        (b"HTTP/1.1", 204, {}, None),
        (b"HTTP/2.0", 200, {}, None),
        (b"HTTP/2.0", 200, {"content_length": "x"}, "content-length"),
        (b"HTTP/1.1", 200, {"content_length": ["5", "6"]}, "content-length"),
    ],
)
def test_the_end_of_a_body_has_to_be_proved(version, status, fields, expected):
    """A reset connection looks like the end of a close-delimited body."""
    assert storable.framing_reason(version, status, head(**fields)) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [([], None), (["5"], 5), (["5", "5"], None), (["+5"], None), (["9" * 19], None)],
)
def test_content_length(lines, expected):
    assert storable.content_length(head(content_length=lines)) == expected


def test_a_heuristic_lifetime_needs_no_validator_but_last_modified_is_one():
    modified = {"last_modified": "Tue, 14 Nov 2023 12:13:20 GMT"}

    assert outcome(decide(modified)) == STORED
    assert outcome(decide({**modified, "cache_control": "public"}, status=599)) == STORED
    assert outcome(decide(modified, status=599)) == "status 599 without explicit freshness"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"cache_control": "max-age=9"}, STORED),
        ({"expires": "Tue, 14 Nov 2023 23:13:20 GMT"}, STORED),
        ({"etag": '"a"'}, "POST without explicit freshness"),
        (
            {"last_modified": "Tue, 14 Nov 2023 12:13:20 GMT"},
            "POST without explicit freshness",
        ),
        ({"cache_control": "max-age=9, no-store"}, "no-store"),
    ],
)
def test_an_answer_to_post_needs_explicit_freshness(response, expected):
    """RFC 9110 §9.3.3."""
    assert outcome(decide(response, to_post=True)) == expected


def test_targeted_directives_count_where_they_are_obeyed():
    fields = {"cache_control": "no-store", "cdn_cache_control": "max-age=9"}

    assert outcome(decide(fields, targeted=True)) == STORED
    assert outcome(decide(fields)) == "no-store"


def test_a_lifetime_of_the_users_own_frees_from_freshness_but_from_no_prohibition():
    assert outcome(decide({}, forced_s=60)) == STORED
    assert outcome(decide({"cache_control": "max-age=0"}, forced_s=60)) == STORED
    assert outcome(decide({"cache_control": "no-store"}, forced_s=60)) == "no-store"
    assert outcome(decide({"cache_control": "private"}, forced_s=60)) == "private"
    assert outcome(decide({}, forced_s=60, status=503)) == ("status 503 without explicit freshness")


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (200, {"content_length": "9"}, None),
        (200, {"content_length": "10"}, "too large"),
        (200, {}, "end of body not proved"),
        (206, {"content_length": "5", "content_range": "bytes 0-4/99"}, None),
        (206, {"content_length": "6", "content_range": "bytes 0-4/99"}, "content-range"),
        (206, {"transfer_encoding": "chunked", "content_range": "bytes 0-4/99"}, None),
    ],
)
def test_a_body_is_announced_by_its_head(status, fields, expected):
    found = storable.body_reason(b"HTTP/1.1", status, head(**fields), limit_bytes=9)

    assert found == expected
