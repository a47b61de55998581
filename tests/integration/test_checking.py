"""``forebay check`` says beforehand what the log says of the same request afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from forebay.cli import check
from origins import Origin, Reply

pytestmark = pytest.mark.integration

BLOCKED = """\
! mine
||blocked.example^
/ads/*
@@/ads/good/
/pixel.gif$image
/sized?$~third-party,xmlhttprequest
"""
EXTRA = "/extra/\n"
LISTS = "lists: [{name: more, file: %s, group: more, enabled: false}]\n"
POLICIES = "policies: [{id: here, clients: 127.0.0.0/8, groups: {more: on}}]\n"
REWRITE = """\
rules:
  - {id: edit, match: {path: /edit}, request: {set: {X-A: one}}}
  - {id: shadow, mode: shadow, match: {path: /edit}, request: {set: {X-B: two}}}
  - {id: field, match: {path: /field, request_header: {X-Kind: a}}, request: {set: {X-C: three}}}
  - {id: to-stored, match: {path: /to-stored}, request: {url: /fresh}}
  - {id: to-blocked, match: {path: /to-blocked}, request: {url: "http://blocked.example/x"}}
  - {id: to-ads, match: {path: /to-ads}, request: {url: /ads/x}}
  - {id: to-good, match: {path: /to-good}, request: {url: /ads/good/x}}
  - {id: anew, match: {path: /anew}, request: {set: {Cache-Control: no-cache}}}
  - {id: english, match: {path: /english}, request: {url: /languages, set: {Accept-Language: en}}}
  - {id: teapot, match: {path: /teapot}, request: {answer: {status: 418, body: short}}}
  - {id: folder, match: {path: /files/*}, request: {answer: {folder: ".", below: /files/}}}
  - {id: nowhere, match: {path: /nowhere}, request: {redirect: "/{url.query.q}"}}
  - {id: from-here, match: {path: /later/edited, filter: "~src 127"}, request: {set: {X-E: five}}}
  - {id: off, group: dev, match: {path: /edit}, request: {set: {X-D: four}}}
  - id: body
    match: {path: /body}
    response: {body: {replace: {stored: edited}}}
"""
CACHE = """\
rules:
  - {match: {path: /bypass}, bypass: true}
  - {match: {path: /ruled}, lifetime: 1h}
  - {match: {path: /keyed}, key: {ignore_query: utm_*, fields: X-Tenant}}
"""
FRESH = [("cache-control", "max-age=3600"), ("etag", '"v1"')]
HEADS = {
    "/fresh": FRESH,
    "/anew": FRESH,
    "/body": [*FRESH, ("vary", "accept-encoding")],
    "/keyed": FRESH,
    "/languages": [*FRESH, ("vary", "accept-language")],
    "/stale": [("cache-control", "max-age=0"), ("etag", '"v1"')],
    "/later/edited": [("cache-control", "max-age=0, stale-while-revalidate=600"), ("etag", '"v1"')],
    "/later": [("cache-control", "max-age=0, stale-while-revalidate=600"), ("etag", '"v1"')],
    "/no-cache": [("cache-control", "no-cache"), ("etag", '"v1"')],
    "/no-store": [("cache-control", "no-store")],
    "/cookie": [*FRESH, ("set-cookie", "a=b")],
    "/star": [*FRESH, ("vary", "*")],
}
STORED_BEFORE = [
    ("/fresh", {}),
    ("/anew", {}),
    ("/body", {"accept-encoding": "gzip"}),
    ("/keyed?utm_x=1", {"x-tenant": "a"}),
    ("/languages", {"accept-language": "en"}),
    ("/stale", {}),
    ("/later", {}),
    ("/later/edited", {}),
    ("/no-cache", {}),
    ("/ruled", {}),
]


@dataclass(frozen=True)
class Row:
    """A request, and what is to become of it, lest both sides be wrong in the same way."""

    path: str
    blocked: bool = False
    cache: str | None = None
    rules: tuple[str, ...] = ()
    method: str = "GET"
    fields: dict[str, str] = field(default_factory=dict)
    host: str = "localhost"


ROWS = [
    Row("/plain", cache="miss"),
    Row("/ads/x", blocked=True),
    Row("/ads/good/x", cache="miss"),
    Row("/", blocked=True, host="x.blocked.example"),
    Row("/%61ds/x", blocked=True),
    Row("/extra/x", blocked=True),
    Row("/pixel.gif", blocked=True),
    Row("/pixel.gif", cache="miss", fields={"sec-fetch-dest": "script"}),
    Row("/plain", blocked=True, fields={"host": "blocked.example"}),
    Row("/plain", cache="bypass", fields={"host": "other.example"}),
    Row("/sized?", blocked=True, fields={"sec-fetch-dest": "empty", "sec-fetch-site": "same-site"}),
    Row(
        "/sized?", cache="miss", fields={"sec-fetch-dest": "empty", "sec-fetch-site": "cross-site"}
    ),
    Row("/edit", cache="miss", rules=("edit", "shadow")),
    Row("/field", cache="miss"),
    Row("/field", cache="miss", rules=("field",), fields={"x-kind": "a"}),
    Row("/to-stored", cache="hit", rules=("to-stored",)),
    Row("/to-blocked", blocked=True, rules=("to-blocked",)),
    Row("/to-ads", blocked=True, rules=("to-ads",)),
    Row("/to-good", cache="miss", rules=("to-good",)),
    Row("/anew", cache="stale", rules=("anew",)),
    Row("/english", cache="hit", rules=("english",)),
    Row("/teapot", rules=("teapot",)),
    Row("/files/none", rules=("folder",)),
    Row("/files/rewrite.yaml", rules=("folder",)),
    Row("/nowhere?q=%0A", rules=("nowhere",)),
    Row("/body", cache="hit", rules=("body",), fields={"accept-encoding": "x-odd, gzip"}),
    Row("/fresh", cache="hit"),
    Row("/fresh?", cache="miss"),
    Row("/fresh", cache="hit", fields={"if-none-match": '"v1"'}),
    Row("/fresh", cache="stale", fields={"cache-control": "no-cache"}),
    Row("/fresh", cache="stale", fields={"pragma": "no-cache"}),
    Row("/fresh", cache="miss", fields={"cache-control": "no-store"}),
    Row("/fresh", cache="bypass", fields={"if-match": '"v1"'}),
    Row("/fresh", cache="bypass", fields={"x-forwarded-host": "a.example"}),
    Row("/fresh", cache="hit", fields={"authorization": "Basic eA=="}),
    Row("/fresh", cache="hit", method="HEAD"),
    Row("/plain", cache="miss", method="HEAD"),
    Row("/stale", cache="miss", method="HEAD"),
    Row("/plain", cache="bypass", method="POST"),
    Row("/none", cache="miss", fields={"cache-control": "only-if-cached"}),
    Row("/languages", cache="hit", fields={"accept-language": "EN"}),
    Row("/languages", cache="miss", fields={"accept-language": "de"}),
    Row("/keyed?utm_y=2", cache="hit", fields={"x-tenant": "a"}),
    Row("/keyed", cache="miss", fields={"x-tenant": "b"}),
    Row("/stale", cache="stale"),
    Row("/later", cache="hit"),
    Row("/later", cache="miss", fields={"cache-control": "only-if-cached"}),
    Row("/later/edited", cache="stale", rules=("from-here",)),
    Row("/no-cache", cache="stale"),
    Row("/ruled", cache="hit"),
    Row("/bypass", cache="bypass"),
    Row("/fresh", cache="bypass", fields={"x-forebay-bypass": "cache"}),
    Row("/to-stored", cache="bypass", fields={"x-forebay-bypass": "rewrite"}),
    Row("/fresh", cache="hit", fields={"x-forebay-bypass": "rewrite"}),
    Row("/ads/x", blocked=True, fields={"x-forebay-bypass": "block"}),
    Row("/fresh", cache="hit", fields={"x-forebay-bypass": "cache", "origin": "null"}),
    Row("/no-store", cache="miss"),
    Row("/cookie", cache="miss"),
    Row("/star", cache="miss"),
    Row("/plain", cache="miss", fields={"authorization": "Basic eA=="}),
]


def handle(seen) -> Reply:
    path = seen.target.partition("?")[0]
    if seen.header("if-none-match") == '"v1"':
        return Reply(status=304, headers=HEADS.get(path, ()))
    return Reply(headers=HEADS.get(path, ()), body=b"stored")


@pytest.fixture(name="home")
def _home(tmp_path):
    rules = tmp_path / "home" / "rules"
    (rules / "blocklists").mkdir(parents=True)
    (tmp_path / "more.txt").write_text(EXTRA, encoding="utf-8")
    for name, text in {
        "blocklists/own.txt": BLOCKED,
        "lists.yaml": LISTS % (tmp_path / "more.txt"),
        "policies.yaml": POLICIES,
        "rewrite.yaml": REWRITE,
        "cache.yaml": CACHE,
    }.items():
        (rules / name).write_text(text, encoding="utf-8")
    return tmp_path / "home"


@pytest.mark.parametrize("secure", [False, True])
def test_check_agrees_with_the_log(
    home, start_proxy, client_of, authority, capsys, monkeypatch, secure
):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    proxy = start_proxy(rewrite_groups="-dev")
    with Origin(handle, tls=authority.context() if secure else None) as origin:
        client = client_of(proxy)
        for path, fields in STORED_BEFORE:
            client.get(origin.url(path, "localhost"), headers=fields)
        proxy.stop()  # all is written
        proxy.start()
        said = [both(capsys, proxy, client_of(proxy), origin, row) for row in ROWS]
        records = requests(proxy)[-len(ROWS) :]

    for row, (status, found), record in zip(ROWS, said, records, strict=True):
        assert told(status, found) == logged(record), row
        assert (status == 1, found["cache"] and found["cache"]["result"]) == (
            row.blocked,
            row.cache,
        ), row
        names = [] if found["rewrite"] is None else found["rewrite"]["request"]
        assert tuple(entry["id"] for entry in names) == row.rules, row


@pytest.mark.parametrize(("secure", "line"), [(False, 2), (True, 1)])
def test_a_tunnel_is_judged_before_the_requests_in_it(
    home, start_proxy, client_of, authority, capsys, secure, line
):
    """Where its host alone decides, whatever else the request inside matches."""
    rules = "||blocked.example^\n||blocked.example^*/x$important\n"
    (home / "rules" / "blocklists" / "own.txt").write_text(rules, encoding="utf-8")
    proxy = start_proxy(rewrite_groups="-dev")
    with Origin(tls=authority.context() if secure else None) as origin:
        row = Row("/x", host="blocked.example")
        said = both(capsys, proxy, client_of(proxy), origin, row)
        (record,) = requests(proxy)

    assert told(*said) == logged(record)
    assert said[1]["line"] == line


def both(capsys, proxy, client, origin, row):
    """Ask check, then the proxy; return the exit status and what check says."""
    url = origin.url(row.path, row.host)
    request = client.build_request(row.method, url, headers=row.fields)
    lines = [f"{name.decode()}: {value.decode()}" for name, value in request.headers.raw]
    said = asked(capsys, proxy, url, row.method, lines)
    client.send(request)
    return said


def requests(proxy):
    """End the proxy; return its records of requests of clients."""
    return [
        record
        for record in proxy.records()
        if record["http.request.method"] != "CONNECT" and not record.get("forebay.background")
    ]


def asked(capsys, proxy, url, method, lines):
    """Return the exit status and what ``forebay check --fetch --json`` says."""
    fields = [part for line in lines for part in ("--request-header", line)]
    places = ["--home", str(proxy.home), "--confdir", str(proxy.confdir)]
    more = ["--client", "127.0.0.1", "--rewrite-group=-dev", "--method", method, "--fetch"]
    capsys.readouterr()
    status = check.run([url, *fields, *places, *more, "--json"])
    out, err = capsys.readouterr()
    assert err == ""
    return status, json.loads(out)


def told(status, found):
    """Return what is compared of what check says."""
    cache, storing = found["cache"], found["storing"]
    block = {key: found[key] for key in ("action", "name", "rule", "list", "path", "line", "group")}
    block |= {key: found[key] for key in ("policy", "reason", "exception")}
    from_store = found["answered_by"] == "cache"
    return {
        "status": status,
        "answered_by": found["answered_by"],
        "block": None if found["reason"] == "not listed" else block,
        "rewrite": [] if found["rewrite"] is None else found["rewrite"]["request"],
        "cache": cache and (cache["result"], cache["reason"], cache["rule"], cache["ttl_s"] and 1),
        "stores": None if storing is None or from_store else (storing["stores"], storing["reason"]),
    }


def logged(record):
    """Return the same of a record."""
    block, cache = record["forebay.block"], record["forebay.cache"]
    entries = [each for each in record["forebay.rewrite"] or () if each["phase"] == "request"]
    by = record["forebay.answered_by"]
    stores = None
    if cache is not None and by == "origin":
        unstored = cache.get("unstored")
        stores = (cache["stored"], unstored or (None if cache["stored"] else cache["reason"]))
    result = cache and {"revalidated": "stale"}.get(cache["result"], cache["result"])
    return {
        "status": int(block is not None and block["action"] == "block"),
        "answered_by": by,
        "block": block,
        "rewrite": entries,
        "cache": cache and (result, cache["reason"], cache.get("rule"), cache["ttl_s"] and 1),
        "stores": stores,
    }
