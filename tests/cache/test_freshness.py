"""Freshness: RFC 9111 §4.2, §5.1, §5.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.builders import NOW, NOW_DATE, head
from forebay.cache import freshness
from forebay.cache.directives import MAX_SECONDS
from forebay.cache.freshness import Validity, current_age, is_fresh, lifetime, time_to_live

MINUTE_AGO = "Tue, 14 Nov 2023 22:12:20 GMT"
IN_A_MINUTE = "Tue, 14 Nov 2023 22:14:20 GMT"
NOW_TEXT = NOW_DATE.decode()


def validity(
    requested_at_s=NOW, received_at_s=NOW, *, status=200, targeted=False, forced_s=None, **fields
):
    return freshness.validity(
        head(**fields),
        requested_at_s=requested_at_s,
        received_at_s=received_at_s,
        status=status,
        targeted=targeted,
        forced_s=forced_s,
    )


class TestLifetime:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            pytest.param({"cache_control": "s-maxage=5, max-age=60"}, 5, id="s-maxage first"),
            pytest.param(
                {"cache_control": "max-age=60", "expires": MINUTE_AGO},
                60,
                id="max-age over Expires",
            ),
            pytest.param({"expires": IN_A_MINUTE, "date": NOW_TEXT}, 60, id="Expires less Date"),
            pytest.param({"expires": IN_A_MINUTE}, 60, id="Expires less receipt"),
            pytest.param({"expires": IN_A_MINUTE, "date": "x"}, 60, id="unreadable Date"),
            pytest.param({"expires": IN_A_MINUTE, "date": [NOW_TEXT] * 2}, 60, id="two Dates"),
            pytest.param({"expires": MINUTE_AGO, "date": NOW_TEXT}, 0, id="Expires in the past"),
            pytest.param({"expires": "0"}, 0, id="unreadable Expires"),
            pytest.param({"expires": [IN_A_MINUTE] * 2}, 0, id="two Expires"),
            pytest.param(
                {"expires": "x", "date": "Sat, 01 Jan 0001 00:00:00 GMT"}, 0, id="old Date too"
            ),
            pytest.param(
                {"cache_control": "max-age=x", "expires": IN_A_MINUTE}, 0, id="bad max-age"
            ),
            pytest.param(
                {"expires": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_SECONDS, id="Expires far away"
            ),
            pytest.param({}, 0, id="nothing said"),
        ],
    )
    def test_first_rule_that_applies_wins(self, fields, expected):
        assert lifetime(validity(**fields)) == expected

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, False),
            ({"cache_control": "max-age=0"}, True),
            ({"cache_control": "s-maxage=x"}, True),
            ({"expires": "0"}, True),
        ],
    )
    def test_what_the_origin_says_is_explicit_even_if_it_is_nothing(self, fields, expected):
        assert validity(**fields).is_explicit is expected


class TestAge:
    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ([], 0),
            (["30"], 30),
            (["0030"], 30),
            (["30, 7200"], 30),
            (["30", "7200"], 30),
            (["7200", "30"], 7200),
            (["-30"], 0),
            (["30.5"], 0),
            (["abc"], 0),
            ([""], 0),
            (["\xb2"], 0),
            (["2147483648"], MAX_SECONDS),
            (["9" * 5000], MAX_SECONDS),
        ],
    )
    def test_the_first_member_of_the_first_line_counts(self, lines, expected):
        assert freshness.age_field(head(age=lines)) == expected

    @pytest.mark.parametrize(
        ("fields", "requested_at_s", "expected"),
        [
            pytest.param({}, NOW, 0, id="no Date"),
            pytest.param({"date": MINUTE_AGO}, NOW, 60, id="old Date"),
            pytest.param({"date": IN_A_MINUTE}, NOW, 0, id="fast Date"),
            pytest.param({"age": "90", "date": MINUTE_AGO}, NOW, 90, id="Age over Date"),
            pytest.param({"age": "9", "date": MINUTE_AGO}, NOW, 60, id="Date over Age"),
            pytest.param({"age": "9"}, NOW - 4, 13, id="the delay counts"),
            pytest.param({"age": "9"}, NOW + 4, 9, id="clock set back in between"),
        ],
    )
    def test_age_on_arrival(self, fields, requested_at_s, expected):
        """§4.2.3: the larger of what Date and Age say."""
        assert freshness.initial_age(validity(requested_at_s, **fields)) == expected

    def test_an_age_of_2_to_the_31_is_stale_whatever_the_lifetime(self):
        v = validity(age="2147483648", cache_control="max-age=99999999999")

        assert not is_fresh(v, NOW)

    @given(st.lists(st.binary(max_size=30), max_size=3))
    def test_any_field_has_a_value_in_range(self, lines):
        found = freshness.age_field(head(age=[line.decode("latin-1") for line in lines]))

        assert 0 <= found <= MAX_SECONDS


def test_response_turns_stale_at_its_lifetime_not_after():
    """Fresh means lifetime > age, so equality is stale (§4.2)."""
    v = validity(cache_control="max-age=60")

    assert is_fresh(v, NOW + 59)
    assert not is_fresh(v, NOW + 60)
    assert time_to_live(v, NOW + 20) == 40


def test_a_response_from_the_future_is_stale():
    """The clock was set back; how long it has been here cannot be known."""
    v = validity(cache_control="max-age=60")

    assert not is_fresh(v, NOW - 1)
    assert time_to_live(v, NOW - 1) <= 0
    assert current_age(v, NOW - 1) == 0


@given(
    st.floats(0, 1e10),
    st.floats(0, 1e10),
    st.floats(0, 1e10),
    st.integers(0, MAX_SECONDS),
    st.integers(0, MAX_SECONDS),
    st.floats(0, 1e10),
)
def test_age_only_grows_and_freshness_never_returns(date, asked, received, age, max_age, later):
    v = Validity(date, asked, received, age_field_s=age, max_age_s=max_age)

    assert current_age(v, received + later) >= current_age(v, received) >= age
    assert is_fresh(v, received) or not is_fresh(v, received + later)


class TestHeuristic:
    DAY_AGO = "Mon, 13 Nov 2023 22:13:20 GMT"

    @pytest.mark.parametrize(
        ("status", "fields", "expected"),
        [
            pytest.param(200, {}, 8640, id="a tenth of a day"),
            pytest.param(404, {}, 8640, id="404"),
            pytest.param(201, {}, 0, id="201"),
            pytest.param(599, {}, 0, id="599"),
            pytest.param(599, {"cache_control": "public"}, 8640, id="public"),
            pytest.param(600, {"cache_control": "public"}, 0, id="no final status"),
            pytest.param(599, {"cache_control": "public=1"}, 0, id="not public as it is spelled"),
            pytest.param(200, {"cache_control": "max-age=5"}, 5, id="explicit"),
            pytest.param(200, {"cache_control": "max-age=x"}, 0, id="explicit, unreadable"),
            pytest.param(200, {"expires": "0"}, 0, id="Expires unreadable"),
        ],
    )
    def test_it_is_guessed_for_some_and_only_when_nothing_is_said(self, status, fields, expected):
        found = validity(status=status, last_modified=self.DAY_AGO, date=NOW_TEXT, **fields)

        assert lifetime(found) == expected

    @pytest.mark.parametrize(
        ("modified", "expected"),
        [
            ("Sun, 06 Nov 1994 08:49:37 GMT", freshness.HEURISTIC_LIMIT_S),
            (IN_A_MINUTE, 0),
            ("x", 0),
            ([DAY_AGO, DAY_AGO], 0),
        ],
    )
    def test_it_is_bounded(self, modified, expected):
        assert lifetime(validity(last_modified=modified, date=NOW_TEXT)) == expected

    def test_it_is_not_explicit(self):
        assert not validity(last_modified=self.DAY_AGO).is_explicit


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"cdn_cache_control": "max-age=9"}, 9),
        ({"cdn_cache_control": "public"}, 0),
        ({"cdn_cache_control": "max-age=x"}, 60),
        ({"cdn_cache_control": "max-age='9'"}, 60),
    ],
)
def test_a_targeted_field_takes_the_place_of_expires_too(fields, expected):
    """RFC 9213 §2.2."""
    found = validity(targeted=True, expires=IN_A_MINUTE, **fields)

    assert lifetime(found) == expected
    assert lifetime(validity(expires=IN_A_MINUTE, **fields)) == 60


def test_a_lifetime_of_the_users_own_comes_first():
    assert lifetime(validity(forced_s=7, cache_control="s-maxage=60")) == 7
    assert lifetime(validity(forced_s=0, cache_control="s-maxage=60")) == 0
    assert lifetime(validity(forced_s=7, status=500)) == 0
