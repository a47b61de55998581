"""``forebay cache``: show, check and empty the cache beside a proxy that may be running."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.cache import selection
from forebay.cache.entry import Entry
from forebay.cache.inventory import Inventory, NoCacheError
from forebay.cache.purge import purge
from forebay.cache.selection import Selection
from forebay.cli import health
from forebay.cli.places import add_places
from forebay.cli.stored import add_cache_folder, cache_folder, cache_rules, facts, state
from forebay.cli.table import print_table
from forebay.errors import ForebayError

DONE, NOTHING, BAD_INPUT = 0, 1, 2
_COLUMNS = ("status", "size", "age", "state", "url")
_TO_THE_RIGHT = ("size", "age")


def run(arguments: list[str]) -> int:
    """Run one command on the cache; return 0 when done, 1 for nothing found, 2 for bad input."""
    given = _parser().parse_args(arguments)
    commands = {"ls": _ls, "show": _show, "purge": _purge, "stats": _stats, "verify": _verify}
    try:
        return commands[given.command](given, cache_folder(given))
    except ForebayError as error:
        for line in str(error).splitlines():
            print(f"forebay cache: {visible(line, 500)}", file=sys.stderr)
        return NOTHING if isinstance(error, NoCacheError) else BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print JSON")
    add_cache_folder(shared)
    add_places(shared)
    parser = argparse.ArgumentParser(
        prog="forebay cache",
        description="Show, check or empty the cache; the proxy may be running.",
        epilog="Exit status: 0 done, 1 nothing found (verify: damage found), 2 bad input.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("ls", parents=[shared], help="list the stored responses")
    showing = commands.add_parser("show", parents=[shared], help="show those of one URL")
    purging = commands.add_parser("purge", parents=[shared], help="delete stored responses")
    commands.add_parser("stats", parents=[shared], help="count and measure")
    commands.add_parser("verify", parents=[shared], help="read everything, and report damage")
    showing.add_argument("url")
    for each, one_of in (
        (listing, listing.add_mutually_exclusive_group()),
        (purging, purging.add_mutually_exclusive_group(required=True)),
    ):
        if each is purging:
            one_of.add_argument("url", nargs="?")
            one_of.add_argument("--all", action="store_true", help="delete everything")
        one_of.add_argument("--host", help="those of this host, not of names below it")
        one_of.add_argument("--prefix", metavar="URL", help="those whose URL begins so")
    return parser


def _selected(given: argparse.Namespace) -> Selection:
    if given.host is not None:
        return selection.of_host(given.host)
    if given.prefix is not None:
        return selection.below(given.prefix)
    return Selection()


def _ls(given: argparse.Namespace, folder: Path) -> int:
    wanted, now_s = _selected(given), time.time()
    with Inventory(folder) as inventory:
        found = [
            facts(key, record, now_s)
            for key, record in inventory.records()
            if isinstance(record, Entry) and wanted.covers(record.url)
        ]
    found.sort(key=lambda each: (each["url"] or "", each["key"]))
    if given.json:
        _print_json(found)
    elif found:
        print_table(_COLUMNS, map(_row, found), to_the_right=_TO_THE_RIGHT)
    return DONE if found else NOTHING


def _row(found: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(found["status"]),
        f"{found['size_bytes']:,}",
        f"{found['age_s']} s",
        state(found),
        visible(found["url"] or f"(key {found['key']})", 500),
    )


def _show(given: argparse.Namespace, folder: Path) -> int:
    wanted, now_s = selection.of_url(given.url, cache_rules(given)), time.time()
    with Inventory(folder) as inventory:
        found = [
            {
                **facts(key, entry, now_s),
                "said": _texts(entry.said),
                "fields": _texts(entry.fields),
            }
            for key, entry in _entries(inventory, wanted)
        ]
    if given.json:
        _print_json(found)
    else:
        for number, each in enumerate(found):
            if number:
                print()
            print("\n".join(_as_text(each, wanted.url)))
    return DONE if found else NOTHING


def _entries(inventory: Inventory, wanted: Selection) -> Iterator[tuple[bytes, Entry]]:
    if wanted.key:
        yield from inventory.entries_under(wanted.key)
        return
    for key, record in inventory.records():
        if isinstance(record, Entry) and wanted.covers(record.url):
            yield key, record


def _as_text(found: dict[str, Any], url: str) -> Iterator[str]:
    stored_at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found["stored_at_s"]))
    yield f"{visible(found['url'] or url, 500)}"
    yield f"  status    {found['status']}, {found['size_bytes']:,} bytes"
    yield f"  state     {state(found)}, age {found['age_s']} s"
    yield f"  stored    {stored_at}"
    yield f"  key       {found['key']}"
    for word, pairs in (("for", found["said"]), ("field", found["fields"])):
        for name, value in pairs:
            shown = "(absent)" if value is None else visible(value, 500)
            yield f"  {word:<9} {visible(name)}: {shown}"


def _texts(pairs: tuple[tuple[bytes, bytes | None], ...]) -> list[tuple[str, str | None]]:
    return [
        (name.decode("latin-1"), None if value is None else value.decode("latin-1"))
        for name, value in pairs
    ]


def _purge(given: argparse.Namespace, folder: Path) -> int:
    wanted = _selected(given)
    if given.url is not None:
        wanted = selection.of_url(given.url, cache_rules(given))
    count = purge(folder, wanted)
    if given.json:
        _print_json({"purged": count})
    else:
        print(f"purged {count} record{'' if count == 1 else 's'}")
    return DONE if count else NOTHING


def _stats(given: argparse.Namespace, folder: Path) -> int:
    found = health.stats(folder, time.time())
    if given.json:
        _print_json(found)
    else:
        width = max(map(len, found))
        for name, value in found.items():
            text = f"{value:,}" if isinstance(value, int) else visible(value, 500)
            print(f"{name.replace('_', ' '):<{width}}  {text}")
    return DONE if found["responses"] else NOTHING


def _verify(given: argparse.Namespace, folder: Path) -> int:
    found = health.verify(folder)
    if given.json:
        _print_json(found)
    else:
        for fault in found["faults"]:
            print(f"database: {visible(fault, 500)}")
        for each in found["damaged"]:
            place = f"row {each['row']}" if each["key"] is None else f"key {each['key']}"
            print(f"{place}: {visible(each['reason'], 500)}")
        print(f"{found['records']} records, {len(found['damaged'])} damaged")
    return NOTHING if found["damaged"] or found["faults"] else DONE


def _print_json(found: object) -> None:
    print(json.dumps(found, indent=2))
