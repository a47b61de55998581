"""Bodies edited whole, and what their heads say afterwards."""

from __future__ import annotations

import gzip
from encodings.aliases import aliases

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.regexes import Regex
from forebay.rewrite import body
from forebay.rewrite.body import Done, Edited, Task, edit, fields_of, skipped
from forebay.rewrite.bodyedits import (
    BodyEdit,
    BodyEdits,
    HtmlInsert,
    JsonEdit,
    LiteralReplace,
    RegexReplace,
    WholeText,
)
from forebay.rewrite.exchange import Fields
from forebay.rewrite.rule import Mode
from forebay.rewrite.template import Groups
from rewrite.builders import fields, rule, template, values

HTML = "Content-Type: text/html"
PLAIN = "Content-Type: text/plain"


def task(
    *edits: BodyEdit,
    limit_bytes: int = 2000,
    mode: Mode = Mode.ACT,
    groups: Groups | None = None,
    id: str = "r",  # noqa: A002  (as the rule itself calls it)
) -> Task:
    return Task(rule(id=id, mode=mode), BodyEdits(edits, limit_bytes), groups or {})


def replacing(old: str = "old", new: str = "new", **given: object) -> Task:
    return task(LiteralReplace(old, template(new)), **given)


def whole(new: str, **given: object) -> Task:
    return task(WholeText(template(new)), **given)


def edited(raw: bytes, *tasks: Task, head: Fields = (), is_part: bool = False) -> Edited:
    return edit(tasks or (replacing(),), raw, head, values(), is_part=is_part)


def reasons(found: Edited) -> list[str | None]:
    return [done.skipped for done in found.done]


class TestTasks:
    def test_each_sees_what_those_before_it_left(self):
        one, two = replacing("a", "bb", id="one"), replacing("b", "c", id="two")

        assert edited(b"a", one, two) == Edited((Done(one, 1, 2), Done(two, 2, 2)), b"cc", ())

    def test_a_shadow_task_is_told_and_changes_nothing(self):
        shadow, real = replacing("a", "bb", mode=Mode.SHADOW), replacing("a", "c")

        assert edited(b"a", shadow, real) == Edited((Done(shadow, 1, 2), Done(real, 1, 1)), b"c")
        assert edited(b"a", shadow) == Edited((Done(shadow, 1, 2),))

    def test_one_that_cannot_be_done_is_skipped_alone(self):
        bad, good = task(JsonEdit(())), replacing("a", "b")

        found = edited(b"a", bad, good)

        assert found.body == b"b"
        assert reasons(found) == ["no JSON: JSON is malformed: invalid character (byte 0)", None]

    def test_an_edit_that_cannot_be_made_leaves_the_others_of_its_rule(self):
        half = task(HtmlInsert("head", template("!")), LiteralReplace("a", template("bb")))

        assert edited(b"a", half) == Edited((Done(half, 1, 2, "no </head>"),), b"bb")

    def test_all_reasons_are_told_when_none_can_be_made(self):
        none = task(HtmlInsert("head", template("!")), HtmlInsert("body", template("!")))

        assert edited(b"a", none) == Edited((Done(none, skipped="no </head>; no </body>"),))

    def test_each_has_the_groups_of_its_own_path(self):
        found = edited(
            b"", whole("{re.1}{re.n}", groups={"1": "a", "n": "b"}), replacing("a", "{re.1}")
        )

        assert found.body == b"b"

    def test_what_stays_the_same_is_not_touched(self):
        """Nor its head: neither coding nor digest are others."""
        head = fields("Content-Encoding: gzip", "ETag: 1", "Digest: x")

        found = edited(gzip.compress(b"text"), replacing(), head=head)

        assert (found.body, found.fields) == (None, ())
        assert reasons(found) == [None]

    def test_what_stays_the_same_is_not_encoded_anew(self):
        """UTF-16 of big end, which Python would write with the little one first."""
        raw = "\ufeffold".encode("utf-16-be")
        head = fields("Content-Type: text/plain; charset=utf-16")

        assert edited(raw, replacing("nowhere"), head=head).body is None
        assert edited(raw, head=head).body.decode("utf-16") == "new"


class TestLimits:
    def test_a_rule_sees_no_more_than_its_limit(self):
        small, large = replacing(limit_bytes=3), replacing(limit_bytes=9)

        found = edited(b"older", small, large)

        assert found.body == b"newer"
        assert reasons(found) == ["more than 3 bytes", None]

    def test_the_limit_is_about_what_those_before_it_left(self):
        found = edited(b"a", replacing("a", "bbbb"), replacing("b", "c", limit_bytes=3))

        assert found.body == b"bbbb"
        assert reasons(found) == [None, "more than 3 bytes"]

    def test_nothing_is_decoded_beyond_the_largest(self):
        bomb = gzip.compress(bytes(10_000_000))
        found = edited(bomb, replacing(), whole("x"), head=fields("Content-Encoding: gzip"))

        assert found.body is None
        assert reasons(found) == ["more than 2,000 bytes"] * 2

    @pytest.mark.parametrize(("raw", "reason"), [(b"abc", None), (b"abcd", "more than 3 bytes")])
    def test_the_limit_itself_is_not_beyond(self, raw, reason):
        assert reasons(edited(raw, replacing(limit_bytes=3))) == [reason]

    def test_a_part_is_left_alone(self):
        """Its bytes may begin and end anywhere (RFC 9110 §15.3.7)."""
        found = edited(b"old", replacing(), whole("x"), is_part=True)

        assert found == Edited(skipped([replacing(), whole("x")], "a part of a body (206)"))


GZIPPED = gzip.compress(b"old", mtime=0)  # it is part of the names of tests


class TestCodings:
    @pytest.mark.parametrize(
        ("raw", "head"),
        [
            (GZIPPED, ["Content-Encoding: GZIP"]),
            (brotli.compress(GZIPPED), ["content-encoding: gzip, br"]),
            (brotli.compress(GZIPPED), ["Content-Encoding: gzip", "content-encoding: br"]),
            (GZIPPED, ["Content-Encoding: identity", "Content-Encoding: gzip"]),
            (b"old", ["Content-Encoding: identity"]),
            (b"old", ["Content-Encoding:"]),
        ],
    )  # fmt: skip
    def test_codings_are_undone_and_gone(self, raw, head):
        """Those of several lines are one list (RFC 9110 §5.3)."""
        found = edited(raw, head=fields(*head, "A: b"))

        assert (found.body, found.fields) == (b"new", fields("A: b"))

    @pytest.mark.parametrize(
        ("coding", "reason"),
        [
            ("rot13", "the content coding rot13"),
            ("bz2", "the content coding bz2"),
            ("gzip", "content that is no gzip: Error -3 while decompressing data: incorrect header check"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_undone_is_left_alone(self, coding, reason):
        found = edited(b"old", whole("x"), head=fields(f"Content-Encoding: {coding}"))

        assert found == Edited(skipped([whole("x")], reason))


class TestCharsets:
    @pytest.mark.parametrize(
        ("kind", "charset"),
        [
            pytest.param("text/plain", "utf-8", id="none named"),
            pytest.param("text/plain; charset=utf-8", "utf-8", id="UTF-8"),
            pytest.param('text/plain; a=b ;CHARSET = "Windows-1252"', "cp1252", id="quoted"),
            pytest.param("text/plain; charset=iso-8859-15", "iso-8859-15", id="ISO 8859-15"),
            pytest.param("text/plain; charset=shift_jis", "shift_jis", id="Shift_JIS"),
            pytest.param("text/plain; charset=utf-16le", "utf-16-le", id="UTF-16"),
            pytest.param("text/plain; charset=koi8-u", "koi8-u", id="one without alias"),
            pytest.param("text/plain; charset=x-unknown", "utf-8", id="unknown"),
            pytest.param("text/plain; charset=bz2", "utf-8", id="a codec that is no charset"),
            pytest.param("text/plain; charset=rot13", "utf-8", id="another"),
            pytest.param("text/plain; charset=punycode", "utf-8", id="one for host names"),
            pytest.param("text/plain; charset=idna", "utf-8", id="another for host names"),
            pytest.param("text/plain; charset=unicode_escape", "utf-8", id="one for sources of Python"),
            pytest.param("text/plain; charset=undefined", "utf-8", id="one that is none"),
            pytest.param("text/plain; charset=" + "x" * 50_000, "utf-8", id="long"),
            pytest.param("text/plain; charset=", "utf-8", id="empty"),
        ],
    )  # fmt: skip
    def test_a_body_is_read_and_written_in_its_own(self, kind, charset):
        letters = {"shift_jis": "ｱ", "koi8-u": "ґ"}.get(charset, "é")
        raw = f"{letters}old{letters}".encode(charset)

        found = edited(raw, replacing("old", letters), head=fields(f"Content-Type: {kind}"))

        assert found.body == (letters * 3).encode(charset)

    @pytest.mark.parametrize(
        ("meta", "charset"),
        [
            ('<meta charset="windows-1252">', "cp1252"),
            ("<META a=b CharSet = 'windows-1252' >", "cp1252"),
            ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">', "cp1252"),
            ("<meta charset=nonsense>", "utf-8"),
            (" " * 1024 + "<meta charset=windows-1252>", "utf-8"),
            ("<p>charset=windows-1252", "utf-8"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("kind", ["text/html", "Application/XHTML+xml; a=b"])
    def test_html_names_its_own(self, meta, charset, kind):
        raw = meta.encode() + "é".encode(charset)

        found = edited(raw, replacing("é", "è"), head=fields(f"Content-Type: {kind}"))

        assert found.body == meta.encode() + "è".encode(charset)

    def test_the_head_beats_what_html_says(self):
        raw = b"<meta charset=windows-1252>" + "é".encode()

        found = edited(raw, replacing("é", ""), head=fields(f"{HTML}; charset=utf-8"))

        assert found.body == b"<meta charset=windows-1252>"

    def test_only_html_has_such_an_element(self):
        raw = b"<meta charset=windows-1252>" + "é".encode()

        assert edited(raw, replacing("é", "è"), head=fields(PLAIN)).body == raw[:-2] + "è".encode()

    @pytest.mark.parametrize("kind", [PLAIN, HTML, "Content-Type: image/png", "A: b"])
    def test_bytes_that_are_no_utf_8_stay_as_they_are(self, kind):
        """In HTML too, where a reference to half a character would take their place."""
        raw = b"\xff old \x80\xc3 \xed\xa0\x80"

        assert edited(raw, head=fields(kind)).body == raw.replace(b"old", b"new")

    def test_bytes_that_are_none_of_another_charset_are_left_alone(self):
        head = fields(f"{PLAIN}; charset=ascii")

        assert edited(b"\xe9old", head=head).body is None
        assert reasons(edited(b"\xe9old", head=head)) == ["bytes that are no ascii"]
        assert (
            reasons(edited(b"\xe9", whole("x"), replacing(), head=head))
            == ["bytes that are no ascii"] * 2
        )

    @pytest.mark.parametrize("new", ["x", ""])
    def test_unless_they_are_replaced_whole(self, new):
        found = edited(b"\xe9", whole(new), head=fields(f"{PLAIN}; charset=ascii"))

        assert found.body == new.encode()

    def test_a_character_that_the_charset_lacks_skips_the_task(self):
        found = edited(b"old", replacing("old", "1 €"), head=fields(f"{PLAIN}; charset=latin-1"))

        assert found.body is None
        assert reasons(found) == ["the character '€', which iso8859-1 has not"]

    def test_in_html_it_becomes_a_reference(self):
        found = edited(b"old", replacing("old", "1 €"), head=fields(f"{HTML}; charset=latin-1"))

        assert found.body == b"1 &#8364;"

    def test_half_a_character_skips_the_task(self):
        for kind in (PLAIN, HTML):
            found = edited(b"old", replacing("old", "\ud800"), head=fields(kind))

            assert reasons(found) == ["bytes that are no utf-8"]


class TestHead:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(['ETag: "a"'], ['ETag: W/"a"'], id="a strong tag becomes weak"),
            pytest.param(['etag: W/"a"'], ['etag: W/"a"'], id="a weak one stays"),
            pytest.param(["Content-Length: 3", "content-length: 3"], ["Content-Length: 7", "content-length: 7"], id="length"),
            pytest.param(["Content-Encoding: gzip"], [], id="coding"),
            pytest.param(["Digest: a", "Content-Digest: b", "REPR-Digest: c", "Content-MD5: d", "Accept-Ranges: bytes"], [], id="digests and ranges"),
            pytest.param(["Content-Type: a/b", "Last-Modified: x", "Transfer-Encoding: chunked", "Vary: *"], ["Content-Type: a/b", "Last-Modified: x", "Transfer-Encoding: chunked", "Vary: *"], id="all else stays"),
        ],
    )  # fmt: skip
    def test_it_says_what_the_body_is_now(self, before, after):
        assert fields_of(fields(*before), 7) == fields(*after)

    def test_the_length_is_that_in_bytes(self):
        found = edited(b"old", replacing("old", "é"), head=fields("Content-Length: 3"))

        assert found.fields == fields("Content-Length: 2")


@given(st.binary(max_size=40), st.sampled_from([HTML, PLAIN]))
def test_any_bytes_come_through_an_edit_elsewhere(data, kind):
    raw = b"old" + data.replace(b"old", b"")

    found = edited(raw, task(RegexReplace(Regex.of("^old"), template("new"))), head=fields(kind))

    if not body._META.search(raw):
        assert found.body == b"new" + raw[3:]


@given(
    st.binary(max_size=30),
    st.text(st.characters(max_codepoint=255), max_size=12),
    st.sampled_from(["text/html", "text/plain"]),
    st.text(max_size=5),
)
def test_any_charset_and_any_bytes_give_an_answer(data, charset, kind, new):
    head = ((b"Content-Type", f"{kind}; charset={charset}".encode("latin-1")),)

    for one in (whole(new), task(RegexReplace(Regex.of("."), template(new)))):
        found = edited(data, one, head=head)

        assert (found.body is None) or reasons(found) == [None]


CODECS = {*aliases.values(), "undefined", "idna", "punycode", "palmos", "koi8_t"}


@pytest.mark.parametrize("charset", sorted(CODECS))
def test_each_codec_of_python_gives_an_answer(charset):
    head = fields(f"Content-Type: text/plain; charset={charset}")
    for raw in (b"", b"old", b"\xff\xfe\x80 old", bytes(range(256))):
        for new in ("x", "€", "\ud800", "", "." * 70):
            for one in (whole(new), replacing("old", new)):
                found = edited(raw, one, head=head)
                assert len(found.done) == 1
