"""The names that mitmproxy's objects carry."""

from __future__ import annotations

import pytest
from mitmproxy import connection, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from forebay.blocklist.asked import (
    address_of,
    is_decrypted,
    names_dialled,
    names_of,
    requests_of,
    requests_unseen,
    user_of,
)
from forebay.blocklist.facts import Facts


def flow_with(**given) -> http.HTTPFlow:
    flow = tflow.tflow()
    flow.request.headers.clear()
    flow.request.data.host = given.get("target", "target.example")
    flow.request.data.authority = given.get("authority", b"")
    flow.request.data.path = given.get("path", b"/")
    flow.request.headers.fields = tuple(
        (key, value) for key, value in given.get("fields", [(b"Accept", b"*/*")])
    )
    flow.server_conn.state = connection.ConnectionState.CLOSED
    flow.server_conn.address = given.get("address")
    return flow


class TestNamesOf:
    @pytest.mark.parametrize(
        ("given", "extra"),
        [
            ({}, ()),
            ({"fields": [(b"hOsT", b"B.example:80")]}, ("b.example",)),
            (
                {"fields": [(b"Host", b"b.example"), (b"Host", b"c.example")]},
                ("b.example", "c.example"),
            ),
            ({"fields": [(b"Host", b"b\xff.example")]}, (r"b\udcff.example",)),
            ({"authority": b"b.example:443"}, ("b.example",)),
            ({"authority": "bücher.example".encode()}, ("xn--bcher-kva.example",)),
            ({"address": ("127.1", 443)}, ("127.0.0.1",)),
            ({"path": b"http://b.example/x"}, ("b.example",)),
            ({"path": b"/x?http://b.example/x"}, ()),
            ({"path": b""}, ()),
        ],
    )
    def test_every_field_that_may_name_a_host_is_read(self, given, extra):
        assert names_of(flow_with(**given), sni=None) == ("target.example", *extra)

    def test_the_server_name_is_what_the_caller_says(self):
        assert names_of(flow_with(), sni="b.example") == ("target.example", "b.example")


class TestNamesDialled:
    @staticmethod
    def data(mode="regular", **given) -> ServerConnectionHookData:
        client = tflow.tclient_conn()
        client.proxy_mode = mode_specs.ProxyMode.parse(mode)
        client.sni = given.pop("client_sni", None)
        return ServerConnectionHookData(server=connection.Server(**given), client=client)

    def test_address_and_both_server_names_count(self):
        data = self.data(address=("a.example", 443), client_sni="c.example")
        data.server.sni = "b.example"

        assert names_dialled(data) == ("a.example", "b.example", "c.example")

    def test_the_next_proxy_is_not_the_target(self):
        data = self.data("upstream:https://proxy.example:3128", address=("proxy.example", 3128))
        data.server.sni = "proxy.example"

        assert names_dialled(data) == ()

    def test_what_else_upstream_mode_dials_is(self):
        data = self.data("upstream:https://proxy.example:3128", address=("proxy.example", 443))

        assert names_dialled(data) == ("proxy.example",)

    def test_no_address_is_no_name(self):
        assert names_dialled(self.data(address=None)) == ()


def facts(type_="other", **given) -> Facts:
    return Facts(type=type_, **given)


class TestRequestsOf:
    @staticmethod
    def urls(given, names=("a.example",), type_="other", **fields) -> list[str]:
        flow = flow_with(**given)
        flow.request.data.port = given.get("port", 80)
        flow.request.data.scheme = given.get("scheme", b"http")
        return [request.cased for request in requests_of(flow, names, facts(type_, **fields))]

    @pytest.mark.parametrize(
        ("given", "url"),
        [
            ({"path": b"/x?Y=1"}, "http://a.example/x?Y=1"),
            ({"path": b"/x", "port": 8080}, "http://a.example:8080/x"),
            ({"path": b"/x", "port": 443, "scheme": b"https"}, "https://a.example/x"),
            ({"path": b"/\xff"}, "http://a.example/\udcff"),
            ({"path": b"http://b.example/y?z"}, "http://a.example/y?z"),
            ({"path": b"http://b.example"}, "http://a.example/"),
            ({"path": b"*"}, "http://a.example/*"),
        ],
    )
    def test_the_url_is_put_together_with_the_name(self, given, url):
        assert self.urls(given) == [url]

    def test_each_name_makes_one(self):
        assert self.urls({}, ("a.example", "::1")) == ["http://a.example/", "http://[::1]/"]

    def test_a_name_in_host_has_the_port_that_is_named_there(self):
        """As behind a reverse proxy that keeps the Host field."""
        given = {"fields": [(b"Host", b"site.example")], "port": 8080}

        assert self.urls(given, ("target.example", "site.example")) == [
            "http://target.example:8080/",
            "http://site.example/",
        ]

    def test_a_websocket_has_its_own_scheme(self):
        given = {"scheme": b"https", "port": 443}

        assert self.urls(given, type_="websocket") == ["wss://a.example/"]

    def test_a_page_is_its_own_source(self):
        (request,) = requests_of(flow_with(), ["www.a.example"], facts("document", own_source=True))

        assert request.source.name == "www.a.example"

    def test_the_method_keeps_its_case(self):
        flow = flow_with()
        flow.request.data.method = b"get"

        assert requests_of(flow, ["a.example"], facts())[0].method == "get"


def test_when_names_are_all_that_is_known_nothing_else_is_guessed():
    (request,) = requests_unseen(["a.example"], 443)

    assert (request.cased, request.type, request.source) == ("https://a.example/", "other", None)


def test_who_asks():
    flow = flow_with()
    assert user_of(flow) is None
    flow.metadata["proxyauth"] = ("anna", "secret")

    assert user_of(flow) == "anna"
    assert address_of(flow.client_conn) == "127.0.0.1"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"ignore_hosts": [r"^TARGET\.example:443$"]}, False),
        ({"ignore_hosts": ["other"]}, True),
        ({"allow_hosts": ["other"]}, False),
        ({"allow_hosts": ["other", "target"]}, True),
        ({"allow_hosts": ["target"], "ignore_hosts": ["target"]}, False),
    ],
)
def test_what_is_decrypted_follows_mitmproxys_options(options, expected):
    request = flow_with().request
    request.data.port = 443

    with taddons.context(Proxyserver()) as tctx:
        tctx.options.update(**options)

        assert is_decrypted(request) is expected
