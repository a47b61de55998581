"""Secrets do not reach the log."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog import redact

SECRETS = st.text("abcdefghijkmnopqrstuvwxyz0123456789", min_size=12, max_size=24)
NAMES = st.sampled_from(
    ["access_token", "Signature", "X-Amz-Credential", "sig", "password", "API_KEY", "code", "ToKeN"]
)
SPELLINGS = st.sampled_from([str, str.upper, lambda name: "".join(f"%{ord(c):02x}" for c in name)])
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/", "/"),
        ("*", "*"),
        ("/a/b.js", "/a/b.js"),
        ("/a?", "/a?"),
        ("/a?b=c&d", "/a?b=c&d"),
        (
            "/a?q=hello%20w%C3%B6rld&u=https%3A%2F%2Fh%2Fp",
            "/a?q=hello%20w%C3%B6rld&u=https%3A%2F%2Fh%2Fp",
        ),
        ("/a:b@c/d=e;f", "/REDACTED/d=e;f"),
        ("/a?token=x&b=1", "/a?token=REDACTED&b=1"),
        ("/a?b=1&SIG=x", "/a?b=1&SIG=REDACTED"),
        ("/a?t%6Fken=x", "/a?t%6Fken=REDACTED"),
        ("/a?token=", "/a?token=REDACTED"),
        ("/a;jsessionid=1/b;v=2", "/a;jsessionid=REDACTED/b;v=2"),
        ("/a?b=1;sig=x", "/a?b=REDACTED"),
        ("/a?next=/b?token=x", "/a?next=REDACTED"),
        ("/a?next=%2Fb%3Ftoken%3Dx&c=1", "/a?next=REDACTED&c=1"),
        ("/a?%2Fb%3Ftoken%3Dx", "/a?REDACTED"),
        ("/a?u=http://me:pw@h/", "/a?u=REDACTED"),
        ("/cgi//me:pw@h/x", "/cgi//REDACTED:REDACTED@h/x"),
        ("https://me@h/x", "https://REDACTED:REDACTED@h/x"),
        ("https://h/x#access_token=y", "https://h/REDACTED=REDACTED"),
        ("/p?d=%7B%22password%22%3A%22x%22%7D", "/p?d=REDACTED"),
    ],
)
def test_targets(given, expected):
    """The name stays; what may be a URL of its own and holds a secret goes whole."""
    found = redact.target(given)

    if "#" in given:
        assert "y" not in found.removeprefix("https://h/")
    else:
        assert found == expected
    assert redact.target(found) == found


@given(ANY_TEXT)
def test_any_text_is_taken(text):
    """Whatever comes, without an exception; and masking twice is masking once."""
    once = redact.text(text)

    assert redact.text(once) == once
    redact.target(text)
    assert len(redact.excerpt(text, 20)) <= 20


@given(SECRETS, NAMES, SPELLINGS)
def test_no_planted_secret_stays_in_a_target(secret, name, spell):
    """As a parameter anywhere, as a parameter of a URL within, as a password."""
    name = spell(name)
    inner = f"https://h/p?{name}={secret}"
    for target in (
        f"/p?{name}={secret}",
        f"/p?a=1&{name}={secret}&b=2",
        f"/p;{name}={secret}/x",
        f"https://u:{secret}@h/p",
        f"/p?u={inner}",
        f"/p?u={quote(inner, safe='')}",
        f"/p?u={quote(quote(inner, safe=''), safe='')}",
        f"/p?a[{name}]={secret}",
        f"/{inner}",
        f"/{quote(inner, safe='')}",
    ):
        assert secret not in redact.target(target), target


@given(SECRETS, NAMES)
def test_no_planted_secret_stays_in_a_text(secret, name):
    """In what mitmproxy says about requests and responses that it could not read."""
    raw = f"GET http://u:{secret}@h/?{name}={secret} HTTP/1.1\r\nAuthorization: Basic {secret}\r\nCookie: a={secret}; b={secret}"
    for text in (
        raw,
        f"Bad HTTP request line: {raw.encode()!r}",
        f"Invalid header line: {f'Set-Cookie: {secret}'.encode()!r}",
        f"Invalid header line: b'Proxy-Authorization : Bearer {secret}'",
        f"[(b'cookie', b'x={secret}'), (b'X-Api-Key', b'{secret}')]",
        f"token Bearer {secret} was refused",
        f"Cannot connect to http://h/p%3F{name}%3D{secret}",
        f"{{'{name}': '{secret}'}}",
        f'{{"{name}": "x {secret}"}}',
        f"CONNECT me:{secret}@h:443",
    ):
        assert secret not in redact.text(text), text


@pytest.mark.parametrize(
    "text",
    [
        "[Errno 111] Connect call failed ('127.0.0.1', 8080)",
        "Client disconnected.",
        "Certificate verify failed: unable to get local issuer certificate",
        "||cookie.example^$third-party",
        "The client does not trust the proxy's certificate for h (tlsv1 alert unknown ca)",
        "@@||example.com^",
    ],
)
def test_common_texts_stay_as_they_are(text):
    assert redact.text(text) == text


def test_a_text_is_cut_after_it_was_masked():
    """A password that is cut off from its @ would be none to the eye."""
    text = "x " * 20 + "http://user:hunter2@host/"

    assert all("hun" not in redact.excerpt(text, limit) for limit in range(len(text)))
    assert "hunter2" not in redact.excerpt("http://user:hunter2" * 100, 10)
    assert redact.excerpt("http://user:" + "hunter2" * 1000, 100) == ""


def test_header_fields():
    """Masked by name; URLs and texts in the others are looked through."""
    found, cut = redact.fields(
        [
            (b"Authorization", b"Bearer abc"),
            (b"COOKIE", b"a=b"),
            (b"X-Goog-Api-Key", b"abc"),
            (b"Referer", b"https://h/?code=abc,d'ef&a=1"),
            (b"X-Note", b"password: abc"),
            (b"Accept", b"text/html;q=0.9"),
            (b"accept", b"*/*"),
            (b"x-\xff", b"\xff"),
        ],
        1000,
    )

    assert not cut
    assert found == {
        "authorization": ["REDACTED"],
        "cookie": ["REDACTED"],
        "x-goog-api-key": ["REDACTED"],
        "referer": ["https://h/?code=REDACTED&a=1"],
        "x-note": ["password: REDACTED"],
        "accept": ["text/html;q=0.9", "*/*"],
        "x-\udcff": ["\udcff"],
    }


def test_header_fields_are_bounded():
    """40 MiB of header pass through the core."""
    found, cut = redact.fields([(b"a", b"1"), (b"b", b"2" * 100), (b"c", b"3")], 50)

    assert (found, cut) == ({"a": ["1"]}, True)


class TestVerdict:
    def test_is_a_copy(self):
        """The addon may go on writing."""
        noted = {"a": [1, {"b": True}], "c": None, "d": 0.5}
        copy = redact.verdict(noted)
        noted["a"].append(2)

        assert copy == {"a": [1, {"b": True}], "c": None, "d": 0.5}

    def test_is_without_secrets(self):
        """In its texts, and where a header field is named."""
        assert redact.verdict({"reason": "https://u:p@h/", "Cookie": "a=b", "key": "/x"}) == {
            "reason": "https://REDACTED:REDACTED@h/",
            "Cookie": "REDACTED",
            "key": "/x",
        }

    def test_is_bounded(self):
        """In length, breadth and depth; and what is not plain is not known."""
        deep: dict = {}
        deep["self"] = deep

        assert redact.verdict("x" * 5000) == "x" * 1000
        assert len(redact.verdict(list(range(1000)))) == 100
        assert "self" in redact.verdict(deep)
        assert redact.verdict({"a": object()}) == {"a": None}


def test_long_input_takes_linear_time():
    """The worst cases of each expression; a quadratic one would take minutes."""
    for piece in ("=a:b", "//", "%41", "a:", "token", "'", "@:", "basic ", "a=", "[.", "cookie:"):
        text = piece * (200_000 // len(piece))
        redact.text(text)
        redact.text("@" + text + "@")
        redact.target("/?" + text[:8192])


class TestNeedles:
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "true",
            "local",
            "localhost:80",
            "api.example",
            "api.example:8080",
            "https://a.example/",
        ],
    )
    def test_what_is_short_or_a_place_stays(self, value):
        assert redact.needles([value]) == ()

    @pytest.mark.parametrize(
        "value",
        [
            "s3cret",
            "https://hooks.example/s3cret",
            "s3\udcffcret",
            "eyJhbGci.eyJzdWIi.Sfl",
            "https://u:p@a.example",
            "https://a.example?k=v",
        ],
    )
    def test_anything_else_is_masked_wherever_it_stands(self, value):
        said = {
            value: [
                "x" + value,
                {"url": f"https://b.example/{quote(value, safe='', errors='surrogateescape')}"},
                1,
                None,
            ]
        }

        found = redact.without(said, redact.needles([value]))

        assert found == {value: ["xREDACTED", {"url": "https://b.example/REDACTED"}, 1, None]}

    def test_one_that_begins_another_leaves_nothing_of_it(self):
        found = redact.needles(["s3cret", "s3cret-and-more"])

        assert redact.without("s3cret-and-more s3cret", found) == "REDACTED REDACTED"
