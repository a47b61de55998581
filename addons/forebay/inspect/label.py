"""Put comment and marker on a flow, and leave alone what somebody has put there by hand.

Beside the outcome, which every attempt begins anew: a replay, also one of a
copy or of a flow that was saved, must know the labels of the attempt before it.
"""

from __future__ import annotations

from mitmproxy import flow as mflow

KEY = "forebay.label"


def put(flow: mflow.Flow, comment: str, marker: str) -> None:
    """Put *comment* and *marker* on *flow*, each unless the user has another there."""
    before = _ours(flow)
    had_comment, had_marker = before or ("", "")
    if not flow.comment or flow.comment == had_comment:
        flow.comment = comment
    if not flow.marked or flow.marked == had_marker:
        flow.marked = marker
    if before != (comment, marker):
        flow.metadata[KEY] = [comment, marker]


def is_users_mark(flow: mflow.Flow) -> bool:
    """Return whether somebody has marked *flow* by hand."""
    if not flow.marked:
        return False
    ours = _ours(flow)
    return ours is None or flow.marked != ours[1]


def _ours(flow: mflow.Flow) -> tuple[str, str] | None:
    found = flow.metadata.get(KEY)
    if isinstance(found, list | tuple) and len(found) == 2:
        return str(found[0]), str(found[1])
    return None  # never labelled, or loaded from a file that somebody else wrote
