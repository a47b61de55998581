"""What commands say of a stored response, and where the cache is that holds it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from forebay.cache.entry import Entry
from forebay.cache.freshness import current_age, is_fresh, time_to_live
from forebay.cache.inventory import Inventory
from forebay.cache.load import load, sources
from forebay.cache.rule import Rule
from forebay.cache.selection import of_url
from forebay.cli.places import home_folder, rules_folder
from forebay.paths import expanded


def add_cache_folder(parser: argparse.ArgumentParser) -> None:
    """Add ``--cache-dir``."""
    parser.add_argument("--cache-dir", default="", metavar="DIR", help="as the option cache_dir")


def cache_folder(given: argparse.Namespace) -> Path:
    """Return the folder of the cache; it need not exist.

    Raises:
        ForebayError: when it begins with an unknown user's home.
    """
    if not given.cache_dir:
        return home_folder(given) / "cache"
    return expanded("--cache-dir", given.cache_dir)


def cache_rules(given: argparse.Namespace) -> tuple[Rule, ...]:
    """Return the user's cache rules, which decide under which key a URL is stored.

    Raises:
        ForebayError: when they cannot be read.
    """
    return load(sources(rules_folder(given), home_folder(given) / "rules"))


def facts(key: bytes, entry: Entry, now_s: float) -> dict[str, Any]:
    """Return what is known of *entry* without its fields and body, in plain types."""
    fresh = not entry.no_cache and is_fresh(entry.validity, now_s)
    return {
        "url": entry.url or None,
        "key": key.hex(),
        "status": entry.status,
        "size_bytes": len(entry.body),
        "stored_at_s": entry.received_at_s,
        "age_s": int(current_age(entry.validity, now_s)),
        "fresh": fresh,
        "ttl_s": int(time_to_live(entry.validity, now_s)),
        "no_cache": entry.no_cache,
        "varies": [name.decode("latin-1") for name, _ in entry.said],
    }


def state(found: dict[str, Any]) -> str:
    """Return in words whether a response with these *facts* is fresh, and for how long.

    >>> state({"no_cache": False, "fresh": False, "ttl_s": -5})
    'stale for 5 s'
    """
    if found["no_cache"]:
        return "validated each time (no-cache)"
    return f"fresh for {found['ttl_s']} s" if found["fresh"] else f"stale for {-found['ttl_s']} s"


def of_request(folder: Path, url: str, rules: Iterable[Rule], now_s: float) -> dict[str, Any]:
    """Return whether a response to a GET of *url* is stored in *folder*, with its facts.

    Where responses vary it is not said which one a request would get.

    Raises:
        ForebayError: when there is no cache, or it cannot be read.
    """
    wanted = of_url(url, rules)
    with Inventory(folder) as inventory:
        record = inventory.record(wanted.key) if wanted.key else None
    if isinstance(record, Entry):
        return {"stored": True, **facts(wanted.key, record, now_s)}
    if record is None:
        return {"stored": None if not wanted.key else False}
    names = {name.decode("latin-1") for names in record.name_sets for name in names}
    return {"stored": True, "fresh": None, "ttl_s": None, "varies": sorted(names)}


def in_words(found: dict[str, Any]) -> str:
    """Return one line for what ``of_request`` found."""
    if found["stored"] is None:
        return "cache: not known, as a rule keys it by fields of the request"
    if not found["stored"]:
        return "cache: not stored"
    if found["fresh"] is None:
        return f"cache: stored, in variants by {', '.join(found['varies']) or 'nothing'}"
    return (
        f"cache: stored, {state(found)}, age {found['age_s']} s, status {found['status']}, "
        f"{found['size_bytes']:,} bytes"
    )
