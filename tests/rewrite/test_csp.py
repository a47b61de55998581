"""One directive of a Content-Security-Policy (CSP3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.errors import RuleError
from forebay.rewrite import csp
from rewrite.builders import fields

NAME = "Content-Security-Policy"


def test_directives_are_named_in_any_case():
    assert csp.directive("IMG-Src") == "img-src"
    with pytest.raises(RuleError, match="expected a CSP directive such as img-src, found 'a b'"):
        csp.directive("a b")


@pytest.mark.parametrize("text", ["a; b", "a, b"])
def test_sources_cannot_end_their_directive(text):
    assert csp.source_list("'self' https:") == "'self' https:"
    with pytest.raises(RuleError, match="expected sources without ; and , found"):
        csp.source_list(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" ;; ", [], id="empty directives"),
        pytest.param("A b  c;d", [("a", "b  c"), ("d", "")], id="name and sources"),
        pytest.param("a 1; A 2", [("a", "1")], id="the first counts"),
        pytest.param("\ta\tb\t", [("a", "b")], id="a tab is white space, too"),
        pytest.param("a \xa0x", [("a", "\xa0x")], id="a byte that only Unicode calls space"),
    ],
)
def test_parse(text, expected):
    assert csp.parse(text) == expected


POLICY = [("default-src", "'self'"), ("img-src", "*")]


def test_put_takes_the_place_of_what_was_there():
    assert csp.put(POLICY, "default-src", "x") == [("default-src", "x"), ("img-src", "*")]
    assert csp.put(POLICY, "font-src", "x") == [*POLICY, ("font-src", "x")]


def test_remove():
    assert csp.remove(POLICY, "img-src") == POLICY[:1]
    assert csp.remove(POLICY, "font-src") == POLICY


class TestAppend:
    @pytest.mark.parametrize(
        ("before", "name", "expected"),
        [
            pytest.param("img-src a", "img-src", "img-src a x", id="to its own"),
            pytest.param("img-src x", "img-src", "img-src x", id="what is there already"),
            pytest.param("img-src 'NONE'", "img-src", "img-src x", id="none is no more"),
            pytest.param("img-src", "img-src", "img-src x", id="empty is none"),
            pytest.param("img-src\ta\tb", "img-src", "img-src a b x", id="tabs between"),
            pytest.param("img-src \xa0", "img-src", "img-src \xa0 x", id="no space of CSP"),
            pytest.param("default-src a", "img-src", "default-src a; img-src a x", id="fallback"),
            pytest.param("script-src a", "img-src", "script-src a", id="all is allowed already"),
            pytest.param("img-src a", "default-src", "img-src a", id="default has no fallback"),
            pytest.param("img-src a", "frame-ancestors", "img-src a", id="no frame is forbidden"),
            pytest.param("img-src a", "form-action", "img-src a", id="nor any form"),
            pytest.param("img-src a", "report-uri", "img-src a; report-uri x", id="reports"),
        ],
    )
    def test_nothing_that_was_allowed_is_forbidden(self, before, name, expected):
        assert csp.serialize(csp.append(csp.parse(before), name, "x")) == expected

    @pytest.mark.parametrize(
        ("name", "before"),
        [
            ("script-src-elem", "script-src a; default-src b"),
            ("script-src-attr", "script-src a; default-src b"),
            ("style-src-elem", "style-src a; default-src b"),
            ("frame-src", "child-src a; default-src b"),
            ("worker-src", "child-src a; script-src b"),
            ("worker-src", "script-src a; default-src b"),
            ("script-src-elem", "script-src a"),
        ],
    )
    def test_it_begins_with_the_nearest_that_holds_in_its_stead(self, name, before):
        """CSP3 §6.8.3."""
        policy = csp.parse(before)

        assert csp.append(policy, name, "x") == [*policy, (name, "a x")]


def edited(*lines: str, or_new: bool = False, lower_case: bool = False, **sets: str):
    def change(policy: csp.Policy) -> csp.Policy:
        for name, sources in sets.items():
            name = name.replace("_", "-")  # noqa: PLW2901
            policy = csp.put(policy, name, sources) if sources else csp.remove(policy, name)
        return policy

    return csp.edit(fields(*lines), change, or_new=or_new, lower_case=lower_case)


class TestEdit:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            pytest.param("a 1", "a 1; img-src *", id="one policy"),
            pytest.param("a 1,b 2", "a 1; img-src *, b 2; img-src *", id="each policy"),
            pytest.param("a 1, ,", "a 1; img-src *", id="an empty one is none"),
            pytest.param("IMG-SRC *;A 1", "IMG-SRC *;A 1", id="as written where it is so already"),
            pytest.param("IMG-SRC *;A 1,b", "IMG-SRC *;A 1, b; img-src *", id="one of two"),
        ],
    )
    def test_all_policies_are_edited(self, line, expected):
        assert edited(f"{NAME}: {line}", img_src="*") == fields(f"{NAME}: {expected}")

    def test_each_line_is_edited_and_other_fields_stay(self):
        found = edited("A: a", f"{NAME}: a 1", "content-security-policy: b 2", "B: b", b="")

        assert found == fields("A: a", f"{NAME}: a 1", "B: b")

    def test_a_policy_that_is_left_empty_goes(self):
        assert edited(f"{NAME}: b 2, a 1", b="") == fields(f"{NAME}: a 1")

    @pytest.mark.parametrize("lines", [(), (f"{NAME}:",), (f"{NAME}: , ;",)])
    def test_where_there_is_none_a_new_one_is_made_when_asked_for(self, lines):
        assert edited(*lines, img_src="*") == fields(*lines)
        assert edited(*lines, img_src="*", or_new=True) == fields(*lines, f"{NAME}: img-src *")
        assert edited(*lines, b="", or_new=True) == fields(*lines)

    def test_where_there_is_one_no_other_is_made(self):
        assert edited(f"{NAME}: b 2", b="", or_new=True) == ()

    def test_the_new_name_is_lower_case_in_http2(self):
        """RFC 9113 §8.2.1."""
        found = edited(img_src="*", or_new=True, lower_case=True)

        assert found == fields(f"{NAME.lower()}: img-src *")

    def test_bytes_stay_beside_text_that_is_not_of_iso_8859_1(self):
        before = ((NAME.encode(), b"a \xe9, b \xe9"),)

        found = csp.edit(before, lambda p: csp.put(p, "x", "€") if p[0][0] == "b" else p)

        assert found[0][1].startswith(b"a \xe9, b ")


SOURCES = st.text("a'*\xa0\xe9: \t", max_size=5)
DIRECTIVE = st.tuples(st.sampled_from(["img-src", "IMG-SRC", "default-src", "x", ""]), SOURCES)
POLICIES = st.lists(st.lists(DIRECTIVE.map(" ".join), max_size=4).map(";".join), max_size=3).map(
    ",".join
)


@given(POLICIES, st.sampled_from(["img-src", "font-src", "script-src-elem"]), st.sampled_from("abc"))  # fmt: skip
def test_an_edit_of_one_directive_leaves_all_others_byte_for_byte(line, name, sources):
    def others(found: csp.Fields) -> list[csp.Policy]:
        policies = [csp.parse(text) for _, value in found for text in value.decode("latin-1").split(",")]  # fmt: skip
        return [kept for policy in policies if (kept := csp.remove(policy, name))]

    before = ((NAME.encode(), line.encode("latin-1")),)
    for change in (
        lambda policy: csp.put(policy, name, sources),
        lambda policy: csp.append(policy, name, sources),
        lambda policy: csp.remove(policy, name),
    ):
        assert others(csp.edit(before, change)) == others(before)


@given(POLICIES)
def test_no_change_leaves_the_line_as_it_is(line):
    before = ((NAME.encode(), line.encode("latin-1")),)

    assert csp.edit(before, lambda policy: policy) == before
