"""``forebay recording``: look into cassettes, and change them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import forebay
from forebay.blocklist.verdict import visible
from forebay.cli.output import DONE, NOTHING, guarded, opened
from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.cli.table import print_table
from forebay.errors import ForebayError
from forebay.export.har import Har
from forebay.mediatype import media_type
from forebay.names import canonical
from forebay.recording import archive, clean, store
from forebay.recording.archive import ArchiveError
from forebay.recording.interaction import Headers, Interaction, Side, WebSocket
from forebay.rewrite.patterns import Glob, Hosts
from forebay.trafficlog import redaction
from forebay.trafficlog.redact import Redactor

_COLUMNS = ("#", "method", "status", "bytes", "type", "url")
_LONGEST_SHOWN_BYTES = 10_000


def run(arguments: list[str]) -> int:
    """Run one command; return 0 when done, 1 when there was nothing to do, 2 for bad input."""
    given = _parser().parse_args(arguments)
    commands = {
        "ls": _ls,
        "show": _show,
        "prune": _prune,
        "redact": _redact,
        "convert": _convert,
    }
    return guarded("forebay recording", lambda: commands[given.command](given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="forebay recording",
        description="Look into cassettes, and change them.",
        epilog="Exit status: 0 done, 1 nothing to do (redact --check: secrets found), 2 bad input.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("ls", help="list the interactions")
    listing.add_argument("files", nargs="+", type=Path, metavar="FILE")
    listing.add_argument("--json", action="store_true", help="print JSON")
    showing = commands.add_parser("show", help="show one of them")
    showing.add_argument("file", type=Path, metavar="FILE")
    showing.add_argument("number", type=int, metavar="N", help="as ls counts them, from 1")
    pruning = commands.add_parser("prune", help="remove interactions")
    pruning.add_argument("file", type=Path, metavar="FILE")
    pruning.add_argument("numbers", nargs="*", type=int, metavar="N", help="as ls counts them")
    pruning.add_argument("--host", help="those of this host; *.example.com: of all below it")
    pruning.add_argument("--path", help="those with this path; * stands for anything")
    pruning.add_argument("--status", type=int, help="those that were answered so")
    redacting = commands.add_parser("redact", help="mask what today's rules mask")
    redacting.add_argument("files", nargs="+", type=Path, metavar="FILE")
    redacting.add_argument("--check", action="store_true", help="change nothing, only say it")
    converting = commands.add_parser(
        "convert", help="from or to an HTTP Archive, from a cassette of VCR.py"
    )
    converting.add_argument("source", type=Path, metavar="FROM")
    converting.add_argument("target", type=Path, metavar="TO")
    for each in (redacting, converting):
        add_places(each)
    return parser


def _loaded(path: Path) -> list[Interaction]:
    found = store.load(path)
    if found is None:
        raise ForebayError(f"expected a cassette, found nothing at {path}")
    return found


def _ls(given: argparse.Namespace) -> int:
    rows = [
        {
            "file": str(path),
            "number": number,
            "method": each.request.method,
            "url": each.request.url,
            "status": each.response.status,
            "bytes": _size(each),
            "type": _kind(each),
            **({} if each.websocket is None else {"messages": len(each.websocket.messages)}),
        }
        for path in given.files
        for number, each in enumerate(_loaded(path), start=1)
    ]
    if given.json:
        print(json.dumps(rows, indent=2))
    for path in () if given.json else given.files:
        found = [row for row in rows if row["file"] == str(path)]
        if len(given.files) > 1:
            print(f"{visible(str(path), 500)}: {len(found)} interactions")
        if found:
            print_table(_COLUMNS, map(_row, found), to_the_right=["#", "bytes"])
    return DONE if rows else NOTHING


def _size(each: Interaction) -> int:
    return len(each.response.body) if each.websocket is None else each.websocket.size_bytes


def _kind(each: Interaction) -> str:
    if each.websocket is not None:
        return "websocket"
    return media_type(each.response.header("content-type") or "")


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["number"]),
        visible(row["method"], 20),
        str(row["status"]),
        f"{row['bytes']:,}",
        visible(row["type"], 40),
        visible(row["url"], 200),
    )


def _show(given: argparse.Namespace) -> int:
    found = _loaded(given.file)
    if not 1 <= given.number <= len(found):
        raise ForebayError(
            f"expected a number from 1 to {len(found)} for {given.file}, found {given.number}"
        )
    each = found[given.number - 1]
    print(f"{visible(each.request.method, 50)} {visible(each.request.url, 2000)}")
    _print_message(each.request.headers, each.request.body)
    print(f"\n{each.response.status}")
    _print_message(each.response.headers, each.response.body)
    if each.response.is_open:
        print("(open when the client left)")
    if each.websocket is not None:
        _print_websocket(each.websocket)
    return DONE


def _print_websocket(found: WebSocket) -> None:
    print()
    for each in found.messages:
        sign = ">" if each.side is Side.CLIENT else "<"
        if each.is_text:
            text = each.content[:_LONGEST_SHOWN_BYTES].decode("utf-8", "replace")
        else:
            text = f"({len(each.content):,} bytes that are no text)"
        print("\n".join(f"{sign} {visible(line, 2000)}" for line in text.splitlines() or [""]))
    if found.closed_by is None:
        print("(open when the recording ended)")
    else:
        print(f"(closed by the {found.closed_by}: {found.code} {visible(found.reason, 200)})")


def _print_message(headers: Headers, body: bytes) -> None:
    for name, value in headers:
        print(f"{visible(name)}: {visible(value, 2000)}")
    if body:
        print()
        text = body[:_LONGEST_SHOWN_BYTES].decode("utf-8", "replace")
        if "\ufffd" in text[:100] or "\0" in text:
            print(f"({len(body):,} bytes that are no text)")
            return
        print("\n".join(visible(line, 2000) for line in text.splitlines()))
        if len(body) > _LONGEST_SHOWN_BYTES:
            print(f"(and {len(body) - _LONGEST_SHOWN_BYTES:,} bytes more)")


def _prune(given: argparse.Namespace) -> int:
    if not given.numbers and given.host is None and given.path is None and given.status is None:
        raise ForebayError("expected numbers, --host, --path or --status to remove, found none")
    found = _loaded(given.file)
    wrong = [number for number in given.numbers if not 1 <= number <= len(found)]
    if wrong:
        raise ForebayError(
            f"expected numbers from 1 to {len(found)} for {given.file}, found {wrong[0]}"
        )
    kept = [
        each for number, each in enumerate(found, start=1) if not _is_selected(given, number, each)
    ]
    if len(kept) < len(found):
        store.save(given.file, kept)
    print(f"{given.file}: {len(found) - len(kept)} removed, {len(kept)} kept")
    return DONE if len(kept) < len(found) else NOTHING


def _is_selected(given: argparse.Namespace, number: int, each: Interaction) -> bool:
    url = urlsplit(each.request.url)
    return (
        (not given.numbers or number in given.numbers)
        and (given.host is None or Hosts.of([given.host]).matches(canonical(url.hostname or "")))
        and (given.path is None or Glob.of(given.path).matches(url.path or "/"))
        and (given.status is None or given.status == each.response.status)
    )


def _redactor(given: argparse.Namespace) -> Redactor:
    home = home_folder(given)
    return clean.unkeyed(
        redaction.load(redaction.sources(rules_folder(given), home / "rules"), home)
    )


def _redact(given: argparse.Namespace) -> int:
    redactor = _redactor(given)
    changed = 0
    for path in given.files:
        found = _loaded(path)
        masked = [clean.again(redactor, each) for each in found]
        count = sum(one != other for one, other in zip(found, masked, strict=True))
        changed += count
        if count and not given.check:
            store.save(path, masked)
        what = "with secrets" if given.check else "masked"
        print(f"{visible(str(path), 500)}: {count} of {len(found)} interactions {what}")
    if given.check:
        return NOTHING if changed else DONE
    return DONE if changed else NOTHING


def _convert(given: argparse.Namespace) -> int:
    if given.source.suffix == given.target.suffix == ".har":
        raise ForebayError("expected one .har and one cassette, found two .har")
    found = _read(given)
    if not found:
        print(f"{given.source}: no interaction in it", file=sys.stderr)
        return NOTHING
    if given.target.suffix == ".har":
        _write_har(given.target, found)
    else:
        store.save(given.target, found)
    print(f"{given.target}: {len(found)} interactions")
    return DONE


def _read(given: argparse.Namespace) -> Sequence[Interaction]:
    source: Path = given.source
    try:
        if source.suffix == ".har":
            return archive.from_har(_json(source), _redactor(given))
        if source.suffix in (".yaml", ".yml") and (document := _vcr(source)) is not None:
            return archive.from_vcr(document, _redactor(given))
    except ArchiveError as error:
        raise ForebayError(f"{source}: {error}") from None
    return _loaded(source)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ForebayError(f"expected an HTTP Archive, found {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ForebayError(f"{path}: expected JSON, found {error}") from None


def _vcr(path: Path) -> Any:
    """Return a cassette of VCR.py as YAML has it; None for one of ours."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None  # what reads ours says what is wrong
    if "uri:" not in text:
        return None
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        document = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise ForebayError(f"{path}: expected YAML, found {str(error).splitlines()[0]}") from None
    return document if archive.is_vcr(document) else None


def _write_har(path: Path, interactions: Sequence[Interaction]) -> None:
    har = Har(forebay.__version__)
    with opened(path) as file:
        file.write(har.head())
        now = datetime.now(UTC)
        for each, record in zip(interactions, archive.records(interactions, now), strict=True):
            file.write(har.convert(record, archive.messages(each, now)) or b"")
        file.write(har.tail())
