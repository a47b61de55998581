"""mitmproxy's own options to rules."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from mitmproxy.addons.maplocal import MapLocal
from mitmproxy.addons.mapremote import MapRemote
from mitmproxy.addons.modifybody import ModifyBody
from mitmproxy.addons.modifyheaders import ModifyHeaders
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from forebay.cli.importing import as_yaml
from forebay.errors import RuleError
from forebay.proxycore import filters
from forebay.rewrite import load, localfile
from forebay.rewrite.flows import flow_of
from forebay.rewrite.importer import imported
from forebay.rewrite.parse import Surroundings, parse
from forebay.rewrite.rule import Phase
from forebay.rewrite.trial import exchange_for, fields_of, trial


def rules(found):
    return parse(as_yaml(found), Path("f.yaml"), Surroundings({}, filters.compiled))


PORTS = ["80", "443"]


@pytest.mark.parametrize(
    ("option", "text", "rule"),
    [
        pytest.param("modify_headers", "/X-A/1", {"request": {"set": {"X-A": "1"}},
                     "response": {"set": {"X-A": "1"}}}, id="a header in both"),
        pytest.param("modify_headers", "/~q/X-A/1",
                     {"match": {"filter": "~q"}, "request": {"set": {"X-A": "1"}}},
                     id="a header of requests"),
        pytest.param("modify_headers", "|~s & ~d x|X-A|a/b",
                     {"match": {"filter": "~s & ~d x"}, "response": {"set": {"X-A": "a/b"}}},
                     id="a header of responses, another separator"),
        pytest.param("modify_headers", "/~s/Server/",
                     {"match": {"filter": "~s"}, "response": {"remove": ["Server"]}},
                     id="a header removed"),
        pytest.param("modify_headers", "/~q/X-A/{id}",
                     {"match": {"filter": "~q"}, "request": {"set": {"X-A": "{{id}}"}}},
                     id="no placeholder"),
        pytest.param("modify_headers", '/~q/X-A/a\\"b\\\\',
                     {"match": {"filter": "~q"}, "request": {"set": {"X-A": 'a"b\\'}}},
                     id="escapes"),
        pytest.param("modify_body", "/~s/a.b/c\\n",
                     {"match": {"filter": "~s"},
                      "response": {"body": {"regex": {"(?s)a.b": "c\n"}}}}, id="a body"),
        pytest.param("map_remote", "|//a.example|//b.example",
                     {"match": {"host": "a.example", "port": PORTS},
                      "request": {"url": "{url.scheme}://b.example{url.target}"}},
                     id="another host"),
        pytest.param("map_remote", "|~m GET|https://a.example/x|http://b.example:81/y",
                     {"match": {"host": "a.example", "scheme": "https", "port": "443",
                                "path": "regex:^/x(.*)", "filter": "~m GET"},
                      "request": {"url": "http://b.example:81/y{re.1}{url.search}"}},
                     id="another URL"),
        pytest.param("map_remote", "|http://a\\.example:8080/v1\\.0|https://b.example/",
                     {"match": {"host": "a.example", "scheme": "http", "port": "8080",
                                "path": "regex:^/v1\\.0(.*)"},
                      "request": {"url": "https://b.example/{re.1}{url.search}"}},
                     id="dots that are escaped"),
        pytest.param("map_local", "|//a.example/static/|/srv/static/",
                     {"match": {"host": "a.example", "port": PORTS, "path": "/static/*"},
                      "request": {"answer": {"folder": "/srv/static/", "below": "/static/"}}},
                     id="a folder"),
        pytest.param("map_local", "|//a.example/static|~/static/",
                     {"match": {"host": "a.example", "port": PORTS, "path": "/static/*"},
                      "request": {"answer": {"folder": "~/static/", "below": "/static/"}}},
                     id="a folder, without the slash"),
        pytest.param("map_local", "|//a.example|/srv/",
                     {"match": {"host": "a.example", "port": PORTS, "path": "/*"},
                      "request": {"answer": {"folder": "/srv/", "below": "/"}}},
                     id="a folder for a host"),
        pytest.param("map_local", "|~m GET|//a.example/x.js|y.js",
                     {"match": {"host": "a.example", "port": PORTS, "path": "/x.js",
                                "filter": "~m GET"},
                      "request": {"answer": {"file": "/home/me/y.js"}}},
                     id="a file beside"),
        pytest.param("map_local", "|//a.example/app/|/srv/one.html",
                     {"match": {"host": "a.example", "port": PORTS, "path": "/app/*"},
                      "request": {"answer": {"file": "/srv/one.html"}}},
                     id="one file for all"),
    ],
)  # fmt: skip
def test_carried_over(option, text, rule):
    found = imported([(option, text)], beside="/home/me")

    assert (found.rules, found.left) == ([rule], [])
    assert len(rules(found)) == 1


@pytest.mark.parametrize(
    ("option", "text", "reason"),
    [
        ("anticache", "x", "expected modify_headers, modify_body, map_remote, map_local, found"),
        ("modify_headers", "", "expected /filter/subject/replacement or /subject/replacement"),
        ("modify_headers", "/", "expected /filter/subject/replacement or /subject/replacement"),
        ("modify_headers", "/x", "expected /filter/subject/replacement or /subject/replacement"),
        ("modify_headers", "/X/@file", "a value from a file (@)"),
        ("modify_headers", "/Host/x", "expected a field that a rule may write, found Host"),
        ("modify_headers", "/X Y/x", "expected a field name"),
        ("modify_headers", "/X/\u20ac", "expected characters of ISO 8859-1"),
        ("modify_headers", "/X/a\\nb", "expected a value of one line"),
        ("modify_headers", "/X/a\\x41", "the escape \\x; write the character itself"),
        ("modify_body", "/x/a\\", "the escape \\; write the character itself"),
        ("modify_body", "/x/@file", "a value from a file (@)"),
        ("modify_body", "/\\bx/y", "a regex with escapes that mitmproxy and regexes read"),
        ("map_remote", "|//a.example|https://b.example", "expected a replacement that begins"),
        ("map_remote", "|https://a.example|b.example", "expected an absolute URL as replacement"),
        ("map_remote", "|https://a.example|//b.example", "expected an absolute URL"),
        ("map_remote", "|https://a.example/(.)|https://b/\\1", "a regex for whole URLs"),
        ("map_remote", "|https://a.example/|https://b/\\n", "a replacement with \\"),
        ("map_remote", "|^https://a.example|https://b", "a regex for whole URLs"),
        ("map_remote", "|a.example|b.example", "expected a subject such as //www.example.com/"),
        ("map_remote", "|//a.example/x?y|//b", "a regex for whole URLs"),
        ("map_local", "|//a.example/.*|/srv", "a regex for whole URLs"),
        ("map_local", "|//a.example/|", "expected the path of a file or a folder, found ''"),
    ],
)
def test_what_is_not_is_listed_with_its_reason(option, text, reason):
    found = imported([(option, text)])

    assert found.rules == []
    (left,) = found.left
    assert left.startswith(f"{option} {text!r}: {reason}")


def test_what_the_caller_refuses_is_listed():
    def refuse(rule):
        raise RuleError("no", Path("f"), 1)

    found = imported([("modify_headers", "/X/1")], check=refuse)

    assert (found.rules, found.left) == ([], ["modify_headers '/X/1': no"])


@pytest.mark.parametrize(
    ("flow_filter", "phases"),
    [
        ("~q", {"request"}),
        ("~d x & (~s)", {"response"}),
        ("~d x", {"request", "response"}),
        ("!~q", {"request", "response"}),
        ("~q | ~m POST", {"request", "response"}),
        ("~u 'a ~q b'", {"request", "response"}),
    ],
)
def test_a_filter_tells_which_messages_are_edited(flow_filter, phases):
    (rule,) = imported([("modify_headers", f"/{flow_filter}/X/1")]).rules

    assert rule.keys() - {"match"} == phases


# The same as mitmproxy does.

REQUESTS = [
    ("https://a.example/", {}),
    ("https://a.example/x/y?z=1", {"X-A": "0", "Accept": "text/html"}),
    ("http://a.example/x", {"X-A": "0"}),
    ("https://a.example:8443/x/y", {}),
    ("https://b.example/x?u=a.example", {"Referer": "https://a.example/"}),
]


def fields(headers) -> list[tuple[bytes, bytes]]:
    return sorted(
        (name.lower(), value)
        for name, value in headers
        if name.lower() not in (b"host", b"content-length", b"server")
    )


def theirs(addon, option: str, texts: list[str], url: str, headers, hooks, *, body: str = ""):
    """Return the flow as mitmproxy's own addon leaves it."""
    exchange = exchange_for(url, headers=headers)
    answered = (200, fields_of({"X-A": "9", "Server": "s"}), body)
    flow = flow_of(exchange, None)
    flow.live = True
    with taddons.context(addon, Proxyserver()) as context:  # which has options of all
        context.configure(addon, **{option: texts})
        for hook in hooks:
            if hook.startswith("response"):
                flow.response = flow_of(exchange, answered).response
            getattr(addon, hook)(flow)
    return flow


def ours(option: str, texts: list[str], url: str, headers, *, body: str = ""):
    """Return what the imported rules make of the same."""
    found = imported([(option, text) for text in texts])
    assert found.left == []
    exchange = exchange_for(url, headers=headers)
    answered = (200, fields_of({"X-A": "9", "Server": "s"}), body)
    outcomes = []
    for one in (None, answered):  # a filter sees no response before there is one
        seen = exchange.__replace__(flow=flow_of(exchange, one))
        outcomes.append(trial(rules(found), seen, answered=one))
    asked, given = outcomes
    return asked, given


@pytest.mark.parametrize(("url", "headers"), REQUESTS)
@pytest.mark.parametrize(
    "texts",
    [
        ["/X-A/1"],
        ["/~q/X-A/1"],
        ["/~s/X-A/"],
        ["/X-A/1", "/X-A/2"],
        ["/~m GET & ~d a\\.example/X-A/\\\\{id}"],
        ["/!~q/X-B/1", "/~q/X-B/2"],
    ],
)
def test_headers_are_as_from_mitmproxy(texts, url, headers):
    flow = theirs(
        ModifyHeaders(),
        "modify_headers",
        texts,
        url,
        headers,
        ["requestheaders", "responseheaders"],
    )
    asked, given = ours("modify_headers", texts, url, headers)

    assert fields(asked.request.fields) == fields(flow.request.headers.fields)
    assert fields(given.response.fields) == fields(flow.response.headers.fields)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("/a/{b}", "banana {b}"),
        ("/~s/<!-- a.b -->/\\n", "x<!-- a\nb -->y"),
        ("/~s/^.a/z", "\nab"),
        ("/~q/a/b", "a"),
    ],
)
def test_bodies_are_as_from_mitmproxy(text, body):
    url = "https://a.example/"
    flow = theirs(ModifyBody(), "modify_body", [text], url, {}, ["response"], body=body)
    _, given = ours("modify_body", [text], url, {}, body=body)

    assert given.response.body == flow.response.text


REMOTES = [
    "|//a.example|//c.example",
    "|//a.example/|//c.example/new/",
    "|https://a.example/x|http://c.example:81/y",
    "|~m GET|https://a\\.example/x/|https://c.example/",
    "|~m POST|//a.example|//c.example",
    "|https://a.example:8443/|https://c.example/",
]


@pytest.mark.parametrize(
    ("text", "url", "headers"),
    [
        (text, url, headers)
        for text in REMOTES
        for url, headers in REQUESTS
        # There mitmproxy keeps the port, as its regex ends before it.
        if not (text == REMOTES[0] and ":8443" in url)
    ],
)
def test_requests_go_where_mitmproxy_sends_them(text, url, headers):
    flow = theirs(MapRemote(), "map_remote", [text], url, headers, ["request"])
    asked, _ = ours("map_remote", [text], url, headers)

    assert asked.exchange.url == flow.request.url


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/static/a.txt",
        "https://a.example/static/a.txt?v=1",
        "https://a.example/static/",
        "https://a.example/static/sub/b.txt",
        "https://a.example/static/none",
        "https://a.example/other",
        "https://a.example:8443/static/a.txt",
        "https://b.example/static/a.txt",
    ],
)
@pytest.mark.parametrize("subject", ["//a.example/static/", "https://a.example/static/"])
def test_files_answer_as_from_mitmproxy(tmp_path, subject, url):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    for name, text in {"a.txt": "a", "index.html": "i", "sub/b.txt": "b"}.items():
        (root / name).write_text(text, encoding="utf-8")
    option = f"|{subject}|{root}/"
    flow = theirs(MapLocal(), "map_local", [option], url, {}, ["request"])

    file = tmp_path / "rules.yaml"
    file.write_text(as_yaml(imported([("map_local", option)])), encoding="utf-8")
    (rule,) = load.read_file(file, {})
    found = None
    if trial([rule], exchange_for(url)).has_applied(rule):
        local = localfile.find(rule.request.answer, urlsplit(url).path)
        found = (404, b"") if local is None else (200, local.body)

    theirs_found = flow.response and (flow.response.status_code, flow.response.content)
    assert found == theirs_found


def test_each_message_is_edited_once():
    """Both sections are values of their own, so YAML needs no alias."""
    text = as_yaml(imported([("modify_headers", "/X/1")]))

    assert "&" not in text
    assert len(rules(imported([("modify_headers", "/X/1")]))) == 1
    assert Phase.REQUEST in text


def test_nothing_makes_no_rules():
    assert as_yaml(imported([])) == "rules: []\n"
