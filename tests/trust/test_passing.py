"""What may pass unread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.names import is_address
from forebay.trust.passing import may_pass


@pytest.mark.parametrize(
    ("names", "target", "ech", "expected"),
    [
        pytest.param(["a.example"], "a.example", False, True, id="one name"),
        pytest.param([], "a.example", False, True, id="the target's name alone"),
        pytest.param(["a.example"], "192.0.2.1", False, True, id="a name beside an address"),
        pytest.param(["a.example"], "2001:db8::1", False, True, id="an address of IPv6"),
        pytest.param(["a.example"], "a.example", True, True, id="ECH as browsers make it up"),
        pytest.param(["b.example"], "a.example", False, False, id="names that differ"),
        pytest.param(["a.example", "b.example"], "a.example", False, False, id="two names"),
        pytest.param(["a.example", "b.example"], "192.0.2.1", False, False, id="two at an address"),
        pytest.param([], "192.0.2.1", False, False, id="an address alone"),
        pytest.param(["192.0.2.1"], "192.0.2.1", False, False, id="an address as a name"),
        pytest.param(["front.example"], "a.example", True, False, id="ECH with another outside"),
        pytest.param(["a.example"], "192.0.2.1", True, False, id="ECH beside an address"),
        pytest.param([], "a.example", True, False, id="ECH without a name outside"),
        pytest.param([], "a.example;b", False, False, id="a name that is none"),
        pytest.param(["a.example;b"], "192.0.2.1", False, False, id="such a one at an address"),
        pytest.param([], "", False, False, id="nothing"),
    ],
)
def test_one_plain_name_is_asked_for(names, target, ech, expected):
    assert may_pass(names, target, ech=ech) is expected


NAMES = st.sampled_from(["a.example", "b.example", "192.0.2.1", "::1", "a;b", "", "\udcff"])


@given(st.lists(NAMES, max_size=3), NAMES, st.booleans())
def test_what_passes_has_one_name(names, target, ech):
    if may_pass(names, target, ech=ech):
        asked = set(names) if is_address(target) else {*names, target}
        assert asked in ({"a.example"}, {"b.example"})
