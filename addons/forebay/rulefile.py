"""Read a YAML file that a person wrote into validated models, or say all that is wrong with it.

Every plain scalar is text, exactly as written: ``1.10`` stays ``1.10``, ``no``
stays ``no``, and the model alone says whether a value is to be a number or a
truth value.  So none of YAML's guesses about types can change what a rule means.

Importing this imports pydantic, which costs more start-up time than all else
here together: import it late, where a file is about to be read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pydantic
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from forebay.errors import ForebayError, RuleError, RuleErrors

# ruamel.yaml takes 5 to 15 s for each megabyte, and a hand-written rule has
# about 100 bytes.
LIMIT_BYTES = 1_000_000
LIMIT_VALUES = 100_000  # aliases of aliases multiply
LIMIT_DEPTH = 32
LIMIT_ERRORS = 100

type Key = tuple[int | str, ...]

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}
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


class Section(pydantic.BaseModel):
    """A mapping with known keys only; a known key with nothing under it counts as absent."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _mark(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        unknown = _Unknown(tuple(cls.model_fields))
        return {
            key: value if key in cls.model_fields else unknown
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }


@dataclass(frozen=True, slots=True)
class Document[M: Section]:
    """A validated file, and where in it each value stands."""

    path: Path
    model: M
    lines: Mapping[Key, int]

    def line(self, *key: int | str) -> int:
        """Return the line, from 1, of the value at *key*, or of the nearest thing around it."""
        return _line(self.lines, key)


def load[M: Section](path: Path, model: type[M]) -> Document[M]:
    """Read and validate *path*.

    Raises:
        ForebayError: when it cannot be read.
        RuleErrors: with all that is wrong in it.
    """
    return parse(read(path), path, model)


def read(path: Path) -> str:
    """Return the text of *path*.

    Raises:
        ForebayError: when it is no readable file of UTF-8 text, or too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise ForebayError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise ForebayError(f"cannot read {str(path)!r}: {error}") from None
    if len(data) > LIMIT_BYTES:
        raise RuleError(f"expected at most {LIMIT_BYTES:,} bytes, found more", path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start]
        raise RuleError(f"expected UTF-8 text, found the byte 0x{found:02x}", path, line) from None


def parse[M: Section](text: str, path: Path, model: type[M]) -> Document[M]:
    """Validate *text*; *path* is only named in errors.

    An empty text is an empty mapping.  Validators find an empty dictionary as
    their context, to keep in it what must be unique in a file.

    Raises:
        RuleErrors: with all that is wrong, in the order of lines.
    """
    tree = _Tree(path)
    root = _compose(text, path)
    data = {} if root is None else tree.value(root, ())
    errors = tree.errors
    try:
        found = model.model_validate(data or {}, context={})
    except pydantic.ValidationError as error:
        errors += [
            RuleError(_message(detail), path, _line(tree.lines, detail["loc"]))
            for detail in error.errors(include_url=False)[:LIMIT_ERRORS]
        ]
    if errors:
        errors.sort(key=lambda error: error.line or 0)
        raise RuleErrors(errors[:LIMIT_ERRORS])
    return Document(path, found, tree.lines)


def _compose(text: str, path: Path) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = LIMIT_DEPTH
    yaml.composer.warn_double_anchors = False
    last = max(1, text.count("\n") + (not text.endswith("\n")))
    line = 1
    try:
        node: Node | None = yaml.compose(text)
        return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = _problem(error)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {text[error.position]!r} is not allowed"
    except (YAMLError, ValueError, OverflowError, AssertionError, LookupError) as error:
        # ruamel.yaml has no error of its own for some escapes and directives
        problem = " ".join(str(error).split()) or type(error).__name__
    raise RuleErrors([RuleError(f"expected valid YAML: {problem}", path, min(line, last))])


def _problem(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem).split())
    if problem.startswith("but "):
        problem = f"{error.context}, {problem}"
    return problem + _hint(error, problem)


def _hint(error: MarkedYAMLError, problem: str) -> str:
    if "'\\t'" in problem:
        return "; indent with spaces"
    if error.context == "while scanning an alias" or "undefined alias" in problem:
        return "; write a value that begins with * in quotes"
    if "cannot start any token" in problem:
        return "; write the value in quotes"
    return ""


class _Tree:
    """Plain values out of YAML nodes, the line of each, and what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.errors: list[RuleError] = []
        self.lines: dict[Key, int] = {(): 1}
        self._path = path
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: Node, key: Key) -> Any:
        """Return what *node* says: a dict, a list, a str or None."""
        self._count += 1
        if self._count > LIMIT_VALUES:
            self._refuse(node, f"expected at most {LIMIT_VALUES:,} values, found more")
        self.lines.setdefault(key, _line_of(node))
        tag = str(node.tag).removeprefix(_TAG)
        if isinstance(node, ScalarNode):
            if tag not in _SCALAR_TAGS:
                self._report(node, f"expected a value without tag, found {tag!r}")
            return None if tag == "null" else str(node.value)
        if tag not in {"map", "seq"}:
            self._report(node, f"expected a value without tag, found {tag!r}")
        if id(node) in self._open:
            self._refuse(node, "expected a finite value, found one that contains itself")
        if len(self._open) >= LIMIT_DEPTH:
            self._refuse(node, f"expected at most {LIMIT_DEPTH} levels, found more")
        self._open.add(id(node))
        if isinstance(node, MappingNode):
            found: Any = self._mapping(node, key)
        else:
            found = [self.value(item, (*key, i)) for i, item in enumerate(node.value)]
        self._open.remove(id(node))
        return found

    def _mapping(self, node: MappingNode, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[Node] = []
        for name_node, value_node in node.value:
            if not isinstance(name_node, ScalarNode):
                self._report(name_node, "expected text as key, found a list or a mapping")
                continue
            name = str(name_node.value)
            if str(name_node.tag) == f"{_TAG}merge":
                merged.append(value_node)
            elif name in found:
                self._report(name_node, f"expected each key once, found {name!r} again")
            else:
                self.lines.setdefault((*key, name), _line_of(name_node))
                found[name] = self.value(value_node, (*key, name))
        for inherited in self._inherited(merged, key):
            found = inherited | found
        return found

    def _inherited(self, merged: list[Node], key: Key) -> Iterator[dict[str, Any]]:
        """Yield each mapping under a merge key (``<<``), the weakest last."""
        for node in merged:
            for source in node.value if isinstance(node, SequenceNode) else [node]:
                if isinstance(source, MappingNode):
                    yield self.value(source, key)
                else:
                    self._report(source, "expected a mapping to merge, found something else")

    def _report(self, node: Node, message: str) -> None:
        if len(self.errors) < LIMIT_ERRORS:
            self.errors.append(RuleError(message, self._path, _line_of(node)))

    def _refuse(self, node: Node, message: str) -> NoReturn:
        raise RuleErrors([RuleError(message, self._path, _line_of(node))])


def _line_of(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _line(lines: Mapping[Key, int], key: Key) -> int:
    while key not in lines:
        key = key[:-1]
    return lines[key]


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
