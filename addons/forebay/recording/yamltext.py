r"""The YAML of cassettes: written so that people and diffs can read it, and read back fast.

Pure.  A YAML library takes seconds for a megabyte, and cassettes have several.
So the few forms that `dumps` writes are read here; on anything else (a file
that was edited by hand) `loads` says so, and a library has to read it.

Those forms: mappings and lists in block style, two spaces deep; integers; words
that no YAML version takes for anything else; ``"…"`` with JSON's escapes, or
``'…'`` for texts with double quotes in them; ``|``, ``|-`` and ``|+``, with an
indentation indicator where it is needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# No indicator in front, no ": ", " #", no end in ":", and nothing like a number, a date, a truth.
_PLAIN = re.compile(
    r"[A-Za-z/][A-Za-z0-9_/.+=@%&,;?()$~^!*-]*(?:[: ][A-Za-z0-9_/.+=@%&,;?()$~^!*-]+)*", re.ASCII
).fullmatch
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"])
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII).fullmatch
_UNPRINTABLE = re.compile(
    "[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]"
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"').fullmatch
_SINGLE = re.compile(r"'[^'\t\n]*'").fullmatch
_KEY = re.compile(r'([A-Za-z][A-Za-z0-9_./+-]*|"(?:[^"\\]|\\.)*"):(?: (.+))?', re.DOTALL).fullmatch
_BLOCK = re.compile(r"\|([1-9]?)([+-]?)").fullmatch


class NotOursError(ValueError):
    """Text that `dumps` has not written; perhaps YAML all the same."""


def dumps(value: Mapping[str, Any]) -> str:
    r"""Return *value*, of dictionaries, lists, texts and integers, as YAML.

    >>> print(dumps({"a": [{"b": 1, "c": "x\ny\n"}], "d": "no"}), end="")
    a:
    - b: 1
      c: |
        x
        y
    d: "no"
    """
    return "\n".join(_mapping(value, "")) + "\n"


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _entry(f"{indent}{_key(key)}:", item, indent)


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    match item:
        case dict() if item:
            yield head
            yield from _mapping(item, indent + "  ")
        case list() if item:
            yield head
            for each in item:
                yield from _item(each, indent)
        case _:
            yield from _scalar(head, item, indent)


def _item(item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, dict) and item:
        lines = _mapping(item, indent + "  ")
        yield f"{indent}- {next(lines)[len(indent) + 2 :]}"
        yield from lines
    else:
        yield from _scalar(f"{indent}-", item, indent)


def _scalar(head: str, item: Any, indent: str) -> Iterator[str]:
    match item:
        case bool():
            yield f"{head} {str(item).lower()}"
        case int():
            yield f"{head} {item}"
        case str() if _is_block(item):
            inner = indent + "  "
            body = item.rstrip("\n")
            end = {0: "-", 1: ""}.get(len(item) - len(body), "+")
            first = next(line for line in body.split("\n") if line)
            yield f"{head} |{'2' if first[0] in ' \t' or body[0] == '\n' else ''}{end}"
            lines = (item[:-1] if end != "-" else item).split("\n")
            for line in lines:
                yield inner + line if line else ""
        case str():
            yield f"{head} {_flow(item)}"
        case {} | []:
            yield f"{head} {item!r}"
        case _:
            raise TypeError(f"expected text or a number, found {type(item).__name__}")


def _is_block(text: str) -> bool:
    return (
        "\n" in text
        and text.strip("\n") != ""
        and not _UNPRINTABLE.search(text)
        # Lines of blanks alone would be taken for empty ones by some editors.
        and not re.search(r"(?m)^[ \t]+$", text)
    )


def _key(text: str) -> str:
    found = _KEY(f"{text}:")
    return text if found and found[1] == text and text.lower() not in _WORDS else _quoted(text)


def _flow(text: str) -> str:
    if len(text) < 2000 and _PLAIN(text) and text.lower() not in _WORDS:
        return text
    if '"' in text and _SINGLE(f"'{text}'") and not _UNPRINTABLE.search(text):
        return f"'{text}'"  # JSON and entity tags, as they are
    return _quoted(text)


def _quoted(text: str) -> str:
    return _UNPRINTABLE.sub(_escaped, json.dumps(text, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def loads(text: str) -> Any:
    """Return what `dumps` was given.

    Raises:
        NotOursError: when it has not written this.
    """
    lines = text.split("\n")
    if lines.pop():
        raise NotOursError("no end of line at the end")
    found, at = _Lines(lines).mapping(0, "")
    if at != len(lines):
        raise NotOursError(f"line {at + 1}")
    return found


class _Lines:
    """Reads values from lines; each method returns one and the number of the line behind it."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def mapping(self, at: int, indent: str, first: str | None = None) -> tuple[dict[str, Any], int]:
        """Read a mapping; *first* is what stands in its first line, behind a dash."""
        lines, depth = self._lines, len(indent)
        found: dict[str, Any] = {}
        while at < len(lines):
            if first is None:
                line = lines[at]
                if line[:1] == "#" and not depth:
                    at += 1
                    continue
                if not line.startswith(indent) or line[depth : depth + 1] in (" ", "-", ""):
                    break
                line = line[depth:]
            else:
                line, first = first, None
            parts = _KEY(line)
            if parts is None:
                raise NotOursError(f"line {at + 1}")
            key = parts[1] if parts[1][0] != '"' else _unquoted(parts[1], at)
            if key in found:
                raise NotOursError(f"line {at + 1}")  # for the library to refuse
            if parts[2] is None:
                found[key], at = self._nested(at + 1, indent)
            else:
                found[key], at = self._value(parts[2], at, indent)
        if not found:
            raise NotOursError(f"line {at + 1}")
        return found, at

    def _nested(self, at: int, indent: str) -> tuple[Any, int]:
        if at < len(self._lines) and self._lines[at].startswith(f"{indent}-"):
            return self._list(at, indent)
        return self.mapping(at, indent + "  ")

    def _list(self, at: int, indent: str) -> tuple[list[Any], int]:
        lines = self._lines
        head = f"{indent}- "
        found: list[Any] = []
        while at < len(lines) and lines[at].startswith(head):
            rest = lines[at][len(head) :]
            if _KEY(rest):
                item, at = self.mapping(at, indent + "  ", rest)
            else:
                item, at = self._value(rest, at, indent)
            found.append(item)
        return found, at

    def _value(self, text: str, at: int, indent: str) -> tuple[Any, int]:
        if text[0] == "|":
            return self._block(text, at, indent + "  ")
        if text[0] == '"':
            return _unquoted(text, at), at + 1
        if text[0] == "'" and _SINGLE(text) and not _UNPRINTABLE.search(text):
            return text[1:-1], at + 1
        if _INTEGER(text):
            return int(text), at + 1
        if text in ("{}", "[]"):
            return {} if text == "{}" else [], at + 1
        if text in ("true", "false"):
            return text == "true", at + 1
        if _PLAIN(text) and text.lower() not in _WORDS:
            return text, at + 1
        raise NotOursError(f"line {at + 1}")

    def _block(self, head: str, at: int, inner: str) -> tuple[str, int]:
        parts = _BLOCK(head)
        if parts is None or parts[1] not in ("", "2"):
            raise NotOursError(f"line {at + 1}")
        lines, depth = self._lines, len(inner)
        start = end = at + 1
        while end < len(lines) and (not lines[end] or lines[end].startswith(inner)):
            end += 1
        body = [line[depth:] for line in lines[start:end]]
        if not body or (not parts[1] and body[0][:1] in (" ", "\t", "")):
            raise NotOursError(f"line {at + 1}")
        text = "\n".join(body)
        if parts[2] == "+":
            return text + "\n", end
        text = text.rstrip("\n")
        return (text if parts[2] else text + "\n"), end


def _unquoted(text: str, at: int) -> str:
    if not _QUOTED(text):
        raise NotOursError(f"line {at + 1}")
    return str(json.loads(text))
