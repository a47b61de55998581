"""The hooks, in mitmproxy's own context."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from mitmproxy import exceptions, tls
from mitmproxy.proxy import mode_specs
from mitmproxy.proxy.context import Context
from mitmproxy.test import taddons, tflow

from forebay import cabundle
from forebay.blocklist.addon import BlocklistAddon
from forebay.proxycore.tunnels import hello_for
from forebay.trust.addon import TrustAddon
from trust.builders import client_hello, made

UNKNOWN_CA = "The client does not trust the proxy's certificate for a (tlsv1 alert unknown ca)"
CLOSED = "The client disconnected during the handshake. If this happens consistently for a, …"


class Proxy:
    """The addon, and clients of it."""

    def __init__(self, tctx, addon):
        self.tctx, self.addon = tctx, addon

    def set(self, **options):
        self.tctx.configure(self.addon, **options)

    def context(self, target="good.example", sni="good.example", **given) -> Context:
        client = tflow.tclient_conn()
        client.peername = (given.get("client", "192.0.2.1"), 50000)
        client.sockname = ("127.0.0.1", 8080)
        client.sni = sni
        client.proxy_mode = mode_specs.ProxyMode.parse(given.get("mode", "regular"))
        client.transport_protocol = given.get("protocol", "tcp")
        context = Context(client, self.tctx.options)
        context.server.address = (target, given.get("port", 443)) if target else None
        if given.get("agent"):
            flow = tflow.tflow()
            flow.client_conn = client
            flow.request.headers["user-agent"] = given["agent"]
            self.addon.http_connect(flow)
        return context

    def reject(self, times=1, error=UNKNOWN_CA, *, saw=True, **given):
        for _ in range(times):
            context = self.context(**given)
            context.client.error = error
            shown = object() if saw else None
            self.addon.tls_failed_client(tls.TlsData(context.client, context, shown))
            self.addon.client_disconnected(context.client)

    def accept(self, **given):
        context = self.context(**given)
        self.addon.tls_established_client(tls.TlsData(context.client, context, object()))

    def passes(self, hello=None, **given) -> bool:
        context = self.context(**given)
        body = hello_for((context.client.sni or "").encode()) if hello is None else hello
        data = tls.ClientHelloData(context, tls.ClientHello(body[9:]))
        self.addon.tls_clienthello(data)
        return data.ignore_connection


@pytest.fixture(name="proxy")
def _proxy(tmp_path):
    own = tmp_path / "home" / "rules" / "blocklists" / "own.txt"
    own.parent.mkdir(parents=True)
    own.write_text("||ads.example^\n", encoding="utf-8")
    (tmp_path / "shipped").mkdir()
    blocklist = BlocklistAddon()
    addon = TrustAddon(blocklist.refuses_tunnel)
    with taddons.context() as tctx:
        tctx.options.confdir = str(tmp_path / "confdir")
        tctx.master.addons.add(blocklist, addon)
        tctx.configure(
            blocklist,
            forebay_home=str(tmp_path / "home"),
            forebay_rules=str(tmp_path / "shipped"),
        )
        proxy = Proxy(tctx, addon)
        proxy.blocklist = blocklist
        yield proxy
        addon.done()


@pytest.fixture(name="lines")
def _lines(caplog):
    """Return the lines of ours."""
    caplog.set_level(logging.INFO)
    return lambda: [each for each in caplog.messages if each.startswith("trust: ")]


class TestWhatIsSaid:
    def test_a_rejection_is_said_once(self, proxy, lines):
        proxy.reject(3, agent="curl/8.5.0")

        (line,) = lines()
        assert "curl/8.5.0 at 192.0.2.1 does not trust" in line
        assert r"--set 'ignore_hosts=^good\.example:443$'" in line

    @pytest.mark.parametrize(
        "given",
        [
            pytest.param({"error": CLOSED}, id="closed once"),
            pytest.param({"error": CLOSED, "saw": False, "times": 5}, id="a scanner"),
            pytest.param({"error": "no shared cipher", "times": 5}, id="another failure"),
        ],
    )
    def test_what_need_not_be_mistrust_is_not_said(self, proxy, lines, given):
        proxy.reject(**given)

        assert lines() == []
        assert len(proxy.addon.status()["rejected"]) == (given["error"] == CLOSED) * (
            given.get("saw", True)
        )

    def test_a_connection_closed_twice_may_be(self, proxy, lines):
        proxy.reject(2, error=CLOSED)

        assert len(lines()) == 1
        assert "a client at 192.0.2.1 may not trust" in lines()[0]

    @pytest.mark.parametrize(
        "given", [{"mode": "reverse:https://good.example"}, {"target": None}, {"protocol": "udp"}]
    )
    def test_no_passing_is_offered_where_there_is_none(self, proxy, lines, given):
        proxy.reject(**given)

        (line,) = lines()
        assert "ignore_hosts" not in line

    def test_a_proxy_that_is_asked_for_itself_has_an_address(self, proxy, lines):
        """A client may speak TLS to the proxy, and give no name."""
        proxy.reject(target=None, sni=None)

        assert "for 127.0.0.1:8080: " in lines()[0]

    def test_agents_are_forgotten_with_their_clients(self, proxy):
        proxy.reject(agent="curl/8.5.0")

        assert proxy.addon._agents == {}


class TestWhatPasses:
    def test_nothing_does_by_default(self, proxy):
        proxy.reject(100)

        assert not proxy.passes()

    def test_a_host_does_after_so_many_for_that_client(self, proxy, lines):
        proxy.set(forebay_passthrough_after=3)

        proxy.reject(2)
        assert not proxy.passes()
        proxy.reject()

        assert proxy.passes()
        assert not proxy.passes(client="192.0.2.2")
        assert not proxy.passes(target="other.example", sni="other.example")
        assert not proxy.passes(port=8443)
        proxy.reject()
        assert len([line for line in lines() if "3 times in a row" in line]) == 1

    def test_a_success_begins_anew(self, proxy):
        proxy.set(forebay_passthrough_after=2)

        proxy.reject()
        proxy.accept()
        proxy.reject()

        assert not proxy.passes()

    def test_a_new_value_begins_anew(self, proxy):
        proxy.set(forebay_passthrough_after=1)
        proxy.reject()
        assert proxy.passes()

        proxy.set(forebay_passthrough_after=2)
        assert not proxy.passes()
        proxy.reject()
        assert not proxy.passes()

    @pytest.mark.parametrize(
        "given",
        [
            {"mode": "reverse:https://good.example"},
            {"mode": "reverse:tcp://good.example:443"},
            {"protocol": "udp"},
            {"target": None},
        ],
    )
    def test_nothing_does_where_it_makes_no_sense(self, proxy, given):
        proxy.set(forebay_passthrough_after=1)
        proxy.reject(**given)

        assert not proxy.passes(**given)

    @pytest.mark.parametrize("mode", ["regular", "socks5", "upstream:http://192.0.2.9:3128"])
    def test_it_does_where_a_client_says_where_to(self, proxy, mode):
        proxy.set(forebay_passthrough_after=1)
        proxy.reject(mode=mode)

        assert proxy.passes(mode=mode)

    def test_nothing_does_inside_tls_of_ours(self, proxy):
        """What is in there would not be the server's to read."""
        proxy.set(forebay_passthrough_after=1)
        proxy.reject()
        context = proxy.context()
        context.server.timestamp_tls_setup = 1.0

        data = tls.ClientHelloData(context, tls.ClientHello(hello_for(b"good.example")[9:]))
        proxy.addon.tls_clienthello(data)

        assert not data.ignore_connection


class TestListedHosts:
    @pytest.fixture(autouse=True)
    def _after_one(self, proxy):
        proxy.set(forebay_passthrough_after=1)

    @pytest.mark.parametrize(
        "given",
        [
            pytest.param({"target": "ads.example", "sni": "ads.example"}, id="both names"),
            pytest.param({"target": "x.ads.example", "sni": "x.ads.example"}, id="below it"),
            pytest.param({"target": "ads.example", "sni": None}, id="no server name"),
            pytest.param({"target": "ads.example", "sni": "good.example"}, id="the target's"),
            pytest.param({"target": "good.example", "sni": "ads.example"}, id="the server name"),
            pytest.param({"target": "192.0.2.7", "sni": "ads.example"}, id="beside an address"),
            pytest.param({"target": "ADS.example.", "sni": None}, id="another spelling"),
            pytest.param({"target": "ads.example;good.example", "sni": None}, id="junk behind"),
        ],
    )
    def test_they_never_pass(self, proxy, given):
        proxy.reject(20, **given)

        assert not proxy.passes(**given)

    @pytest.mark.parametrize(
        "hello",
        [
            pytest.param(hello_for(b"ads.example"), id="another name in the hello"),
            pytest.param(hello_for(b"good.example\0ads.example"), id="a name with NUL"),
            pytest.param(hello_for(b"192.0.2.1"), id="an address"),
            pytest.param(client_hello(b"good.example", b"ads.example"), id="two names"),
            pytest.param(client_hello(ech=True), id="an encrypted hello alone"),
            pytest.param(client_hello(b"front.example", ech=True), id="one behind another name"),
        ],
    )
    def test_a_host_that_passes_is_judged_by_what_it_sends(self, proxy, hello):
        """mitmproxy takes no odd server name, and servers may."""
        proxy.reject(sni=None)
        assert proxy.passes(sni=None, hello=client_hello())

        assert not proxy.passes(sni=None, hello=hello)

    def test_what_an_encrypted_hello_hides_beside_an_address_does_not_pass(self, proxy):
        proxy.reject(target="192.0.2.7")
        assert proxy.passes(target="192.0.2.7")

        hello = client_hello(b"good.example", ech=True)

        assert not proxy.passes(target="192.0.2.7", hello=hello)

    def test_one_that_browsers_make_up_passes(self, proxy):
        """It is always there, beside the name that is asked for."""
        proxy.reject()

        assert proxy.passes(hello=client_hello(b"good.example", ech=True))

    def test_rules_that_change_later_count(self, proxy, tmp_path):
        proxy.reject()
        assert proxy.passes()
        own = tmp_path / "home" / "rules" / "blocklists" / "own.txt"
        own.write_text("||good.example^\n", encoding="utf-8")

        proxy.tctx.configure(proxy.blocklist, blocklist_files=[str(own)])

        assert not proxy.passes()

    def test_nothing_passes_while_there_are_no_rules(self, proxy):
        proxy.reject()
        proxy.blocklist._current.drop()

        assert not proxy.passes()

    def test_nothing_passes_that_the_blocklist_fails_on(self, proxy, monkeypatch, caplog):
        proxy.reject()
        monkeypatch.setattr("forebay.blocklist.addon.asked.requests_unseen", None)

        assert not proxy.passes()
        assert "requests are refused that it fails on" in caplog.text

    def test_all_may_pass_when_the_blocklist_is_off(self, proxy):
        proxy.reject(target="ads.example", sni="ads.example")

        proxy.tctx.configure(proxy.blocklist, blocklist=False)

        assert proxy.passes(target="ads.example", sni="ads.example")


class TestOptions:
    def test_less_than_never_is_refused(self, proxy):
        proxy.addon._running = True

        with pytest.raises(
            exceptions.OptionsError,
            match=r"^forebay_passthrough_after: expected 0 or more, found -1$",
        ):
            proxy.set(forebay_passthrough_after=-1)


class TestStatus:
    def test_it_tells_who_and_what_in_plain_types(self, proxy):
        proxy.set(forebay_passthrough_after=2)
        proxy.reject(2, agent="curl/8.5.0")
        proxy.reject(target="b.example", sni="b.example")

        found = proxy.addon.status()

        assert json.loads(json.dumps(found)) == found
        assert found["summary"] == "2 hosts rejected by clients, 1 passed through"
        assert [each["host"] for each in found["rejected"]] == ["good.example", "b.example"]
        assert found["passed_through"] == [
            {
                "client": "192.0.2.1",
                "host": "good.example",
                "port": 443,
                "user_agent": "curl/8.5.0",
                "rejections": 2,
                "error": UNKNOWN_CA,
                "passes": True,
            }
        ]

    def test_nothing_to_tell_is_told(self, proxy):
        assert proxy.addon.status()["summary"] == "0 hosts rejected by clients"

    def test_it_is_bounded(self, proxy):
        for number in range(2000):
            proxy.reject(target=f"{number}.example", sni=f"{number}.example")

        assert len(proxy.addon.status()["rejected"]) == 100


class TestBundle:
    def test_it_is_renewed_at_the_start(self, proxy, tmp_path, lines):
        confdir = tmp_path / "confdir"
        confdir.mkdir()
        (confdir / "mitmproxy-ca-cert.pem").write_bytes(ours := made())
        bundle = tmp_path / "home" / cabundle.NAME
        bundle.write_bytes(made())

        asyncio.run(started(proxy.addon))

        assert ours in bundle.read_bytes()
        assert lines() == [f"trust: {bundle} holds the present CA again"]

    def test_one_that_cannot_be_written_is_one_line(self, proxy, tmp_path, lines):
        confdir = tmp_path / "confdir"
        confdir.mkdir()
        (confdir / "mitmproxy-ca-cert.pem").write_bytes(b"\xff")
        (tmp_path / "home" / cabundle.NAME).write_bytes(b"")

        asyncio.run(started(proxy.addon))

        (line,) = lines()
        assert "expected a certificate in PEM, found other bytes" in line


async def started(addon):
    addon.running()
    await asyncio.gather(*addon._tasks)
