"""Which requests may go round what."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from forebay.bypass import (
    FIELD,
    WORDS,
    Bypass,
    doubt,
    is_this_machine,
    judged,
    parse_allowed,
    taken,
)
from forebay.errors import ForebayError

ALL = frozenset(WORDS)
HERE = "127.0.0.1"


class TestOption:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("cache,rewrite", {"cache", "rewrite"}),
            (" BLOCK ,, cache ", {"block", "cache"}),
            ("", set()),
            (" , ", set()),
        ],
    )
    def test_it_is_a_list(self, text, expected):
        assert parse_allowed(text) == expected

    @pytest.mark.parametrize(
        "text", ["all", "cache rewrite", "cache;block", "caché", "cache\n,x\x1b"]
    )
    def test_other_words_are_refused_in_one_line(self, text):
        with pytest.raises(
            ForebayError,
            match=r"\Aforebay_bypass: expected cache, rewrite or block, .*found '.*'\Z",
        ) as raised:
            parse_allowed(text)

        assert str(raised.value).isprintable()


class TestTaken:
    @pytest.mark.parametrize(
        "name",
        [
            b"X_Forebay_Bypass",
            b"X-Forebay_Bypass",
            b"X-Forebay-Bypass ",
            b" X-Forebay-Bypass",
            b"X-Forebay-Bypas",
            b"X-Forebay-Bypasz",
            b"X-Forebay-Bypass\x00",
            "X-Forebay-Bypa\u017fs".encode(),
        ],
    )
    def test_other_names_are_other_fields(self, name):
        assert taken(((name, b"block"),)) is None

    def test_all_lines_of_it_go_and_nothing_else(self):
        fields = ((b"A", b"1"), (FIELD.upper(), b"cache"), (b"B", b"2"), (FIELD, b""))

        assert taken(fields) == (((b"A", b"1"), (b"B", b"2")), [b"cache", b""])

    @given(st.lists(st.tuples(st.sampled_from([FIELD, FIELD.title(), b"a"]) | st.binary())))
    def test_none_of_it_is_left(self, names):
        fields = tuple((name, b"cache") for (name,) in names)

        found = taken(fields)

        kept = fields if found is None else found[0]
        assert not any(name.lower() == FIELD for name, _ in kept)
        assert [field for field in fields if field[0].lower() != FIELD] == list(kept)


class TestJudged:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            pytest.param([b"cache"], ("cache",), id="one"),
            pytest.param([b"Cache,\tREWRITE , block"], WORDS, id="any case, any space"),
            pytest.param([b"block", b"cache"], ("block", "cache"), id="several lines join"),
            pytest.param([b",cache,,", b""], ("cache",), id="empty members"),
            pytest.param([b"cache, cache"], ("cache",), id="twice"),
            pytest.param([b""], (), id="nothing"),
        ],
    )
    def test_a_list_of_words(self, values, expected):
        """RFC 9110 §5.6.1."""
        assert judged(values, ALL, None) == Bypass(expected, expected)

    @pytest.mark.parametrize(
        "value",
        [
            b"cache,\r\n block",
            b"cache;q=1, block",
            b'"block"',
            b"cache block",
            b"block\x00",
            b"block\x0b",
            "cache\uff0cblock".encode(),
            b"\xff",
            b"block" + b"," * 300,
            b"x" * 41,
        ],
        ids=repr,
    )
    def test_what_is_no_such_list_does_nothing(self, value):
        """Not even the part of it that could be read."""
        assert judged([b"block", value], ALL, None) == Bypass((), (), "not a list of words")

    def test_unknown_words_are_noted_and_the_others_count(self):
        assert judged([b"log, cache"], ALL, None) == Bypass(
            ("log", "cache"), ("cache",), "unknown: log"
        )

    def test_what_the_user_has_not_named_is_ignored(self):
        found = judged([b"block, all, rewrite"], frozenset({"rewrite"}), None)

        assert found.done == ("rewrite",)
        assert found.ignored == "unknown: all; not in forebay_bypass: block"
        assert judged([b"cache"], frozenset(), None).done == ()

    def test_with_a_doubt_nothing_is_done(self):
        assert judged([b"cache, x"], ALL, "a replay") == Bypass(("cache", "x"), (), "a replay")

    @given(
        st.lists(st.binary() | st.sampled_from([b"cache", b"block, x"])),
        st.sets(st.sampled_from(WORDS)),
    )
    @example([b"block"], set())
    def test_never_more_than_was_asked_and_allowed(self, values, allowed):
        """Whatever the bytes; and it can be saved and logged."""
        found = judged(values, frozenset(allowed), None)

        assert set(found.done) <= set(found.asked) & allowed
        assert found.ignored is not None or found.done == found.asked
        text = json.dumps(found.as_outcome())
        assert text.isascii() and len(text) < 2_000
        assert "".join(found.asked).isprintable()


TO_DOCUMENT = (b"Sec-Fetch-Dest", b"document")


class TestDoubt:
    @pytest.mark.parametrize(
        "fields",
        [
            (),
            ((b"Host", b"x"), (b"User-Agent", b"curl/8"), (b"Referer", b"http://x/")),
            (
                (b"Sec-Fetch-Mode", b"navigate"),
                (b"Sec-Fetch-Dest", b"document"),
                (b"Sec-Fetch-Site", b"none"),
            ),
        ],
    )
    def test_none(self, fields):
        assert doubt(fields, client=HERE) is None

    @pytest.mark.parametrize(
        "fields",
        [
            ((b"Origin", b"http://x"),),
            ((b"ORIGIN", b""),),
            ((b"origin", b"null"),),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"cors")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"no-cors")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"same-origin")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"websocket")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"Navigate")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"navigate, cors")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"navigate"), (b"sec-fetch-mode", b"cors")),
            (TO_DOCUMENT, (b"Sec-Fetch-Mode", b"navigate"), (b"sec-fetch-mode", b"navigate")),
            ((b"Sec-Fetch-Mode", b"navigate"),),
            ((b"Sec-Fetch-Mode", b"navigate"), (b"Sec-Fetch-Dest", b"empty")),
            ((b"Sec-Fetch-Mode", b"navigate"), (b"Sec-Fetch-Dest", b"iframe")),
            ((b"Sec-Fetch-Mode", b"navigate"), TO_DOCUMENT, (b"sec-fetch-dest", b"empty")),
            (TO_DOCUMENT,),
            ((b"Sec-Fetch-Site", b"same-origin"),),
            ((b"Sec-Fetch-Mode", b"navigate"), TO_DOCUMENT, (b"Origin", b"null")),
        ],
        ids=repr,
    )
    def test_scripts_of_pages(self, fields):
        assert "script in a browser" in doubt(fields, client=HERE)

    @pytest.mark.parametrize(
        "name",
        [
            "Via",
            "Forwarded",
            "X-Forwarded-For",
            "x-forwarded-host",
            "X-Real-IP",
            "CF-Connecting-IP",
        ],
    )
    def test_what_another_proxy_has_passed_on(self, name):
        """Its client is who asks, and may be anywhere; whatever the field says."""
        assert doubt(((name.encode(), HERE.encode()),), client=HERE) == (
            f"passed on by another proxy ({name.title()})"
        )

    def test_a_name_is_shown_without_what_could_hide(self):
        assert doubt(((b"X-Forwarded-\x1b\xff", b""),), client=HERE) == (
            "passed on by another proxy (X-Forwarded-??)"
        )

    def test_replays_and_reverse_mode(self):
        assert doubt((), client=HERE, is_replay=True) == "a replay"
        assert doubt((), client=HERE, is_reverse=True) == "reverse mode"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("0:0:0:0:0:0:0:1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:7f00:1", True),
        ("::ffff:192.0.2.1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("192.0.2.1", False),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("fe80::1%lo", False),
        ("localhost", False),
        ("127.1", False),
        ("", False),
    ],
)
def test_this_machine(address, expected):
    assert is_this_machine(address) is expected
    assert (doubt((), client=address) is None) is expected


def test_a_client_without_an_address_is_elsewhere():
    assert doubt((), client=None) == "the client is not on this machine"
