"""How much a cache folder holds, and whether all of it can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forebay.cache.entry import Entry
from forebay.cache.inventory import Damage, Inventory
from forebay.cli.stored import facts
from forebay.errors import ForebayError


def stats(folder: Path, now_s: float) -> dict[str, Any]:
    """Count and measure what *folder* holds, in plain types.

    Raises:
        ForebayError: when there is no cache, or it cannot be read.
    """
    counts = dict.fromkeys(
        ("responses", "fresh", "stale", "variant_lists", "damaged", "body_bytes"), 0
    )
    ages: list[int] = []
    with Inventory(folder) as inventory:
        for row in inventory.rows():
            if isinstance(row, Damage):
                counts["damaged"] += 1
                continue
            key, record = row
            if not isinstance(record, Entry):
                counts["variant_lists"] += 1
                continue
            found = facts(key, record, now_s)
            counts["responses"] += 1
            counts["fresh" if found["fresh"] else "stale"] += 1
            counts["body_bytes"] += found["size_bytes"]
            ages.append(int(now_s - found["stored_at_s"]))
        size_bytes = inventory.size_bytes()
    ends = {"oldest_s": max(ages), "newest_s": min(ages)} if ages else {}
    return {"folder": str(folder), **counts, "disk_bytes": size_bytes, **ends}


def verify(folder: Path) -> dict[str, Any]:
    """Read everything in *folder*, and return what is damaged, in plain types.

    Raises:
        ForebayError: when there is no cache, or its database cannot be opened.
    """
    records = 0
    damaged: list[dict[str, Any]] = []
    with Inventory(folder) as inventory:
        faults = inventory.faults()
        try:
            for row in inventory.rows():
                records += 1
                if isinstance(row, Damage):
                    damaged.append({"row": row.row, "key": None, "reason": row.reason})
                elif isinstance(row[1], Entry) and (fault := inventory.body_fault(row[1])):
                    damaged.append({"row": None, "key": row[0].hex(), "reason": fault})
        except ForebayError as error:
            faults.append(str(error))
    return {"records": records, "damaged": damaged, "faults": faults}
