"""The names that mitmproxy's objects carry."""

from __future__ import annotations

import pytest
from mitmproxy import connection, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from forebay.blocklist.asked import is_intercepted, names_dialled, names_of


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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"connection_strategy": "eager"}, False),
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
        tctx.options.update(**{"connection_strategy": "lazy"} | options)

        assert is_intercepted(request) is expected
