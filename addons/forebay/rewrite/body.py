"""Edit a whole body: undo its codings, edit the text, say in the head what it is now.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from forebay import contentcoding
from forebay.contentcoding import CodingError
from forebay.mediatype import charset_name, codec_of
from forebay.rewrite.bodyedits import BodyEdits, WholeText
from forebay.rewrite.edits import EditError
from forebay.rewrite.exchange import Fields, first, text_of
from forebay.rewrite.exchange import values as named
from forebay.rewrite.match import media_type_of
from forebay.rewrite.rule import Mode, Rule
from forebay.rewrite.template import Groups, Values

_META = re.compile(rb"<meta[^>]{0,200}charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_META_BYTES = 1024
_HTML = ("text/html", "application/xhtml+xml")
# They tell of bytes that are others now (RFC 9110 §8.8.3, RFC 9530).
_VOID = frozenset(
    {b"accept-ranges", b"content-digest", b"content-encoding", b"content-md5", b"digest"}
    | {b"repr-digest"}
)


@dataclass(frozen=True, slots=True)
class Task:
    """What a rule that matched does to the body; *groups* are those of its path."""

    rule: Rule
    edits: BodyEdits
    groups: Groups


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a task: sizes of the decoded body in bytes, and what was not done, and why.

    Without a change of size or content nothing but *skipped* tells; the sizes
    are 0 when nothing was done at all.
    """

    task: Task
    before_bytes: int = 0
    after_bytes: int = 0
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Edited:
    """The body and the fields as the tasks leave them; None when they are as they were."""

    done: tuple[Done, ...]
    body: bytes | None = None
    fields: Fields = ()


def edit(
    tasks: Sequence[Task], raw: bytes, fields: Fields, values: Values, *, is_part: bool = False
) -> Edited:
    """Return what *tasks* make of the body *raw* of a message with these *fields*.

    A task that cannot be done is skipped, with the reason.

    Args:
        tasks: in order.
        raw: the body as transferred, without transfer coding.
        fields: of its message.
        values: what placeholders stand for; the groups are those of each task.
        is_part: whether it is a 206, which no rule edits.
    """
    if is_part:
        return Edited(skipped(tasks, "a part of a body (206)"))
    limit_bytes = max(task.edits.limit_bytes for task in tasks)
    try:
        coding = text_of(b",".join(named(fields, b"content-encoding")))
        data = contentcoding.decoded(raw, coding, limit_bytes)
    except CodingError as error:
        return Edited(skipped(tasks, str(error)))
    charset = charset_of(fields, data)
    try:
        text = data.decode(charset, errors_of(charset))
    except UnicodeError:
        if not all(isinstance(e, WholeText) for task in tasks for e in task.edits.edits):
            return Edited(skipped(tasks, f"bytes that are no {charset}"))
        text = ""
    done: list[Done] = []
    now = data
    for task in tasks:
        found = _edited(task, text, now, charset, values, fields)
        if isinstance(found, str):
            done.append(Done(task, skipped=found))
            continue
        after, encoded, left = found
        done.append(Done(task, len(now), len(encoded), "; ".join(left) or None))
        if task.rule.mode is Mode.ACT:
            text, now = after, encoded
    if now == data:
        return Edited(tuple(done))
    return Edited(tuple(done), now, fields_of(fields, len(now)))


def skipped(tasks: Iterable[Task], reason: str) -> tuple[Done, ...]:
    """Return that none of *tasks* was done."""
    return tuple(Done(task, skipped=reason) for task in tasks)


def _edited(
    task: Task, before: str, now: bytes, charset: str, values: Values, fields: Fields
) -> tuple[str, bytes, list[str]] | str:
    """Return the text and its bytes after *task*, and why some of its edits were not made.

    Only the reason when none was.
    """
    if len(now) > task.edits.limit_bytes:
        return f"more than {task.edits.limit_bytes:,} bytes"
    own = replace(values, groups=task.groups)
    text = before
    left: list[str] = []
    for one in task.edits.edits:
        try:
            text = one.apply(text, own)
        except EditError as error:
            left.append(str(error))
    if len(left) == len(task.edits.edits):
        return "; ".join(left)
    if text and text == before:
        return text, now, left  # not encoded anew: in UTF-16 and others that makes other bytes
    try:
        errors = errors_of(charset, to_html=media_type_of(fields) in _HTML)
        return text, text.encode(charset, errors), left
    except UnicodeEncodeError as error:
        if charset == "utf-8":
            return "bytes that are no utf-8"
        return f"the character {error.object[error.start]!r}, which {charset} has not"


def fields_of(fields: Fields, size_bytes: int | None) -> Fields:
    """Return *fields* for a body that was edited, of *size_bytes*; None where nobody knows.

    An entity tag becomes weak: it is the origin's, and of other bytes.
    """
    kept: list[tuple[bytes, bytes]] = []
    for name, value in fields:
        key = name.lower()
        if key == b"etag":
            kept.append((name, value if value.startswith(b"W/") else b"W/" + value))
        elif key == b"content-length":
            if size_bytes is not None:
                kept.append((name, b"%d" % size_bytes))
        elif key not in _VOID:
            kept.append((name, value))
    return tuple(kept)


def charset_of(fields: Fields, data: bytes) -> str:
    """Return the charset of a body; UTF-8 where none is named that is known."""
    name = charset_name(text_of(first(fields, b"content-type") or b""))
    if name is None and media_type_of(fields) in _HTML:
        meta = _META.search(data[:_META_BYTES])
        name = meta[1].decode("ascii") if meta else None
    return codec_of(name)


def errors_of(charset: str, *, to_html: bool = False) -> str:
    """Return what is done about bytes, or characters, that *charset* has not."""
    if charset == "utf-8":
        return "surrogateescape"  # bytes that are none come out as they were
    return "xmlcharrefreplace" if to_html else "strict"
