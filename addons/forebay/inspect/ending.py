"""Name why a flow failed, as the traffic log does, and remember it: later too much is other.

Glue: reads mitmproxy's flow.
"""

from __future__ import annotations

from collections.abc import Mapping

from mitmproxy import flow as mflow

from forebay import outcome
from forebay.trafficlog import failure

KEY = "forebay.ending"


def note(flow: mflow.Flow, failures: Mapping[str, str]) -> str | None:
    """Return the type of the flow's failure as it fails, and note it; None when it did not.

    Args:
        flow: the flow, whose client is there yet, or is not.
        failures: text of a failed server connection to its type.
    """
    if flow.error is None:
        return None
    found = failure.error_type(flow.error.msg, failures)
    notes = flow.metadata.get(outcome.KEY) or {}
    is_waited_for = flow.is_replay is None and not notes.get("background")
    if found in failure.BROKEN_OFF and is_waited_for and not flow.client_conn.connected:
        found = failure.LEFT
    flow.metadata[KEY] = found
    return found


def error_type(flow: mflow.Flow) -> str | None:
    """Return what was noted, or else what the words tell; None when it did not fail."""
    if flow.error is None:
        return None
    found = flow.metadata.get(KEY)
    return found if isinstance(found, str) else failure.error_type(flow.error.msg, {})
