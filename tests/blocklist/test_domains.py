"""What rules may call a host."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PSLFILE, PublicSuffixList

from forebay.blocklist.domains import _public_suffixes, host
from forebay.names import canonical


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("www.shop.example.com", "example.com"),
        ("example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("com", "com"),
        ("me.github.io", "me.github.io"),
        ("www.me.github.io", "me.github.io"),
        ("a.b.example", "b.example"),
        ("intranet", "intranet"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("", ""),
    ],
)
def test_the_site_of_a_host(name, site):
    """One label and a public suffix, or all of it where that cannot be."""
    assert host(name).site == site


@pytest.mark.parametrize(
    ("name", "entities"),
    [
        ("www.shop.co.uk", ("www.shop.*", "shop.*")),
        ("shop.com", ("shop.*",)),
        ("co.uk", ()),
        ("com", ()),
        ("192.0.2.7", ()),
        ("::1", ()),
        (".com", ()),
        ("a..com", ()),
        ("", ()),
    ],
)
def test_the_entities_of_a_host(name, entities):
    found = host(name)

    assert found.names == found.parents + entities


@pytest.mark.parametrize(
    ("name", "parents"),
    [
        ("a.b.example", ("a.b.example", "b.example", "example")),
        ("example", ("example",)),
        ("192.0.2.7", ("192.0.2.7",)),
    ],
)
def test_the_names_above_a_host(name, parents):
    """None is above an address."""
    assert host(name).parents == parents


def test_of_an_endless_name_only_the_end_has_names_above():
    found = host("a." * 100_000 + "ads.example")

    assert found.parents[-2:] == ("ads.example", "example")
    assert len(found.parents) < 130


@given(st.text(max_size=40) | st.text("ab.-1:[]*", max_size=12) | st.text("ab.", max_size=300))
def test_any_name_has_names(text):
    name = canonical(text)
    found = host(name)

    assert found.name == name == found.parents[0]
    assert found.names[: len(found.parents)] == found.parents
    assert all(name.endswith(parent) for parent in found.parents)
    assert all(entity.endswith(".*") for entity in found.names[len(found.parents) :])
    assert name.endswith(found.site)


def test_every_public_suffix_is_known_in_its_encoded_form():
    """As the library knows it by itself; a line of the list in another script is one of them."""
    whole, ours = PublicSuffixList(), _public_suffixes()
    with Path(PSLFILE).open(encoding="utf-8") as lines:
        rules = [line.split()[0] for line in lines if line.strip() and line[:2] != "//"]
    encoded = [rule.lstrip("!").encode("idna").decode("ascii") for rule in rules]
    names = [f"a.b.{rule.removeprefix('*.')}" for rule in encoded]

    assert len(names) > 9000
    assert any(not rule.isascii() for rule in rules)
    assert [ours.publicsuffix(each) for each in names] == [
        whole.publicsuffix(each) for each in names
    ]
