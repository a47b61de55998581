"""A real mitmweb tells in comment, marker and content view what was done, and obeys commands."""

from __future__ import annotations

import asyncio
import json
import socket

import httpx
import pytest

from origins import Origin, Reply
from proxies import until
from webproxy import web_proxy

pytestmark = pytest.mark.integration

RULES = """\
rules:
  - id: edit
    match: {path: /edited}
    response: {set: {X-Edited: "yes"}, remove: Server}
"""


def site(seen):
    match seen.target.partition("?")[0]:
        case "/cached":
            return Reply(headers=[("cache-control", "max-age=600")], body=b"stored")
        case "/checked":
            headers = [("cache-control", "no-cache"), ("etag", '"a"')]
            return Reply(304 if seen.header("if-none-match") else 200, headers, b"checked")
        case "/edited":
            return Reply(headers=[("cache-control", "no-store"), ("server", "s")], body=b"edited")
        case "/cut":
            return Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        case _:
            return Reply(headers=[("cache-control", "no-store")], body=b"plain")


@pytest.fixture(name="origin")
def _origin():
    with Origin(site) as origin:
        yield origin


@pytest.fixture(name="start")
def _start(tmp_path, shared_ca, authority):
    """Start a mitmweb with rules of the user's."""
    started = []

    def start(**options):
        rules = tmp_path / "home" / "rules"
        (rules / "blocklists").mkdir(parents=True)
        (rules / "blocklists" / "own.txt").write_text("! mine\n||adverts.example^\n")
        (rules / "rewrite.yaml").write_text(RULES)
        started.append(web_proxy(tmp_path, shared_ca, authority, **options))
        return started[-1].start()

    yield start
    for proxy in started:
        proxy.stop()


def ended(proxy, path, times=1):
    """Wait until a path's flows have their comments; return the last."""
    until(
        lambda: (
            sum(
                flow["request"]["path"].partition("?")[0] == path and bool(flow["comment"])
                for flow in proxy.flows()
            )
            >= times
        )
    )
    return [f for f in proxy.flows() if f["request"]["path"].partition("?")[0] == path][-1]


def test_each_flow_says_what_became_of_it(start, origin, client_of):
    """In its row, and in full in the content view."""
    proxy = start()
    client = client_of(proxy)

    client.get("http://adverts.example/banner?token=hunter2")
    blocked = ended(proxy, "/banner")
    for _ in range(2):
        client.get(origin.url("/cached"))
        client.get(origin.url("/checked"))
    hit, checked = ended(proxy, "/cached", 2), ended(proxy, "/checked", 2)
    client.get(origin.url("/edited"))
    edited = ended(proxy, "/edited")
    client.get(origin.url("/plain?password=hunter2"))
    plain = ended(proxy, "/plain")

    assert (blocked["comment"], blocked["marked"]) == ("own:2 blocked", "✖")
    assert hit["comment"].startswith("cache hit age ") and hit["marked"] == "♻"
    assert (checked["comment"], checked["marked"]) == ("cache revalidated, stored", "♻")
    assert edited["comment"].startswith("rewrite.yaml:2 edited · ") and edited["marked"] == "✏"
    assert (plain["comment"], plain["marked"]) == ("cache miss, not stored: no-store", "")
    assert "own.txt:2" in proxy.view(blocked) and "hunter2" not in proxy.view(blocked)
    assert "600 s, by max-age (§5.2.2.1)" in proxy.view(hit)
    shown = proxy.view(edited)
    assert "field: x-edited" in shown.lower(), shown
    assert "before: absent" in shown and "after: yes" in shown.replace("'", "")
    assert "hunter2" not in proxy.view(plain)
    assert "password=REDACTED" in proxy.view(plain, "request")


def test_a_failed_flow_is_explained_by_command(start, origin, client_of):
    """It has no content to be viewed."""
    proxy = start()

    answer = client_of(proxy).get(origin.url("/cut"))

    assert answer.status_code == 502
    flow = ended(proxy, "/cut")
    assert "error truncated" in flow["comment"] and flow["marked"] == "⚠"
    told = proxy.run("forebay.explain", f"@{flow['id']}")
    lines = told.splitlines()
    assert any(line.startswith("error:") and "truncated: " in line for line in lines), told
    assert "broken off" in told


def test_a_server_that_is_not_there_is_told_as_in_the_log(start, client_of):
    """Also later, when the client has gone."""
    proxy = start()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]

    assert client_of(proxy).get(f"http://127.0.0.1:{port}/gone").status_code == 502

    flow = ended(proxy, "/gone")
    assert flow["comment"].startswith("error connect_failed")
    told = proxy.run("forebay.explain", f"@{flow['id']}")
    assert "error.type: connect_failed" in told
    logged = proxy.records()
    assert [r["error.type"] for r in logged if r["url.path"] == "/gone"] == ["connect_failed"]


def test_a_comment_of_the_users_stays(start, origin, client_of):
    """A replay labels anew what Forebay had labelled, and nothing else."""
    proxy = start()
    client = client_of(proxy)
    client.get(origin.url("/plain"))
    client.get(origin.url("/cached"))
    plain, cached = ended(proxy, "/plain"), ended(proxy, "/cached")
    assert cached["comment"] == "cache miss, stored"
    mine = {"comment": "look at this", "marked": ":heart:"}
    proxy.ask("PUT", f"/flows/{plain['id']}", json=mine)

    for flow in (plain, cached):
        proxy.ask("POST", f"/flows/{flow['id']}/replay")

    until(lambda: proxy.flow("/cached")["comment"].startswith("cache hit"))
    assert "attempt: 2" in proxy.run("forebay.explain", f"@{plain['id']}")
    assert proxy.flow("/plain")["comment"] == "look at this"
    assert proxy.flow("/plain")["marked"] == "❤"


def test_commands_block_allow_and_switch(start, origin, client_of):
    proxy = start()
    client = client_of(proxy)
    own = proxy.home / "rules" / "blocklists" / "own.txt"

    said = proxy.run("forebay.block.host", "localhost")
    assert said == f"||localhost^ added: {own}:3"
    url = origin.url("/plain", "localhost")
    until(lambda: client.get(url).status_code == 403)
    until(lambda: proxy.flow("/plain")["comment"] == "own:3 blocked")
    said = proxy.run("forebay.allow.host", "localhost")
    assert said == f"@@||localhost^ in place of ||localhost^: {own}:3"
    until(lambda: client.get(url).status_code == 200)
    assert proxy.refusal("forebay.block.host", "a b") == (
        "expected a host name such as ads.example, found 'a b'"
    )

    assert client.get(origin.url("/edited")).headers["x-edited"] == "yes"
    assert proxy.run("forebay.rules.toggle", "edit").endswith("rewrite.yaml:2) is off")
    assert "x-edited" not in client.get(origin.url("/edited")).headers
    assert proxy.run("forebay.rules.toggle", "edit").endswith("is on")
    assert client.get(origin.url("/edited")).headers["x-edited"] == "yes"
    assert "edit" in proxy.run("forebay.rules.ids")
    assert "\n" not in proxy.refusal("forebay.rules.toggle", "no such rule")
    assert "traffic.jsonl" in proxy.run("forebay.status")


def test_the_view_keeps_no_more_than_it_should(start, origin, shared_ca):
    """Those marked by hand aside, however many come."""
    proxy = start(forebay_view_flows=20)

    async def ask(count):
        async with httpx.AsyncClient(proxy=proxy.url, trust_env=False, timeout=60) as client:
            limit = asyncio.Semaphore(20)

            async def one(number):
                async with limit:
                    await client.get(origin.url(f"/many?{number}"))

            await asyncio.gather(*map(one, range(count)))

    asyncio.run(ask(1))
    first = ended(proxy, "/many")
    proxy.ask("PUT", f"/flows/{first['id']}", json={"marked": ":heart:"})
    asyncio.run(ask(400))

    until(lambda: len(proxy.flows()) <= 21)
    left = proxy.flows()
    assert [flow["id"] for flow in left if flow["marked"]] == [first["id"]]
    assert len(left) == 21
    proxy.set(forebay_view_flows=5)
    until(lambda: len(proxy.flows()) == 6)
    assert int(json.dumps(proxy.run("view.properties.length"))) == 6
