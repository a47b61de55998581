"""Say how long the phases of an exchange took, as HAR 1.2 wants it: in ms, -1 for not known.

Pure.
"""

from __future__ import annotations

from forebay.trafficlog.record import Record

_LONGEST_S = 1e9
"""A longer span (30 years) is none; the log has the same bound."""


def timings(record: Record) -> tuple[float, dict[str, float]]:
    """Return the whole time, and the phases that add up to it.

    * ``blocked`` and ``dns`` are not known.
    * ``connect`` holds ``ssl``; both are not known when an open connection was used.
    * ``send`` is 0: the log does not tell it from ``wait``, which holds it.
    * Without a response all but ``connect`` is ``wait``, and nothing was received.

    >>> timings(Record(kind="http", seq=1, duration_s=0.5, connect_s=0.1, first_byte_s=0.4))
    ... # doctest: +NORMALIZE_WHITESPACE
    (500.0, {'blocked': -1, 'dns': -1, 'connect': 100.0, 'ssl': -1, 'send': 0,
    'wait': 300.0, 'receive': 100.0})
    """
    first = _microseconds(record.first_byte_s)
    total = _microseconds(record.duration_s)
    if total is None:
        total = (first or 0) + (_microseconds(record.transfer_s) or 0)
    answered = total if first is None else min(first, total)
    tls = _microseconds(record.tls_s)
    opened = _microseconds(record.connect_s)
    connect = None if opened is None else min(opened + (tls or 0), answered)
    ssl = None if connect is None or tls is None else min(tls, connect)
    return total / 1000, {
        "blocked": -1,
        "dns": -1,
        "connect": -1 if connect is None else connect / 1000,
        "ssl": -1 if ssl is None else ssl / 1000,
        "send": 0,
        "wait": (answered - (connect or 0)) / 1000,
        "receive": (total - answered) / 1000,
    }


def _microseconds(span_s: float | None) -> int | None:
    """Return a span in whole units, which add up without a rest."""
    if span_s is None or not 0 <= span_s < _LONGEST_S:
        return None
    return round(span_s * 1e6)
