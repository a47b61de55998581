"""The text of a cache.yaml to rules, or everything that is wrong with it.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from forebay import schema
from forebay.cache.rule import Rule
from forebay.errors import RuleError
from forebay.rewrite.fields import field_name
from forebay.rewrite.patterns import Glob, Hosts, path_pattern
from forebay.schema import OneOrMore, checked

_SPAN = re.compile(r"([0-9]{1,9})\s*(s|m|h|d|w)?", re.ASCII)
_UNITS_S = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
LONGEST_S = 366 * 86400
_PARAMETER = re.compile(r"[!$'()*+,\-./0-9:;@A-Z_a-z~%\[\]]{1,100}")
# They are other parts of the key or name one client alone.
_NO_KEY = frozenset({b"host", b"range", b"if-range", b"if-none-match", b"if-modified-since"})


def span_s(text: str) -> int:
    """Return the span that *text* says, in seconds.

    Raises:
        RuleError: when it is none, or longer than a year.

    >>> span_s("90"), span_s("10m"), span_s("7d")
    (90, 600, 604800)
    """
    found = _SPAN.fullmatch(text)
    seconds = None if found is None else int(found[1]) * _UNITS_S[found[2]]
    if seconds is None or seconds > LONGEST_S:
        raise RuleError(
            f"expected a span such as 90s, 10m, 1h or 7d, up to 366d, found {text!r:.70}"
        )
    return seconds


def parameter(text: str) -> Glob:
    """Return the pattern for names of query parameters that *text* says.

    Raises:
        RuleError: when no parameter is named so.
    """
    if not _PARAMETER.fullmatch(text):
        raise RuleError(f"expected the name of a query parameter such as utm_*, found {text!r:.70}")
    return Glob.of(text)


def key_field(text: str) -> bytes:
    """Return the lower-case name of a request field that may be a part of the key.

    Raises:
        RuleError: when it is no field name, or cannot be a part.
    """
    name = field_name(text).lower()
    if name in _NO_KEY:
        raise RuleError(f"expected another field than {text!r:.70}, which cannot be a part of keys")
    return name


def _hosts(text: str) -> Hosts:
    return Hosts.of([text])


class MatchSection(schema.Section):
    """``match``: all that is given must hold."""

    host: OneOrMore[Annotated[str, checked(_hosts)]] | None = None
    path: OneOrMore[Annotated[str, checked(path_pattern)]] | None = None


class KeySection(schema.Section):
    """``key``: what tells stored responses apart."""

    ignore_query: OneOrMore[Annotated[str, checked(parameter)]] | None = None
    fields: OneOrMore[Annotated[str, checked(key_field)]] | None = None


class RuleSection(schema.Section):
    """One item of ``rules``."""

    match: MatchSection = MatchSection()
    lifetime: Annotated[str, checked(span_s)] | None = None
    key: KeySection = KeySection()
    bypass: Annotated[bool, Field(validate_default=True)] = False

    @field_validator("bypass")
    @classmethod
    def _does_one_thing(cls, bypass: bool, info: ValidationInfo) -> bool:
        # A section that is wrong itself is absent here, and reported already.
        if not {"lifetime", "key"} <= info.data.keys():
            return bypass
        key = info.data["key"]
        says_more = bool(info.data["lifetime"] or key.ignore_query or key.fields)
        if bypass and says_more:
            raise ValueError("expected bypass alone, found lifetime or key beside it")
        if not bypass and not says_more:
            raise ValueError("expected lifetime, key or bypass: true, found a rule without any")
        return bypass


class CacheFile(schema.Section):
    """The whole file."""

    rules: list[RuleSection] = []


def parse(text: str, path: Path) -> tuple[Rule, ...]:
    """Return the rules of *text*, in its order; *path* is only named in them.

    Raises:
        RuleErrors: with all that is wrong.
    """
    document = schema.parse(text, path, CacheFile)
    return tuple(
        Rule(
            file=str(path),
            line=document.line("rules", i),
            hosts=Hosts.of(section.match.host) if section.match.host else None,
            paths=tuple(map(path_pattern, section.match.path or ())),
            bypass=section.bypass,
            lifetime_s=None if section.lifetime is None else span_s(section.lifetime),
            ignore_query=tuple(map(parameter, section.key.ignore_query or ())),
            key_fields=tuple(sorted(set(map(key_field, section.key.fields or ())))),
        )
        for i, section in enumerate(document.model.rules)
    )
