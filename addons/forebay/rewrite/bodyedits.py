"""The edits of a rule that need a body, each a small value that can be applied to its text.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Protocol

from forebay.regexes import Regex
from forebay.rewrite import jsonpointer
from forebay.rewrite.edits import EditError, substituted
from forebay.rewrite.jsonpointer import NoSuchPlaceError, Pointer
from forebay.rewrite.template import Template, Values

DEFAULT_LIMIT_BYTES = 1_000_000
MOST_BYTES = 16_000_000
MOST_CHARS = 2 * MOST_BYTES
"""What replacing may make: how often and by how much it is done, others may decide."""

_PLACES = {
    "head": re.compile(r"</head\s*>", re.IGNORECASE),
    "body": re.compile(r"</body\s*>", re.IGNORECASE),
}


class BodyEdit(Protocol):
    """One edit of a text."""

    def apply(self, text: str, values: Values) -> str:
        """Return *text* with the edit made.

        Raises:
            EditError: when it cannot be made; its text says why.
        """


@dataclass(frozen=True, slots=True)
class BodyEdits:
    """What one rule does to a body of at most *limit_bytes*, decoded."""

    edits: tuple[BodyEdit, ...]
    limit_bytes: int = DEFAULT_LIMIT_BYTES


@dataclass(frozen=True, slots=True)
class WholeText:
    """Another text in its place."""

    template: Template

    def apply(self, text: str, values: Values) -> str:
        """Return the other text."""
        return self.template.expand(values)


@dataclass(frozen=True, slots=True)
class LiteralReplace:
    """Each place of the text *old*, replaced."""

    old: str
    template: Template

    def apply(self, text: str, values: Values) -> str:
        """Return *text* with every place replaced.

        Raises:
            EditError: when that would be too long.
        """
        places = text.count(self.old)
        if not places:
            return text
        new = self.template.expand(values)
        _check_length(len(text) + places * (len(new) - len(self.old)))
        return text.replace(self.old, new)


@dataclass(frozen=True, slots=True)
class RegexReplace:
    """Each place of a regex, replaced by a template whose ``{re.1}`` are its groups."""

    regex: Regex
    template: Template

    def apply(self, text: str, values: Values) -> str:
        """Return *text* with every place replaced.

        Raises:
            EditError: when it is longer than the regex may see, or would be too long.
        """
        return substituted(
            self.regex,
            text,
            lambda groups: self.template.expand(replace(values, groups=groups)),
            _check_length,
        )


@dataclass(frozen=True, slots=True)
class JsonEdit:
    """Values of a JSON text, removed, set, and then merged with a patch (RFC 7396)."""

    removes: tuple[Pointer, ...] = ()
    sets: tuple[tuple[Pointer, Template], ...] = ()
    patch: Any = None

    def apply(self, text: str, values: Values) -> str:
        """Return *text*, compact, with the values edited; it stays as it is when none is there.

        Raises:
            EditError: when it is no JSON, no place is there, or what is made is none.
        """
        try:
            document = jsonpointer.decode(text)
        except ValueError as error:
            raise EditError(f"no JSON: {error}") from None
        made = 0
        for where in self.removes:
            try:
                document = jsonpointer.remove(document, where)
                made += 1
            except NoSuchPlaceError:
                continue
        for where, template in self.sets:
            try:
                value = jsonpointer.value_of(template.expand(values))
                document = jsonpointer.put(document, where, value)
                made += 1
            except NoSuchPlaceError:
                continue
        if self.patch is not None:
            document = jsonpointer.merged(document, self.patch)
            made += 1
        if not made:
            raise EditError("none of its places is there")
        try:
            return jsonpointer.encode(document)
        except ValueError as error:
            raise EditError(f"what JSON cannot say: {error}") from None


@dataclass(frozen=True, slots=True)
class HtmlInsert:
    """Something before the first ``</head>``, or before the last ``</body>``."""

    place: str
    template: Template

    def apply(self, text: str, values: Values) -> str:
        """Return *text* with it inserted.

        Raises:
            EditError: when there is no such place.
        """
        found = list(_PLACES[self.place].finditer(text))
        if not found:
            raise EditError(f"no </{self.place}>")
        at = found[0 if self.place == "head" else -1].start()
        return text[:at] + self.template.expand(values) + text[at:]


def _check_length(chars: int) -> None:
    if chars > MOST_CHARS:
        raise EditError(f"more than {MOST_CHARS:,} characters, once it is done")
