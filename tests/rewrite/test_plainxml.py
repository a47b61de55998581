"""XML of other tools, which is not trusted."""

from __future__ import annotations

import pytest

from forebay.errors import ForebayError
from forebay.rewrite.plainxml import LIMIT_DEPTH, LIMIT_ELEMENTS, parse


def test_elements_have_lines_and_texts():
    root = parse(
        b"<?xml version='1.0'?>\n<?tool a?>\n<a>\n <b> x &amp; <![CDATA[<y>]]></b>\n <b/>\n</a>",
        "f",
    )

    assert (root.name, root.line, root.text) == ("a", 3, "")
    assert [(each.line, each.text) for each in root.all_below("b")] == [(4, " x & <y>"), (5, "")]
    assert (root.text_of("b"), root.text_of("c"), root.child("c")) == (" x & <y>", "", None)


def test_elements_are_found_at_any_depth():
    root = parse(b"<a><c><b>1<b>2</b></b></c><b>3</b></a>", "f")

    assert [each.text.strip() for each in root.all_below("b")] == ["1", "3"]


def test_other_encodings_are_read():
    text = "<?xml version='1.0' encoding='ISO-8859-1'?><a>\u00e4</a>"

    assert parse(text.encode("latin-1"), "f").text == "\u00e4"
    assert parse("<a>\u00e4</a>".encode("utf-16"), "f").text == "\u00e4"


BOMB = b"<!DOCTYPE a [<!ENTITY b 'b'><!ENTITY c '&b;&b;'>]>\n<a>&c;</a>"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BOMB, "f:1: expected XML without a document type, found one"),
        (b"\n<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", "f:2: expected XML without a document type, found one"),
        (b"<a>&b;</a>", "f:1:4: expected XML, found otherwise: undefined entity"),
        (b"", "f:1:1: expected XML, found otherwise: no element found"),
        (b"<a>\n</b>", "f:2:3: expected XML, found otherwise: mismatched tag"),
        (b"<?xml version='1.0' encoding='utf-7'?><a/>", "f: expected XML in a known encoding, found multi-byte encodings are not supported"),
        (b"<?xml version='1.0' encoding='x'?><a/>", "f: expected XML in a known encoding, found unknown encoding: x"),
        (b"<a>" * (LIMIT_DEPTH + 1), "f:1: expected elements at most 32 deep, found deeper ones"),
        (b"<a>" + b"<b/>" * LIMIT_ELEMENTS, "f:1: expected at most 200,000 elements, found more"),
    ],
)  # fmt: skip
def test_what_is_refused(data, said):
    with pytest.raises(ForebayError) as error:
        parse(data, "f")

    assert str(error.value) == said
