"""Flow filters of mitmproxy, bounded."""

from __future__ import annotations

import pytest
from mitmproxy.test import tflow, tutils

from forebay.proxycore.filters import LONGEST, compiled


def flow(**fields: bytes):
    found = tflow.tflow(req=tutils.treq(host="a.example", path=b"/x"), resp=True)
    for name, value in fields.items():
        found.request.headers.fields += ((name.encode(), value),)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~d A.example & ~m GET", True),
        ("!(~d b.example | ~m POST)", True),
        ("/x$", True),
        ("~hq '^a: 1.*$' & ~hq '^b: 2.*$'", True),
        ("~d b.example", False),
        ("~c 200 | ~q", True),
    ],
)
def test_it_says_what_mitmproxy_says(text, expected):
    assert compiled(text)(flow(a=b"1", b=b"2")) is expected


@pytest.mark.parametrize("text", ["", "(", "~d", "~nothing x", "~u ["])
def test_one_that_is_none_is_said(text):
    with pytest.raises(ValueError, match="expected a flow filter such as"):
        compiled(text)


@pytest.mark.parametrize("text", ["~b x", "~d a & !~bq x", "~q | (~bs x & ~d b)"])
def test_one_that_looks_at_bodies_would_never_find_any(text):
    with pytest.raises(ValueError, match="expected a flow filter that looks at heads, found ~b"):
        compiled(text)


@pytest.mark.parametrize(
    "text", ["~u '(a+)+$'", "~d x & !~hq '(a|aa)+b'", "'(x*)*y'", "~m '(a*)*b'"]
)
def test_one_that_could_stall_the_proxy_is_refused(text):
    with pytest.raises(ValueError, match="expected a regex that takes little time"):
        compiled(text)


def test_of_a_long_text_only_the_beginning_is_searched():
    first, last = b"x: y", b"needle"
    assert compiled("~hq needle")(flow(a=first, b=last))
    assert not compiled("~hq needle")(flow(a=b"x" * LONGEST, b=last))
