"""What the cache does with a request: the decision, and the arithmetic behind it."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmproxy import http

from forebay.blocklist.verdict import visible
from forebay.cache import variants
from forebay.cache.entry import Record
from forebay.cache.freshness import lifetime
from forebay.cache.inventory import Inventory, NoCacheError
from forebay.cache.plan import Plan, begin, notes_of
from forebay.cache.resolution import resolved, settle
from forebay.cache.rule import Rule
from forebay.cache.targeted import Targeted
from forebay.cli.stored import cache_folder, facts, state
from forebay.inspect import arithmetic


@dataclass(frozen=True, slots=True)
class _Shelf:
    """An inventory as what is looked up in, beside a proxy that may be using the folder."""

    inventory: Inventory

    def peek(self, key: bytes) -> Record | None:
        return None

    async def get(self, key: bytes) -> Record | None:
        return self.inventory.record(key)


def of_flow(
    flow: http.HTTPFlow, rules: tuple[Rule, ...], given: argparse.Namespace, now_s: float
) -> Plan:
    """Return what the cache plans for the request of *flow*, and note it in the outcome.

    What only the memory of a running proxy holds is not seen.

    Raises:
        ForebayError: when there is a cache that cannot be read.
    """
    plan = begin(flow, now_s, rules=rules, targeted=Targeted(given.cache_targeted_fields))
    if not plan.may_look_up:
        return plan
    folder = cache_folder(given) if given.cache_size_bytes else None
    plan.found = variants.Found(plan.key) if folder is None else _found(folder, plan)
    decision = resolved(flow, plan, now_s, can_refresh=lambda _key: True, can_complete=True)
    settle(flow, plan, decision)
    return plan


def _found(folder: Path, plan: Plan) -> variants.Found:
    try:
        with Inventory(folder) as inventory:
            return asyncio.run(variants.find(_Shelf(inventory), plan.key, plan.asked))
    except NoCacheError:
        return variants.Found(plan.key)


def as_plain(flow: http.HTTPFlow, plan: Plan, now_s: float) -> dict[str, Any]:
    """Return in plain types what ``of_flow`` noted, and the stored response that it is about."""
    notes, found = notes_of(flow), plan.found
    plain = {name: notes.get(name) for name in ("result", "reason", "age_s", "ttl_s", "rule")}
    plain["added"] = notes.get("added", [])
    index = None if found is None else found.index
    names = set() if index is None else {name for each in index.name_sets for name in each}
    plain["varies"] = sorted(name.decode("latin-1") for name in names)
    plain["response"] = None
    if found is not None and found.entry is not None:
        entry = found.entry
        plain["response"] = {
            **facts(found.key, entry, now_s),
            "lifetime_s": lifetime(entry.validity),
            "lifetime": arithmetic.source(entry.validity),
        }
    return plain


def in_words(found: dict[str, Any]) -> list[str]:
    """Return lines for what ``as_plain`` gives.

    >>> in_words({"result": "miss", "reason": "not stored", "varies": [], "added": [],
    ...           "response": None})
    ['cache: miss (not stored)']
    """
    lines = [f"cache: {found['result']} ({found['reason']})"]
    stored = found["response"]
    if stored is not None:
        size = f"{stored['size_bytes']:,} bytes"
        lines.append(f"  stored    status {stored['status']}, {size}, {state(stored)}")
        lines.append(
            f"  lifetime  {stored['lifetime_s']} s {stored['lifetime']}, age {stored['age_s']} s"
        )
    if found["varies"]:
        lines.append(f"  varies    by {visible(', '.join(found['varies']))}")
    if found["added"]:
        lines.append(f"  asks with {', '.join(found['added'])}")
    return lines
