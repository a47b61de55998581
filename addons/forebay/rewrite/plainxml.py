"""XML that a tool has exported, as a tree with the line of each element.

Entities and document types can make a small file large, or read other files:
a document with either is refused, and so is one that is too deep or too long.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from forebay.errors import ForebayError, RuleError

LIMIT_ELEMENTS = 200_000
LIMIT_DEPTH = 32


@dataclass(slots=True)
class Element:
    """An element: its *name*, the *line* where it begins, its *text* and its children."""

    name: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """Return the first child called *name*, or None."""
        return next((each for each in self.children if each.name == name), None)

    def text_of(self, name: str) -> str:
        """Return the text of the first child called *name*; empty when there is none."""
        found = self.child(name)
        return "" if found is None else found.text

    def all_below(self, name: str) -> Iterator[Element]:
        """Yield every element called *name* below it, in order; not what is inside those."""
        for each in self.children:
            if each.name == name:
                yield each
            else:
                yield from each.all_below(name)


def parse(data: bytes, name: str) -> Element:
    """Return the root element of *data*; *name* is only named in errors.

    Raises:
        ForebayError: when it is no XML, or none that is read here.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda tag, attributes: reader.start(tag, parser.CurrentLineNumber)
    parser.EndElementHandler = lambda tag: reader.end()
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ForebayError(
            f"{name}:{error.lineno}:{error.offset + 1}: expected XML, found otherwise: "
            f"{expat.errors.messages[error.code]}"
        ) from None
    except RuleError as error:
        raise ForebayError(f"{name}:{parser.CurrentLineNumber}: {error.message}") from None
    except (ValueError, LookupError) as error:  # an encoding that nobody knows
        raise ForebayError(f"{name}: expected XML in a known encoding, found {error}") from None
    return reader.root.children[0]


def _refuse_doctype(*given: object) -> NoReturn:
    raise RuleError("expected XML without a document type, found one")


class _Reader:
    """Builds the tree; the texts of an element are joined, without space around them."""

    def __init__(self) -> None:
        self.root = Element("", 0)
        self._open = [self.root]
        self._texts: list[list[str]] = [[]]
        self._count = 0

    def start(self, tag: str, line: int) -> None:
        self._count += 1
        if self._count > LIMIT_ELEMENTS:
            raise RuleError(f"expected at most {LIMIT_ELEMENTS:,} elements, found more")
        if len(self._open) > LIMIT_DEPTH:
            raise RuleError(f"expected elements at most {LIMIT_DEPTH} deep, found deeper ones")
        element = Element(tag, line)
        self._open[-1].children.append(element)
        self._open.append(element)
        self._texts.append([])

    def end(self) -> None:
        element = self._open.pop()
        text = "".join(self._texts.pop())
        # Between the children of an element there is nothing but layout.
        element.text = "" if element.children and not text.strip() else text

    def text(self, found: str) -> None:
        self._texts[-1].append(found)
