"""What a YAML file must say: text to validated models, or all that is wrong with it.

Plain values are text as written (see `forebay.yamltree`); the model alone says
whether one is to be a number or a truth value.

Importing this imports pydantic, which costs more start-up time than all else
here together: import it late, where a file is about to be read.

Pure: no files, no clock, no mitmproxy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pydantic
from pydantic_core import ErrorDetails

from forebay import yamltree
from forebay.errors import RuleError, RuleErrors
from forebay.yamltree import LIMIT_ERRORS

_SHOULD = re.compile(r"\A\w+ should (?:be |have )?")
_EXPECTED = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


@dataclass(frozen=True, slots=True)
class _Unknown:
    """A value under a key that its section does not have."""

    known: tuple[str, ...]


def checked(read: Callable[[str], object]) -> pydantic.AfterValidator:
    """Return a validator that refuses what *read* refuses; pydantic knows ValueErrors only."""

    def check(text: str) -> str:
        try:
            read(text)
        except RuleError as error:
            raise ValueError(error.message) from None
        return text

    return pydantic.AfterValidator(check)


def _one_or_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _section_or_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


type OneOrMore[T] = Annotated[
    list[T],
    pydantic.BeforeValidator(_one_or_list, json_schema_input_type=T | list[T]),
    pydantic.Field(min_length=1),
]
"""A list that is not empty; one text is a list of one."""

type OneOrMoreSections[T] = Annotated[
    list[T],
    pydantic.BeforeValidator(_section_or_list, json_schema_input_type=T | list[T]),
    pydantic.Field(min_length=1),
]
"""A list of sections that is not empty; one is a list of one."""


class Section(pydantic.BaseModel):
    """A mapping with known keys only; a known key with nothing under it counts as absent."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _mark(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        known = {field.alias or name: None for name, field in cls.model_fields.items()}
        unknown = _Unknown(tuple(known))
        return {
            key: value if key in known else unknown
            for key, value in data.items()
            if value is not None or key not in known
        }


@dataclass(frozen=True, slots=True)
class Document[M: Section]:
    """A validated file, and where in it each value stands."""

    path: Path
    model: M
    places: yamltree.Places

    def line(self, *key: int | str) -> int:
        """Return the line, from 1, of the value at *key*, or of the nearest thing around it."""
        return self.places[key][0]

    def place(self, *key: int | str) -> yamltree.Place:
        """Return line and column of the value at *key*, or of the nearest thing around it."""
        return self.places[key]


def parse[M: Section](text: str, path: Path, model: type[M]) -> Document[M]:
    """Validate *text*; *path* is only named in errors.

    An empty text is an empty mapping.  Validators find an empty dictionary as
    their context, to keep in it what must be unique in a file.

    Raises:
        RuleErrors: with all that is wrong, in the order of lines.
    """
    tree = yamltree.parse(text, path)
    errors = list(tree.errors)
    try:
        found = model.model_validate({} if tree.value is None else tree.value, context={})
    except pydantic.ValidationError as error:
        errors += [
            RuleError(_message(detail), path, *tree.places[detail["loc"]])
            for detail in error.errors(include_url=False)[:LIMIT_ERRORS]
        ]
    if errors:
        errors.sort(key=lambda error: (error.line or 0, error.column or 0))
        raise RuleErrors(errors[:LIMIT_ERRORS])
    return Document(path, found, tree.places)


def _message(detail: ErrorDetails) -> str:
    """Return pydantic's finding in our words, behind the keys that lead to it."""
    loc, found = list(detail["loc"]), detail["input"]
    if loc[-1:] == ["[key]"]:
        del loc[-2:]
    if isinstance(found, _Unknown):
        text = _unknown(str(loc.pop()), found.known)
    elif detail["type"] == "missing":
        text = f"expected the key {str(loc.pop())!r}, found none"
    elif "error" in detail.get("ctx", {}):
        text = str(detail["ctx"]["error"])
    else:
        text = f"{_expected(detail)}, found {_shown(found)}"
    # The line says which item of the outer list; keys inside it are for the reader.
    first = next((i for i, part in enumerate(loc) if isinstance(part, int)), -1)
    where = ".".join(part for part in loc[first + 1 :] if isinstance(part, str))
    return f"{where}: {text}" if where else text


def _expected(detail: ErrorDetails) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "string_type" and detail["input"] is None:
        return "expected text ('' for an empty one)"
    if kind == "too_short":
        return f"expected at least {detail['ctx']['min_length']} in the list"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}"
    return "expected " + _SHOULD.sub("", message, count=1)


def _unknown(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key[:100], known, n=1)
    if near:
        return f"unknown key {key!r:.70}: did you mean {near[0]!r}?"
    return f"unknown key {key!r:.70}: expected one of {', '.join(known)}"


def _shown(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case str():
            return f"{value!r:.70}"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return "a mapping"
