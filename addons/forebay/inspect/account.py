"""Gather all that is known of a flow: names, verdicts, edits, times, sizes, the log's record.

Glue: reads mitmproxy's flow.  Made when somebody asks for it, and never before.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http

from forebay import outcome
from forebay.cache.freshness import validity
from forebay.cache.headers import Head
from forebay.cache.plan import target_of
from forebay.inspect import arithmetic, ending
from forebay.paths import shown
from forebay.trafficlog import record
from forebay.trafficlog.exchange import of_http
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.redact import DEFAULT, Redactor

UNKNOWN = (
    "nothing is known of this flow: it did not come through Forebay, "
    "or is from a file that another proxy has written"
)
_UNANSWERED = "none: the flow is under way, or was saved before it came"
_VERDICTS = ("forebay.block", "forebay.edits", "forebay.rewrite", "forebay.cache")
_TIMES = ("duration_s", "first_byte_s", "connect_s", "tls_s", "transfer_s")
_SIZES = {
    "request head": "forebay.request.header.size",
    "request body": "http.request.body.size",
    "response head": "forebay.response.header.size",
    "response body": "http.response.body.size",
    "delivered": "forebay.response.delivered_size",
}


def of(flow: http.HTTPFlow, redactor: Redactor | None = None) -> dict[str, Any]:
    """Return the account of *flow* in plain types, without secrets.

    Args:
        flow: the flow; also one that was loaded from a file.
        redactor: what masks secrets; None for that of the traffic log.
    """
    if not isinstance(flow.metadata.get(outcome.KEY), dict):
        return {"forebay": UNKNOWN}
    redactor = redactor or in_force()
    notes = outcome.of(flow)
    kind = "http" if flow.websocket is None else "websocket"
    made = of_http(Draft(0, redactor=redactor), flow, kind, {}, headers=_with_headers())
    logged: dict[str, Any] = json.loads(record.encode(made))
    del logged["seq"]  # the log has given it another
    block, edits, rewrite, cache = [logged.pop(name) for name in _VERDICTS]
    error = logged["error.type"] = ending.error_type(flow)
    return {
        "request": f"{logged['http.request.method']} {logged['url.full'] or logged['url.path']}",
        "response": _response(flow, logged["forebay.answered_by"]),
        "error": error and f"{error}: {logged['error.message']}",
        "attempt": logged["forebay.attempt"],
        "names": redactor.verdict(notes.get("names")),
        "block": block and _block(block),
        "changed": [_changed(entry) for entry in edits or ()],
        "rewrite": [_edit(entry) for entry in rewrite or ()],
        "cache": cache and _cache(flow, cache, redactor),
        "seconds": {name.removesuffix("_s"): logged[f"forebay.{name}"] for name in _TIMES},
        "bytes": {shown: logged[name] for shown, name in _SIZES.items()},
        "log": logged,
    }


def in_force() -> Redactor:
    """Return what masks secrets in the traffic log, or the default without one."""
    found = getattr(ctx.master.addons.get("forebay.trafficlog"), "redactor", None)
    return found if isinstance(found, Redactor) else DEFAULT


def _with_headers() -> bool:
    return "trafficlog_headers" in ctx.options and bool(ctx.options.trafficlog_headers)


def _response(flow: http.HTTPFlow, answered_by: str | None) -> str | None:
    if flow.response is None:
        return None if flow.error else _UNANSWERED
    broken = ", broken off: what is here is not all of it" if flow.error else ""
    return f"{flow.response.status_code} by {answered_by or 'somebody else'}{broken}"


def _block(block: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict: what decided, and what has lost against it."""
    found, exception = _rule(block), block.get("exception")
    return {
        "verdict": block.get("action"),
        "name": block.get("name"),
        "reason": block.get("reason"),
        "policy": block.get("policy"),
        "rule": _rule(exception) if exception else found,
        "lost": found if exception else None,
    }


def _changed(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what a rule of the blocklist has changed without blocking."""
    changed = {"what": entry.get("kind"), "removed": entry.get("removed")}
    return {**changed, "added": entry.get("added"), "rule": _rule(entry)}


def _rule(cited: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": cited.get("rule"),
        "at": cited.get("path") and _at(cited["path"], cited.get("line")),
        "list": cited.get("list"),
        "group": cited.get("group"),
    }


def _at(path: object, line: object) -> str:
    """Return file and line, the file as people write it."""
    return f"{shown(Path(str(path)))}:{line}"


def _cache(flow: http.HTTPFlow, cache: dict[str, Any], redactor: Redactor) -> dict[str, Any]:
    shown = {name: value for name, value in cache.items() if name != "rule"}
    rule = cache.get("rule")
    if rule:
        shown["rule"] = _at(rule.get("file"), rule.get("line"))
    shown["key"] = arithmetic.key(target_of(flow.request), redactor)
    response = flow.response
    if response is not None:
        head = Head(response.headers.fields)
        received_at_s = response.timestamp_start or flow.request.timestamp_start
        said = validity(
            head,
            requested_at_s=flow.request.timestamp_start,
            received_at_s=received_at_s,
            status=response.status_code,
        )
        shown |= arithmetic.freshness(cache, said)
        shown["vary"] = arithmetic.variants(Head(flow.request.headers.fields), head, redactor)
        shown["directives"] = {
            "request": _directives(flow.request, redactor),
            "response": _directives(response, redactor),
        }
    return shown


def _directives(message: http.Message, redactor: Redactor) -> str:
    return redactor.excerpt(message.headers.get("cache-control", ""), 300)


def _edit(entry: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in entry.items() if name not in ("file", "line")}
    shown["rule"] = shown.pop("id", None)
    shown["at"] = _at(entry.get("file"), entry.get("line"))
    changes = shown.pop("changes", None) or []
    order = {name: shown.pop(name) for name in ("rule", "at")}
    # Absent before, or gone after, is the point of an edit: it is said, not left out.
    shown["changes"] = [
        {
            "field": change.get("field"),
            "before": "absent" if change.get("before") is None else change["before"],
            "after": "absent" if change.get("after") is None else change["after"],
        }
        for change in changes
    ]
    return order | shown
