"""The HTML file, as text; tests/browser looks at it in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from forebay.report.document import Damaged
from forebay.report.page import render
from report.logs import HOSTILE, line, summary

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """What elements and attributes a page has; fails where they do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids = [], set(), [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def hostile(text):
    return line(
        kind="http", server_address=text, url_full=text, method=text, client_address=text, user=text,
        response_content_type=text, error_type=text, instance=text,
        cache={"result": text, "reason": text, "age_s": 1},
        block={"action": "block", "rule": text, "list": text, "path": text, "line": 1},
        rewrite=[{"id": text, "file": text, "line": 1}],
    )  # fmt: skip


@pytest.mark.parametrize("lines", [[], [line()], [line(timestamp=None)], [line(kind="dns")]])
def test_a_page_is_well_formed_whatever_there_is(lines):
    page = Page(render(summary(*lines)))

    assert len(set(page.ids)) == len(page.ids)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_log_becomes_markup(text):
    found = render(summary(hostile(text), damaged=Damaged(1, [text])))

    harmless, page = Page(render(summary(hostile("x"), damaged=Damaged(1, ["x"])))), Page(found)
    assert page.tags == harmless.tags
    assert {name for name, _ in page.attributes} == {name for name, _ in harmless.attributes}
    assert found.isprintable() or set(filter(lambda c: not c.isprintable(), found)) == {"\n"}


def test_nothing_runs_and_nothing_is_fetched():
    page = Page(render(summary(hostile("x"))))
    found = render(summary(hostile("x")))

    assert not page.tags & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "a",
    }
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "action"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?:|//", found)
    assert "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'" in found


def test_charts_are_told_to_those_who_do_not_see_them():
    found = render(summary(line(cache={"result": "hit"})))

    assert len(re.findall(r"<svg[^>]* role=\"img\" aria-labelledby", found)) == 5
    assert len(re.findall(r"<title id=", found)) == len(re.findall(r"<desc id=", found)) == 5


def test_a_selection_is_told():
    base = summary(line())
    found = render(type(base)(**{
        **{name: getattr(base, name) for name in base.__struct_fields__},
        "selection": {"host": "<a>"}, "others": 7, "files": ["a", "b", "c", "d", "e"],
    }))  # fmt: skip

    assert "Only host &lt;a&gt;: 7 records left out" in found
    assert "a, b, c, d and 1 more" in found
