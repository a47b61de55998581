"""Keep secrets out of what is written: in URLs, header fields, and texts that quote either.

Pure.  What is masked errs on the side of too much, since a log is read by more
people than the traffic is.  By default masked values become ``REDACTED``; the
name stays, so that one sees that something was there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from urllib.parse import quote

from forebay.rewrite.cookies import is_attribute
from forebay.secret import FIELDS, bare_names, decoded, is_secret_bare, is_strong_bare
from forebay.trafficlog.secretvalues import CARDS, EMAILS, TOKENS, Looks, Shape

MASK = "REDACTED"

_SUSPECT = re.compile(r"[%?;#=@:]").search
# A colon behind a scheme or before a port says nothing.
_SUSPECT_PATH = re.compile(r"[%;#=@]|:(?!//|[0-9]{1,5}(?:/|\Z))").search
_AUTHORITY = re.compile(r"//([^/?#\s]*)@")
_WORD = re.compile(r"[^\s/]+")
_BEFORE_USER = re.compile(r".*[\"'=&?;,()<>]", re.DOTALL)
_SCHEME = re.compile(r"(basic|bearer)(\s++|%20|\+)(?!\s)([^\s\"',;]+)", re.IGNORECASE)
_TOKEN = re.compile(r"(basic|bearer)([ \t]+)([A-Za-z0-9+/._~-]{16,}=*)", re.IGNORECASE)
_URL = re.compile(r"(?:https?|wss?|ftp)://[^\s\"'<>\\`]+", re.IGNORECASE)
_PAIR = re.compile(r"(?<![\w.%\[\]-])([\w.%\[\]-]++)[\"']?\s{0,3}[=:]\s{0,3}(?:b(?=[\"']))?")
_VALUE = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s&]*")
_PARAMETER = re.compile(r"[^\s&]+")
_MASKED = re.compile(rf"{MASK}(?:-[0-9a-f]{{16}})?").fullmatch
# The words that may stand before credentials: the registry of RFC 9110 §16.4.1, and others.
_SCHEMES = frozenset(
    {"apikey", "aws4-hmac-sha256", "basic", "bearer", "digest", "dpop", "gnap", "hoba", "mutual"}
    | {"negotiate", "ntlm", "oauth", "privatetoken", "scram-sha-1", "scram-sha-256", "vapid"}
)
_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
_URL_FIELDS = frozenset({"referer", "location", "content-location", "origin"})
_LONGEST_REMEMBERED = 512


type _Treat = Callable[[bytes], str | None]


def _nothing(_: bytes) -> None:
    return None


class Mode(StrEnum):
    """What becomes of a secret.

    MASK: the same word for all.  HASH: a keyed hash, so that equal secrets stay
    equal.  DROP: fields, parameters and members go with their names; in texts
    the word of MASK stands.
    """

    MASK = "mask"
    HASH = "hash"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Policy:
    """What is secret, beyond the names of `forebay.secret`, and what becomes of it.

    Attributes:
        mode: what becomes of it.
        key: of the hash; at most 64 bytes.
        names: patterns (with ``*``) for further bare names of parameters, members,
            header fields and cookies.
        keep: names that are none, bare (see `forebay.secret.bare_names`).
        shapes: what else its look tells.
        cards: whether card numbers are secret.
        emails: whether e-mail addresses are.
        tokens: whether the tokens of well-known issuers are.
    """

    mode: Mode = Mode.MASK
    key: bytes = b""
    names: tuple[str, ...] = ()
    keep: frozenset[str] = frozenset()
    shapes: tuple[Shape, ...] = ()
    cards: bool = True
    emails: bool = False
    tokens: bool = True


class Redactor:
    """Replaces secrets as a policy says.

    Looking up names and header values is remembered, since most of them come
    again; what is remembered is bounded.

    Attributes:
        policy: the policy.
        looks: what finds secrets by their look.
    """

    def __init__(self, policy: Policy = Policy()) -> None:
        self.policy = policy
        shapes = (
            *(TOKENS if policy.tokens else ()),
            *((CARDS,) if policy.cards else ()),
            *((EMAILS,) if policy.emails else ()),
            *policy.shapes,
        )
        self.looks = Looks(shapes)
        self._names = re.compile(
            "|".join(re.escape(name).replace(r"\*", ".*") for name in policy.names) or "(?!)"
        ).fullmatch
        fields = FIELDS | {name for name in policy.names if "*" not in name}
        # Quoted bytes come with their escapes, so a name may follow a letter: \nCookie.
        self._field = re.compile(
            r"("
            + "|".join(sorted(map(re.escape, fields), key=len, reverse=True))
            + r")(?=[\"']?\s{0,3}[:=,])(?:(?!\\r|\\n)[^\r\n])+",
            re.IGNORECASE,
        )
        self._more_words = tuple(name for name in policy.names if "*" not in name)
        self._is_short_secret = lru_cache(maxsize=4096)(self._is_secret)
        self._is_strong = lru_cache(maxsize=1024)(self._is_strong_name)
        self._kind = lru_cache(maxsize=512)(self._kind_of)
        self._short_text = lru_cache(maxsize=4096)(self._text)

    def mask(self, secret: str) -> str:
        """Return what stands in the place of *secret*.

        >>> Redactor().mask("hunter2")
        'REDACTED'
        >>> Redactor(Policy(Mode.HASH, key=b"k")).mask("hunter2")
        'REDACTED-0e5015602913ab07'
        """
        if self.policy.mode is not Mode.HASH:
            return MASK
        if _MASKED(secret):
            return secret
        plain = decoded(secret).encode("utf-8", "surrogatepass")
        return f"{MASK}-{blake2b(plain, key=self.policy.key, digest_size=8).hexdigest()}"

    def is_secret(self, name: str) -> bool:
        """Return whether a parameter, member, field or cookie called *name* holds a secret."""
        return self._is_short_secret(name) if len(name) <= 64 else self._is_secret(name)

    def _is_secret(self, name: str) -> bool:
        bare = bare_names(name)
        if not self.policy.keep.isdisjoint(bare):
            return False
        return any(is_secret_bare(each) or self._names(each) for each in bare)

    def _is_strong_name(self, name: str) -> bool:
        bare = bare_names(name)
        return self._is_secret(name) and any(
            is_strong_bare(each) or self._names(each) for each in bare
        )

    # URLs

    def target(self, text: str) -> str:
        """Return a URL, or a path with its query, without secrets.

        >>> Redactor().target("https://me:pw@h.example/a;jsessionid=1/b?id=7&access%5Ftoken=x")
        'https://REDACTED:REDACTED@h.example/a;jsessionid=REDACTED/b?id=7&access%5Ftoken=REDACTED'
        """
        path, mark, query = text.partition("?")
        if _SUSPECT_PATH(path):
            if "@" in path:
                path = _AUTHORITY.sub(self._authority, path)
            path = "/".join([self._segment(segment) for segment in path.split("/")])
        if query:
            query = "&".join(self._pieces(query.split("&")))
        return self.looks.replaced(f"{path}{mark}{query}", self.mask)

    def form(self, text: str) -> str:
        """Return a query, or a form of it (``application/x-www-form-urlencoded``), likewise."""
        text = "&".join(self._pieces(text.split("&")))
        return self.looks.replaced(text, self.mask)

    def _segment(self, segment: str) -> str:
        if not _SUSPECT(segment):
            return segment
        return ";".join(self._pieces(segment.split(";")))

    def _pieces(self, pieces: list[str]) -> list[str]:
        found = [self._piece(piece) for piece in pieces]
        return [piece for piece in found if piece is not None]

    def _piece(self, piece: str) -> str | None:
        """Return one ``name=value`` without its secret; None when it is dropped."""
        name, equals, value = piece.partition("=")
        if equals and self.is_secret(name):
            return None if self.policy.mode is Mode.DROP else f"{name}={self.mask(value)}"
        # A whole URL may be the value (or the name), encoded or not.
        if _SUSPECT(value) and self._holds_secret(value):
            value = self.mask(value)
        if _SUSPECT(name) and self._holds_secret(name):
            name = self.mask(name)
        return name + equals + value

    def _holds_secret(self, value: str) -> bool:
        plain = decoded(value)
        return self._scrubbed(plain) != plain

    def _authority(self, found: re.Match[str]) -> str:
        return f"//{self._userinfo(found[1])}@"

    def _userinfo(self, text: str) -> str:
        user, _, password = text.partition(":")
        return f"{self.mask(user)}:{self.mask(password)}"

    # Texts

    def text(self, value: str) -> str:
        """Return a text, which may quote URLs or header bytes, without secrets.

        >>> Redactor().text("Bad HTTP request line: b'GET http://u:p@h/?sig=1 HTTP/1.1'")
        "Bad HTTP request line: b'GET http://REDACTED:REDACTED@h/?sig=REDACTED HTTP/1.1'"
        """
        return self._short_text(value) if len(value) <= _LONGEST_REMEMBERED else self._text(value)

    def _text(self, value: str) -> str:
        value = self._scrubbed(value)
        if "%" in value:
            value = _PARAMETER.sub(self._unless_encoded, value)
        return value

    def prose(self, value: str, *, is_code: bool) -> str:
        """Return what people or programs wrote without secrets, and otherwise as it is.

        Names that often are harmless count in URLs only, and where *is_code*
        (HTML, scripts) no others do.

        >>> Redactor().prose("Error code: 404, password: x, http://h/?code=4", is_code=False)
        'Error code: 404, password: REDACTED http://h/?code=REDACTED'
        """
        low = value.lower()
        if "://" in value:
            value = _URL.sub(lambda found: self.target(found[0]), value)
        if "basic" in low or "bearer" in low:
            value = _TOKEN.sub(self._of_scheme, value)
        if not is_code and ("=" in value or ":" in value):
            value = self._without_pairs(value, self._is_strong)
        return self.looks.replaced(value, self.mask)

    def excerpt(self, value: str, limit: int) -> str:
        """Return `text` of *value*, at most *limit* characters of it.

        Cut last: before, it might cut off what tells that something is a secret.
        """
        if len(value) > 16 * limit:
            value = value[: 16 * limit].rpartition(" ")[0]
        return self.text(value)[:limit]

    def _unless_encoded(self, found: re.Match[str]) -> str:
        word = found[0]
        return self.mask(word) if "%" in word and self._holds_secret(word) else word

    def _without_credentials(self, found: re.Match[str]) -> str:
        """Mask ``user:password@`` up to the last ``@`` of a word; in time linear in its length."""
        word = found[0]
        end = word.rfind("@")
        colon = word.find(":", 0, max(end, 0))
        if colon < 0:
            return word
        before = _BEFORE_USER.match(word, 0, colon)
        start = len(before[0]) if before else 0
        return f"{word[:start]}{self._userinfo(word[start:end])}@{word[end + 1 :]}"

    def _scrubbed(self, value: str) -> str:
        low = value.lower()
        if (
            "cookie" in low
            or "auth" in low
            or "-api-key" in low
            or "client-cert" in low
            or (self._more_words and any(word in low for word in self._more_words))
        ):
            value = self._field.sub(self._of_field, value)
        if "basic" in low or "bearer" in low:
            value = _SCHEME.sub(self._of_scheme, value)
        if "@" in value:
            value = _AUTHORITY.sub(self._authority, value)
            value = _WORD.sub(self._without_credentials, value)
        if "=" in value or ":" in value:
            value = self._without_pairs(value, self.is_secret)
        return self.looks.replaced(value, self.mask)

    def _of_field(self, found: re.Match[str]) -> str:
        if self.policy.keep and not self.is_secret_field(found[1].lower()):
            return found[0]
        before = f"{found[1]}: "
        return before + self.mask(found[0].removeprefix(before))

    def _of_scheme(self, found: re.Match[str]) -> str:
        return f"{found[1]} {self.mask(found[3])}"

    def _without_pairs(self, value: str, is_secret: Callable[[str], bool]) -> str:
        parts: list[str] = []
        position = 0
        for pair in _PAIR.finditer(value):
            if pair.start() >= position and _is_secret_in(value, pair, is_secret):
                secret = _VALUE.match(value, pair.end())
                end = pair.end() if secret is None else secret.end()
                parts += value[position : pair.end()], self._quoted(value[pair.end() : end])
                position = end
        return "".join(parts) + value[position:] if parts else value

    def _quoted(self, value: str) -> str:
        mark = value[:1]
        if mark in ("'", '"'):
            return mark + self.mask(value.strip(mark)) + mark
        return self.mask(value)

    # Header fields

    def is_secret_field(self, name: str) -> bool:
        """Return whether the header field *name*, in lower case, holds a secret."""
        if self.policy.keep and not self.policy.keep.isdisjoint(bare_names(name)):
            return False
        return name in FIELDS or self.is_secret(name)

    def fields(
        self, pairs: Iterable[tuple[bytes, bytes]], max_bytes: int
    ) -> tuple[dict[str, list[str]], bool]:
        """Return header fields as name in lower case to values, and whether some were left out.

        Secrets are masked; at most about *max_bytes* are kept.  Of cookies the
        names stay, and the attributes of those that are set; of credentials the
        scheme does.

        >>> Redactor().fields([(b"Cookie", b"a=1"), (b"Accept", b"*/*"), (b"accept", b"x")], 1000)
        ({'cookie': ['a=REDACTED'], 'accept': ['*/*', 'x']}, False)
        """
        found: dict[str, list[str]] = {}
        left = max_bytes
        for raw_name, raw_value in pairs:
            size = len(raw_value)
            left -= len(raw_name) + size
            if left < 0:
                return found, True
            name, treat, treat_short = self._kind(raw_name)
            value = (treat_short if size <= _LONGEST_REMEMBERED else treat)(raw_value)
            if value is not None:
                lines = found.get(name)
                if lines is None:
                    found[name] = [value]
                else:
                    lines.append(value)
        return found, False

    def _kind_of(self, raw_name: bytes) -> tuple[str, _Treat, _Treat]:
        """Return the field's name in lower case, and what is done with its values.

        The latter in two forms, of which the second is for short ones.
        """
        name = raw_name.decode("utf-8", "surrogateescape").lower()
        treat: Callable[[str], str]
        if not self.is_secret_field(name):
            treat = self.target if name in _URL_FIELDS else self._text
        elif self.policy.mode is Mode.DROP:
            return name, _nothing, _nothing
        elif name in _CREDENTIALS:
            treat = self._credentials
        elif name in ("cookie", "cookie2"):
            treat = self.cookies
        elif name in ("set-cookie", "set-cookie2"):
            treat = self.set_cookie
        else:
            treat = self.mask

        def treat_raw(raw: bytes) -> str:
            return treat(raw.decode("utf-8", "surrogateescape"))

        # One memory for each field, so that none crowds out the values of the others.
        return name, treat_raw, lru_cache(maxsize=64)(treat_raw)

    def _credentials(self, value: str) -> str:
        scheme, space, rest = value.partition(" ")
        if space and scheme.lower() in _SCHEMES:
            return f"{scheme} {self.mask(rest.strip())}"
        return self.mask(value)

    def cookies(self, value: str) -> str:
        """Return a Cookie field with the names alone (RFC 6265 §4.2.1).

        >>> Redactor().cookies("a=1; b=2; 3")
        'a=REDACTED; b=REDACTED; REDACTED'
        """
        return "; ".join([self._cookie(each.strip()) for each in value.split(";") if each.strip()])

    def set_cookie(self, value: str) -> str:
        """Return a Set-Cookie field without the value of the cookie (RFC 6265 §4.1.1).

        >>> Redactor().set_cookie("a=1; Path=/; HttpOnly; b=2")
        'a=REDACTED; Path=/; HttpOnly; b=REDACTED'
        """
        first, *rest = [each.strip() for each in value.split(";")]
        kept = [self._cookie(first)]
        kept += [
            self.text(each) if is_attribute(each.partition("=")[0]) else self._cookie(each)
            for each in rest
            if each
        ]
        return "; ".join(kept)

    def _cookie(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        if not equals:
            return self.mask(pair)
        if self.policy.keep and not self.policy.keep.isdisjoint(bare_names(name)):
            return pair
        return f"{self.text(name)}={self.mask(value)}"

    # What addons have noted

    def verdict(self, value: Any, depth: int = 6) -> Any:
        """Return a copy of what an addon noted in the outcome, bounded and without secrets.

        A copy, because the addon may go on writing in it while the log is written.

        >>> Redactor().verdict({"reason": "GET http://u:p@h/", "cookie": "x", "n": [1, None]})
        {'reason': 'GET http://REDACTED:REDACTED@h/', 'cookie': 'REDACTED', 'n': [1, None]}
        """
        if value is None or isinstance(value, bool | float | int):
            return value
        if isinstance(value, str):
            return self.excerpt(value, 1000)
        if depth and isinstance(value, dict):
            return {
                str(key)[:100]: MASK
                if str(key).lower() in FIELDS
                else self.verdict(item, depth - 1)
                for key, item in list(value.items())[:100]
            }
        if depth and isinstance(value, list):
            return [self.verdict(item, depth - 1) for item in value[:100]]
        return None


def _is_secret_in(value: str, pair: re.Match[str], is_secret: Callable[[str], bool]) -> bool:
    name = pair[1]
    if value[pair.start() - 1 : pair.start()] == "\\":  # an escape, such as \n or \x00
        return is_secret(name) or is_secret(name[1:]) or is_secret(name[3:])
    return is_secret(name)


DEFAULT = Redactor()
"""What masks without any rules of the user's; see its methods."""
target = DEFAULT.target
text = DEFAULT.text
excerpt = DEFAULT.excerpt
fields = DEFAULT.fields
verdict = DEFAULT.verdict

_IS_PLACE = re.compile(
    r"(https?://[^\s@?/]*/?|localhost|[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+)(:[0-9]{1,5})?"
).fullmatch
_SHORTEST_NEEDLE = 6


def needles(values: Iterable[str]) -> tuple[str, ...]:
    """Return texts by which secret *values* are found, as they are and percent-encoded.

    Without those that are short, for they stand in much that is none, and those
    that are the name or the URL of a host: who reads a log wants to know where
    requests went.

    >>> needles(["true", "api.example:8080", "s3 cr=t"])
    ('s3%20cr%3Dt', 's3 cr=t')
    """
    found = [each for each in values if len(each) >= _SHORTEST_NEEDLE and not _IS_PLACE(each)]
    forms = {
        form
        for each in found
        for form in (
            each,
            *(quote(each, safe=safe, errors="surrogateescape") for safe in ("", "/")),
        )
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))  # one may begin another


def without(value: Any, found: Iterable[str]) -> Any:
    """Return *value*, of what JSON has, with the texts *found* masked wherever they stand.

    Names of members stay.
    """
    match value:
        case str():
            for needle in found:
                value = value.replace(needle, MASK)
            return value
        case dict():
            return {name: without(item, found) for name, item in value.items()}
        case list():
            return [without(item, found) for item in value]
        case _:
            return value
