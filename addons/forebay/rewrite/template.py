r"""Values with placeholders such as ``{url.host}`` and ``{header.x}``.

A placeholder is a word in braces that begins with a letter; ``{{word}}`` is
such a word itself, and all other braces stand for themselves, as in JSON.

Pure: no mitmproxy, no clock, no files; time and chance come in with `Values`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Self

from forebay.errors import RuleError
from forebay.rewrite import cookies, query
from forebay.rewrite.exchange import Exchange, first, text_of
from forebay.secret import is_secret, is_secret_field

_WORD = re.compile(r"\{\{([A-Za-z][\w.-]*)\}\}|\{([A-Za-z][\w.-]*)\}", re.ASCII)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII).fullmatch

type Groups = Mapping[str, str]
"""What the groups of a regex have matched, by number and name."""


@dataclass(frozen=True, slots=True)
class Values:
    """What placeholders stand for.

    Args:
        exchange: the request and response as edits have left them.
        now_s: the time, POSIX seconds.
        new_id: returns a new UUID.
        groups: what the groups of the rule's path have matched.
    """

    exchange: Exchange
    now_s: float
    new_id: Callable[[], str]
    groups: Groups = field(default_factory=dict)


type Placeholder = Callable[[Values], str]


def _url_part(part: str) -> Placeholder | None:
    parts: dict[str, Placeholder] = {
        "scheme": lambda v: v.exchange.scheme,
        "host": lambda v: v.exchange.host,
        "port": lambda v: str(v.exchange.port),
        "path": lambda v: v.exchange.path,
        "query": lambda v: v.exchange.query or "",
        "search": lambda v: "" if v.exchange.query is None else f"?{v.exchange.query}",
        "target": lambda v: v.exchange.target,
        "authority": lambda v: v.exchange.authority,
    }
    return parts.get(part)


def _header(name: str, *, of_response: bool) -> Placeholder:
    key = name.lower().encode("ascii")

    def placeholder(v: Values) -> str:
        return text_of(first(v.exchange.fields(of_response=of_response), key) or b"")

    return placeholder


_PLAIN: dict[str, Placeholder] = {
    "url": lambda v: v.exchange.url,
    "method": lambda v: v.exchange.method,
    "status": lambda v: "" if v.exchange.status is None else str(v.exchange.status),
    "client.ip": lambda v: v.exchange.client or "",
    "user": lambda v: v.exchange.user or "",
    "uuid": lambda v: v.new_id(),
    "now": lambda v: datetime.fromtimestamp(v.now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "now.unix": lambda v: str(int(v.now_s)),
    "now.http": lambda v: formatdate(v.now_s, usegmt=True),
}
KNOWN = (
    "url, url.scheme, url.host, url.port, url.authority, url.path, url.query, url.search, "
    "url.target, "
    "url.query.NAME, method, header.NAME, cookie.NAME, status, response.header.NAME, re.1, "
    "env.NAME, client.ip, user, uuid, now, now.unix or now.http"
)


@dataclass(frozen=True, slots=True)
class Template:
    """A value, in which placeholders may stand; *text* is as it was written.

    *words* are those of the placeholders among *parts*, in order.

    >>> Template.of('{"a": 1} {{url}}').constant
    '{"a": 1} {url}'
    """

    text: str
    parts: tuple[str | Placeholder, ...] = field(compare=False, repr=False)
    words: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @classmethod
    def of(
        cls, text: str, environment: Mapping[str, str] | None = None, groups: Groups | None = None
    ) -> Self:
        """Return the template that *text* says.

        Args:
            text: as it was written.
            environment: the environment variables that may be used.
            groups: those of the regex of which it is the replacement, by number
                and name; None when ``{re.1}`` is about the rule's path.

        Raises:
            RuleError: for the first placeholder that is unknown.
        """
        parts: list[str | Placeholder] = []
        words: list[str] = []
        at = 0
        for found in _WORD.finditer(text):
            parts.append(text[at : found.start()])
            literal, word = found.groups()
            if literal is not None:
                parts.append(f"{{{literal}}}")
            else:
                parts.append(_placeholder(word, environment or {}, groups))
                if not isinstance(parts[-1], str):
                    words.append(word)
            at = found.end()
        parts.append(text[at:])
        return cls(text, _joined(parts), tuple(words))

    @property
    def constant(self) -> str | None:
        """What it always says; None when it has a placeholder."""
        match self.parts:
            case ():
                return ""
            case (str() as only,):
                return only
        return None

    @property
    def literal(self) -> str:
        """What it says of its own, without the placeholders."""
        return "".join([part for part in self.parts if isinstance(part, str)])

    @property
    def uses_groups(self) -> bool:
        """Whether it says ``{re.…}``."""
        return any(found[2] and found[2].startswith("re.") for found in _WORD.finditer(self.text))

    @property
    def tells_secrets(self) -> bool:
        """Whether it says what belongs in no log: the environment, cookies, credentials."""
        return any(_is_secret(found[2]) for found in _WORD.finditer(self.text) if found[2])

    def pieces(self, values: Values) -> Iterator[tuple[str | None, str]]:
        """Yield what it says piece by piece, each placeholder's with its word, others with None."""
        words = iter(self.words)
        for part in self.parts:
            if isinstance(part, str):
                yield None, part
            else:
                yield next(words), part(values)

    def expand(self, values: Values) -> str:
        """Return it with what the placeholders stand for; what is absent is empty."""
        return "".join([part if isinstance(part, str) else part(values) for part in self.parts])


def _joined(parts: list[str | Placeholder]) -> tuple[str | Placeholder, ...]:
    """Return *parts* with texts that follow one another as one."""
    joined: list[str | Placeholder] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part:
            joined.append(part)
    return tuple(joined)


def _is_secret(word: str) -> bool:
    kind, _, name = word.partition(".")
    if kind == "response":
        kind, _, name = name.partition(".")
    if kind == "url" and name.startswith("query."):
        return is_secret(name.removeprefix("query."))
    return kind in ("env", "cookie") or (kind == "header" and is_secret_field(name.lower()))


def _placeholder(
    word: str, environment: Mapping[str, str], groups: Groups | None
) -> str | Placeholder:
    if word in _PLAIN:
        return _PLAIN[word]
    kind, _, name = word.partition(".")
    found: str | Placeholder | None = None
    if kind == "url":
        found = _url_part(name)
        if name.startswith("query.") and name != "query.":
            found = _parameter(name.removeprefix("query."))
    elif kind == "header" and _NAME(name):
        found = _header(name, of_response=False)
    elif kind == "response" and name.startswith("header.") and _NAME(name[7:]):
        found = _header(name[7:], of_response=True)
    elif kind == "cookie" and name:
        found = _cookie(name)
    elif kind == "re" and name:
        if groups is not None and name not in groups:
            raise RuleError(
                f"expected a group of its regex ({', '.join(groups) or 'it has none'}), "
                f"found {{{word}}}"
            )
        found = _group(name)
    elif kind == "env" and name:
        if name not in environment:
            raise RuleError(
                f"expected an environment variable that is set and named in the option "
                f"rewrite_env, found {{{word}}}"
            )
        found = environment[name]
    if found is None:
        raise RuleError(
            f"expected a placeholder such as {{url.host}} ({KNOWN}), found {{{word:.40}}}; "
            f"for the text itself write {{{{{word:.40}}}}}"
        )
    return found


def _parameter(name: str) -> Placeholder:
    return lambda v: query.value(v.exchange.query or "", name) or ""


def _cookie(name: str) -> Placeholder:
    return lambda v: cookies.value(v.exchange.request, name) or ""


def _group(name: str) -> Placeholder:
    return lambda v: v.groups.get(name, "")
