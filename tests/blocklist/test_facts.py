"""What a request tells of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.facts import facts
from forebay.blocklist.resource import TYPES


def told(path=b"/x", method=b"GET", **fields):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return facts(pairs, method=method, path=path)


class TestType:
    @pytest.mark.parametrize(
        ("destination", "expected"),
        [
            ("document", "document"),
            ("iframe", "subdocument"),
            ("frame", "subdocument"),
            ("style", "stylesheet"),
            ("Script ", "script"),
            ("sharedworker", "script"),
            ("serviceworker", "other"),  # an empty one would be installed
            ("image", "image"),
            ("font", "font"),
            ("track", "media"),
            ("embed", "object"),
            ("empty", "xmlhttprequest"),
            ("report", "other"),
            ("something-new", "other"),
        ],
    )
    def test_what_the_browser_states_counts(self, destination, expected):
        found = told(b"/x.png", Sec_Fetch_Dest=destination, Accept="text/html")

        assert found.type == expected
        assert found.stated

    def test_a_beacon_is_a_ping(self):
        stated = {"Sec_Fetch_Dest": "empty", "Sec_Fetch_Mode": "no-cors"}

        assert told(method=b"POST", **stated).type == "ping"
        assert told(**stated).type == "xmlhttprequest"
        assert told(method=b"POST", Ping_To="https://a.example/").type == "ping"

    def test_a_websocket_is_told_by_its_upgrade(self):
        assert told(Upgrade="WebSocket", Sec_Fetch_Dest="empty").type == "websocket"
        assert told(Upgrade="h2c").type == "other"

    @pytest.mark.parametrize("kind", ["application/csp-report", "application/reports+json; x=1"])
    def test_reports_are_other(self, kind):
        assert told(method=b"POST", Content_Type=kind).type == "other"
        assert told(method=b"POST", Sec_Fetch_Dest="report", Content_Type=kind).type == "other"

    def test_scripts_do_not_choose_their_type(self):
        """They may set most fields of a fetch."""
        stated = {"Sec_Fetch_Dest": "empty", "Sec_Fetch_Mode": "cors"}

        assert told(Ping_To="x", **stated).type == "xmlhttprequest"
        assert told(Content_Type="application/csp-report", **stated).type == "xmlhttprequest"
        assert told(Accept="text/html", Origin="https://a.example").type == "xmlhttprequest"

    def test_a_preflight_is_a_fetch(self):
        asked = {"Access_Control_Request_Method": "PUT"}

        assert told(method=b"OPTIONS", **asked).type == "xmlhttprequest"
        assert told(**asked).type == "other"

    @pytest.mark.parametrize(
        ("fields", "method", "expected"),
        [
            ({}, b"POST", "xmlhttprequest"),
            ({"Accept": "*/*"}, b"POST", "xmlhttprequest"),
            ({"Accept": "text/html"}, b"POST", "document"),
            ({}, b"GET", "image"),
        ],
    )
    def test_sent_json_comes_from_a_script_unless_accept_says_more(self, fields, method, expected):
        kind = "application/json; charset=utf-8"

        assert told(b"/x.png", method, Content_Type=kind, **fields).type == expected

    def test_the_first_of_two_destinations_counts(self):
        two = [(b"Sec-Fetch-Dest", b"image"), (b"sec-fetch-dest", b"script")]

        assert facts(two, method=b"GET", path=b"/").type == "image"

    @pytest.mark.parametrize(
        ("fields", "path", "expected"),
        [
            ({"Accept": "text/html,*/*;q=0.8"}, b"/x.png", "document"),
            ({"Accept": "application/xhtml+xml"}, b"/", "document"),
            ({"Accept": "image/avif,image/webp,*/*"}, b"/x", "image"),
            ({"Accept": "text/css,*/*;q=0.1"}, b"/x", "stylesheet"),
            ({"Accept": "application/json"}, b"/x", "xmlhttprequest"),
            ({"X_Requested_With": "XMLHttpRequest", "Accept": "text/html"}, b"/", "xmlhttprequest"),
            ({"Accept": "*/*"}, b"/a/x.MJS?v=1.css", "script"),
            ({}, b"/x.css#y", "stylesheet"),
            ({}, b"/x.woff2", "font"),
            ({}, b"/x.m3u8?a", "media"),
            ({}, b"/x.gif;s=1", "image"),
            ({}, b"/a.js/x", "other"),
            ({}, b"/?x=a.js", "other"),
            ({}, b"/x.html", "other"),
            ({}, b"/", "other"),
            ({}, b"", "other"),
        ],
    )
    def test_without_it_accept_and_then_the_extension_do(self, fields, path, expected):
        found = told(path, **fields)

        assert found.type == expected
        assert not found.stated


class TestSource:
    @pytest.mark.parametrize(
        ("fields", "source"),
        [
            ({"Referer": "https://a.example/p?q"}, "https://a.example/p?q"),
            (
                {"Referer": "https://a.example/p", "Origin": "https://a.example"},
                "https://a.example/p",
            ),
            # A style sheet of another site asks for a font.
            ({"Referer": "https://a.example/", "Origin": "https://b.example"}, "https://b.example"),
            ({"Origin": "https://b.example"}, "https://b.example"),
            ({"Origin": "null"}, None),
            ({"Referer": "about:blank", "Origin": "https://b.example"}, "https://b.example"),
            ({"Referer": "https:///x"}, None),
            ({"Referer": "HTTPS://a.example"}, "HTTPS://a.example"),
            ({"Referer": ""}, None),
            ({}, None),
        ],
    )
    def test_referer_then_origin(self, fields, source):
        assert told(**fields).source == source

    def test_two_different_ones_say_nothing(self):
        two = [(b"Referer", b"https://a.example/"), (b"referer", b"https://b.example/")]

        assert facts(two, method=b"GET", path=b"/").source is None
        assert facts([*two, two[0]], method=b"GET", path=b"/").source is None
        assert facts(two[:1] * 2, method=b"GET", path=b"/").source == "https://a.example/"

    @pytest.mark.parametrize(
        ("site", "expected"),
        [
            ("same-origin", True),
            ("same-site", True),
            ("cross-site", False),
            ("none", None),
            ("", None),
        ],
    )
    def test_the_site_may_be_known_though_the_page_is_not(self, site, expected):
        assert told(Sec_Fetch_Site=site).same_site is expected

    def test_a_page_is_its_own_source(self):
        assert told(Sec_Fetch_Dest="document", Referer="https://a.example/").own_source
        assert not told(Sec_Fetch_Dest="iframe").own_source

    def test_so_is_what_no_page_asked_for(self):
        asked_by_user = {"Sec_Fetch_Site": "none", "Sec_Fetch_Dest": "empty"}

        assert told(**asked_by_user).own_source
        assert not told(Referer="https://a.example/", **asked_by_user).own_source
        assert not told(Sec_Fetch_Site="same-origin", Sec_Fetch_Dest="empty").own_source


def test_what_a_preflight_asks_for_is_kept():
    found = told(
        Origin="https://a.example",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="x-a",
    )

    assert (found.origin, found.requested_method, found.requested_headers) == (
        "https://a.example",
        "PUT",
        "x-a",
    )


NAMES = st.sampled_from(
    [b"Accept", b"sec-fetch-dest", b"Sec-Fetch-Mode", b"Referer", b"Origin", b"Upgrade", b"X"]
)


VALUES = st.sampled_from(
    [b"empty", b"none", b"https://a.example/", b"no-cors", b"null", b"*/*", b"application/json"]
)


@given(
    st.lists(st.tuples(NAMES | st.binary(max_size=9), VALUES | st.binary(max_size=20))),
    st.sampled_from([b"GET", b"POST", b""]) | st.binary(max_size=9),
    st.binary(),
)
def test_any_bytes_are_some_type_and_a_source_has_a_host(fields, method, path):
    found = facts(fields, method=method, path=path)

    assert found.type in TYPES
    if found.source is not None:
        scheme, _, rest = found.source.partition("://")
        assert scheme.lower() in {"http", "https", "ws", "wss"}
        assert rest[0] not in "/?#"
    assert found.own_source or found.type != "document"
    assert not (found.own_source and found.same_site is False and found.type != "document")
