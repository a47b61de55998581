"""Options with which a rule changes something."""

from __future__ import annotations

import pytest

from forebay.blocklist import resource
from forebay.blocklist.modifier import KINDS, PAGES, Kind, parse_modifier
from forebay.errors import RuleError


def test_each_kind_has_its_option():
    assert {kind.value for kind in Kind} <= KINDS.keys()
    assert KINDS["queryprune"] is Kind.REMOVEPARAM


@pytest.mark.parametrize(
    ("kind", "value", "is_sweeping"),
    [
        (Kind.REMOVEPARAM, "a", False),
        (Kind.REMOVEPARAM, "/a/", False),
        (Kind.REMOVEPARAM, "~a", True),
        (Kind.REMOVEPARAM, "*", True),
        (Kind.REMOVEPARAM, "", True),
        (Kind.CSP, "img-src *", False),
        (Kind.CSP, "", True),
        (Kind.PERMISSIONS, "usb=()", False),
        (Kind.HEADER, "via", True),
        (Kind.HEADER, "via:a", False),
        (Kind.HEADER, "via:~a", True),
    ],
)
def test_which_are_about_nearly_everything(kind, value, is_sweeping):
    assert parse_modifier(kind, value).is_sweeping is is_sweeping


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        (Kind.REMOVEPARAM, resource.ALL),
        (Kind.CSP, PAGES),
        (Kind.PERMISSIONS, PAGES),
        (Kind.HEADER, resource.USUAL),
    ],
)
def test_types_that_are_meant_where_none_is_named(kind, types):
    assert parse_modifier(kind, "").usual == types


def test_a_comma_may_be_escaped():
    """As options are divided by commas."""
    assert parse_modifier(Kind.REMOVEPARAM, "/^a{1\\,2}=/").value == "/^a{1,2}=/"


@pytest.mark.parametrize("kind", list(Kind))
def test_a_wrong_value_is_a_mistake(kind):
    with pytest.raises(RuleError, match=r"^expected "):
        parse_modifier(kind, "(|\x00")
