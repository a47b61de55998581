"""Secrets that their look tells."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog.secretvalues import CARDS, EMAILS, TOKENS, Looks, Shape

LOOKS = Looks((*TOKENS, CARDS))
A36 = "a1B2" * 9
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


def mask(_: str) -> str:
    return "#"


# Put together here, so that no scanner takes this file for a leak.
SECRETS = [
    ("jwt", "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0" + ".c2ln"),
    ("jwt", "eyJhbGciOiJub25lIn0." + "eyJzdWIiOiIxIn0."),
    ("github", "ghp_" + A36),
    ("github", "github_pat_" + "11ABCDEFG0" + A36),
    ("gitlab", "glpat-" + "x" * 20),
    ("aws", "AKIA" + "IOSFODNN7EXAMPLE"),
    ("google", "AIza" + "x" * 35),
    ("google", "ya29." + "a0AfB" * 8),
    ("slack", "xoxb-" + "1234567890-abcdef"),
    ("stripe", "sk_live_" + "4eC39HqLyjWDarjt"),
    ("openai", "sk-proj-" + "T3Blb" * 6),
    ("npm", "npm_" + A36),
    ("pypi", "pypi-" + "AgEI" * 15),
    ("sendgrid", "SG." + "x" * 22 + "." + "y" * 43),
    ("hugging face", "hf_" + "x" * 34),
    ("vault", "hvs." + "x" * 24),
    ("shopify", "shpat_" + "0" * 32),
    ("telegram", "123456789:AA" + "x" * 33),
    ("card number", "4111 1111 1111 1111"),
    ("card number", "5500-0055-5555-5559"),
    ("card number", "378282246310005"),
    ("card number", "4111111111111111"),
]


@pytest.mark.parametrize(("name", "secret"), SECRETS)
@pytest.mark.parametrize("around", ["{}", "a {} b", '"{}"', "x={}&y", "/p/{}/q"])
def test_known_shapes_are_found(name, secret, around):
    text = around.format(secret)

    assert name in {each.name for each in LOOKS.found(text)}
    assert secret not in LOOKS.replaced(text, mask)
    assert LOOKS.replaced(text, mask) == around.format("#")


@pytest.mark.parametrize(
    "text",
    [
        "eyJ.a.b",
        "ghp_short",
        "xAKIAIOSFODNN7EXAMPLE",
        "sk-short",
        "task-abcdefghijklmnopqrstuvwxyz",
        "4111 1111 1111 1112",  # another check digit
        "1732819200000000",  # a time in microseconds
        "0000 0000 0000 0000",
        "44444444444444448",
        "3.4111111111111111",
        "id-4111111111111111",
        "550e8400-e29b-41d4-a716-446655440000",
        "ann@example.com",  # only where asked for
        "https://www.example.com/a/b?c=d",
    ],
)
def test_others_stay(text):
    assert LOOKS.replaced(text, mask) == text


def test_of_a_private_key_what_is_inside():
    text = "-----BEGIN EC PRIVATE KEY-----\nMHc\nCAQ\n-----END EC PRIVATE KEY-----"

    assert LOOKS.replaced(text, mask) == (
        "-----BEGIN EC PRIVATE KEY-----#-----END EC PRIVATE KEY-----"
    )


def test_of_a_hook_its_path():
    assert LOOKS.replaced("https://hooks.slack.com/services/" + "T0/B0/" + "x" * 24, mask) == (
        "https://hooks.slack.com/services/#"
    )


@pytest.mark.parametrize("text", ["ann@example.com", "ann.b+c%40mail.example.co.uk"])
def test_emails(text):
    assert Looks([EMAILS]).replaced(f"to {text}, please", mask) == "to #, please"


@given(ANY_TEXT, st.sampled_from([secret for _, secret in SECRETS]), ANY_TEXT)
def test_no_text_around_it_hides_a_secret(before, secret, after):
    """Where it stands as a word of its own."""
    start = len(before) + 1
    found = list(LOOKS.found(f"{before}\n{secret}\n{after}"))

    assert any(each.start <= start and each.end >= start + len(secret) for each in found)


def test_overlapping_ones_leave_nothing_between():
    looks = Looks([Shape("a", (), re.compile("abc")), Shape("b", (), re.compile("bcde"))])

    assert looks.replaced("xabcdey", mask) == "x##y"


def test_a_long_text_is_searched_piece_by_piece():
    """With a bound for each, and seeing what lies on a border."""
    looks = Looks([Shape("a", (), re.compile("SECRET-[0-9]{4}"), limit_chars=1024)])
    text = "".join(f"{'x' * 97}SECRET-{n:04}" for n in range(100))

    assert "SECRET" not in looks.replaced(text, mask)


def test_long_input_takes_linear_time():
    for piece in (
        "eyJ",
        "ghp_",
        "4111 ",
        "sk-",
        "a@",
        "-----BEGIN PRIVATE KEY-----",
        "xoxb-",
        "a.",
    ):
        text = piece * (200_000 // len(piece))
        Looks((*TOKENS, CARDS, EMAILS)).replaced(text, mask)
