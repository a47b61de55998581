"""What commands say of a stored response, and where the cache is that holds it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from forebay.cache.entry import Entry
from forebay.cache.freshness import current_age, is_fresh, time_to_live
from forebay.cache.load import load, sources
from forebay.cache.rule import Rule
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
