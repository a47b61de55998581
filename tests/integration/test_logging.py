"""Every exchange once, failures too, and no secret."""

from __future__ import annotations

import base64
import collections
import gzip
import re
import socket
import ssl
import subprocess
import threading

import httpx
import pytest

from origins import Origin, Reply, ok
from proxies import ProxyError, read_log

pytestmark = pytest.mark.integration


def raw(proxy, data, *, until_closed=False):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
        client.sendall(data)
        answer = client.recv(65536)
        while until_closed and (piece := client.recv(65536)):
            answer += piece
        return answer


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("http2", [False, True])
def test_each_request_is_one_record(start_proxy, client_of, authority, http2):
    """The counts of client, origin and log agree."""
    proxy = start_proxy()
    with Origin(tls=authority.context()) as origin:
        client = client_of(proxy, http2=http2)
        for number in range(20):
            client.get(origin.url(f"/{number}", "localhost"))

    records = proxy.records()

    assert [record["url.path"] for record in records] == [f"/{n}" for n in range(20)]
    assert [record["http.response.status_code"] for record in records] == [200] * 20
    assert len({record["seq"] for record in records}) == 20


def test_every_way_to_end_is_one_record(start_proxy, client_of, authority, tmp_path):
    """Blocked, refused, dead, gone, bad TLS, malformed, WebSocket, tunnel: one each."""
    from websockets.sync.client import connect
    from websockets.sync.server import serve

    arrived, hold = threading.Event(), threading.Event()

    def handle(seen):
        if seen.target == "/gone":
            arrived.set()
            return Reply(hold=hold)
        if seen.target == "/cut":
            return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
        return ok(seen)

    dead = unused_port()
    untrusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    import trustme

    trustme.CA().issue_cert("localhost").configure_cert(untrusted)
    with (
        Origin(handle) as origin,
        Origin(tls=authority.context()) as tls_origin,
        Origin(tls=untrusted) as bad_tls,
        Origin(greeting=b"hello\r\n") as tunnel,
        serve(lambda ws: [ws.send(m) for m in ws], "127.0.0.1", 0) as ws_server,
    ):
        threading.Thread(target=ws_server.serve_forever, daemon=True).start()
        ws_port = ws_server.socket.getsockname()[1]
        proxy = start_proxy(
            forebay_server_first_ports=str(tunnel.port),
            ignore_hosts=rf"^127\.0\.0\.1:{tls_origin.port}$",
        )
        client = client_of(proxy)
        client.get(origin.url("/plain"))
        client.get("http://ads.example/blocked")
        client.get("https://ads.example/blocked-tls")
        client.get(f"http://127.0.0.1:{dead}/dead")
        client.get(f"https://127.0.0.1:{dead}/dead-tls")
        client.get(bad_tls.url("/bad-certificate", "localhost"))
        assert client.get(origin.url("/cut")).status_code == 502
        raw(proxy, b"GARBAGE\r\n\r\n")
        raw(proxy, b"GET / HTTP/1.1\r\n\r\n")
        raw(
            proxy,
            f"POST {origin.url('/smuggle')} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
        )
        with socket.create_connection(("127.0.0.1", proxy.port)) as leaver:
            leaver.sendall(
                f"GET {origin.url('/gone')} HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\n\r\n".encode()
            )
            assert arrived.wait(20)
        with pytest.raises(httpx.ConnectError):  # does not trust our CA
            httpx.get(tls_origin.url("/rejected", "localhost"), proxy=proxy.url, trust_env=False)
        with connect(f"ws://127.0.0.1:{ws_port}/chat", proxy=proxy.url) as ws:
            for _ in range(3):
                ws.send("12345")
                ws.recv(10)
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as through:
            through.sendall(f"CONNECT 127.0.0.1:{tunnel.port} HTTP/1.1\r\n\r\n".encode())
            heard = b""
            while not heard.endswith(b"hello\r\n"):
                heard += through.recv(100)
            through.sendall(b"\x01raw")
            assert through.recv(100) == b"\x01raw"
        subprocess.run(
            ["curl", "-sk", "--noproxy", "", "-x", proxy.url, tls_origin.url("/passed-through")],
            check=True,
            capture_output=True,
        )
        hold.set()
        ws_server.shutdown()

    records = proxy.records()

    ends = collections.Counter(
        (
            record["kind"],
            record["url.path"],
            record["http.response.status_code"],
            record["server.port"],
        )
        for record in records
    )
    assert all(count == 1 for count in ends.values()), ends
    kinds = collections.Counter(kind for kind, *_ in ends)
    paths = {path: status for _, path, status, _ in ends}
    assert paths["/plain"] == 200
    assert paths["/blocked"] == 403
    assert paths["/blocked-tls"] == 403
    assert {"/dead", "/dead-tls", "/bad-certificate", "/cut", "/smuggle", "/gone", "/chat"} <= set(
        paths
    )
    assert kinds["websocket"] == 1
    assert kinds["malformed"] >= 1
    assert kinds["tls"] == 1
    assert kinds["tunnel"] + kinds["tcp"] == 2
    assert len(records) == 15, ends


SECRETS = ["hunter2", "c00kie-secret", "s3t-cookie", "tok-secret", "sig-secret", "proxy-secret"]


def test_no_secret_is_written(start_proxy, client_of):
    """Credentials in URLs, Authorization, cookies, also with all fields logged."""
    proxy = start_proxy(trafficlog_headers=True)
    with Origin(lambda seen: Reply(headers=[("set-cookie", "id=s3t-cookie")])) as origin:
        client_of(proxy).get(
            origin.url("/a?access_token=tok-secret&X-Amz-Signature=sig-secret&q=kept").replace(
                "//", "//me:hunter2@"
            ),
            headers={"cookie": "id=c00kie-secret", "proxy-authorization": "Basic proxy-secret"},
        )
        assert origin.seen[0].header("proxy-authorization") is None

    proxy.stop()
    text = (proxy.home / "log" / "traffic.jsonl").read_text(encoding="ascii")

    assert "q=kept" in text
    assert [secret for secret in SECRETS if secret in text] == []
    assert "aHVudGVyMg" not in text


def test_no_secret_of_a_rewrite_rule_is_written(start_proxy, client_of, tmp_path):
    """Neither what a rule removes nor what it sets."""
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(
        "rules:\n  - request: {remove: [X-Api-Key], set: {X-Vault-Token: s3t-by-rule}}\n",
        encoding="utf-8",
    )
    proxy = start_proxy()
    with Origin() as origin:
        client_of(proxy).get(origin.url("/a"), headers={"X-Api-Key": "given-by-client"})
        assert origin.seen[0].header("x-vault-token") == "s3t-by-rule"
    (record,) = proxy.records()

    changes = {change["field"]: change for change in record["forebay.rewrite"][0]["changes"]}
    assert changes["X-Api-Key"]["before"] == changes["X-Vault-Token"]["after"] == "REDACTED"
    assert "s3t-by-rule" not in str(record)
    assert "given-by-client" not in str(record)


def test_methods_are_as_sent(start_proxy, tmp_path):
    """They are case-sensitive (RFC 9110 §9.1)."""
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(
        "rules:\n  - {match: {method: GET}, request: {set: {X-Ruled: a}}}\n"
        "  - {match: {method: purge}, request: {set: {X-Ruled: b}}}\n",
        encoding="utf-8",
    )
    proxy = start_proxy()
    with Origin() as origin:
        for method in ("GET", "get", "purge"):
            target = f"127.0.0.1:{origin.port}"
            raw(proxy, f"{method} http://{target}/ HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    records = proxy.records()

    assert [seen.header("x-ruled") for seen in origin.seen] == ["a", None, "b"]
    assert [record["http.request.method"] for record in records] == ["GET", "get", "purge"]


def test_a_retried_request_says_so(start_proxy, client_of):
    """Once in the log, twice at the origin's door."""
    proxy = start_proxy()
    first_on = {}

    def handle(seen):
        if first_on.setdefault(seen.connection, seen.target) != seen.target:
            return Reply(raw=b"", reset=True)
        return ok(seen)

    with Origin(handle) as origin:
        client = client_of(proxy)
        for turn in range(2):
            assert client.get(origin.url(f"/{turn}")).status_code == 200

    assert [record["forebay.retried"] for record in proxy.records()] == [None, True]


def test_the_log_is_private_and_pure_ascii(start_proxy, client_of):
    """Mode 0600 in a folder 0700; odd bytes cannot break a line."""
    proxy = start_proxy()
    with Origin() as origin:
        raw(
            proxy,
            f"GET {origin.url('/x')}?\x7f'\"%0a HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\nUser-Agent: a\tb\x01\xff\r\n\r\n".encode(
                "latin-1"
            ),
        )
    proxy.stop()
    log = proxy.home / "log" / "traffic.jsonl"

    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700
    log.read_bytes().decode("ascii")
    assert read_log(log)


def test_all_four_addons_on_one_flow(start_proxy, client_of, tmp_path):
    """Names judged, request and response edited, stored, and all of it in one record."""
    rules = tmp_path / "home" / "rules" / "rewrite.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text(
        "rules:\n  - id: both\n    match: {host: localhost}\n    request: {set: {X-In: a}}\n    response: {set: {X-Out: b}}\n",
        encoding="utf-8",
    )
    proxy = start_proxy()

    def handle(seen):
        return Reply(
            headers=[("cache-control", "max-age=60")], body=(seen.header("x-in") or "").encode()
        )

    with Origin(handle) as origin:
        client = client_of(proxy)
        answers = [client.get(origin.url("/all", "localhost")) for _ in range(2)]

    assert [answer.text for answer in answers] == ["a", "a"]
    assert [answer.headers["x-out"] for answer in answers] == ["b", "b"]
    miss, hit = proxy.records()
    assert miss["forebay.cache"]["result"] == "miss"
    assert hit["forebay.cache"]["result"] == "hit"
    for record in (miss, hit):
        assert [rule["id"] for rule in record["forebay.rewrite"]] == ["both", "both"]
        assert record["http.response.body.size"] == 1


def test_bodies_are_recorded_on_demand_decoded_and_redacted(start_proxy, client_of):
    """Of the wished types only; what goes over the wire stays as it is."""
    proxy = start_proxy(
        trafficlog_bodies="application/json", trafficlog_body_bytes="1k", cache=False
    )
    packed = gzip.compress(b'{"token": "s3cr3t", "items": [1, 2]}')
    bomb = gzip.compress(b"[" + b"1," * 5_000_000 + b"1]")

    def handle(seen):
        kind = "text/html" if seen.target == "/html" else "application/json"
        coded = [] if seen.target == "/html" else [("content-encoding", "gzip")]
        body = {"/html": b"<p>", "/bomb": bomb}.get(seen.target, packed)
        return Reply(headers=[("content-type", kind), *coded], body=body)

    with Origin(handle) as origin:
        client = client_of(proxy)
        answer = client.post(origin.url("/json"), json={"password": "hunter2", "name": "ann"})
        client.get(origin.url("/html"))
        client.get(origin.url("/bomb"))

    json_, html, large = proxy.records()

    assert answer.json() == {"token": "s3cr3t", "items": [1, 2]}
    assert json_["forebay.request.body"]["text"] == '{"password":"REDACTED","name":"ann"}'
    assert json_["forebay.response.body"]["text"] == '{"token":"REDACTED","items":[1,2]}'
    assert json_["http.response.body.size"] == len(packed)
    assert json_["forebay.response.body.decoded_size"] == 36
    assert html["forebay.response.body"] is None
    assert large["forebay.response.body"]["size"] == 1024
    assert large["forebay.response.body"]["truncated"] is True
    assert "hunter2" not in str(json_)


def test_equal_secrets_stay_equal_on_demand(start_proxy, client_of, tmp_path):
    """Over a restart, too."""
    rules = tmp_path / "home" / "rules" / "redact.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("mode: hash\nnames: [employee]\n", encoding="utf-8")
    found = []
    with Origin() as origin:
        for _ in range(2):
            proxy = start_proxy(trafficlog_headers=True)
            client_of(proxy).get(
                origin.url("/?employee=7"), headers={"authorization": "Bearer abcdef"}
            )
            found.append(proxy.records()[-1])

    first, second = found
    (hashed,) = first["http.request.header"]["authorization"]
    assert re.fullmatch(r"Bearer REDACTED-[0-9a-f]{16}", hashed)
    assert second["http.request.header"]["authorization"] == [hashed]
    assert first["url.query"].startswith("employee=REDACTED-")
    assert first["service.instance.id"] != second["service.instance.id"]


def test_a_mistake_in_the_rules_of_redaction_refuses_the_start(start_proxy, tmp_path):
    rules = tmp_path / "home" / "rules" / "redact.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("mode: hush\n", encoding="utf-8")

    with pytest.raises(ProxyError, match=r"redact\.yaml:1:1: mode: expected 'mask', 'hash' or"):
        start_proxy()


def test_only_what_is_wished_is_recorded_and_all_that_went_wrong(start_proxy, client_of):
    proxy = start_proxy(trafficlog_filter="~u /wanted", trafficlog_sample="404=0")
    with Origin(lambda seen: Reply(status=404 if "none" in seen.target else 200)) as origin:
        client = client_of(proxy)
        for path in ("/wanted", "/other", "/wanted-none"):
            client.get(origin.url(path))
        client.get("http://ads.example/blocked")
        client.get(f"http://127.0.0.1:{unused_port()}/dead")

    records = proxy.records()

    assert [record["url.path"] for record in records] == ["/wanted", "/blocked", "/dead"]
    seqs = [record["seq"] for record in records]
    assert seqs == list(range(seqs[0], seqs[0] + 3))  # what is left out takes no number


def test_who_it_was(start_proxy, client_of):
    """By the name given to the proxy; the password is nowhere."""
    proxy = start_proxy(proxyauth="ann:hunter2")
    with Origin() as origin:
        target = f"127.0.0.1:{origin.port}"
        credentials = base64.b64encode(b"ann:hunter2").decode()
        raw(
            proxy,
            f"GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: Basic {credentials}\r\n\r\n".encode(),
        )
    record = proxy.records()[-1]

    assert record["user.name"] == "ann"
    assert "hunter2" not in str(record)


def test_what_passes_unread_is_counted(start_proxy, authority):
    """A host that is not intercepted: no hook tells how much went through."""
    with Origin(tls=authority.context()) as origin:
        proxy = start_proxy(ignore_hosts=rf"^127\.0\.0\.1:{origin.port}$")
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            client.sendall(f"CONNECT 127.0.0.1:{origin.port} HTTP/1.1\r\n\r\n".encode())
            assert b" 200 " in client.recv(1000)
            trust = ssl._create_unverified_context()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            inside = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
            sent = received = 0
            while True:
                try:
                    inside.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    data = outgoing.read()
                    client.sendall(data)
                    sent += len(data)
                    data = client.recv(65536)
                    received += len(data)
                    incoming.write(data)
            data = outgoing.read()
            client.sendall(data)
            sent += len(data)
    (record,) = proxy.records()

    assert record["kind"] == "tunnel"
    assert record["forebay.client.bytes"] == sent
    assert record["forebay.server.bytes"] >= received > 0
