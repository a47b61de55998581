"""A copy of a news page in Debian's chromium: what the rules ask for is blocked, and no more.

The page is on ``localhost``; the third party that is really there is on
``127.0.0.1``, which is another site.  Hosts below ``.example`` are in rules
only: if one were asked for, the proxy would find no address.

Browsers send ``Sec-Fetch-*`` to secure origins only.  Chromium counts
``http://localhost`` and ``http://127.0.0.1`` among them, so their requests say
what they are for over plain HTTP too.  Those to ``http://*.example`` do not,
and their type is read off Accept and the extension of the path.  What follows:

* pictures and stylesheets are known by Accept, scripts by ``.js``: the same
  answers as over HTTPS;
* a script without an extension is of no known type: it gets the page with
  status 403, and its error handler runs;
* ``fetch()`` gets the same page instead of one line of text, with the same
  status 403, which is as readable;
* a frame cannot be told from a page, so rules about pages hold for it, and
  those about frames do not.
"""

from __future__ import annotations

import contextlib
import io
import json
import threading
import wave
from dataclasses import dataclass, field

import pytest

from forebay.blocklist.stubs import stub
from origins import Origin, Reply

pytestmark = pytest.mark.browser

RULES = {
    "host": "||adverts.example^",
    "picture": "/banner/*$image",
    "script": "||127.0.0.1^$script,third-party",
    "script ok": "@@||127.0.0.1:*/ok/*$script",
    "script worst": "||127.0.0.1:*/ok/worst$script,important",
    "socket": "$websocket,domain=localhost",
    "ping": "$ping,third-party",
    "frame": "||127.0.0.1^$subdocument",
    "frame ok": "@@||127.0.0.1:*/ok/*$subdocument",
    "collect": "/collect?$xmlhttprequest,domain=localhost",
    "own style": "||localhost:*/self/$stylesheet,~third-party",
    "style": "||127.0.0.1:*/style/$stylesheet",
    "to": "/by-host/*$image,to=127.0.0.1",
    "entity": "/e/*$image,to=metrics.*",
    "post": "/api/*$method=post",
    "font": "/type/*$font,third-party",
    "media": "/clip/*$media",
    "preflight": "/private/*$xmlhttprequest,third-party",
    "stub": "||stub.example^$image,redirect=32x32.png",
    "typed": "||typed.example^$script",
    "framed": "||framed.example^$subdocument",
    "page": "||framed.example^$document",
}
LINES = {name: number for number, name in enumerate(RULES, 1)}

PREAMBLE = """<!doctype html><meta charset=utf-8><title>news</title><link rel=icon href=data:,>
<script>
const seen = {}, ran = [];
const saw = (name, what) => window === top ? seen[name] = what : top.postMessage([name, what], "*");
addEventListener("message", event => seen[event.data[0]] = event.data[1]);
const ask = (name, url, options) => fetch(url, options)
  .then(async answer => saw(name, answer.status + " " + (await answer.text()).includes("Forebay")),
        error => saw(name, "failed"));
const listen = (name, url) => {
  const socket = new WebSocket(url);
  socket.onopen = () => saw(name, "open");
  socket.onerror = () => saw(name, "failed");
};
</script>
"""

HANDLERS = "onload=\"saw('{name}', 'load')\" onerror=\"saw('{name}', 'error')\""
SHAPES = {
    "script": f"<script src='{{url}}' {HANDLERS}></script>",
    "style": f"<link rel=stylesheet href='{{url}}' {HANDLERS}>",
    "frame": f"<iframe name='{{name}}' src='{{url}}' {HANDLERS}></iframe>",
    "image": (
        "<img src='{url}' onload=\"saw('{name}', 'load ' + this.naturalWidth)\" "
        "onerror=\"saw('{name}', 'error')\">"
    ),
    "audio": (
        "<audio preload=auto src='{url}' onloadeddata=\"saw('{name}', 'load')\" "
        "onerror=\"saw('{name}', 'error')\"></audio>"
    ),
    "video": (
        "<video preload=auto src='{url}' onloadeddata=\"saw('{name}', 'load')\" "
        "onerror=\"saw('{name}', 'error')\"></video>"
    ),
    "fetch": "<script>ask('{name}', '{url}')</script>",
    "post": "<script>ask('{name}', '{url}', {{method: 'POST', body: 'x'}})</script>",
    "preflight": "<script>ask('{name}', '{url}', {{headers: {{'X-Asked': '1'}}}})</script>",
    "beacon": "<script>saw('{name}', String(navigator.sendBeacon('{url}', 'x')))</script>",
    "font": (
        "<script>new FontFace('f', 'url({url})').load()"
        ".then(() => saw('{name}', 'load'), () => saw('{name}', 'error'))</script>"
    ),
    "link": ("<a href='#there' ping='{url}' onclick=\"saw('{name}', 'clicked')\">{name}</a>"),
    "socket": "<script>listen('{name}', '{url}')</script>",
}

SENT = {"post", "beacon", "link"}
"""Shapes whose method is POST."""


@dataclass(frozen=True)
class Part:
    """Something that a page asks for.

    Args:
        shape: one of `SHAPES`.
        url: what is asked for.
        rule: the one that blocks it, None when nothing does.
        sees: what the page gets to see of it.
    """

    shape: str
    url: str
    rule: str | None
    sees: str

    def requests(self) -> list[tuple[str, str]]:
        """Return method and URL of each request that it makes."""
        url = self.url.replace("ws", "http", 1) if self.shape == "socket" else self.url
        asked = [("POST" if self.shape in SENT else "GET", url)]
        return [("OPTIONS", url), *asked] if self.shape == "preflight" else asked

    def html(self, name: str) -> str:
        """Return what asks for it."""
        return SHAPES[self.shape].format(name=name, url=self.url)


@dataclass
class Site:
    """The page on ``localhost`` and the third party on ``127.0.0.1``."""

    secure: bool
    news: Origin
    third: Origin
    sockets: str
    reached: list[str]
    frame: dict[str, Part] = field(init=False)
    parts: dict[str, Part] = field(init=False)

    def __post_init__(self) -> None:
        scheme = "https" if self.secure else "http"
        own, other = self.news.url("", "localhost"), self.third.url("")
        self.frame = {
            "own script in a frame": Part("script", f"{other}/lib.js", None, "load"),
            "style in a frame": Part("style", f"{own}/self/b.css", None, "load"),
            "socket in a frame": Part("socket", f"{self.sockets}/frame", None, "open"),
            "fetch in a frame": Part("fetch", f"{other}/collect?2", None, "200 false"),
        }
        self.parts = {
            "advert script": Part("script", f"{scheme}://adverts.example/a.js", "host", "load"),
            "advert script without extension": Part(
                "script",
                f"{scheme}://adverts.example/a",
                "host",
                "load" if self.secure else "error",
            ),
            "advert picture": Part("image", f"{scheme}://adverts.example/b", "host", "load 1"),
            "advert style": Part("style", f"{scheme}://adverts.example/c", "host", "load"),
            "advert fetch": Part("fetch", f"{scheme}://adverts.example/d", "host", "403 true"),
            "advert preflight": Part(
                "preflight", f"{scheme}://adverts.example/e", "host", "403 true"
            ),
            "advert frame": Part("frame", f"{scheme}://adverts.example/f", "host", "load"),
            "framed": Part(
                "frame", f"{scheme}://framed.example/", "framed" if self.secure else "page", "load"
            ),
            "stub": Part("image", f"{scheme}://stub.example/a", "stub", "load 32"),
            "typed": Part("script", f"{scheme}://typed.example/a.js", "typed", "load"),
            "entity": Part("image", f"{scheme}://metrics.example/e/a.gif", "entity", "load 1"),
            "banner": Part("image", f"{other}/banner/a", "picture", "load 1"),
            "own banner": Part("image", f"{own}/banner/b", "picture", "load 1"),
            "banner text": Part("fetch", f"{other}/banner/c", None, "200 false"),
            "picture": Part("image", f"{other}/picture.png", None, "load 2"),
            "script": Part("script", f"{other}/track.js", "script", "load"),
            "script ok": Part("script", f"{other}/ok/lib.js", None, "load"),
            "script worst": Part("script", f"{other}/ok/worst.js", "script worst", "load"),
            "own script": Part("script", f"{own}/own.js", None, "load"),
            "socket": Part("socket", f"{self.sockets}/page", "socket", "failed"),
            "beacon": Part("beacon", f"{other}/beacon", "ping", "true"),
            "link": Part("link", f"{other}/linked", "ping", "clicked"),
            "own beacon": Part("beacon", f"{own}/beacon", None, "true"),
            "frame": Part("frame", f"{other}/frame.html", "frame", "load"),
            "frame ok": Part("frame", f"{other}/ok/frame.html", None, "load"),
            "own frame": Part("frame", f"{own}/frame.html", None, "load"),
            "collect": Part("fetch", f"{other}/collect?1", "collect", "403 true"),
            "own collect": Part("fetch", f"{own}/collect?1", "collect", "403 true"),
            "not collect": Part("fetch", f"{other}/collected", None, "200 false"),
            "own style": Part("style", f"{own}/self/a.css", "own style", "load"),
            "style": Part("style", f"{other}/style/a.css", "style", "load"),
            "style ok": Part("style", f"{other}/a.css", None, "load"),
            "to": Part("image", f"{other}/by-host/a.png", "to", "load 1"),
            "not to": Part("image", f"{own}/by-host/a.png", None, "load 2"),
            "post": Part("post", f"{other}/api/a", "post", "403 true"),
            "get": Part("fetch", f"{other}/api/b", None, "200 false"),
            "font": Part("font", f"{other}/type/a.woff2", "font", "error"),
            "own font": Part("font", f"{own}/type/b.woff2", None, "error"),  # reached, but none
            "audio": Part("audio", f"{other}/clip/a.wav", "media", "error"),
            "video": Part("video", f"{other}/clip/b", "media", "error"),
            "audio ok": Part("audio", f"{other}/film/a.wav", None, "load"),
            "preflight": Part("preflight", f"{other}/private/a", "preflight", "403 true"),
            "preflight ok": Part("preflight", f"{other}/public/a", None, "200 false"),
            **self.frame,
        }

    def asked(self) -> dict[tuple[str, str], str | None]:
        """Return the rule that should block each request, None for those that should pass."""
        found = {asked: part.rule for part in self.parts.values() for asked in part.requests()}
        return {**found, ("GET", self.news.url("/", "localhost")): None}

    def page(self) -> bytes:
        """Return the page."""
        inside = {*self.frame}
        return (
            PREAMBLE
            + "\n".join(part.html(name) for name, part in self.parts.items() if name not in inside)
        ).encode()

    def inner_page(self) -> bytes:
        """Return the page of the frame that is not blocked."""
        return (PREAMBLE + "\n".join(part.html(name) for name, part in self.frame.items())).encode()


def silence() -> bytes:
    """Return a tenth of a second of sound."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(b"\x80" * 800)
    return file.getvalue()


@contextlib.contextmanager
def served(authority, *, secure):
    """Serve the page, the third party and WebSockets."""
    from websockets.sync.server import serve

    tls = authority.context() if secure else None
    picture = stub("2x2.png")

    def handle(seen):
        path = seen.target.partition("?")[0]
        media, body = "text/plain", b"text"
        if path == "/":
            media, body = "text/html", site.page()
        elif path == "/ok/frame.html":
            media, body = "text/html", site.inner_page()
        elif path.endswith(".html"):
            media, body = "text/html", b"<!doctype html><title>frame</title>"
        elif path.endswith(".js"):
            media, body = "text/javascript", f"ran.push({json.dumps(path)});".encode()
        elif path.endswith(".css"):
            media, body = "text/css", b"p { margin: 0 }"
        elif path.endswith(".wav"):
            media, body = "audio/wav", silence()
        elif path.endswith(".png"):
            media, body = "image/png", picture.body
        headers = [
            ("content-type", media),
            ("cache-control", "no-store"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-headers", "x-asked"),
        ]
        return Reply(headers=headers, body=body)

    reached = []

    def noted(connection, request):
        reached.append(request.path)

    with (
        Origin(handle, tls=tls) as news,
        Origin(handle, tls=tls) as third,
        serve(
            lambda socket: [*socket],
            "127.0.0.1",
            0,
            process_request=noted,
            ssl=authority.context(protocols=()) if secure else None,
        ) as server,
    ):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        place = f"{'wss' if secure else 'ws'}://127.0.0.1:{server.socket.getsockname()[1]}"
        site = Site(secure, news, third, place, reached)
        yield site
        server.shutdown()
        thread.join(20)


def load(page, site):
    """Load the page until all of it has come to something; return what it saw, and what ran."""
    ended = set()
    for event in ("requestfinished", "requestfailed"):
        page.on(event, lambda request: ended.add(request.url))
    page.goto(site.news.url("/", "localhost"), wait_until="load")
    page.click("a[ping]")
    page.wait_for_function("count => Object.keys(seen).length === count", arg=len(site.parts))
    pings = {part.url for part in site.parts.values() if part.shape in ("beacon", "link")}
    while not pings <= ended:  # nothing in the page tells
        page.wait_for_event("requestfinished")
    return page.evaluate("seen"), page.evaluate("ran")


def verdicts(records, ports):
    """Return each request for the page's parts with what the log cites as blocking it."""
    return {
        (
            (record["http.request.method"], record["url.full"]),
            tuple(block[key] for key in ("rule", "list", "path", "line"))
            if (block := record["forebay.block"]) and block["action"] == "block"
            else None,
        )
        for record in records
        if record["http.request.method"] != "CONNECT"
        and (record["server.port"] in ports or record["server.address"].endswith(".example"))
    }


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_what_the_rules_ask_for_is_blocked_and_nothing_else(
    start_proxy, authority, browse, tmp_path, secure
):
    """By all of the browser's requests, as the log, the origins and the page saw them."""
    rules = tmp_path / "home" / "rules" / "blocklists" / "own.txt"
    rules.parent.mkdir(parents=True)
    rules.write_text("".join(f"{rule}\n" for rule in RULES.values()), encoding="utf-8")
    proxy = start_proxy(trafficlog_headers=True)
    assert "malformed" not in proxy.text()
    assert "proxy cannot do" not in proxy.text()

    with served(authority, secure=secure) as site:
        page = browse(proxy)
        seen, ran = load(page, site)
        framed = {
            name: page.frame(name=name).inner_text("body") for name in ("advert frame", "frame")
        }
        page.close()
        ports = {site.news.port, site.third.port, int(site.sockets.rpartition(":")[2])}
        reached = {
            (each.method, origin.url(each.target, host))
            for origin, host in ((site.news, "localhost"), (site.third, "127.0.0.1"))
            for each in origin.seen
        }
        sockets = {("GET", f"{site.sockets.replace('ws', 'http', 1)}{x}") for x in site.reached}
    records = proxy.records()

    assert seen == {name: part.sees for name, part in site.parts.items()}
    assert sorted(ran) == ["/ok/lib.js", "/own.js"]
    for name, text in framed.items():
        rule = RULES[site.parts[name].rule]
        assert "Blocked by Forebay" in text
        assert rule in text

    asked = site.asked()
    assert reached | sockets == {each for each, rule in asked.items() if rule is None}
    assert verdicts(records, ports) == {
        (each, rule and (RULES[rule], "own", str(rules), LINES[rule]))
        for each, rule in asked.items()
    }

    for record in (each for each in records if each["server.port"] in ports):
        http2 = secure and record["kind"] == "http" and not record["url.path"].endswith("/page")
        assert (record["network.protocol.version"] == "2") is http2, record["url.full"]
    stated = {
        "sec-fetch-dest" in record["http.request.header"]
        for record in records
        if record["kind"] == "http" and record["server.address"].endswith(".example")
    }
    assert stated == {secure}, "what the differences come from"
