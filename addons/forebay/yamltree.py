"""YAML text to plain values, where each stands, and what is wrong with them.

Every plain scalar is text, exactly as written: ``1.10`` stays ``1.10`` and
``no`` stays ``no``.  So none of YAML's guesses about types can change what a
rule means.

Pure: no files, no clock, no mitmproxy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from forebay.errors import RuleError, RuleErrors

LIMIT_VALUES = 100_000  # aliases of aliases multiply
LIMIT_DEPTH = 32
LIMIT_ERRORS = 100

type Key = tuple[int | str, ...]

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "merge", "value"}


type Place = tuple[int, int]
"""A line and a column, both from 1."""


class Places(dict[Key, Place]):
    """Where the value at a key stands, or the nearest thing around it.

    One value may stand for a list of one: where there is no list, 0 is the value itself.
    """

    def __missing__(self, key: Key) -> Place:
        for i in range(len(key) - 1, 0, -1):
            if key[i] == 0 and key[:i] in self and key[: i + 1] not in self:
                return self[(*key[:i], *key[i + 1 :])]
        return self[key[:-1]]  # ends at (), the whole text


@dataclass(frozen=True, slots=True)
class Tree:
    """What a text says.

    Args:
        value: made of dict, list, str and None; None for an empty text.
        places: where each value stands.
        errors: what had to be left out, at most ``LIMIT_ERRORS``.
    """

    value: Any
    places: Places
    errors: list[RuleError]


def parse(text: str, path: Path) -> Tree:
    """Return what *text* says; *path* is only named in errors.

    Raises:
        RuleErrors: with the one error after which nothing more can be said.
    """
    walk = _Walk(path)
    root = _compose(text, path)
    value = None if root is None else walk.value(root, ())
    return Tree(value, walk.places, walk.errors)


def _compose(text: str, path: Path) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = LIMIT_DEPTH
    yaml.composer.warn_double_anchors = False
    last = max(1, text.count("\n") + (not text.endswith("\n")))
    line, column = 1, None
    try:
        node: Node | None = yaml.compose(text)
        return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark:
            line, column = mark.line + 1, mark.column + 1
        problem = _problem(error)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        problem = f"the character {text[error.position]!r} is not allowed"
    except (YAMLError, ValueError, OverflowError, AssertionError, LookupError) as error:
        # ruamel.yaml has no error of its own for some escapes and directives
        problem = " ".join(str(error).split()) or type(error).__name__
    at = (line, column) if line <= last else (last, None)
    raise RuleErrors([RuleError(f"expected valid YAML: {problem}", path, *at)])


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


class _Walk:
    """One way through all nodes of a text, and what was found on it."""

    def __init__(self, path: Path) -> None:
        self.errors: list[RuleError] = []
        self.places = Places({(): (1, 1)})
        self._path = path
        self._open: set[int] = set()
        self._count = 0

    def value(self, node: Node, key: Key) -> Any:
        """Return what *node* says: a dict, a list, a str or None."""
        self._count += 1
        if self._count > LIMIT_VALUES:
            self._refuse(node, f"expected at most {LIMIT_VALUES:,} values, found more")
        self.places.setdefault(key, _place_of(node))
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
                self.places.setdefault((*key, name), _place_of(name_node))
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
            self.errors.append(RuleError(message, self._path, *_place_of(node)))

    def _refuse(self, node: Node, message: str) -> NoReturn:
        raise RuleErrors([RuleError(message, self._path, *_place_of(node))])


def _place_of(node: Node) -> Place:
    return int(node.start_mark.line) + 1, int(node.start_mark.column) + 1
