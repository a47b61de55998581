"""``forebay lists``: which lists there are, and to download those that are due."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forebay.cli.places import add_places, home_folder, rules_folder
from forebay.cli.table import print_table
from forebay.errors import ForebayError

if TYPE_CHECKING:
    from forebay.blocklist.catalog import ListEntry

_HEADER = ("name", "group", "use", "rules", "age", "state", "error")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60))


def run(arguments: list[str]) -> int:
    """Show or update the lists; return 0, 1 when one could not be had, 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="forebay lists")
    parser.add_argument("command", nargs="?", choices=["update"], help="else show them")
    parser.add_argument("names", nargs="*", metavar="NAME", help="update these, due or not")
    parser.add_argument("--force", action="store_true", help="update those that are not due too")
    add_places(parser)
    given = parser.parse_intermixed_args(arguments)
    if given.force and not given.command:
        parser.error("expected update beside --force")

    from forebay.blocklist import catalog  # imports pydantic
    from forebay.blocklist.sources import used_entries

    try:
        home, shipped = home_folder(given), rules_folder(given)
        entries = catalog.load(shipped, home / "rules")
        used = used_entries(shipped, home / "rules")
        if given.command:
            return _update(entries, used, given.names, home / "lists", force=given.force)
    except ForebayError as error:
        print(error, file=sys.stderr)
        return 2
    _show(entries, used, home / "lists")
    return 0


def _update(
    entries: Sequence[ListEntry],
    used: Sequence[ListEntry],
    names: Sequence[str],
    folder: Path,
    *,
    force: bool,
) -> int:
    from forebay.blocklist import download
    from forebay.blocklist.load import measure

    now_s = time.time()
    if names:
        chosen = _named(entries, names)
    else:
        remote = [entry for entry in used if entry.url]
        chosen = [each for each in remote if force or download.is_due(each, folder, now_s)]
        if not chosen:
            print("none is due" if remote else "no list with a url is enabled")
    bad = False
    for entry in chosen:
        result = download.update(entry, folder, measure, now_s=now_s)
        bad |= result.status in ("refused", "failed")
        print(f"{result.name}: {result.status}: {result.message}", flush=True)
    return int(bad)


def _named(entries: Sequence[ListEntry], names: Sequence[str]) -> list[ListEntry]:
    """Return the lists *names*, each once.

    Raises:
        ForebayError: when there is no such list, or nothing to download for it.
    """
    known = {entry.name: entry for entry in entries}
    for name in names:
        if name not in known:
            raise ForebayError(f"expected the name of a list in lists.yaml, found {name!r}")
        if not known[name].url:
            raise ForebayError(f"expected a list with a url, found {name!r}, which is a file")
    return [known[name] for name in dict.fromkeys(names)]


def _show(entries: Sequence[ListEntry], used: Sequence[ListEntry], folder: Path) -> None:
    now_s = time.time()
    rows = (_row(entry, folder, now_s, used=entry in used) for entry in entries)
    print_table(_HEADER, rows, to_the_right=("rules", "age"))


def _row(entry: ListEntry, folder: Path, now_s: float, *, used: bool) -> tuple[str, ...]:
    from forebay.blocklist import download
    from forebay.blocklist.verdict import visible

    rules = age = error = ""
    if entry.file:
        state = "file" if entry.file.is_file() else "no such file"
    else:
        found = download.read_state(folder, entry.name)
        if found and found.fetched_at_s is not None:
            rules, age = f"{found.rules or 0:,}", _age(now_s - found.fetched_at_s)
        if not download.copy_path(folder, entry.name).is_file():
            rules = age = ""
            state = "not downloaded"
        elif used and download.is_due(entry, folder, now_s):
            state = "due"
        else:
            state = "good"
        if found and found.error and found.url == entry.url:
            error = visible(found.error, 300)
            state = "old" if age else state
    return entry.name, entry.group, "on" if entry.enabled else "off", rules, age, state, error


def _age(seconds: float) -> str:
    """Return *seconds* in the largest unit that fits, such as ``3 h``."""
    for unit, length_s in _UNITS:
        if seconds >= length_s:
            return f"{seconds // length_s:.0f} {unit}"
    return "now"
