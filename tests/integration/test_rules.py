"""Adblock rules through a real proxy: what requests say of themselves, in every mode."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from origins import Origin, Reply, ok
from proxies import ask_http2, refused_start

pytestmark = pytest.mark.integration

FOREBAY = Path(sys.executable).parent / "forebay"
PAGE = {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "none"}


def fetched(dest, page="https://news.example/", **more):
    """Return the fields that a browser sends for *dest* on a page of another site."""
    mode = "cors" if dest == "empty" else "no-cors"
    site = "same-site" if page == "https://localhost/" else "cross-site"
    fields = {"sec-fetch-dest": dest, "sec-fetch-mode": mode, "sec-fetch-site": site}
    return {**fields, "referer": page, **more}


@pytest.fixture(name="own")
def _own(tmp_path):
    """Write the user's own list; line numbers count from 1."""
    path = tmp_path / "home" / "rules" / "blocklists" / "own.txt"
    path.parent.mkdir(parents=True)

    def write(*lines):
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write


def cited(records):
    """Return path and line of the rule for each request that was blocked by one."""
    found = []
    for record in records:
        block = record.get("forebay.block")
        if block and block["action"] == "block":
            found.append((record["url.path"], block["line"]))
    return found


# Path, fields, method, and the line that blocks it.
ASKED = [
    ("/lib.js", fetched("script"), "GET", 1),
    ("/lib.js", fetched("script", "https://localhost/"), "GET", None),
    ("/lib.js", fetched("style"), "GET", None),
    ("/lib.js", PAGE, "GET", None),
    ("/pixel/a", fetched("image"), "GET", 2),
    ("/pixel/b", fetched("empty"), "GET", None),
    ("/pixel/c.png", {"accept": "*/*"}, "GET", 2),
    ("/pixel/d", {"accept": "image/avif,image/webp,image/*;q=0.8"}, "GET", 2),
    ("/api/a", fetched("empty"), "GET", 3),
    ("/api/b", fetched("empty", "https://www.news.example/x"), "GET", 3),
    ("/api/c", fetched("empty", "https://other.example/"), "GET", None),
    ("/api/d", fetched("empty", origin="https://news.example"), "GET", 3),
    ("/send/a", fetched("empty"), "POST", 4),
    ("/send/b", fetched("empty"), "GET", None),
    ("/ok/ads/a", fetched("empty"), "GET", None),
    ("/ads/a", fetched("empty"), "GET", 5),
    ("/ads/b", PAGE, "GET", None),
    ("/page/a", PAGE, "GET", 7),
    ("/page/b", fetched("iframe"), "GET", None),
]
RULES = (
    "||localhost^$script,third-party",
    "/pixel/*$image",
    "/api/*$xmlhttprequest,domain=news.example",
    "/send/*$method=post",
    "/ads/*",
    "@@||localhost:*/ok/",
    "/page/*$document",
)


@pytest.mark.parametrize(("secure", "http2"), [(False, False), (True, False), (True, True)])
def test_type_page_and_method_decide(start_proxy, client_of, authority, own, secure, http2):
    """As the request's own fields say them; a page is blocked only when it is meant."""
    own(*RULES)
    proxy = start_proxy()
    with Origin(tls=authority.context() if secure else None) as origin:
        client = client_of(proxy, http2=http2, headers={"accept": "*/*"})
        for path, fields, method, _ in ASKED:
            client.request(method, origin.url(path, "localhost"), headers=fields)
        reached = origin.targets()

    expected = [(path, line) for path, _, _, line in ASKED]
    assert cited(proxy.records()) == [each for each in expected if each[1]]
    assert reached == [path for path, line in expected if line is None]


def ask_http1(proxy, *targets):
    """Ask for targets as they are, each on a connection of its own; return the statuses."""
    found = []
    for target in targets:
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=20) as client:
            client.sendall(
                f"GET {target} HTTP/1.1\r\nHost: {target.split('/')[2]}\r\n\r\n".encode()
            )
            found.append(int(client.recv(65536).split(b" ", 2)[1]))
    return found


SPELLINGS = {
    "/ads/x": 403,
    "/%61ds/x": 403,
    "/%61%64%73/x": 403,
    "/ADS/x": 403,
    "/./ads/x": 403,
    "/y/../ads/x": 403,
    "/y/%2e%2E/ads/x": 403,
    "/y/../%61ds/x?q": 403,
    "/%2561ds/x": 200,
    "/ads%2Fx": 403,
    "/ads/../x": 403,  # as it is written; what an origin makes of it is not known
    "/loads/x": 200,
}


def test_a_path_is_judged_in_every_spelling(start_proxy, own, authority):
    """RFC 3986 §6.2.2: origins take them for the same; over HTTP/1 and HTTP/2."""
    own("||localhost:*/ads/")
    proxy = start_proxy()
    with Origin() as origin:
        statuses = ask_http1(proxy, *(origin.url(path, "localhost") for path in SPELLINGS))
        assert dict(zip(SPELLINGS, statuses, strict=True)) == SPELLINGS
        assert origin.targets() == [path for path, status in SPELLINGS.items() if status == 200]

    with Origin(tls=authority.context()) as origin:
        statuses = ask_http2(proxy, origin.port, *SPELLINGS)
        assert dict(zip(SPELLINGS, statuses, strict=True)) == SPELLINGS
        assert set(origin.targets()) == {x for x, status in SPELLINGS.items() if status == 200}


def test_an_absolute_path_over_http2_is_judged(start_proxy, own, authority):
    """Its path by path rules, its host by host rules: an origin may take either from it."""
    own("||localhost:*/ads/", "||refused.example^")
    proxy = start_proxy()
    with Origin(tls=authority.context()) as origin:
        statuses = ask_http2(
            proxy,
            origin.port,
            f"https://localhost:{origin.port}/ads/x",
            f"https://localhost:{origin.port}/y/../%61ds/x",
            "https://sub.refused.example/",
            "https://localhost/news",
        )

        assert statuses[:3] == [403, 403, 403]
        assert statuses[3] != 403
        assert [target for target in origin.targets() if "news" not in target] == []


@pytest.mark.parametrize("secure", [False, True])
def test_a_websocket_is_told_from_a_fetch(start_proxy, client_of, authority, own, secure):
    """``$websocket``, by the page that opens it; its URL is one of ``ws`` or ``wss``."""
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect
    from websockets.sync.server import serve

    own("$websocket,domain=news.example", f"|{'wss' if secure else 'ws'}://localhost:*/feed/")
    proxy = start_proxy()
    reached = []

    def plain(connection, request):
        reached.append(request.path)
        if "Upgrade" not in request.headers:
            return connection.respond(200, "text")
        return None

    with serve(
        lambda ws: [ws.send(each) for each in ws],
        "127.0.0.1",
        0,
        process_request=plain,
        ssl=authority.context(protocols=()) if secure else None,
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        end = "s" if secure else ""
        place = f"localhost:{server.socket.getsockname()[1]}"
        more = {"proxy": proxy.url, "open_timeout": 20}
        if secure:
            more["ssl"] = ssl.create_default_context(cafile=str(proxy.ca))

        for path, page in (("/chat", "https://news.example"), ("/feed/", "https://other.example")):
            with pytest.raises(InvalidStatus) as refused:
                connect(f"ws{end}://{place}{path}", origin=page, **more)
            assert refused.value.response.status_code == 403

        with connect(f"ws{end}://{place}/chat", origin="https://other.example", **more) as ws:
            ws.send("hello")
            assert ws.recv(20) == "hello"
        fields = fetched("empty", origin="https://news.example")
        client = client_of(proxy)
        assert client.get(f"http{end}://{place}/fetch", headers=fields).status_code == 200
        assert client.get(f"http{end}://{place}/feed/", headers=fields).status_code == 200
        server.shutdown()
        thread.join(20)

    assert reached == ["/chat", "/fetch", "/feed/"]
    assert cited(proxy.records()) == [("/chat", 1), ("/feed/", 2)]


def test_reverse_mode_is_judged_by_path(start_proxy, own):
    """By the name the proxy has for the origin."""
    own("||127.0.0.1:*/ads/")
    with Origin() as origin:
        proxy = start_proxy("--mode", f"reverse:http://127.0.0.1:{origin.port}")
        before = len(origin.seen)  # whether it serves was asked of the origin
        with httpx.Client(base_url=proxy.url, trust_env=False) as client:
            statuses = [client.get(path).status_code for path in ("/ads/x", "/news")]

        assert statuses == [403, 200]
        assert origin.targets()[before:] == ["/news"]


def test_reverse_mode_is_judged_by_the_clients_name_too(start_proxy, own):
    """Where the origin gets to see it (``keep_host_header``)."""
    own("||site.example*/shop/", "||refused.example^")
    with Origin() as origin:
        proxy = start_proxy(
            "--mode", f"reverse:http://127.0.0.1:{origin.port}", keep_host_header=True
        )
        before = len(origin.seen)
        with httpx.Client(base_url=proxy.url, trust_env=False) as client:
            got = {
                (path, host): client.get(path, headers={"host": host}).status_code
                for path in ("/shop/x", "/news")
                for host in ("site.example", "other.example", "www.refused.example")
            }

        assert got == {
            ("/shop/x", "site.example"): 403,
            ("/shop/x", "other.example"): 200,
            ("/shop/x", "www.refused.example"): 403,
            ("/news", "site.example"): 200,
            ("/news", "other.example"): 200,
            ("/news", "www.refused.example"): 403,
        }
        assert origin.targets()[before:] == ["/shop/x", "/news", "/news"]


def test_the_next_proxy_is_not_asked_for_what_is_blocked(start_proxy, client_of, own):
    """Neither for a host nor for a tunnel, by path either; rules are not about the proxy itself."""
    own("||refused.example^", "||fine.example/ads/", "||127.0.0.1^")

    def next_proxy(seen):
        if seen.method == "CONNECT":
            return Reply(status=502, headers=[("content-length", "0")])
        return ok(seen)

    with Origin(next_proxy) as upstream:
        proxy = start_proxy("--mode", f"upstream:http://127.0.0.1:{upstream.port}")
        upstream.seen.clear()  # whether it serves was asked of the next proxy
        before = upstream.connections
        client = client_of(proxy)
        for url in (
            "http://refused.example/",
            "https://refused.example/",
            "http://fine.example/ads/x",
            "https://fine.example/ads/x",
        ):
            assert client.get(url).status_code == 403, url
        assert upstream.seen == []
        assert upstream.connections == before

        assert client.get("http://fine.example/news").status_code == 200
        assert upstream.targets() == ["http://fine.example/news"]
        assert client.get("https://fine.example/news").status_code == 502
        assert [seen.method for seen in upstream.seen] == ["GET", "CONNECT"]
        assert upstream.targets()[1] == "fine.example:443"


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_socks_is_judged_by_path(start_proxy, authority, own, version):
    """Inside TLS, whose page is only then the proxy's."""
    own("||localhost:*/ads/")
    proxy = start_proxy("--mode", "socks5")
    with Origin(tls=authority.context()) as origin:

        def get(path):
            done = subprocess.run(
                [
                    "curl", "-sS", version, "--cacert", str(proxy.ca), "-o", os.devnull,
                    "-w", "%{http_code} %{http_version}", "--noproxy", "",
                    "--socks5-hostname", f"127.0.0.1:{proxy.port}", origin.url(path, "localhost"),
                ],
                capture_output=True,
                text=True,
                check=True,
            )  # fmt: skip
            return done.stdout

        number = "2" if version == "--http2" else "1.1"
        assert get("/ads/x") == f"403 {number}"
        assert origin.connections == 0
        assert get("/news") == f"200 {number}"
        assert origin.targets() == ["/news"]


def test_policies_go_by_the_clients_address(start_proxy, client_of, own, tmp_path):
    """First off, then, once the file is edited, nothing but what is allowed."""
    own("||localhost^", "||127.0.0.1:*/ads/", "@@||127.0.0.1:*/open/")
    path = tmp_path / "home" / "rules" / "policies.yaml"
    text = (
        "policies:\n  - {{id: others, clients: 192.0.2.0/24, mode: {}}}\n"
        "  - {{id: here, clients: 127.0.0.0/8, mode: {}}}\n"
    )
    path.write_text(text.format("filter", "off"), encoding="utf-8")
    proxy = start_proxy()
    with Origin() as origin:
        client = client_of(proxy)

        def statuses(*urls):
            return [client.get(url).status_code for url in urls]

        urls = (
            origin.url("/", "localhost"),
            origin.url("/ads/"),
            origin.url("/open/"),
            origin.url("/news"),
        )
        assert statuses(*urls) == [200, 200, 200, 200]

        only = "allow-only, allow: [localhost]"
        path.write_text(text.format("off", only), encoding="utf-8")
        proxy.wait_for(r"blocklist: .*\(reloaded\)")

        assert statuses(*urls) == [200, 403, 200, 403]
        assert len(origin.seen) == 6

    blocks = [record["forebay.block"] for record in proxy.records()]
    assert {block["policy"] for block in blocks} == {f"here ({path.name}:3)"}
    assert blocks[5]["line"] == 2
    assert blocks[7]["line"] is None


def test_a_list_that_is_fetched_is_put_in_force(start_proxy, client_of, tmp_path):
    """While the proxy runs: unfiltered and said so before, by its rules after."""
    text = "! Title: fetched\n||localhost:*/ads/\nlisted.example\n"
    home = tmp_path / "home"
    (home / "rules").mkdir(parents=True)
    with Origin(
        lambda seen: (
            Reply(headers=[("content-type", "text/plain")], body=text.encode())
            if seen.target == "/list.txt"
            else ok(seen)
        )
    ) as origin:
        (home / "rules" / "lists.yaml").write_text(
            f"lists:\n  - {{name: mine, url: '{origin.url('/list.txt')}', group: ads}}\n",
            encoding="utf-8",
        )
        proxy = start_proxy()
        proxy.wait_for(r"Forebay .*unfiltered, as never fetched: mine")
        client = client_of(proxy)
        assert client.get(origin.url("/ads/x", "localhost")).status_code == 200

        done = subprocess.run(
            [FOREBAY, "lists", "update", "--home", home], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "mine: updated" in done.stdout
        proxy.wait_for(r"blocklist: .*\(reloaded\)")

        assert client.get(origin.url("/ads/x", "localhost")).status_code == 403
        assert client.get(origin.url("/news", "localhost")).status_code == 200
        assert origin.targets() == ["/ads/x", "/list.txt", "/news"]

    block = proxy.records()[1]["forebay.block"]
    assert {key: block[key] for key in ("rule", "list", "path", "line", "group")} == {
        "rule": "||localhost:*/ads/",
        "list": "mine",
        "path": str(home / "lists" / "mine.txt"),
        "line": 2,
        "group": "ads",
    }


@pytest.mark.parametrize("kept", [False, True])
def test_http3_is_not_offered(start_proxy, client_of, kept):
    """On what comes from the origin and on what comes from the cache, unless told otherwise."""
    offered = 'h3=":443"; ma=86400, h2="alt.example:443"; ma=60'

    def handle(_):
        return Reply(
            headers=[("cache-control", "max-age=3600"), ("alt-svc", offered)],
            body=b"stored",
        )

    proxy = start_proxy(**({"blocklist_alt_svc": False} if kept else {}))
    with Origin(handle) as origin:
        client = client_of(proxy)
        answers = [client.get(origin.url("/a")) for _ in range(2)]

        assert len(origin.seen) == 1, "the second is a hit"

    expected = offered if kept else 'h2="alt.example:443"; ma=60'
    assert [answer.headers.get("alt-svc") for answer in answers] == [expected, expected]


@pytest.mark.parametrize(("secure", "http2"), [(False, False), (True, False), (True, True)])
def test_drop_closes_and_logs_the_rule(start_proxy, client_of, authority, own, secure, http2):
    """``blocklist_answer=drop``: no answer at all, but a record with the rule."""
    path = own("! mine", "||localhost:*/ads/")
    proxy = start_proxy(blocklist_answer="drop")
    with Origin(tls=authority.context() if secure else None) as origin:
        client = client_of(proxy, http2=http2)
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(origin.url("/ads/x", "localhost"))
        assert client.get(origin.url("/news", "localhost")).status_code == 200
        assert origin.targets() == ["/news"]

    blocked = [each for each in proxy.records() if each["url.path"] == "/ads/x"]
    assert len(blocked) == 1
    assert blocked[0]["http.response.status_code"] is None
    assert blocked[0]["error.type"] == "killed"
    block = blocked[0]["forebay.block"]
    assert (block["rule"], block["path"], block["line"]) == ("||localhost:*/ads/", str(path), 2)


# Line by line, what a list must not hold; each is a mistake.
MISTAKES = [
    b"||" + b"a" * 200_000 + b".example^",
    b"||nul\0.example^",
    b"||bad\xff\xfe.example^",
    b"||x.example^$domain=",
    b"/(/",
    b"*",
    b"||^",
    b"@@||^$",
    b"|http",
    b"/.*/",
    b"||x.example^$script,~script",
    b"||x.example^$method=",
]


def test_a_list_full_of_mistakes_filters_by_its_good_lines(start_proxy, client_of, tmp_path):
    """One warning, that says where the first of them are; nothing is blocked by accident."""
    listed = tmp_path / "bad.txt"
    listed.write_bytes(
        b"\n".join(
            [b"||first.example^", *MISTAKES, b"/(z+)+$/", b"/ads/*$image", b"||last.example^"]
        )
    )
    proxy = start_proxy(blocklist_files=listed)
    warnings = [line for line in proxy.output if "malformed" in line]
    assert len(warnings) == 1, proxy.text()
    # Without google-re2 the costly regex is one more mistake.
    linear = importlib.util.find_spec("re2") is not None
    count = len(MISTAKES) + (not linear)
    assert re.search(rf"bad\.txt: left out {count} malformed lines: line 2: ", warnings[0])
    assert len(warnings[0]) < 1_000

    with Origin() as origin:
        client = client_of(proxy)
        for host in ("first.example", "last.example"):
            assert client.get(f"http://{host}/").status_code == 403
        image = {"sec-fetch-dest": "image"}
        assert client.get(origin.url("/ads/x"), headers=image).status_code == 200
        assert client.get(origin.url("/ads/x"), headers=image).content[:3] == b"GIF"
        assert client.get(origin.url("/ads/x")).status_code == 200
        # A regex that would take for ever where matching backtracks.
        slow = "/" + "z" * 1_000
        assert client.get(origin.url(slow)).status_code == (403 if linear else 200)
        assert client.get(origin.url(f"{slow}!")).status_code == 200
        assert origin.targets() == ["/ads/x", *([] if linear else [slow]), f"{slow}!"]


def test_a_list_in_utf16_blocks_nothing_and_says_so(start_proxy, client_of, tmp_path):
    """Each of its lines is a mistake."""
    listed = tmp_path / "wide.txt"
    listed.write_text("||first.example^\n||last.example^\n", encoding="utf-16")
    proxy = start_proxy(blocklist_files=listed)

    assert len([line for line in proxy.output if "wide.txt" in line]) == 1, proxy.text()
    with Origin() as origin:
        assert client_of(proxy).get(origin.url()).status_code == 200


def missing(path):
    """Make nothing."""


def fifo(path):
    """Make a pipe that nobody writes to."""
    os.mkfifo(path)


def html(path):
    """Make what a captive portal answers."""
    path.write_text("\n<!DOCTYPE html>\n<title>Sign in</title>\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (missing, r"blocklist_files: cannot read \S*list\.txt: No such file or directory"),
        (
            fifo,
            r"blocklist_files: cannot read \S*list\.txt: expected a file, found a device or a pipe",
        ),
        (html, r"list\.txt: expected a filter list, found HTML, XML or JSON"),
    ],
)
def test_what_is_no_list_refuses_the_start(prepare_proxy, tmp_path, make, message):
    """In one line, at once."""
    path = tmp_path / "list.txt"
    make(path)

    status, printed = refused_start(prepare_proxy(blocklist_files=path))

    assert status == 1
    assert len(re.findall(message, printed)) == 1, printed
    assert len(re.findall("list.txt", printed)) == 1, printed
    assert "Traceback" not in printed


def test_a_list_never_fetched_refuses_the_start_if_lists_are_required(prepare_proxy, tmp_path):
    """``blocklist_require_lists``; without it the start line says so."""
    rules = tmp_path / "home" / "rules"
    rules.mkdir(parents=True)
    (rules / "lists.yaml").write_text(
        "lists:\n  - {name: mine, url: 'http://127.0.0.1:9/list.txt'}\n", encoding="utf-8"
    )

    status, printed = refused_start(prepare_proxy(blocklist_require_lists=True))
    assert status == 1
    assert len(re.findall("blocklist_require_lists: .*mine", printed)) == 1, printed
    assert "Traceback" not in printed

    with prepare_proxy() as proxy:
        assert proxy.wait_for(r"^.*Forebay .*blocklist .*unfiltered, as never fetched: mine")
