"""``forebay tail``: follow the traffic log, one line an exchange, through rotation."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import msgspec

from forebay.blocklist.verdict import visible
from forebay.cli.output import BAD_INPUT, DONE, close_output
from forebay.cli.places import add_home, home_folder
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.report.follow import Follower
from forebay.report.line import Line, decode
from forebay.report.oneline import Part, Tone, parts
from forebay.report.selection import Selection
from forebay.trafficlog.reader import STDIN, Damages, numbered

LOOK_EVERY_S = 0.25
_DEFAULT = Path("log", "traffic.jsonl")

_STATUS = re.compile(r"[1-5](?:[0-9]{2}|xx)")
_COLORS = {
    Tone.SOFT: "2",
    Tone.GOOD: "32",
    Tone.MOVED: "34",
    Tone.DOUBTFUL: "33",
    Tone.BAD: "1;31",
    Tone.CACHE: "36",
    Tone.RULE: "35",
}


class Filter:
    """Which records are shown.

    Args:
        given: the command's arguments.
    """

    def __init__(self, given: argparse.Namespace) -> None:
        self._selection = Selection(host=given.host)
        self._status = None if given.status is None else given.status.rstrip("x")
        self._kind = given.kind
        self._errors = given.errors
        self._blocked = given.blocked
        self.is_all = self._selection.is_all and not (
            self._status or self._kind or self._errors or self._blocked
        )

    def covers(self, line: Line) -> bool:
        """Return whether *line* is shown; a gap is unless something is asked for."""
        if self.is_all:
            return True
        status = "" if line.status is None else str(line.status)
        if self._status is not None and not status.startswith(self._status):
            return False
        if self._kind is not None and line.kind != self._kind:
            return False
        if self._errors and line.error_type is None and not status.startswith("5"):
            return False
        if self._blocked and (line.block is None or line.block.action != "block"):
            return False
        return self._selection.covers(line)


def run(arguments: list[str]) -> int:
    """Print lines as they come; return 0, after Ctrl-C too, or 2 for bad input."""
    given = _parser().parse_args(arguments)
    try:
        _tail(given)
        sys.stdout.flush()
    except ForebayError as error:
        _say(str(error))
        return BAD_INPUT
    except KeyboardInterrupt:
        pass  # the way to end it
    except BrokenPipeError:
        close_output()
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay tail",
        description="Show the last lines of the traffic log, then those that come. "
        "Times are UTC; Ctrl-C ends it.",
        epilog="Exit status: 0 done, after Ctrl-C too, 2 bad input.",
    )
    parser.add_argument("file", nargs="?", metavar="FILE",
                        help="default: log/traffic.jsonl in --home; it need not exist yet; "
                        "- is the standard input")  # fmt: skip
    parser.add_argument("-n", dest="number", type=_number, default=10, metavar="LINES",
                        help="how many of the last lines that fit (default: 10)")  # fmt: skip
    parser.add_argument("--host", help="records about this host; .HOST: and all below it")
    parser.add_argument("--status", type=_status, help="such as 404 or 5xx")
    parser.add_argument("--kind", help="such as http, websocket, tunnel, dns")
    parser.add_argument("--errors", action="store_true", help="what failed, and all 5xx")
    parser.add_argument("--blocked", action="store_true", help="what was blocked")
    parser.add_argument("--json", action="store_true", help="print the records as they are")
    parser.add_argument("--no-follow", action="store_true", help="end with the last line")
    add_home(parser)
    return parser


def _number(text: str) -> int:
    if text.isdecimal() and len(text) < 8:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a number below 10,000,000, found {text!r:.70}")


def _status(text: str) -> str:
    if _STATUS.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(f"expected a status such as 404 or 5xx, found {text!r:.70}")


def _tail(given: argparse.Namespace) -> None:
    path = expanded("FILE", given.file) if given.file else home_folder(given) / _DEFAULT
    wanted = Filter(given)
    has_colors = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def show(lines: Iterable[bytes]) -> None:
        for raw in lines:
            line = _decoded(raw)
            if line is None:
                _say("skipped a damaged line")
            elif wanted.covers(line):
                text = _as_json(raw) if given.json else in_words(parts(line), colored=has_colors)
                print(text)
        sys.stdout.flush()

    def fits(raw: bytes) -> bool:
        line = _decoded(raw)
        return line is not None and wanted.covers(line)

    if path == STDIN or _is_compressed(path):
        damages = Damages()
        if path == STDIN and not given.no_follow:
            for _, raw in numbered(path, damages):
                show([raw] if raw.strip() else [])
        else:
            lines = (raw for _, raw in numbered(path, damages) if fits(raw))
            show(deque(lines, maxlen=given.number))
        if damages.count:
            _say(str(damages.first[0]))
        return
    follower = Follower(path)
    try:
        if given.no_follow and not path.exists():
            raise ForebayError(f"expected a traffic log, found nothing at {path}")
        show(follower.last(given.number, fits))
        while not given.no_follow:
            show(follower.poll())
            time.sleep(LOOK_EVERY_S)
    finally:
        follower.close()


def in_words(found: list[Part], *, colored: bool) -> str:
    r"""Return the parts in one line.

    >>> in_words([Part("GET"), Part("503", Tone.BAD)], colored=True)
    'GET  \x1b[1;31m503\x1b[0m'
    """
    if not colored:
        return "  ".join(part.text for part in found)
    return "  ".join(
        f"\x1b[{_COLORS[part.tone]}m{part.text}\x1b[0m" if part.tone in _COLORS else part.text
        for part in found
    )


def _decoded(raw: bytes) -> Line | None:
    try:
        return decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _as_json(raw: bytes) -> str:
    """Return the record as it is, but in ASCII: terminals obey some characters beyond it."""
    return json.dumps(json.loads(raw), separators=(",", ":"))


def _is_compressed(path: Path) -> bool:
    return path.suffix in (".zst", ".gz")


def _say(text: str) -> None:
    print(f"forebay tail: {visible(text, 500)}", file=sys.stderr)
