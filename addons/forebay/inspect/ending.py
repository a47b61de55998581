"""Name why a flow failed, as the traffic log does, and remember it: later too much is other.

Glue: reads mitmproxy's flow.
"""

from __future__ import annotations

from collections.abc import Mapping

from mitmproxy import flow as mflow

from forebay.trafficlog import failure
from forebay.trafficlog.exchange import error_type_of

KEY = "forebay.ending"


def note(flow: mflow.Flow, failures: Mapping[str, str]) -> str | None:
    """Return the type of the flow's failure as it fails, and note it; None when it did not.

    Args:
        flow: the flow, whose client is there yet, or is not.
        failures: text of a failed server connection to its type.
    """
    found = error_type_of(flow, failures)
    if found is not None:
        flow.metadata[KEY] = found
    return found


def error_type(flow: mflow.Flow) -> str | None:
    """Return what was noted, or else what the words tell; None when it did not fail."""
    if flow.error is None:
        return None
    found = flow.metadata.get(KEY)
    return found if isinstance(found, str) else failure.error_type(flow.error.msg, {})
