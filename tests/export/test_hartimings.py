"""The phases of an exchange."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.records import exchange
from forebay.export.hartimings import timings

SPANS = st.none() | st.floats() | st.floats(0, 100)


@pytest.mark.parametrize(
    ("spans", "total", "phases"),
    [
        pytest.param(
            {"duration_s": 1.0, "first_byte_s": 0.7, "connect_s": 0.1, "tls_s": 0.2},
            1000, (300, 200, 400, 300), id="a new connection: connect holds ssl",
        ),
        pytest.param(
            {"duration_s": 1.0, "first_byte_s": 0.7}, 1000, (-1, -1, 700, 300), id="an open one"
        ),
        pytest.param({"duration_s": 1.0}, 1000, (-1, -1, 1000, 0), id="no response"),
        pytest.param(
            {"duration_s": 1.0, "connect_s": 0.4}, 1000, (400, -1, 600, 0), id="no response, no TLS"
        ),
        pytest.param(
            {"first_byte_s": 0.5, "transfer_s": 0.25}, 750, (-1, -1, 500, 250), id="no end"
        ),
        pytest.param({}, 0, (-1, -1, 0, 0), id="nothing"),
        pytest.param(
            {"duration_s": 0.5, "first_byte_s": 0.2, "connect_s": 0.9, "tls_s": 0.9},
            500, (200, 200, 0, 300), id="spans that cannot be",
        ),
        pytest.param(
            {"duration_s": 0.5, "tls_s": 0.1}, 500, (-1, -1, 500, 0), id="TLS on no connection"
        ),
    ],
)  # fmt: skip
def test_phases(spans, total, phases):
    time_ms, found = timings(exchange(**spans))

    assert time_ms == total
    assert (found["connect"], found["ssl"], found["wait"], found["receive"]) == phases
    assert (found["blocked"], found["dns"], found["send"]) == (-1, -1, 0)


@given(SPANS, SPANS, SPANS, SPANS, SPANS)
def test_any_spans_add_up(duration_s, first_byte_s, connect_s, tls_s, transfer_s):
    """Of those that are known, without ssl, which connect holds."""
    time_ms, found = timings(
        exchange(
            duration_s=duration_s, first_byte_s=first_byte_s, connect_s=connect_s, tls_s=tls_s,
            transfer_s=transfer_s,
        )
    )  # fmt: skip

    ssl = found.pop("ssl")
    assert sum(phase for phase in found.values() if phase != -1) == pytest.approx(time_ms)
    assert all(found[phase] >= 0 for phase in ("send", "wait", "receive"))
    assert ssl <= max(found["connect"], -1)
