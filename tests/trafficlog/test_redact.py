"""Secrets do not reach the log."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trafficlog import redact
from forebay.trafficlog.secretvalues import Shape

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
        "authorization": ["Bearer REDACTED"],
        "cookie": ["a=REDACTED"],
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


HASHING = redact.Redactor(redact.Policy(redact.Mode.HASH, key=b"key"))
DROPPING = redact.Redactor(redact.Policy(redact.Mode.DROP))


class TestHash:
    def test_equal_secrets_stay_equal_wherever_they_stand(self):
        """So that records can be joined."""
        token = HASHING.mask("abc")
        found, _ = HASHING.fields(
            [
                (b"Authorization", b"Bearer abc"),
                (b"Cookie", b"session=abc; other=d"),
                (b"Set-Cookie", b"session=abc; Secure"),
                (b"X-Api-Key", b"abc"),
            ],
            1000,
        )

        assert re.fullmatch("REDACTED-[0-9a-f]{16}", token)
        assert HASHING.target("/?access_token=abc") == f"/?access_token={token}"
        assert HASHING.target("/?access_token=%61bc") == f"/?access_token={token}"
        assert HASHING.text("password: abc") == f"password: {token}"
        assert found == {
            "authorization": [f"Bearer {token}"],
            "cookie": [f"session={token}; other={HASHING.mask('d')}"],
            "set-cookie": [f"session={token}; Secure"],
            "x-api-key": [token],
        }

    def test_another_key_gives_another_hash(self):
        other = redact.Redactor(redact.Policy(redact.Mode.HASH, key=b"other"))

        assert other.mask("abc") != HASHING.mask("abc") != HASHING.mask("abd")


class TestDrop:
    def test_the_name_goes_too(self):
        found, _ = DROPPING.fields([(b"Cookie", b"a=b"), (b"Accept", b"*/*")], 1000)

        assert found == {"accept": ["*/*"]}
        assert DROPPING.target("/a;jsessionid=1?token=x&b=1") == "/a?b=1"
        assert DROPPING.target("https://u:p@h/") == "https://REDACTED:REDACTED@h/"


class TestRules:
    def test_further_names(self):
        redactor = redact.Redactor(redact.Policy(names=("employeeid", "xinternal*")))

        assert redactor.target("/?employee_id=7&id=8") == "/?employee_id=REDACTED&id=8"
        assert redactor.fields([(b"X-Internal-Trace", b"7")], 99)[0] == {
            "x-internal-trace": ["REDACTED"]
        }

    def test_names_that_are_kept(self):
        redactor = redact.Redactor(redact.Policy(keep=frozenset({"code", "theme", "xapikey"})))
        found, _ = redactor.fields([(b"Cookie", b"theme=dark; a=b"), (b"X-API-Key", b"k")], 99)

        assert redactor.target("/?code=7&key=8") == "/?code=7&key=REDACTED"
        assert redactor.text("X-Api-Key: k") == "X-Api-Key: k"
        assert found == {"cookie": ["theme=dark; a=REDACTED"], "x-api-key": ["k"]}

    def test_further_shapes(self):
        shape = Shape("employee", (), re.compile("EMP-[0-9]{3}"))
        redactor = redact.Redactor(redact.Policy(shapes=(shape,), emails=True))

        assert redactor.target("/e/EMP-123/x") == "/e/REDACTED/x"
        assert redactor.text("of EMP-123, ann@example.com") == "of REDACTED, REDACTED"
        assert redactor.verdict({"reason": "EMP-123"}) == {"reason": "REDACTED"}


@pytest.mark.parametrize(
    "redactor", [redact.DEFAULT, HASHING, DROPPING], ids=["mask", "hash", "drop"]
)
class TestEveryMode:
    @given(text=ANY_TEXT)
    def test_twice_is_once(self, redactor, text):
        once = redactor.text(text)
        target = redactor.target(text)

        assert redactor.text(once) == once
        assert redactor.target(target) == target or redactor is DROPPING

    @given(secret=SECRETS, name=NAMES)
    def test_no_planted_secret_stays(self, redactor, secret, name):
        jwt = f"eyJhbGciOiJIUzI1NiJ9.{secret}.{secret}"
        lines = [
            (b"Authorization", f"Bearer {secret}".encode()),
            (b"Authorization", secret.encode()),
            (b"Cookie", f"a={secret}; {secret}; b={secret}".encode()),
            (b"Set-Cookie", f"a={secret}; Path=/; HttpOnly".encode()),
            (b"Referer", f"https://h/?{name}={secret}".encode()),
            (b"X-Note", f"see {jwt}".encode()),
        ]

        assert secret not in str(list(redactor.fields(lines, 10_000)[0].values()))
        assert secret not in redactor.target(f"/a/{jwt}?{name}={secret}&x={jwt}")


def test_the_scheme_of_credentials_stays_where_it_is_one():
    def shown(value: bytes) -> str:
        return redact.fields([(b"Authorization", value)], 999)[0]["authorization"][0]

    assert shown(b'Digest username="u", response="x"') == "Digest REDACTED"
    assert shown(b"s3cret with-space") == "REDACTED"


def test_what_is_remembered_makes_no_difference():
    """One value in two fields, of which one is secret."""
    for _ in range(2):
        found, _cut = redact.fields([(b"X-Token", b"abc"), (b"X-Other", b"abc")], 99)

        assert found == {"x-token": ["REDACTED"], "x-other": ["abc"]}
