"""What the cache does with a request: the decision, and the arithmetic behind it."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mitmproxy import http

from forebay import bypass, outcome
from forebay.blocklist.verdict import visible
from forebay.cache import variants
from forebay.cache.cache_status import Fwd
from forebay.cache.decision import (
    Complete,
    Decision,
    Forward,
    Refuse,
    Revalidate,
    Serve,
    can_be_completed,
    decide,
    may_be_refreshed,
    told,
)
from forebay.cache.entry import Record
from forebay.cache.freshness import lifetime
from forebay.cache.inventory import Inventory, NoCacheError
from forebay.cache.largebody import KEPT_BYTES
from forebay.cache.plan import Plan, begin, note, notes_of
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
    found = plan.found = variants.Found(plan.key) if folder is None else _found(folder, plan)
    decision = decide(
        plan.asked,
        found.entry,
        now_s,
        absent=Fwd.URI_MISS if found.index is None else Fwd.VARY_MISS,
        is_get=plan.is_get,
        may_refresh=plan.is_get
        and not outcome.bypasses(flow, bypass.REWRITE)
        and found.entry is not None
        and may_be_refreshed(found.entry),
        may_complete=can_be_completed(found.entry, KEPT_BYTES),
    )
    if outcome.bypasses(flow, bypass.REWRITE) and not isinstance(decision, Serve | Refuse):
        # No rule has edited what the origin is asked: the answer is not for others.
        plan.found, plan.decision = None, Forward(Fwd.BYPASS, "not rewritten")
        note(flow, "bypass", plan.decision.reason, plan.rule)
        return plan
    _note(flow, plan, decision)
    return plan


def _found(folder: Path, plan: Plan) -> variants.Found:
    try:
        with Inventory(folder) as inventory:
            return asyncio.run(variants.find(_Shelf(inventory), plan.key, plan.asked))
    except NoCacheError:
        return variants.Found(plan.key)


def _note(flow: http.HTTPFlow, plan: Plan, decision: Decision) -> None:
    notes = note(flow, *told(decision), plan.rule)
    match decision:
        case Serve():
            notes["age_s"], notes["ttl_s"] = decision.age_s, decision.ttl_s
            outcome.of(flow)["answer"] = "cache"
        case Revalidate() | Complete():
            notes["added"] = [name.decode("ascii") for name, _ in decision.fields]
            plan.decision = decision
        case Forward():
            plan.decision = decision
        case _:
            outcome.of(flow)["answer"] = "cache"


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
