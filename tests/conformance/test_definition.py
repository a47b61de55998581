"""The suite's tests in words."""

from __future__ import annotations

import pytest

from conformance.definition import describe, field

SUITE = {"id": "vary", "spec_anchors": ["caching.negotiated.responses"]}


def text(*requests, **given) -> str:
    return "\n".join(describe({"id": "a", "name": "It must", "requests": requests, **given}, SUITE))


def test_a_test_names_its_kind_and_what_it_needs():
    found = text({}, kind="optimal", depends_on=["b", "c"])

    assert found.startswith("a [vary] optimal\n    It must\n")
    assert "counts only if these pass: b, c" in found


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"request_method": "PUT", "filename": "f", "query_arg": "q"}, "1. PUT /test/ID/f?q"),
        ({"request_headers": [["Foo", "1"]]}, "> Foo: 1"),
        ({"request_body": "x"}, "> body 'x'"),
        ({"response_status": [404, "Not Found"]}, "< 404 Not Found"),
        (
            {"response_headers": [["Expires", 100, False]]},
            "< Expires: (now +100 s)   (not compared)",
        ),
        ({"response_body": "x"}, "< body 'x'"),
        ({"disconnect": True}, "< the origin breaks the connection off"),
        ({"expected_type": "cached"}, "= comes from the store; the origin does not see it"),
        ({"expected_method": "HEAD"}, "= the origin sees the method HEAD"),
        ({"expected_request_headers": ["Range"]}, "= the origin sees Range"),
        ({"expected_status": 504}, "= the client sees status 504"),
        ({"expected_response_headers": [["Age", ">", 2]]}, "= the client sees Age > 2"),
        ({"expected_response_headers_missing": ["X"]}, "= the client does not see X"),
        ({"expected_response_text": "01"}, "= the client sees the body '01'"),
        ({"check_body": False}, "= the body does not matter"),
        ({"redirect": "manual"}, "redirect: manual"),
        ({"pause_after": True}, "3 s pause"),
    ],
)
def test_each_member_of_a_request_is_said(given, line):
    assert line in text(given)


def test_numbers_outside_dates_are_plain():
    assert field(["Age", 7200]) == "Age: 7200"


def test_what_is_no_field_is_refused():
    """A newer edition may know forms that this does not."""
    with pytest.raises(ValueError, match="expected a field"):
        field([])
