"""What the running proxy says of itself, and its addons of themselves, in plain types.

An addon tells by a method ``status``, which returns a dictionary: quickly, as
the traffic waits, without secrets, and with units in its keys.  What is wrong
and for people to mend stands in its list ``problems``, a line each.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitmproxy import ctx, version
from mitmproxy.master import Master
from mitmproxy.utils import human

import forebay
from forebay import settings
from forebay.announce import SUMMARISED
from forebay.errors import ForebayError

_STARTED, _LOADED = "forebay_started_at_s", "forebay_loaded_at_s"
_OURS = "forebay."


def begin(master: Master, now_s: float) -> None:
    """Note that our addons are loaded: once a script is touched that is not the proxy's start."""
    vars(master).setdefault(_STARTED, now_s)
    vars(master)[_LOADED] = now_s


def collected(now_s: float) -> dict[str, Any]:
    """Return what there is to tell: ``problems``, ``proxy``, and a section for each addon."""
    found: dict[str, Any] = {"problems": [], "proxy": _proxy(now_s)}
    addons = ctx.master.addons.lookup
    ours = sorted(name for name in addons if name.startswith(_OURS))
    for name in dict.fromkeys((*SUMMARISED, *ours)):
        if callable(getattr(addons.get(name), "status", None)):
            key = name.removeprefix(_OURS)
            found[key] = _section(key, addons[name])
    for key, section in found.items():
        if key != "problems":
            found["problems"] += [f"{key}: {line}" for line in section.pop("problems", [])]
    return found


def _section(key: str, addon: Any) -> dict[str, Any]:
    try:
        section: Mapping[str, Any] = addon.status()
        summary = addon.summary() if hasattr(addon, "summary") else ""
    except Exception as error:  # the boundary: what one cannot tell does not silence the others
        return {"problems": [f"expected its status, found {type(error).__name__}"]}
    # It begins with the name of the addon, as it stands in the start line.
    return {"summary": summary.partition(" ")[2] or "off", **section}


def _proxy(now_s: float) -> dict[str, Any]:
    from forebay.turbo.dispatch import TableAddonManager  # not every pipeline has it

    proxyserver = ctx.master.addons.get("proxyserver")
    servers = [] if proxyserver is None else list(proxyserver.servers)
    handlers = [] if proxyserver is None else list(proxyserver.connections.values())
    started_at_s = vars(ctx.master).get(_STARTED, now_s)
    return {
        "version": forebay.__version__,
        "pid": os.getpid(),
        "started_at_s": round(started_at_s, 3),
        "counting_since_at_s": round(vars(ctx.master).get(_LOADED, started_at_s), 3),
        "uptime_s": round(max(0.0, now_s - started_at_s), 3),
        "home": _home(),
        "mitmproxy": version.VERSION,
        "python": platform.python_version(),
        # Not the whole mode: it may hold what a user keeps to himself.
        "listening": [
            {
                "mode": server.mode.type_name,
                "address": ", ".join(map(human.format_address, server.listen_addrs)),
                "running": server.is_running,
            }
            for server in servers
        ],
        "clients": len(handlers),
        "servers": sum(max(0, len(handler.transports) - 1) for handler in handlers),
        "tasks": _tasks(),
        "turbo": isinstance(ctx.master.addons, TableAddonManager),
        "memory_bytes": memory_bytes(),
        "problems": [
            f"mode {server.mode.type_name}: expected it to run, found: {server.last_exception}"
            for server in servers
            if server.last_exception is not None
        ],
    }


def _home() -> str | None:
    try:
        return str(settings.path("forebay_home", ctx.options.forebay_home))
    except (ForebayError, AttributeError):  # no addon of ours has declared it
        return None


def _tasks() -> int | None:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:  # no loop: in tests
        return None


def memory_bytes() -> int | None:
    """Return the memory that the process holds; None where the platform does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return None
