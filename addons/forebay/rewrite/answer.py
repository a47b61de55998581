"""Answers that a rule gives in place of the origin: a literal, a redirect, a file.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from forebay.errors import RuleError
from forebay.rewrite.template import Template

BODILESS = frozenset({204, 205, 304})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_INDEX = "index.html"
_STATUS = re.compile(r"[2-5][0-9]{2}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered.

    Args:
        status: its status code.
        fields: its fields, save those that say what a file is.
        body: the literal; None for a file, and where there is none.
        file: the path of the file.
        folder: the folder in which files lie.
        below: the part of the path that stands for the folder; ends in ``/``.
        passes_missing: whether a request for a file that is not there goes on
            to the origin; else it is answered 404.
        location: where a redirect leads.
    """

    status: int = 200
    fields: tuple[tuple[bytes, Template], ...] = ()
    body: Template | None = None
    file: str = ""
    folder: str = ""
    below: str = "/"
    passes_missing: bool = False
    location: Template | None = None

    @property
    def templates(self) -> tuple[Template, ...]:
        """The templates of its fields, of where it leads and of its body."""
        others = (each for each in (self.location, self.body) if each is not None)
        return (*(value for _, value in self.fields), *others)

    @property
    def is_file(self) -> bool:
        """Whether it comes from a file."""
        return bool(self.file or self.folder)


def answer_status(text: str) -> int:
    """Return *text* as the status code of an answer.

    Raises:
        RuleError: when it is none of a final response.
    """
    if not _STATUS(text):
        raise RuleError(f"expected a status from 200 to 599, found {text!r:.70}")
    return int(text)


def body_status(text: str) -> int:
    """Return *text* as the status code of a response that has a body.

    Raises:
        RuleError: when it is none, as a change to it would break the message.
    """
    status = answer_status(text)
    if status in BODILESS:
        raise RuleError(f"expected a status of responses with a body, found {status}")
    return status


def redirect_status(text: str) -> int:
    """Return *text* as the status code of a redirect.

    Raises:
        RuleError: when it is none.
    """
    status = answer_status(text)
    if status not in REDIRECTS:
        raise RuleError(f"expected 301, 302, 303, 307 or 308, found {status}")
    return status


def parts_below(path: str, below: str) -> tuple[str, ...] | None:
    """Return the parts of a file's name that *path*, below the path *below*, asks for.

    None when it lies elsewhere, or could lead out of the folder: dots, a
    backslash, a colon or a NUL, encoded or not, are no part of a name here.

    >>> parts_below("/static/css/a%20b.css", "/static/")
    ('css', 'a b.css')
    >>> parts_below("/static/", "/static/"), parts_below("/static/..%2fx", "/static/")
    (('index.html',), None)
    """
    if not path.startswith(below):
        return None
    rest = unquote(path[len(below) :], errors="surrogateescape")
    parts = rest.split("/")
    if parts[-1] == "":
        parts[-1] = _INDEX
    for part in parts:
        if not part or part.startswith(".") or any(char in part for char in "\\:\0"):
            return None
    return tuple(parts)


def redirect(url: Template, status: int = 302) -> Answer:
    """Return the answer that sends a client to *url*."""
    return Answer(status, ((b"Cache-Control", Template.of("no-store")),), location=url)


def content_type_of(name: str, known: Mapping[str, str]) -> str:
    """Return the media type of a file called *name*, by its ending; *known* says which.

    >>> content_type_of("a.HTML", {"html": "text/html"})
    'text/html; charset=utf-8'
    """
    _, dot, ending = name.rpartition(".")
    found = known.get(ending.lower() if dot else "", "application/octet-stream")
    is_text = found.startswith("text/") or found in ("application/json", "application/javascript")
    return f"{found}; charset=utf-8" if is_text else found
