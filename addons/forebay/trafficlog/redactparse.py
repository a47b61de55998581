"""The text of a redact.yaml to a policy, or everything that is wrong with it.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from forebay import schema
from forebay.errors import RuleError
from forebay.regexes import Regex
from forebay.schema import OneOrMore, checked
from forebay.secret import bare_names
from forebay.trafficlog.redact import Mode, Policy
from forebay.trafficlog.secretvalues import Shape

_NAME = re.compile(r"[!-~]{1,100}", re.ASCII).fullmatch
# Bodies are searched as a whole.
_MOST_CHARS, _LEAST_CHARS = 65536, 4096


def bare_pattern(text: str) -> str:
    """Return *text*, a name in any spelling with ``*`` for anything, as a pattern of bare names.

    Raises:
        RuleError: when nothing is named so.

    >>> bare_pattern("X-Internal-*")
    'xinternal*'
    """
    bare = "*".join(bare_names(part)[0] for part in text.split("*"))
    if not _NAME(text) or not bare.strip("*"):
        raise RuleError(
            f"expected the name of a parameter, field or cookie, such as x-internal-*, "
            f"found {text!r:.70}"
        )
    return bare


def kept_name(text: str) -> str:
    """Return the bare form of *text*, a name in any spelling.

    Raises:
        RuleError: when nothing is named so.
    """
    if "*" in text:
        raise RuleError(f"expected one name and no *, found {text!r:.70}")
    return bare_pattern(text)


def secret_regex(text: str) -> Regex:
    """Return the pattern of a secret.

    Raises:
        RuleError: when it is none, could stall the proxy, or matches nothing at all.
    """
    found = Regex.of(text, least_chars=_LEAST_CHARS, most_chars=_MOST_CHARS)
    if found.pattern.search(""):
        raise RuleError(
            f"expected a regex that matches a secret, found {text!r:.70}, which "
            "matches the empty text"
        )
    return found


class PatternSection(schema.Section):
    """One item of ``patterns``."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    regex: Annotated[str, checked(secret_regex)]


class RedactFile(schema.Section):
    """The whole file."""

    mode: Literal["mask", "hash", "drop"] | None = None
    names: OneOrMore[Annotated[str, checked(bare_pattern)]] | None = None
    keep: OneOrMore[Annotated[str, checked(kept_name)]] | None = None
    patterns: list[PatternSection] = []
    tokens: bool | None = None
    cards: bool | None = None
    emails: bool | None = None


def parse(text: str, path: Path) -> RedactFile:
    """Return what *text* says; *path* is only named in errors.

    Raises:
        RuleErrors: with all that is wrong.
    """
    return schema.parse(text, path, RedactFile).model


def combined(files: list[RedactFile]) -> Policy:
    """Return the policy of all *files*: lists add up; of single values the last one counts."""
    mode, tokens, cards, emails = "mask", True, True, False
    names: list[str] = []
    keep: set[str] = set()
    shapes: list[Shape] = []
    for file in files:
        mode = file.mode or mode
        tokens = tokens if file.tokens is None else file.tokens
        cards = cards if file.cards is None else file.cards
        emails = emails if file.emails is None else file.emails
        names += map(bare_pattern, file.names or ())
        keep |= set(map(kept_name, file.keep or ()))
        shapes += map(_shape, file.patterns)
    return Policy(
        mode=Mode(mode),
        names=tuple(dict.fromkeys(names)),
        keep=frozenset(keep),
        shapes=tuple(shapes),
        tokens=tokens,
        cards=cards,
        emails=emails,
    )


def _shape(section: PatternSection) -> Shape:
    regex = secret_regex(section.regex)
    return Shape(
        section.name,
        (),
        re.compile(section.regex),
        limit_chars=regex.limit_chars,
    )
