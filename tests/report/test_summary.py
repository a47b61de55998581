"""From counts to a report."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forebay.report.document import Damaged
from forebay.report.line import decode
from forebay.report.summary import MOST_STEPS, ratio
from forebay.trafficlog.record import Gap, encode
from report.logs import BEGIN, line, summary


def test_nothing_is_a_report_too():
    found = summary()

    assert found.traffic.records == 0
    assert found.period.from_ is None
    assert found.cache.hit_ratio is None
    assert found.latency.duration is None
    assert found.series.steps == []


def test_traffic():
    found = summary(
        line(), line(status=503, timestamp=BEGIN + timedelta(seconds=4)), line(kind="tunnel"),
        line(block={"action": "block"}, status=403), line(background=True), line(status=None),
    )  # fmt: skip

    traffic = found.traffic
    assert (traffic.records, traffic.exchanges, traffic.errors, traffic.blocked) == (6, 4, 1, 1)
    assert traffic.exchanges_per_s == 1
    assert traffic.background.records == 1
    assert found.status_classes == {"1xx": 0, "2xx": 1, "3xx": 0, "4xx": 1, "5xx": 1, "none": 1}
    assert found.statuses == {"200": 1, "403": 1, "503": 1}


def test_the_cache():
    def kept(result, **given):
        return line(cache={"result": result, "reason": "why", "age_s": 1}, **given)

    found = summary(
        kept("miss", duration_s=1.0, response_body_bytes=100),
        kept("hit", duration_s=0.1, response_body_bytes=300, answered_by="cache"),
        kept("bypass", response_body_bytes=9999),
    ).cache

    assert (found.lookups, found.hits, found.hit_ratio, found.byte_hit_ratio) == (2, 1, 0.5, 0.75)
    assert found.bytes_saved == 300
    assert found.saved_s == pytest.approx((1.0 + 0.1) / 2 - 0.1)  # the bypass took 0.1 s
    assert {row.result for row in found.results} == {"hit", "miss", "bypass"}


def test_tables_say_what_they_leave_out():
    lines = [line(server_address=f"h{n % 5}") for n in range(12)]

    found = summary(*lines, top=2).hosts

    assert [row.host for row in found.rows] == ["h0", "h1"]
    assert (found.distinct, found.is_exact, found.rest) == (5, True, 6)


def test_loss():
    gap = decode(encode(Gap(lost=1, from_seq=2, to_seq=3, instance="i")))

    found = summary(line(seq=1), gap, line(seq=4), line(seq=9), line(seq=9)).loss

    assert (found.gap_records, found.lost, found.jumps, found.missing) == (1, 1, 1, 4)
    assert (found.first_jumps[0].from_seq, found.first_jumps[0].to_seq) == (5, 8)
    assert found.repeated == 1
    assert found.gaps[0].lost == 1


def test_steps_cover_all_of_the_time():
    lines = [line(timestamp=BEGIN + timedelta(minutes=n)) for n in range(0, 1440, 3)]

    found = summary(*lines).series

    assert len(found.steps) <= MOST_STEPS
    assert sum(step.classes["2xx"] for step in found.steps) == len(lines)
    assert all(
        b.at - a.at == timedelta(seconds=found.width_s)
        for a, b in zip(found.steps, found.steps[1:], strict=False)
    )


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_times_at_the_end_of_the_calendar_are_no_error(at):
    odd = decode(b'{"v":1,"kind":"http","timestamp":"%s"}' % at.encode())

    assert len(summary(odd).series.steps) == 1
    assert len(summary(odd, line()).series.steps) >= 1


def test_slow_ones_are_told_with_what_is_known():
    found = summary(line(url_full=None, url_path="*"), damaged=Damaged(1, ["a:1: bad"]))

    assert found.slowest[0].url == "a.example *"
    assert found.damaged.count == 1


def test_a_ratio_of_nothing_is_not_known():
    assert ratio(1, 4) == 0.25
    assert ratio(0, 0) is None
