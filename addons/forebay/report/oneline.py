"""A record as one line for people, in parts that may be coloured.

Pure.  Nothing of a log gets through that is not printable.
"""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import NamedTuple

from forebay.blocklist.verdict import visible
from forebay.names import bracketed
from forebay.report import figures
from forebay.report.line import Line, cache_word
from forebay.report.selection import host_of

LONGEST_URL = 200


class Tone(StrEnum):
    """What a part is like; a terminal has a colour for each."""

    PLAIN = "plain"
    SOFT = "soft"
    GOOD = "good"
    MOVED = "moved"
    DOUBTFUL = "doubtful"
    BAD = "bad"
    CACHE = "cache"
    RULE = "rule"


class Part(NamedTuple):
    """Some text."""

    text: str
    tone: Tone = Tone.PLAIN


_TONES = {2: Tone.GOOD, 3: Tone.MOVED, 4: Tone.DOUBTFUL, 5: Tone.BAD}


def parts(line: Line) -> list[Part]:
    """Return time (UTC), client, method, status, URL, bytes, duration, and what our addons did.

    >>> [part.text for part in parts(Line(v=1, kind="gap", lost=3, from_seq=4, to_seq=6))]
    ['3 records lost (4 to 6)']
    """
    if line.kind == "gap":
        lost = figures.plural(line.lost or 0, "record")
        return [Part(f"{lost} lost ({line.from_seq} to {line.to_seq})", Tone.BAD)]
    when = figures.NONE
    if line.timestamp is not None:
        when = f"{line.timestamp.astimezone(UTC):%H:%M:%S.%f}"[:-3]
    found = [Part(when, Tone.SOFT), Part(visible(line.client_address or figures.NONE, 45))]
    if line.kind != "http":
        found.append(Part(visible(line.kind, 20), Tone.SOFT))
    if line.method is not None:
        found.append(Part(visible(line.method, 20)))
    if line.status is not None:
        found.append(Part(str(line.status)[:9], _TONES.get(line.status // 100, Tone.PLAIN)))
    found.append(Part(visible(target(line), LONGEST_URL)))
    down = line.response_body_bytes if line.delivered_bytes is None else line.delivered_bytes
    if down is None and line.server_bytes is not None:
        down = line.server_bytes + (line.client_bytes or 0)
    if down is not None:
        found.append(Part(figures.size(down), Tone.SOFT))
    if line.duration_s is not None:
        found.append(Part(figures.seconds(line.duration_s), Tone.SOFT))
    return found + _decisions(line)


def target(line: Line) -> str:
    """Return what was asked for: the URL, or host and port where there is none."""
    if line.url_full is not None:
        return line.url_full
    host = host_of(line) or figures.NONE
    if line.server_port is not None and not line.dns_question:
        host = f"{bracketed(host)}:{line.server_port}"
    return f"{host}{line.url_path or ''}"


def _decisions(line: Line) -> list[Part]:
    found = []
    if line.cache is not None:
        found.append(Part(visible(cache_word(line.cache), 20), Tone.CACHE))
    if line.background:
        found.append(Part("(by the cache)", Tone.SOFT))
    if line.attempt is not None and line.attempt > 1:
        found.append(Part(f"(attempt {line.attempt})", Tone.SOFT))
    block = line.block
    if block is not None and block.action == "block":
        place = f" ({visible(block.path, 80)}:{block.line})" if block.path else ""
        what = visible(block.rule or block.reason or "", 80)
        found.append(Part(f"blocked by {what}{place}" if what else "blocked", Tone.RULE))
    for rule in line.rewrite or ():
        how = next((f" {word}" for word in ("failed", "skipped") if getattr(rule, word)), "")
        how = how or (" shadow" if rule.mode == "shadow" else "")
        place = f"{visible(rule.file, 80)}:{rule.line}"
        found.append(Part(f"rewritten by {visible(rule.id, 60)}{how} ({place})", Tone.RULE))
    if line.error_type is not None:
        said = f": {visible(line.error_message, 120)}" if line.error_message else ""
        found.append(Part(f"{visible(line.error_type, 40)}{said}", Tone.BAD))
    return found
