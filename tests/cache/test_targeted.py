"""CDN-Cache-Control: RFC 9213."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import head
from forebay.cache.targeted import Targeted, governing


def found(value, *, targeted=True, control="max-age=1"):
    return governing(head(cdn_cache_control=value, cache_control=control), targeted=targeted)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("max-age=60", 60),
        ("max-age=60;a=1, public", 60),
        ("max-age=1, max-age=60", 60),
        ("max-age=-1", 0),
        ("MAX=1, max-age=60", 1),
        (["public", "max-age=60"], 60),
        ("no-store", None),
        ("x=(1 2), max-age=60", 60),
        ('x="max-age=5", y', None),
    ],
)
def test_one_that_can_be_read_takes_the_place_of_cache_control(value, seconds):
    """`MAX` is no key, so the second of these is not read at all."""
    assert found(value).control.seconds("max-age") == seconds


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "max-age",
        'max-age="60"',
        "max-age=60.5",
        "max-age=a",
        "max-age=(60)",
        "max-age=?1",
        "max-age=60,",
        "max-age=60;;",
        "s-maxage=x",
        "public=1",
        "must-revalidate=(1)",
        "Max-Age=60",
        "max-age=9999999999999999",
        "a=" + "1" * 15 + ", b" * 5000,
    ],
)
def test_one_that_cannot_is_as_if_absent(value):
    result = found(value)

    assert not result.is_targeted and result.control.seconds("max-age") == 1


@pytest.mark.parametrize(
    "value", ["no-store", "no-store=1", 'private="x"', "no-cache=(a)", "no-store;a=?0"]
)
def test_what_restricts_counts_with_any_value(value):
    result = found(value)

    assert result.is_targeted
    assert any(result.control.has(name) for name in ("no-store", "private", "no-cache"))


def test_false_is_as_if_absent():
    result = found("no-store=?0, public=?0, max-age=5")

    assert not result.control.has("no-store") and not result.control.grants("public")
    assert result.control.seconds("max-age") == 5


def test_permissions_are_granted_as_they_are_spelled():
    assert found("public, max-age=5").control.grants("public")


def test_nothing_is_targeted_unless_asked():
    assert not found("max-age=60", targeted=False).is_targeted
    assert governing(head(), targeted=True).control.arguments == {}


@pytest.mark.parametrize(
    ("choice", "in_reverse", "elsewhere"),
    [("auto", True, False), ("on", True, True), ("off", False, False)],
)
def test_when_they_are_obeyed(choice, in_reverse, elsewhere):
    assert Targeted(choice).applies(is_reverse=True) is in_reverse
    assert Targeted(choice).applies(is_reverse=False) is elsewhere


@given(st.binary(max_size=60))
def test_any_bytes_will_do(value):
    result = found(value.decode("latin-1"))

    assert result.is_targeted or result.control.seconds("max-age") == 1
