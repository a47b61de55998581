"""Rewrite rules on real traffic: heads, URLs, bodies, answers; hits, reload."""

from __future__ import annotations

import gzip
import json
import re
import socket

import pytest

from origins import Origin, Reply, cacheable
from proxies import ask_http2

pytestmark = pytest.mark.integration

RULES = """\
rules:
  - id: demo
    match: {host: localhost, path: /r/*, method: GET}
    request:
      set: {X-Set: one}
      default: {X-Default: mine, X-Given: mine}
      remove: [X-Gone]
      append: {X-More: two}
    response:
      set: {X-Answer: ruled}
      remove: [Server]
  - id: errors
    match: {host: localhost, status: 5xx}
    response:
      set: {X-Failed: "yes"}
"""


@pytest.fixture(name="rules")
def _rules(tmp_path):
    path = tmp_path / "home" / "rules" / "rewrite.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("http2", [False, True])
def test_requests_and_responses_are_edited(start_proxy, client_of, authority, http2):
    """Where host, path and method match; nothing else is touched."""
    proxy = start_proxy()

    def handle(seen):
        return Reply(status=500 if seen.target.endswith("fail") else 200, headers=[("Server", "x")])

    with Origin(handle, tls=authority.context()) as origin:
        client = client_of(proxy, http2=http2)
        given = {"X-Gone": "1", "X-Given": "theirs", "X-More": "one"}
        ruled = client.get(origin.url("/r/a", "localhost"), headers=given)
        other = client.get(origin.url("/other", "localhost"), headers=given)
        failed = client.get(origin.url("/fail", "localhost"))

    first, second, _ = origin.seen
    assert first.header("x-set") == "one"
    assert first.header("x-default") == "mine"
    assert first.header("x-given") == "theirs"
    assert first.header("x-gone") is None
    assert [value for name, value in first.headers if name == "x-more"] == ["one", "two"]
    assert ruled.headers["x-answer"] == "ruled"
    assert "server" not in ruled.headers
    assert second.header("x-set") is None
    assert second.header("x-gone") == "1"
    assert other.headers["server"] == "x"
    assert failed.headers["x-failed"] == "yes"


@pytest.mark.usefixtures("rules")
def test_a_streamed_answer_is_edited(start_proxy, client_of):
    """Its head leaves before its body has come."""
    proxy = start_proxy()
    with Origin(lambda seen: Reply(pieces=[b"x" * 100_000] * 10)) as origin:
        answer = client_of(proxy).get(origin.url("/r/big", "localhost"))

    assert answer.headers["x-answer"] == "ruled"
    assert len(answer.content) == 1_000_000


def test_a_hit_is_edited_and_the_store_holds_what_the_origin_sent(start_proxy, client_of, rules):
    """Stored with a rule on; without the rule the hit has the origin's own head."""
    proxy = start_proxy()
    with Origin(cacheable()) as origin:
        client = client_of(proxy)
        url = origin.url("/r/stored", "localhost")
        assert client.get(url).headers["x-answer"] == "ruled"
        hit = client.get(url)
        assert hit.headers["x-answer"] == "ruled"
        assert "hit" in hit.headers["cache-status"]

        rules.write_text("rules: []\n", encoding="utf-8")
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        plain = client.get(url)

        assert "x-answer" not in plain.headers
        assert "hit" in plain.headers["cache-status"]
        assert len(origin.seen) == 1


def test_a_broken_edit_keeps_the_last_good_rules(start_proxy, client_of, rules):
    """All errors at once, each with its line; then a good edit takes effect."""
    proxy = start_proxy()
    with Origin() as origin:
        client = client_of(proxy)
        url = origin.url("/r/a", "localhost")

        rules.write_text(
            "rules:\n  - response:\n      sett: {A: b}\n  - match: {hots: x}\n", encoding="utf-8"
        )
        proxy.wait_for(r"rewrite\.yaml:3:7: .*sett")
        proxy.wait_for(r"rewrite\.yaml:4:13: .*hots")
        assert client.get(url).headers["x-answer"] == "ruled"

        rules.write_text(RULES.replace("ruled", "edited"), encoding="utf-8")
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        assert client.get(url).headers["x-answer"] == "edited"


def write(tmp_path, text):
    path = tmp_path / "home" / "rules" / "rewrite.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def entries(record):
    return [(entry["phase"], entry["id"]) for entry in record["forebay.rewrite"] or ()]


@pytest.mark.parametrize("http2", [False, True])
def test_a_request_is_sent_elsewhere(start_proxy, client_of, authority, tmp_path, http2):
    """To another server, under its name in Host, TLS and all; what the rule found is at hand."""
    with Origin(tls=authority.context()) as there:
        write(
            tmp_path,
            f"""
rules:
  - id: move
    match: {{host: localhost, path: "regex:^/v([0-9])/(.*)"}}
    request:
      url: https://127.0.0.1:{there.port}/api/{{re.2}}?version={{re.1}}
      set: {{X-From: "{{url.host}}"}}
  - id: later
    match: {{host: 127.0.0.1}}
    request: {{query: {{set: {{seen: "yes"}}}}}}
""",
        )
        proxy = start_proxy()
        with Origin(tls=authority.context() if http2 else None) as origin:
            url = origin.url("/v2/x?old", "localhost")
            answer = client_of(proxy, http2=http2).get(url)

            assert answer.status_code == 200
            assert origin.seen == []
        (seen,) = there.seen
        assert seen.target == "/api/x?version=2&seen=yes"
        assert seen.header("x-from") == "localhost"
        assert (seen.header("host") or seen.header(":authority")) == f"127.0.0.1:{there.port}"
        (record,) = proxy.records()
        assert entries(record) == [("request", "move"), ("request", "later")]
        assert record["url.full"].startswith(f"https://127.0.0.1:{there.port}/api/x")


def test_no_rule_leads_round_the_blocklist(start_proxy, client_of, tmp_path):
    """Neither to a listed host nor to a listed path."""
    write(
        tmp_path,
        """
rules:
  - {match: {path: /host}, request: {url: "http://pixel.ads.example/x"}}
  - {match: {path: /path}, request: {url: /banner/x}}
""",
    )
    lists = tmp_path / "home" / "rules" / "blocklists"
    lists.mkdir(parents=True)
    (lists / "own.txt").write_text("/banner/*\n")
    proxy = start_proxy()
    with Origin() as origin:
        answers = [client_of(proxy).get(origin.url(path)) for path in ("/host", "/path", "/free")]

        assert [answer.status_code for answer in answers] == [403, 403, 200]
        assert [seen.target for seen in origin.seen] == ["/free"]


BODY_RULES = """
rules:
  - id: text
    match: {host: localhost, path: /page*}
    response:
      body:
        replace: {Hello: Good day}
        regex: {"v([0-9]+)": "version {re.1}"}
        html: {body: "<i>{url.path}</i>"}
        limit: 200k
  - id: json
    match: {content_type: application/json}
    request: {body: {json: {set: {/user: "{client.ip}"}}}}
    response: {body: {json: {remove: [/debug]}}}
"""
PAGE = b"<html><body>Hello v7, caf\xe9</body></html>"


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("shape", ["plain", "gzip", "chunked", "large", "charset"])
def test_bodies_are_edited_on_misses_and_hits(
    start_proxy, client_of, authority, tmp_path, http2, shape
):
    """Once, whatever the framing, coding and charset; the store has what the origin sent."""
    rules = write(tmp_path, BODY_RULES)
    page = PAGE.replace(b"</html>", b" " * 100_000 + b"</html>") if shape == "large" else PAGE
    fields = [("cache-control", "max-age=600"), ("etag", '"1"'), ("accept-ranges", "bytes")]
    fields.append(("content-type", "text/html; charset=iso-8859-1"))

    def handle(seen):
        if shape == "gzip":
            return Reply(headers=[*fields, ("content-encoding", "gzip")], body=gzip.compress(page))
        if shape == "chunked":
            return Reply(headers=fields, pieces=[page[:9], page[9:]])
        return Reply(headers=fields, body=page)

    proxy = start_proxy()
    with Origin(handle, tls=authority.context() if http2 else None) as origin:
        client, url = client_of(proxy, http2=http2), origin.url("/page/1", "localhost")
        miss, hit = client.get(url), client.get(url, headers={"Range": "bytes=0-3"})
        for answer in (miss, hit):
            assert answer.status_code == 200
            text = answer.content.decode("latin-1")
            assert text.startswith("<html><body>Good day version 7, café<i>/page/1</i></body>")
            assert answer.headers["etag"] == 'W/"1"'
            assert "content-encoding" not in answer.headers
            assert "accept-ranges" not in answer.headers
        assert "hit" in hit.headers["cache-status"]
        rules.write_text("rules: []", encoding="utf-8")
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        assert client.get(url).content == page
        assert len(origin.seen) == 1
    first, second, _ = proxy.records()
    assert entries(first) == [("response", "text")]
    assert entries(second) == [("request", "text"), ("response", "text")]  # its Range was removed
    (change,) = [c for c in first["forebay.rewrite"][0]["changes"] if c["field"] == "body"]
    assert change["before"] == f"{len(page)} bytes"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_passes_as_it_is(start_proxy, client_of, tmp_path, chunked):
    """That it was left alone is on record."""
    write(tmp_path, BODY_RULES + "    unless: {path: /none}\n")
    page = b"Hello" * 100_000
    fields = [("content-type", "application/json"), ("etag", '"1"')]

    def handle(seen):
        pieces = [page[at : at + 9999] for at in range(0, len(page), 9999)]
        return Reply(headers=fields, pieces=pieces) if chunked else Reply(headers=fields, body=page)

    proxy = start_proxy()
    with Origin(handle) as origin:
        answer = client_of(proxy).get(origin.url("/page/1", "localhost"))
        assert answer.content == page
        assert answer.headers["etag"] == '"1"'
    (record,) = proxy.records()
    skipped = {entry["id"]: entry["skipped"] for entry in record["forebay.rewrite"]}
    assert "200,000" in skipped["text"] or "1,000,000" in skipped["text"]


def test_request_bodies_are_edited(start_proxy, client_of, tmp_path):
    """Of known length and not; the origin gets the right length."""
    write(tmp_path, BODY_RULES)
    bodies = []

    proxy = start_proxy()
    with Origin(lambda seen: bodies.append(seen.body_bytes) or Reply()) as origin:
        client, url = client_of(proxy), origin.url("/post", "localhost")
        kind = {"content-type": "application/json"}
        sent = b'{"user": "me", "n": 1.10}'
        client.post(url, content=sent, headers=kind)
        client.post(url, content=iter([sent[:5], sent[5:]]), headers=kind)

    edited = len(b'{"user":"127.0.0.1","n":1.10}')
    assert bodies == [edited, edited]
    for record in proxy.records():
        (entry,) = record["forebay.rewrite"]
        assert entry["changes"] == [
            {"field": "body", "before": f"{len(sent)} bytes", "after": f"{edited} bytes"}
        ]


def test_a_validated_answer_and_a_stale_one_are_edited_once(start_proxy, client_of, tmp_path):
    """The body of a 304 to the cache's own validation, and of what stands in for a dead origin."""
    write(tmp_path, BODY_RULES + '  - response: {append: {X-Once: "1"}}\n')

    def handle(seen):
        fields = [("cache-control", "max-age=0"), ("etag", '"1"')]
        if seen.header("if-none-match"):
            return Reply(304, fields)
        return Reply(headers=fields, body=b"Hello")

    proxy = start_proxy()
    with Origin(handle) as origin:
        client, url = client_of(proxy), origin.url("/page/1", "localhost")
        answers = [client.get(url), client.get(url)]
        origin.stop()
        answers.append(client.get(url))

    for answer in answers:
        assert answer.content == b"Good day"
        assert answer.headers.get_list("x-once") == ["1"]
    assert [record["forebay.cache"]["result"] for record in proxy.records()] == [
        "miss",
        "revalidated",
        "stale",
    ]


def test_answers_of_rules_need_no_origin(start_proxy, client_of, tmp_path):
    """A literal, a redirect, a file, one of a folder; HEAD; what is missing; a long file."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_bytes(b"<p>index</p>")
    (site / "long.bin").write_bytes(bytes(range(256)) * 10_000)
    (tmp_path / "secret").write_text("secret")
    (site / "out").symlink_to(tmp_path / "secret")
    write(
        tmp_path,
        f"""
rules:
  - match: {{host: literal.example}}
    request:
      answer: {{status: 201, headers: {{Content-Type: application/json}}, body: '{{"path": "{{url.path}}"}}'}}
  - {{match: {{host: old.example}}, request: {{redirect: "https://new.example{{url.target}}"}}}}
  - match: {{host: files.example}}
    request: {{answer: {{folder: {site}, below: /s/}}}}
  - {{match: {{host: files.example}}, response: {{set: {{X-Ruled: "yes"}}}}}}
""",
    )
    proxy = start_proxy()
    client = client_of(proxy)

    literal = client.post("http://literal.example/a", content=b"upload")
    assert (literal.status_code, literal.json()) == (201, {"path": "/a"})
    moved = client.get("http://old.example/x?y")
    assert (moved.status_code, moved.headers["location"]) == (302, "https://new.example/x?y")
    index = client.get("http://files.example/s/")
    assert index.text == "<p>index</p>"
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert index.headers["x-ruled"] == "yes"
    head = client.head("http://files.example/s/")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "12", b"")
    long = client.get("http://files.example/s/long.bin")
    assert long.content == bytes(range(256)) * 10_000
    for path in ("missing", "out", "..%2f..%2fsecret", "%2e%2e/secret", "long.bin/x"):
        missing = client.get(f"http://files.example/s/{path}")
        assert (missing.status_code, "secret" in missing.text) == (404, False), path
    assert {record["forebay.answered_by"] for record in proxy.records()} == {"rewrite"}


def test_groups_are_off_until_they_are_switched_on(start_proxy, client_of):
    """By an option; an unknown one refuses the start."""
    proxy = start_proxy(rewrite_groups="privacy")
    with Origin() as origin:
        given = {"Via": "1.1 x", "Cookie": "a=1; _ga=2", "X-Forwarded-For": "192.0.2.1"}
        client_of(proxy).get(origin.url("/?utm_source=x&id=1"), headers=given)

    (seen,) = origin.seen
    assert seen.target == "/?id=1"
    assert seen.header("via") is seen.header("x-forwarded-for") is None
    assert seen.header("cookie") == "a=1"


def test_shadow_rules_are_recorded_and_do_nothing(start_proxy, client_of, tmp_path):
    write(
        tmp_path,
        """
rules:
  - id: tried
    mode: shadow
    request: {set: {X-Shadow: "1"}, answer: {status: 404}}
    response: {set: {X-Shadow: "1"}, body: {text: nothing}}
""",
    )
    proxy = start_proxy()
    with Origin() as origin:
        answer = client_of(proxy).get(origin.url())

    assert answer.status_code == 200 and "x-shadow" not in answer.headers
    assert answer.text != "nothing"
    assert origin.seen[0].header("x-shadow") is None
    (record,) = proxy.records()
    request, response = record["forebay.rewrite"]
    assert (request["mode"], request["answer"]) == ("shadow", 404)
    assert {change["field"] for change in response["changes"]} == {"X-Shadow", "body"}


def test_what_is_blocked_is_not_edited(start_proxy, client_of, tmp_path):
    write(tmp_path, 'rules: [{request: {set: {X: "1"}}, response: {set: {X: "1"}}}]')
    proxy = start_proxy()

    answer = client_of(proxy).get("http://pixel.ads.example/")

    assert answer.status_code == 403 and "x" not in answer.headers
    (record,) = proxy.records()
    assert record["forebay.rewrite"] is None


def test_nothing_of_a_client_breaks_out_of_a_head(start_proxy, tmp_path):
    """What placeholders stand for is checked once it is known."""
    write(
        tmp_path,
        """
rules:
  - id: echo
    request: {set: {X-Query: "{url.query.q}", X-Head: "{header.x-in}"}}
    response: {set: {X-Query: "{url.query.q}"}}
""",
    )
    proxy = start_proxy()
    with Origin() as origin:
        url = origin.url("/?q=a%0d%0aInjected:%201")
        raw = f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1:{origin.port}\r\nConnection: close\r\n\r\n"
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            client.sendall(raw.encode())
            got = b"".join(iter(lambda: client.recv(65536), b""))

    assert got.startswith(b"HTTP/1.1 200")
    assert b"Injected" not in got.partition(b"\r\n\r\n")[0]
    assert origin.seen[0].header("injected") is None
    (record,) = proxy.records()
    assert all("control character" in entry["failed"] for entry in record["forebay.rewrite"])


TO_CHOSEN = """
rules:
  - id: moved
    match: {host: localhost, path: "*r/x"}
    request: {url: "http://localhost:PORT{url.target}"}
  - {id: label, match: {host: old.example, path: "regex:^/(.*)"}, request: {redirect: "/{re.1}"}}
"""


@pytest.mark.parametrize(
    "target", ["@127.0.0.1:OTHER/r/x", ".example/r/x", ":OTHER/r/x", "r/x"], ids=ascii
)
def test_no_path_of_http2_chooses_the_host(start_proxy, authority, tmp_path, target):
    """It need not begin with a slash there."""
    with Origin() as meant, Origin() as other, Origin(tls=authority.context()) as first:
        write(tmp_path, TO_CHOSEN.replace("PORT", str(meant.port)))
        proxy = start_proxy()
        (status,) = ask_http2(proxy, first.port, target.replace("OTHER", str(other.port)))
    assert not other.seen and not first.seen and not meant.seen
    assert status in (502, 400, None)


def test_no_path_leads_a_redirect_elsewhere(start_proxy, client_of, tmp_path):
    write(tmp_path, TO_CHOSEN)
    client = client_of(start_proxy())

    for path in ("/a/b", "//evil.example/", "/%5cevil.example/", "/\\evil.example"):
        answer = client.get(f"http://old.example{path}", follow_redirects=False)
        location = answer.headers.get("location", "")
        assert answer.status_code in (302, 502)
        assert not re.match(r"[/\\]{2}|/\t|http", location)


def test_a_long_stored_body_is_edited_as_well(start_proxy, client_of, tmp_path):
    """Within the limit of its rule; beyond, it is sent from its file as it is."""
    rules = """
rules:
  - match: {path: /short}
    response: {body: {replace: {needle: thread}, limit: 4m}}
  - match: {path: /long}
    response: {body: {replace: {needle: thread}, limit: 2m}}
"""
    page = b"needle " + b"hay" * 1_000_000
    proxy = start_proxy()
    kept = [("cache-control", "max-age=600"), ("content-type", "text/plain")]
    with Origin(lambda seen: Reply(headers=kept, body=page)) as origin:
        client = client_of(proxy)
        for path in ("/short", "/long"):
            assert client.get(origin.url(path)).content == page
        write(tmp_path, rules)
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        short, long = (client.get(origin.url(path)) for path in ("/short", "/long"))
        assert len(origin.seen) == 2
    assert short.content == page.replace(b"needle", b"thread")
    assert long.content == page
    entry = proxy.records()[-1]["forebay.rewrite"][0]
    assert "2,000,000" in entry["skipped"]


def test_a_head_tells_of_the_body_that_a_rule_would_make(start_proxy, client_of, tmp_path):
    write(tmp_path, "rules: [{response: {body: {replace: {a: bb}}}}]")
    fields = [("etag", '"1"'), ("content-type", "text/plain")]
    proxy = start_proxy()
    with Origin(lambda seen: Reply(headers=fields, body=b"aa")) as origin:
        client = client_of(proxy)
        answer = client.get(origin.url("/"))
        head = client.head(origin.url("/"))
    assert (answer.content, answer.headers["etag"]) == (b"bbbb", 'W/"1"')
    assert head.headers["etag"] == 'W/"1"'
    assert head.headers.get("content-length") in (None, "4")


def test_no_secret_of_the_environment_is_on_record(start_proxy, client_of, tmp_path, monkeypatch):
    monkeypatch.setenv("FOREBAY_TEST_SECRET", "s3cr3t/value")
    write(
        tmp_path,
        "rules: [{request: {set: {X-Mine: 'a {env.FOREBAY_TEST_SECRET}'}, "
        "query: {set: {q: '{env.FOREBAY_TEST_SECRET}'}}}}]",
    )
    proxy = start_proxy(rewrite_env="FOREBAY_TEST_SECRET", trafficlog_headers="true")
    with Origin() as origin:
        client_of(proxy).get(origin.url("/"))
        (seen,) = origin.seen
    assert seen.header("x-mine") == "a s3cr3t/value" and "s3cr3t" in seen.target
    (record,) = proxy.records()
    assert "s3cr3t" not in json.dumps(record)
    assert record["http.request.header"]["x-mine"] == ["a REDACTED"]
