"""What our addons decided about a flow, and why.

The outcome is a plain dictionary under ``flow.metadata["forebay"]``: nothing
but dict, list, str, int, float, bool and None may go in, since anything else
makes mitmproxy lose the flow when flows are saved (``-w``).  The log, mitmweb
and ``forebay check`` all show this one thing.

Keys:

``attempt``   int, from 1: a replayed flow keeps its id and metadata, so what
              is counted and logged is the attempt.
``answer``    who set the response: ``"blocklist"``, ``"cache"``, ``"rewrite"``,
              ``"proxycore"``, or absent when the origin answered.
``names``     list of str: every host name the flow carried, canonical.
``bypass``    dict, where the request had the field X-Forebay-Bypass: asked (list of the
              words in it), done (those that are honoured), ignored (why others are not,
              or None).
``block``     dict: action (block, allow, or bypass: the rule would have blocked), rule,
              list, path, line, group, name, policy, reason, exception.
``edits``     list of dict, what rules of the blocklist have changed: kind (removeparam, csp,
              permissions), rule, list, path, line, group, removed (names of parameters),
              added (what the field that was added says).
``rewrite``   list of dict: id, file, line, phase, mode, changes, and where it is so why a
              rule failed or was skipped.
``rewritten`` bool: in an earlier attempt rules have edited the request, which a replay
              sends as they have left it.
``redirected`` bool: a rule has changed the URL or the method of the request.
``cache``     dict: result, reason, age_s, ttl_s, stored, unstored (why), added
              (the conditional fields of our own validation), rule (file and line
              of ``cache.yaml``).
``retried``   bool: sent once more after a stale connection.
``background`` bool: sent by the cache on its own account, to refresh what is stored.
``logged``    bool: the record of this attempt is written.
"""

from __future__ import annotations

from typing import Any

from mitmproxy import flow as mflow

KEY = "forebay"

type Outcome = dict[str, Any]


def begin(flow: mflow.Flow) -> Outcome:
    """Start the outcome of a new attempt, dropping that of an earlier one."""
    before = flow.metadata.get(KEY)
    attempt = before.get("attempt", 0) + 1 if isinstance(before, dict) else 1
    fresh: Outcome = {"attempt": attempt}
    if isinstance(before, dict) and (before.get("rewritten") or _is_rewritten(before)):
        fresh["rewritten"] = True
    flow.metadata[KEY] = fresh
    return fresh


def _is_rewritten(before: Outcome) -> bool:
    entries = [entry for entry in before.get("rewrite", ()) if entry["phase"] == "request"]
    return any(entry["changes"] for entry in entries if "mode" not in entry) and not any(
        "answer" in entry for entry in entries
    )


def of(flow: mflow.Flow) -> Outcome:
    """Return the outcome of the present attempt; to be read and written in place."""
    found = flow.metadata.get(KEY)
    return found if isinstance(found, dict) else begin(flow)


def bypasses(flow: mflow.Flow, what: str) -> bool:
    """Return whether the present attempt goes round *what*: ``cache``, ``rewrite`` or ``block``.

    No replay does, even if the outcome of an earlier attempt is left.
    """
    found = of(flow).get("bypass")
    return found is not None and what in found["done"] and flow.is_replay != "request"


def answered_by(flow: mflow.Flow) -> str | None:
    """Return which of our addons set the response, or None for the origin's own."""
    answer = of(flow).get("answer")
    return answer if isinstance(answer, str) else None
