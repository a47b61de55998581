"""The hooks, in mitmproxy's own context."""

from __future__ import annotations

import asyncio
import logging

import pytest
from mitmproxy import exceptions, flow, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.events import DataReceived
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.test import taddons, tflow

from forebay import outcome
from forebay.blocklist.addon import BlocklistAddon
from forebay.proxycore import reserved

RULES = "||ads.example^\n@@||ok.ads.example^\n0.0.0.0 192.0.2.7\n"


class Proxy:
    """An addon in a context, with folders of its own."""

    def __init__(self, tctx, addon, folder):
        self.tctx, self.addon, self.folder = tctx, addon, folder
        self.list = folder / "home" / "rules" / "blocklists" / "own.txt"

    def set(self, **options):
        self.tctx.configure(self.addon, **options)

    def request(self, **given) -> http.HTTPFlow:
        flow = request_flow(**given)
        self.addon.requestheaders(flow)
        return flow

    def connect(self, **given) -> http.HTTPFlow:
        flow = request_flow(**given)
        flow.request.data.method = b"CONNECT"
        flow.request.data.path = b""
        self.addon.http_connect(flow)
        return flow

    def dial(self, host, client=None, **given) -> str | None:
        server = tflow.tserver_conn()
        server.state = server.state.CLOSED
        server.address = (host, 443)
        server.sni = given.get("sni")
        server.error = given.get("error")
        if "reserved_for" in given:
            reserved.reserve(server, frozenset(given["reserved_for"]))
        data = ServerConnectionHookData(server=server, client=client or tflow.tclient_conn())
        data.client.sni = None
        self.addon.server_connect(data)
        return server.error


def request_flow(
    target="good.example", host=None, authority="", sni=None, connect=None, client=None
):
    flow = tflow.tflow()
    if client is not None:
        flow.client_conn = client
    flow.request.data.host = target
    flow.request.data.port = 80
    flow.request.data.authority = authority.encode()
    flow.request.headers.fields = ((b"Host", (host or target).encode()),)
    flow.client_conn.sni = sni
    flow.server_conn.state = flow.server_conn.state.CLOSED
    flow.server_conn.address = (connect, 443) if connect else None
    return flow


@pytest.fixture
def proxy(tmp_path):
    (tmp_path / "shipped").mkdir()
    addon = BlocklistAddon(clock=lambda: 1_700_000_000)
    with taddons.context(Proxyserver()) as tctx:
        proxy = Proxy(tctx, addon, tmp_path)
        proxy.list.parent.mkdir(parents=True)
        proxy.list.write_text(RULES)
        tctx.master.addons.add(addon)
        proxy.set(
            forebay_home=str(tmp_path / "home"),
            forebay_rules=str(tmp_path / "shipped"),
            connection_strategy="lazy",
        )
        yield proxy
        addon.done()


class TestRequest:
    @pytest.mark.parametrize(
        "given",
        [
            {"target": "ads.example"},
            {"target": "ADS.Example."},
            {"target": "x.ads.example"},
            {"host": "ads.example:80"},
            {"host": "good.example, ads.example"},
            {"authority": "ads.example"},
            {"sni": "ads.example"},
            {"connect": "ads.example"},
            {"target": "192.0.519"},
            {"target": "::ffff:192.0.2.7"},
        ],
        ids=str,
    )
    def test_any_listed_name_is_answered_with_the_page(self, proxy, given):
        flow = proxy.request(**given)

        assert flow.response.status_code == 403
        assert b"Blocked by Forebay" in flow.response.raw_content
        assert flow.response.headers["content-length"] == str(len(flow.response.raw_content))
        assert outcome.answered_by(flow) == "blocklist"

    def test_the_outcome_says_which_rule_and_which_names(self, proxy):
        flow = proxy.request(target="x.ads.example", host="x.ads.example:80", sni="good.example")

        assert outcome.of(flow)["names"] == ["x.ads.example", "good.example"]
        assert outcome.of(flow)["block"] == {
            "action": "block",
            "name": "x.ads.example",
            "rule": "||ads.example^",
            "list": "own",
            "path": str(proxy.list),
            "line": 1,
            "group": None,
            "exception": None,
            "policy": None,
            "reason": "x.ads.example lies below ads.example",
        }

    def test_an_unlisted_request_goes_on_with_its_names_noted(self, proxy):
        flow = proxy.request(target="good.example")

        assert flow.response is None
        assert outcome.of(flow)["names"] == ["good.example"]
        assert "block" not in outcome.of(flow)

    def test_an_excepted_request_goes_on_and_says_why(self, proxy):
        flow = proxy.request(target="ok.ads.example")

        assert flow.response is None
        assert outcome.of(flow)["block"]["action"] == "allow"
        assert outcome.of(flow)["block"]["exception"]["rule"] == "@@||ok.ads.example^"

    @pytest.mark.parametrize("hook", ["requestheaders", "http_connect"])
    @pytest.mark.parametrize("change", ["response", "error", "live"])
    def test_it_keeps_out_when_it_is_not_its_turn(self, proxy, hook, change):
        given = request_flow(target="ads.example")
        answered = http.Response.make(204)
        match change:
            case "response":
                given.response = answered
            case "error":
                given.error = flow.Error("gone")
            case "live":
                given.live = False

        getattr(proxy.addon, hook)(given)

        assert given.response is (answered if change == "response" else None)
        assert outcome.of(given)["names"] == ["ads.example"]

    def test_the_flow_can_be_saved(self, proxy):
        given = request_flow(target="ads.example")
        given.request.headers.fields = ((b"Host", b"\xff.example"),)
        proxy.addon.requestheaders(given)

        for name in outcome.of(given)["names"]:
            name.encode("utf-8")


class TestConnect:
    def test_page_accepts_the_tunnel_and_answers_inside(self, proxy):
        """Browsers do not show what answers a CONNECT."""
        tunnel = proxy.connect(target="ads.example")
        inside = proxy.request(target="good.example", client=tunnel.client_conn)

        assert tunnel.response is None
        assert outcome.of(tunnel)["block"]["action"] == "block"
        assert inside.response.status_code == 403
        assert outcome.of(inside)["block"]["name"] == "ads.example"

    def test_page_never_dials_for_that_client(self, proxy):
        tunnel = proxy.connect(target="ads.example")

        error = proxy.dial("good.example", tunnel.client_conn)

        assert error == "blocked by ||ads.example^ (own.txt:1): ads.example is listed"
        assert proxy.dial("good.example") is None

    def test_a_client_that_left_is_forgotten(self, proxy):
        tunnel = proxy.connect(target="ads.example")
        proxy.addon.client_disconnected(tunnel.client_conn)
        proxy.addon.client_disconnected(tunnel.client_conn)

        assert proxy.dial("good.example", tunnel.client_conn) is None

    @pytest.mark.parametrize(
        "options",
        [
            {"blocklist_connect": "refuse"},
            {"connection_strategy": "eager"},
            {"ignore_hosts": [r"ads\.example:\d+"]},
            {"allow_hosts": ["good"]},
        ],
        ids=str,
    )
    def test_a_tunnel_in_which_no_page_can_be_shown_is_refused(self, proxy, options):
        proxy.set(**options)

        tunnel = proxy.connect(target="ads.example")

        assert tunnel.response.status_code == 403
        assert outcome.answered_by(tunnel) == "blocklist"
        assert proxy.dial("good.example", tunnel.client_conn) is None

    def test_the_proxys_own_server_name_is_not_judged(self, proxy):
        tunnel = proxy.connect(target="good.example", sni="ads.example")

        assert tunnel.response is None
        assert outcome.of(tunnel)["names"] == ["good.example"]

    @pytest.mark.parametrize("target", ["good.example", "ok.ads.example"])
    def test_other_tunnels_are_let_through(self, proxy, target):
        tunnel = proxy.connect(target=target)

        assert tunnel.response is None
        assert proxy.dial(target, tunnel.client_conn) is None


class TestAgain:
    """A request that a rewrite rule has sent elsewhere."""

    @pytest.mark.parametrize(
        ("host", "redirected", "blocked"),
        [
            ("x.ads.example", True, True),
            ("ok.ads.example", True, False),
            ("x.ads.example", False, False),
        ],
    )
    def test_it_is_judged_by_where_it_goes_now(self, proxy, host, redirected, blocked):
        flow = proxy.request()
        flow.request.data.host = host
        if redirected:
            outcome.of(flow)["redirected"] = True

        proxy.addon.again.requestheaders(flow)

        assert (flow.response is not None) is blocked
        if blocked:
            assert outcome.answered_by(flow) == "blocklist"

    def test_the_fence_lets_it_through(self, proxy):
        flow = proxy.request()
        flow.request.data.host = "ok.ads.example"
        outcome.of(flow)["redirected"] = True
        proxy.addon.again.requestheaders(flow)

        assert proxy.dial("ok.ads.example", flow.client_conn) is None


class TestFence:
    @pytest.mark.parametrize(
        ("host", "sni", "refused"),
        [
            ("ads.example", None, True),
            ("192.0.2.7", None, True),
            ("good.example", "x.ads.example", True),
            ("good.example", "good.example", False),
        ],
    )
    def test_listed_addresses_and_server_names_are_not_dialled(self, proxy, host, sni, refused):
        assert bool(proxy.dial(host, sni=sni)) is refused

    def test_an_error_of_another_addon_stays(self, proxy):
        assert proxy.dial("ads.example", error="loop") == "loop"


class TestClosed:
    """What goes wrong must not open the filter."""

    @pytest.fixture
    def broken(self, proxy):
        """Rules that raise on every decision."""
        proxy.addon._current.rules.lists.matcher._blocks = None
        return proxy

    def test_an_exception_refuses_the_request(self, broken, caplog):
        flows = [broken.request(target="ads.example") for _ in range(2)]

        assert [flow.response.status_code for flow in flows] == [403, 403]
        assert outcome.answered_by(flows[0]) == "blocklist"
        assert outcome.of(flows[0])["block"]["reason"] == "the blocklist failed on this request"
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "AttributeError" in caplog.text

    def test_an_exception_refuses_the_tunnel(self, broken):
        assert broken.connect(target="ads.example").response.status_code == 403

    def test_an_exception_refuses_the_connection(self, broken):
        assert broken.dial("ads.example") == "blocked: the blocklist failed on this request"

    def test_an_exception_while_switched_off_refuses_nothing(self, proxy, caplog):
        proxy.set(blocklist=False)
        flow = request_flow(target="ads.example")
        flow.server_conn = None

        proxy.addon.requestheaders(flow)

        assert flow.response is None
        assert "AttributeError" in caplog.text

    def test_without_rules_everything_is_refused(self, tmp_path, caplog):
        """As after a start that failed, until mitmproxy has left."""
        addon = BlocklistAddon()
        with taddons.context(Proxyserver()) as tctx:
            tctx.master.addons.add(addon)
            proxy = Proxy(tctx, addon, tmp_path)
            proxy.set(forebay_home=str(tmp_path), blocklist_files=[str(tmp_path / "none.txt")])

            flow = proxy.request(target="good.example")

        assert flow.response.status_code == 403
        assert b"Forebay has no usable blocklist" in flow.response.raw_content
        assert addon.summary() == "blocklist unusable, all requests are refused"
        assert "blocklist_files: cannot read" in caplog.text


class TestOptions:
    def test_switched_off_it_judges_nothing_but_notes_the_names(self, proxy):
        proxy.set(blocklist=False)

        flow = proxy.request(target="ads.example")

        assert flow.response is None
        assert outcome.of(flow)["names"] == ["ads.example"]
        assert proxy.connect(target="ads.example").response is None
        assert proxy.dial("ads.example") is None
        assert proxy.addon.summary() == "blocklist off"

    def test_switched_on_again_it_reads_the_lists_anew(self, proxy):
        proxy.set(blocklist=False)
        proxy.list.unlink()
        proxy.set(blocklist=True)

        assert proxy.addon.summary() == "blocklist 0 rules from 0 lists"

    def test_the_summary_counts(self, proxy):
        assert proxy.addon.summary() == "blocklist 3 rules from 1 list"

    def test_other_options_are_none_of_its_business(self, proxy):
        before = proxy.addon._current.rules
        proxy.list.write_text("other.example")

        proxy.set(ssl_insecure=True)

        assert proxy.addon._current.rules is before

    def test_a_wrong_value_at_start_is_one_error_line(self, proxy, caplog):
        proxy.set(blocklist_connect="drop")

        assert caplog.messages == ["blocklist_connect: expected page or refuse, found 'drop'"]
        assert caplog.records[0].levelname == "ERROR"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"blocklist_files": ["/no/such"]},
                "blocklist_files: cannot read /no/such: No such file",
            ),
            ({"blocklist_connect": "drop"}, "blocklist_connect: expected page or refuse, found"),
        ],
        ids=str,
    )
    def test_a_wrong_value_later_is_rolled_back(self, proxy, options, message):
        async def run() -> None:
            proxy.addon.running()
            with pytest.raises(exceptions.OptionsError, match=message):
                proxy.set(**options)
            proxy.addon.done()

        asyncio.run(run())

        assert proxy.tctx.options.blocklist_files == []
        assert proxy.request(target="ads.example").response.status_code == 403

    def test_a_new_file_takes_effect_while_running(self, proxy, caplog):
        extra = proxy.folder / "extra.txt"
        extra.write_text("extra.example")

        async def run() -> None:
            proxy.addon.running()
            with caplog.at_level(logging.INFO, "forebay"):
                proxy.set(blocklist_files=[str(extra)])
                # Read beside the traffic, which goes by the rules before.
                assert proxy.request(target="ads.example").response.status_code == 403
                await asyncio.gather(*proxy.addon._tasks)
            proxy.addon.done()

        asyncio.run(run())

        assert proxy.request(target="extra.example").response.status_code == 403
        assert "blocklist: 4 rules from 2 lists (reloaded)" in caplog.messages

    def test_lists_that_are_no_longer_asked_for_go(self, proxy):
        extra = proxy.folder / "extra.txt"
        extra.write_text("extra.example")
        proxy.set(blocklist_files=[str(extra)])

        async def run() -> None:
            proxy.addon.running()
            proxy.set(blocklist_files=[])
            await asyncio.gather(*proxy.addon._tasks)
            proxy.addon.done()

        asyncio.run(run())

        assert proxy.request(target="extra.example").response is None

    def test_switched_on_while_running_it_blocks_once_the_lists_are_read(self, proxy):
        proxy.set(blocklist=False)

        async def run() -> None:
            proxy.addon.running()
            proxy.set(blocklist=True)
            await asyncio.gather(*proxy.addon._tasks)
            proxy.addon.done()

        asyncio.run(run())

        assert proxy.request(target="ads.example").response.status_code == 403


class TestHostile:
    def test_more_names_than_a_request_can_have_are_refused(self, proxy):
        fields = [", ".join(f"n{i}x{j}.example" for j in range(50)) for i in range(20)]
        flow = request_flow(target="good.example")
        flow.request.headers.fields = tuple((b"Host", field.encode()) for field in fields)

        proxy.addon.requestheaders(flow)

        assert flow.response.status_code == 403
        assert outcome.of(flow)["block"]["reason"] == "more names than a request can have"
        assert len(outcome.of(flow)["names"]) < 25

    @pytest.mark.parametrize("host", ["li\\sted.example", "\\097ds.example"])
    def test_a_name_that_a_resolver_would_read_otherwise_is_not_dialled(self, proxy, host):
        assert proxy.dial(host) is not None
        assert TestDns.ask(proxy, host).response.response_code == 3

    def test_what_was_allowed_opens_no_tunnel(self, proxy):
        proxy.list.write_text("||ads.example^\n@@||ads.example/ok/\n")
        asyncio.run(proxy.addon._reload())
        flow = request_flow(target="ads.example")
        flow.request.path = "/ok/1"
        proxy.addon.requestheaders(flow)
        assert proxy.dial("ads.example", flow.client_conn) is None

        proxy.connect(target="ads.example", client=flow.client_conn)

        assert proxy.dial("ads.example", flow.client_conn) is not None


class TestDns:
    @staticmethod
    def ask(proxy, name):
        flow = tflow.tdnsflow()
        flow.request.questions[0].name = name
        proxy.addon.dns_request(flow)
        return flow

    def test_a_listed_name_does_not_exist(self, proxy):
        flow = self.ask(proxy, "X.Ads.Example.")

        assert flow.response.response_code == 3
        assert outcome.of(flow)["block"]["line"] == 1

    @pytest.mark.parametrize("name", ["good.example", "ok.ads.example", ""])
    def test_others_are_asked_for(self, proxy, name):
        assert self.ask(proxy, name).response is None

    def test_without_rules_none_exists(self, proxy):
        proxy.addon._current.drop()

        assert self.ask(proxy, "good.example").response.response_code == 3

    def test_on_a_failure_none_exists(self, proxy, monkeypatch):
        monkeypatch.setattr(proxy.addon, "_decide", None)

        assert self.ask(proxy, "good.example").response.response_code == 3


class TestPause:
    def test_nothing_is_blocked_until_it_ends(self, proxy):
        proxy.tctx.master.commands.execute("forebay.pause 2")
        assert proxy.request(target="ads.example").response is None
        assert proxy.dial("ads.example") is None

        proxy.tctx.master.commands.execute("forebay.pause 0")
        assert proxy.request(target="ads.example").response.status_code == 403

    def test_it_ends_by_itself(self, tmp_path):
        now = [1000.0]
        addon = BlocklistAddon(clock=lambda: now[0])
        with taddons.context(Proxyserver()) as tctx:
            tctx.master.addons.add(addon)
            proxy = Proxy(tctx, addon, tmp_path)
            proxy.list.parent.mkdir(parents=True)
            proxy.list.write_text(RULES)
            proxy.set(forebay_home=str(tmp_path / "home"), connection_strategy="lazy")
            addon.pause(1)

            now[0] += 59.9
            assert proxy.request(target="ads.example").response is None
            now[0] += 0.1
            assert proxy.request(target="ads.example").response.status_code == 403

    def test_a_negative_one_is_refused(self, proxy):
        with pytest.raises(exceptions.CommandError, match="expected minutes from 0, found -1"):
            proxy.addon.pause(-1)


class TestRules:
    """Rules that ask for more than a host."""

    @pytest.fixture
    def rules(self, proxy):
        proxy.list.write_text(
            "||mixed.example^$~script\n||ads.example^\n@@||ads.example/ok/\n/banner/*$image\n"
        )
        asyncio.run(proxy.addon._reload())
        return proxy

    @staticmethod
    def ask(proxy, host, path, dest="", client=None):
        flow = request_flow(target=host, client=client)
        flow.request.path = path
        if dest:
            flow.request.headers["sec-fetch-dest"] = dest
        proxy.addon.requestheaders(flow)
        return flow

    def test_path_and_type_count(self, rules):
        assert self.ask(rules, "x.example", "/banner/1", "image").response.status_code == 200
        assert self.ask(rules, "x.example", "/banner/1", "script").response is None
        assert self.ask(rules, "ads.example", "/ok/1").response is None
        assert self.ask(rules, "ads.example", "/1").response.status_code == 403

    @pytest.mark.parametrize("connect", ["page", "refuse"])
    def test_a_tunnel_is_left_to_its_requests_when_they_may_be_allowed(self, rules, connect):
        rules.set(blocklist_connect=connect)
        tunnel = rules.connect(target="ads.example")

        assert tunnel.response is None
        inside = self.ask(rules, "ads.example", "/ok/1", client=tunnel.client_conn)
        assert inside.response is None

    def test_the_fence_lets_through_what_was_allowed(self, rules):
        """By its name alone it would be refused."""
        assert rules.dial("ads.example") is not None
        allowed = self.ask(rules, "ads.example", "/ok/1")
        assert rules.dial("ads.example", allowed.client_conn) is None
        script = self.ask(rules, "mixed.example", "/1", "script")
        assert rules.dial("mixed.example", script.client_conn) is None
        assert rules.dial("mixed.example", allowed.client_conn) is not None

    def test_eager_connections_are_refused_only_when_no_request_can_be_allowed(self, rules):
        rules.set(connection_strategy="eager")

        assert rules.dial("ads.example") is None
        assert rules.dial("mixed.example") is None

    def test_a_tunnel_that_is_not_decrypted_is_judged_by_its_name(self, rules):
        rules.set(ignore_hosts=["."])

        assert rules.connect(target="ads.example").response.status_code == 403

    def test_dropping_closes_the_connection(self, rules):
        rules.set(blocklist_answer="drop")
        flow = self.ask(rules, "ads.example", "/1")

        assert flow.response is None
        assert flow.error.msg == flow.error.KILLED_MESSAGE
        assert outcome.of(flow)["block"]["line"] == 2

    def test_a_preflight_is_answered_without_length(self, rules):
        flow = request_flow(target="ads.example")
        flow.request.data.method = b"OPTIONS"
        flow.request.headers["origin"] = "https://page.example"
        flow.request.headers["access-control-request-method"] = "PUT"
        flow.request.headers["sec-fetch-dest"] = "empty"

        rules.addon.requestheaders(flow)

        assert flow.response.status_code == 204
        assert "content-length" not in flow.response.headers


class TestPolicies:
    @pytest.fixture
    def policies(self, proxy):
        (proxy.list.parent.parent / "policies.yaml").write_text(
            "policies:\n"
            "  - {id: free, users: [anna], mode: off}\n"
            "  - {id: far, clients: [10.0.0.0/8], answer: drop}\n"
        )
        asyncio.run(proxy.addon._reload())
        return proxy

    def test_the_user_counts_at_the_fence_too(self, policies):
        flow = request_flow(target="ads.example")
        flow.metadata["proxyauth"] = ("anna", "x")
        policies.addon.requestheaders(flow)

        assert flow.response is None
        assert outcome.of(flow)["block"]["policy"] == "free (policies.yaml:2)"
        assert policies.dial("ads.example", flow.client_conn) is None
        assert policies.dial("ads.example") is not None

    def test_the_answer_may_be_to_drop(self, policies):
        client = tflow.tclient_conn()
        client.peername = ("10.1.2.3", 1)

        assert policies.request(target="ads.example", client=client).error is not None
        assert policies.request(target="ads.example").response.status_code == 403


class TestTunnels:
    """Connections that are not intercepted; the client has sent its first bytes."""

    @staticmethod
    def ask(proxy, data):
        proxy.set(ignore_hosts=["."])
        flow = tflow.ttcpflow()
        context = Context(flow.client_conn, proxy.tctx.options)
        context.server = flow.server_conn
        question = layer.NextLayer(context)
        question.events.append(DataReceived(context.client, data))
        proxy.addon.next_layer(question)
        return question.layer

    def test_a_listed_name_is_refused_and_noted(self, proxy):
        refused = self.ask(proxy, b"GET / HTTP/1.1\r\nHost: x.ads.example\r\n\r\n")

        assert outcome.of(refused.flow)["block"]["rule"] == "||ads.example^"

    @pytest.mark.parametrize(
        "data", [b"\x00\x01", b"GET / HTTP/1.1\r\nHost: ok.ads.example\r\n\r\n"]
    )
    def test_other_names_and_no_names_are_left_to_mitmproxy(self, proxy, data):
        assert self.ask(proxy, data) is None

    def test_a_message_that_is_not_complete_is_waited_for(self, proxy):
        """Which is no failure."""
        with pytest.raises(exceptions.AddonHalt):
            self.ask(proxy, b"GET / HTTP/1.1\r\n")

    def test_names_that_cannot_be_read_are_refused(self, proxy):
        refused = self.ask(proxy, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

        assert "HTTP/2 without TLS" in outcome.of(refused.flow)["block"]["reason"]

    def test_without_rules_all_are_refused(self, proxy):
        proxy.addon._current.drop()

        assert self.ask(proxy, b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n") is not None

    def test_switched_off_it_leaves_all_alone(self, proxy):
        proxy.set(blocklist=False)

        assert self.ask(proxy, b"PRI * HTTP/2.0\r\n\r\n") is None


class TestBypass:
    """Requests that a rule refuses and the user wants let through."""

    @pytest.fixture(autouse=True)
    def _reserves(self):
        reserved.PATCH.install()
        yield
        reserved.PATCH.uninstall()

    @staticmethod
    def flow(done=("block",), connect=False, **given):
        flow = request_flow(**{"target": "ads.example", **given})
        if connect:
            flow.request.data.method, flow.request.data.path = b"CONNECT", b""
        outcome.begin(flow)["bypass"] = {"asked": ["block"], "done": list(done), "ignored": None}
        return flow

    def test_it_goes_on_and_the_rule_is_noted(self, proxy):
        flow = self.flow()
        proxy.addon.requestheaders(flow)

        assert flow.response is None and outcome.answered_by(flow) is None
        assert outcome.of(flow)["block"]["action"] == "bypass"
        assert outcome.of(flow)["block"]["rule"] == "||ads.example^"

    def test_its_server_may_be_dialled(self, proxy):
        """By its names, and on the connection that is made for it: not even beside it by others."""
        flow = self.flow()
        proxy.addon.requestheaders(flow)
        client, for_it = flow.client_conn, ["ads.example"]

        assert proxy.dial("ads.example", client, reserved_for=for_it) is None
        assert proxy.dial("ads.example", client, reserved_for=for_it, sni="x.ads.example")
        assert proxy.dial("192.0.2.7", client, reserved_for=for_it)
        assert proxy.dial("ads.example", client)
        assert proxy.dial("ads.example")

    def test_the_next_request_is_refused(self, proxy):
        first = self.flow()
        proxy.addon.requestheaders(first)

        second = proxy.request(target="ads.example", client=first.client_conn)

        assert second.response.status_code == 403

    @pytest.mark.parametrize("done", [(), ("cache", "rewrite")])
    def test_other_parts_are_not_this_one(self, proxy, done):
        flow = self.flow(done)
        proxy.addon.requestheaders(flow)

        assert flow.response.status_code == 403

    def test_in_a_tunnel_each_request_speaks_for_itself(self, proxy):
        """The CONNECT was accepted for its page; nothing but what is let through is dialled."""
        connect = proxy.connect(target="ads.example")
        client = connect.client_conn
        assert proxy.dial("ads.example", client) is not None

        flow = self.flow(connect="ads.example", client=client)
        proxy.addon.requestheaders(flow)

        assert flow.response is None
        for_it = ["ads.example"]
        assert proxy.dial("ads.example", client, reserved_for=for_it) is None
        assert proxy.dial("other.example", client, reserved_for=for_it) is not None
        assert proxy.dial("ads.example", client) is not None
        assert proxy.request(target="ads.example", client=client).response.status_code == 403

    @pytest.mark.parametrize(
        "options",
        [
            {"blocklist_connect": "refuse"},
            {"connection_strategy": "eager"},
            {"ignore_hosts": ["ads"]},
        ],
        ids=str,
    )
    def test_a_connect_is_accepted_where_it_would_be_refused(self, proxy, options):
        """And its server dialled, until a request in the tunnel is judged."""
        proxy.set(**options)
        flow = self.flow(connect=True)
        proxy.addon.http_connect(flow)

        assert flow.response is None
        assert outcome.of(flow)["block"]["action"] == "bypass"
        flow.response = http.Response.make(200)
        assert proxy.dial("ads.example", flow.client_conn) is None
        assert proxy.dial("x.ads.example", flow.client_conn) is not None

        inside = proxy.request(target="ads.example", client=flow.client_conn)
        assert inside.response.status_code == 403
        assert proxy.dial("ads.example", flow.client_conn) is not None

    def test_a_tunnel_that_is_not_decrypted_may_name_only_its_target(self, proxy):
        proxy.set(ignore_hosts=["ads"])
        connect = self.flow(connect=True)
        proxy.addon.http_connect(connect)

        def asks(host):
            context = Context(connect.client_conn, proxy.tctx.options)
            context.server = tflow.tserver_conn()
            context.server.address = ("ads.example", 443)
            question = layer.NextLayer(context)
            head = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
            question.events.append(DataReceived(context.client, head))
            proxy.addon.next_layer(question)
            return question.layer

        assert asks(b"ads.example") is None
        assert asks(b"x.ads.example") is not None

    def test_another_connect_of_the_client_ends_it(self, proxy):
        proxy.set(blocklist_connect="refuse")
        first = self.flow(connect=True)
        proxy.addon.http_connect(first)

        proxy.connect(target="ads.example", client=first.client_conn)

        assert proxy.dial("ads.example", first.client_conn) is not None

    def test_without_rules_it_stays_refused(self, proxy):
        """Nothing was judged."""
        proxy.addon._current.drop()
        flow = self.flow()
        proxy.addon.requestheaders(flow)

        assert flow.response.status_code == 403
        assert outcome.of(flow)["block"]["action"] == "block"

    def test_where_connections_cannot_be_kept_apart_it_stays_refused(self, proxy):
        reserved.PATCH.uninstall()
        flow = self.flow()
        proxy.addon.requestheaders(flow)

        assert flow.response.status_code == 403

    def test_policies_are_gone_round_as_well(self, proxy):
        (proxy.list.parent.parent / "policies.yaml").write_text(
            "policies:\n  - {id: few, mode: allow-only, allow: [good.example]}\n"
        )
        asyncio.run(proxy.addon._reload())
        assert proxy.request(target="any.example").response.status_code == 403

        flow = self.flow(target="any.example")
        proxy.addon.requestheaders(flow)

        assert flow.response is None
        assert outcome.of(flow)["block"]["policy"] == "few (policies.yaml:2)"

    def test_a_client_that_left_is_forgotten(self, proxy):
        proxy.set(ignore_hosts=["ads"])
        flow = self.flow(connect=True)
        proxy.addon.http_connect(flow)
        assert proxy.dial("ads.example", flow.client_conn) is None

        proxy.addon.client_disconnected(flow.client_conn)

        assert proxy.dial("ads.example", flow.client_conn) is not None


class TestReload:
    def test_an_edit_takes_effect_and_a_broken_one_does_not(self, proxy):
        proxy.list.write_text("||other.example^")
        asyncio.run(proxy.addon._reload())
        assert proxy.request(target="other.example").response.status_code == 403

        proxy.list.write_text("<html>404</html>")
        asyncio.run(proxy.addon._reload())
        assert proxy.request(target="other.example").response.status_code == 403

    def test_switched_off_nothing_is_read(self, proxy):
        proxy.set(blocklist=False)

        asyncio.run(proxy.addon._reload())

        assert proxy.addon._current.rules is None

    def test_the_watcher_is_there_from_running_to_done(self, proxy):
        """With a real edit."""

        reloaded = asyncio.Event()

        class Listener(logging.Handler):
            def emit(self, record):
                reloaded.set()

        async def run() -> None:
            proxy.addon.running()
            async with asyncio.timeout(20):
                while not reloaded.is_set():  # the watcher takes a moment to be in place
                    proxy.list.write_text("watched.example")
                    await asyncio.wait([asyncio.ensure_future(reloaded.wait())], timeout=0.3)
            proxy.addon.done()
            proxy.addon.done()

        logger, listener = logging.getLogger("forebay.blocklist.current"), Listener(logging.INFO)
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        try:
            asyncio.run(run())
        finally:
            logger.removeHandler(listener)
            logger.setLevel(logging.NOTSET)

        assert proxy.request(target="watched.example").response.status_code == 403


def test_it_may_be_done_before_it_ran():
    addon = BlocklistAddon()

    addon.done()

    assert addon.name == "forebay.blocklist"


class TestStatus:
    def test_what_was_judged_and_blocked(self, proxy):
        for target in ("ads.example", "good.example", "ok.ads.example"):
            proxy.request(target=target)
        proxy.addon.pause(2)

        found = proxy.addon.status()

        assert (found["judged"], found["blocked"], found["rules"]) == (3, 1, 3)
        assert found["paused_s"] == 120.0
        assert found["problems"] == []

    @staticmethod
    def _silent_tunnel(proxy):
        proxy.addon.client_disconnected(proxy.connect(target="ads.example").client_conn)

    @staticmethod
    def _page_in_a_tunnel(proxy):
        client = proxy.connect(target="ads.example").client_conn
        proxy.request(target="ads.example", client=client)
        proxy.addon.client_disconnected(client)

    @staticmethod
    def _refused_tunnel(proxy):
        proxy.set(blocklist_connect="refuse")
        proxy.connect(target="ads.example")

    @staticmethod
    def _accepted_tunnel(proxy):
        proxy.request(client=proxy.connect().client_conn)

    @staticmethod
    def _unread_tunnel(proxy):
        for host in (b"good.example", b"ads.example"):
            TestTunnels.ask(proxy, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")

    @staticmethod
    def _dns(proxy):
        for name in ("good.example", "ads.example"):
            TestDns.ask(proxy, name)

    @staticmethod
    def _asked_again(proxy):
        """As a rule has sent the request elsewhere."""
        flow = proxy.request()
        outcome.of(flow)["redirected"] = True
        flow.request.data.host = "ads.example"
        proxy.addon.again.requestheaders(flow)

    @pytest.mark.parametrize(
        ("asked", "judged", "blocked"),
        [
            (_silent_tunnel, 1, 1),
            (_page_in_a_tunnel, 1, 1),
            (_refused_tunnel, 1, 1),
            (_accepted_tunnel, 1, 0),
            (_unread_tunnel, 2, 1),
            (_dns, 2, 1),
            (_asked_again, 1, 1),
        ],
    )
    def test_each_is_counted_once(self, proxy, asked, judged, blocked):
        """As in the log: what is asked inside a tunnel, or the tunnel if nothing is."""
        asked(proxy)

        found = proxy.addon.status()

        assert (found["judged"], found["blocked"]) == (judged, blocked)

    def test_what_is_not_dialled_is_blocked(self, proxy):
        assert proxy.dial("ads.example") is not None

        assert proxy.addon.status()["blocked"] == 1

    def test_off(self, proxy):
        proxy.set(blocklist=False)

        assert proxy.addon.status() == {"on": False}

    def test_requests_that_it_failed_on_are_a_problem(self, proxy):
        flow = request_flow()
        flow.request.headers = None
        proxy.addon.requestheaders(flow)

        assert proxy.addon.status()["problems"] == [
            "expected to judge every request, found 1 that it failed on, which are refused"
        ]


class TestChanges:
    """Rules that block nothing."""

    @pytest.fixture(name="rules")
    def _rules(self, proxy):
        proxy.list.write_text("$removeparam=x\n||good.example^$header=x-ad\n")
        proxy.set(blocklist=False)
        proxy.set(blocklist=True)
        return proxy

    def asked(self, proxy, **given):
        made = request_flow(**given)
        made.request.data.path = b"/?x=1"
        proxy.addon.requestheaders(made)
        return made

    def test_the_query_is_edited_and_judged_again(self, rules):
        flow = self.asked(rules)

        assert flow.request.data.path == b"/"
        assert outcome.of(flow)["redirected"]

    def test_in_a_pause_nothing_is(self, rules):
        rules.addon.pause(1)

        assert self.asked(rules).request.data.path == b"/?x=1"

    def test_a_response_is_refused_in_its_place(self, rules):
        flow = self.asked(rules)
        flow.response = http.Response.make(200, b"ad", {"X-Ad": "1", "Alt-Svc": "clear"})

        rules.addon.responses.responseheaders(flow)

        assert flow.response.status_code == 403
        assert outcome.of(flow)["block"]["line"] == 2
        assert outcome.answered_by(flow) == "blocklist"

    def test_it_may_be_dropped(self, rules):
        rules.set(blocklist_answer="drop")
        flow = self.asked(rules)
        flow.response = http.Response.make(200, b"ad", {"X-Ad": "1"})

        rules.addon.responses.responseheaders(flow)

        assert flow.error is not None

    def test_one_of_ours_is_not_judged(self, rules):
        flow = self.asked(rules)
        flow.response = http.Response.make(403, b"page", {"X-Ad": "1"})
        outcome.of(flow)["answer"] = "blocklist"

        rules.addon.responses.responseheaders(flow)

        assert flow.response.raw_content == b"page"

    def test_one_that_cannot_be_judged_is_refused(self, rules, caplog):
        flow = self.asked(rules)
        flow.response = http.Response.make(200, b"ad", {"X-Ad": "1"})
        flow.request.headers.fields = ((1, b"x"),)

        rules.addon.responses.responseheaders(flow)

        assert flow.response.status_code == 403
        assert b"could not judge" in flow.response.raw_content
        assert "requests are refused that it fails on" in caplog.text
