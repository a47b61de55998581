"""The edits of a rule that are made at a message's head, each a small value that can be applied.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from forebay.regexes import Regex
from forebay.rewrite.answer import BODILESS
from forebay.rewrite.exchange import Exchange, Fields, bytes_of, text_of
from forebay.rewrite.exchange import values as values_of
from forebay.rewrite.fields import REFUSED, control_in
from forebay.rewrite.match import LONGEST_SUM, groups_of
from forebay.rewrite.patterns import BODILESS_METHODS
from forebay.rewrite.template import Groups, Template, Values

_LONGEST_VALUE = 65536
_NOT_WHOLE = BODILESS | {206}
NO_SECRETS: tuple[str, ...] = ()


EMPTY = Template("", ())


class EditError(Exception):
    """An edit that cannot be made, for what its placeholders stand for."""


class Edit(Protocol):
    """One edit of a head."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What it makes of secrets: the name of a field in lower case, or ``url``."""

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with the edit made.

        Raises:
            EditError: when it cannot be made.
        """


class Verb(StrEnum):
    """What is done to a field, in the order in which one rule does it.

    The order is fixed because a YAML mapping has none (YAML 1.2.2 §3.2.1.1):
    an editor that sorts keys must not change what a rule does.
    """

    REMOVE = "remove"
    SET = "set"
    DEFAULT = "default"
    APPEND = "append"


def expanded(template: Template, values: Values) -> str:
    """Return what *template* says, fit for one line of a head.

    Raises:
        EditError: when it could break out of its line, or is too long.
    """
    text = template.expand(values)
    if found := control_in(text):
        raise EditError(f"a value with the control character {found!r}")
    _check_length(len(text))
    return text


def check_sum(chars: int) -> None:
    """Make sure that no client has one regex search many values, each as long as it may be.

    Raises:
        EditError: when there are more.
    """
    if chars > LONGEST_SUM:
        raise EditError(f"values of more than {LONGEST_SUM:,} characters")


def _check_length(chars: int) -> None:
    if chars > _LONGEST_VALUE:
        raise EditError(f"a value of more than {_LONGEST_VALUE:,} characters")


@dataclass(frozen=True, slots=True)
class FieldEdit:
    """One edit of one field, or of all fields whose names begin with *name* (``REMOVE`` only)."""

    verb: Verb
    name: bytes
    value: Template = EMPTY
    is_prefix: bool = False

    @property
    def secrets(self) -> tuple[str, ...]:
        """The field, if its value tells a secret."""
        return (text_of(self.name).lower(),) if self.value.tells_secrets else ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with the field edited."""
        fields = exchange.fields(of_response=of_response)
        value = bytes_of(expanded(self.value, values).strip(" \t"))
        edited = edit_fields(fields, self, value, lower_case=exchange.lower_case)
        if edited == fields:
            return exchange
        return exchange.with_fields(edited, of_response=of_response)


def edit_fields(
    fields: Fields, edit: FieldEdit, value: bytes, *, lower_case: bool = False
) -> Fields:
    """Return *fields* after one edit; other fields keep their place and spelling.

    >>> edit = FieldEdit(Verb.SET, b"A")
    >>> edit_fields(((b"a", b"1"), (b"B", b"2"), (b"A", b"3")), edit, b"4")
    ((b'A', b'4'), (b'B', b'2'))
    """
    if edit.verb is Verb.REMOVE:
        return tuple(field for field in fields if not covers(edit, field[0]))
    name = edit.name.lower() if lower_case else edit.name
    own = (name, value)
    if edit.verb is Verb.APPEND:
        return (*fields, own)
    key = name.lower()
    places = [i for i, field in enumerate(fields) if field[0].lower() == key]
    if not places:
        return (*fields, own)
    if edit.verb is Verb.DEFAULT:
        return fields
    first = places[0]
    others = (field for field in fields[first + 1 :] if field[0].lower() != key)
    return (*fields[:first], own, *others)


def covers(edit: FieldEdit, name: bytes) -> bool:
    """Return whether *edit* is about the field *name*, in whatever case.

    A beginning never covers what a rule may not write: ``T*`` leaves
    Transfer-Encoding alone.
    """
    key = name.lower()
    if edit.is_prefix:
        return key.startswith(edit.name.lower()) and key not in REFUSED
    return key == edit.name.lower()


def substituted(
    regex: Regex, text: str, new: Callable[[Groups], str], check: Callable[[int], None]
) -> str:
    """Return *text* with each place of *regex* replaced by what *new* makes of its groups.

    Args:
        regex: what is searched for.
        text: where.
        new: makes the replacement.
        check: told how many characters all replacements have so far; may raise.

    Raises:
        EditError: when *text* is longer than the regex may see.
    """
    if len(text) > regex.limit_chars:
        raise EditError(f"more than the {regex.limit_chars:,} characters of its regex")
    pieces: list[str] = []
    at = chars = 0
    while at <= len(text) and (found := regex.search(text, at)):
        made = new(groups_of(found))
        chars += len(made)
        check(chars)
        pieces += (text[at : found.start()], made)
        at = found.end()
        if found.end() == found.start():  # an empty match: go on behind the next character
            pieces.append(text[at : at + 1])
            at += 1
    return "".join([*pieces, text[at:]])


@dataclass(frozen=True, slots=True)
class Replacement:
    """Each place of *regex*, replaced by *template*, in which ``{re.1}`` are its own groups."""

    regex: Regex
    template: Template

    def edit(self, text: str, values: Values) -> str:
        """Return *text* with every place replaced.

        Raises:
            EditError: when a replacement could break out of its line, all that
                replacements make is too long, or *text* is longer than its
                regex may see.
        """
        return substituted(
            self.regex,
            text,
            lambda groups: expanded(self.template, replace(values, groups=groups)),
            _check_length,
        )


@dataclass(frozen=True, slots=True)
class FieldReplace:
    """A regex replaced inside the values of a field, so many characters of them in all."""

    name: bytes
    replacements: tuple[Replacement, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The field, if a replacement tells a secret."""
        if any(one.template.tells_secrets for one in self.replacements):
            return (text_of(self.name).lower(),)
        return ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with the values of the field edited."""
        key = self.name.lower()
        check_sum(
            sum(len(value) for value in values_of(exchange.fields(of_response=of_response), key))
        )
        edited: list[tuple[bytes, bytes]] = []
        for name, value in exchange.fields(of_response=of_response):
            before = text_of(value)
            after = replaced(before, self.replacements, values) if name.lower() == key else before
            # None begins or ends with a space (RFC 9113 §8.2.1).
            edited.append((name, value if after == before else bytes_of(after.strip(" \t"))))
        return exchange.with_fields(tuple(edited), of_response=of_response)


def replaced(text: str, replacements: tuple[Replacement, ...], values: Values) -> str:
    """Return *text* after all *replacements*, one after the other."""
    for replacement in replacements:
        text = replacement.edit(text, values)
    return text


@dataclass(frozen=True, slots=True)
class MethodEdit:
    """Another method."""

    method: str
    secrets = NO_SECRETS

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with it.

        Raises:
            EditError: for HEAD, as the client waits for no body.
        """
        if exchange.method in BODILESS_METHODS:
            raise EditError(f"a {exchange.method} stays one: its answer has no body")
        return replace(exchange, method=self.method)


@dataclass(frozen=True, slots=True)
class StatusEdit:
    """Another status code."""

    status: int
    secrets = NO_SECRETS

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with it.

        Raises:
            EditError: where the message has no body or a part of one (RFC 9110 §6.4.1).
        """
        now = exchange.status
        if now is not None and (now < 200 or now in _NOT_WHOLE):
            raise EditError(f"a {now} stays one: it comes without a whole body")
        return replace(exchange, status=self.status)
