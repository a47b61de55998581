"""What is counted, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from forebay.report.line import decode
from forebay.report.selection import Selection
from forebay.report.tally import media_type
from forebay.trafficlog.record import Gap, encode
from report.logs import BEGIN, line, tally


def hit(**given):
    cache = {
        "result": given.pop("result", "hit"),
        "reason": "fresh",
        "age_s": given.pop("age_s", 1),
    }
    return line(cache=cache, answered_by="cache", duration_s=0.01, **given)


def test_an_exchange_is_counted_everywhere():
    found = tally(line(user="ada", request_body_bytes=7))

    for table, key in (
        (found.kinds, "http"),
        (found.hosts, "a.example"),
        (found.clients, "192.0.2.1"),
        (found.users, "ada"),
        (found.content_types, "text/html"),
    ):
        row = table.rows[key]
        assert (row.records, row.requests, row.errors, row.blocked) == (1, 1, 0, 0)
        assert (row.bytes_up, row.bytes_down) == (7, 1000)
    assert found.statuses == {200: 1}
    host = found.hosts.rows["a.example"]
    assert host.durations.count == host.first_bytes.count == 1
    assert found.first_s == found.last_s == BEGIN.timestamp()


@pytest.mark.parametrize(
    ("given", "up", "down"),
    [
        ({"request_body_bytes": 5, "response_body_bytes": 9}, 5, 9),
        ({"response_body_bytes": 9, "delivered_bytes": 4}, 0, 4),
        ({"response_body_bytes": None, "client_bytes": 3, "server_bytes": 8}, 3, 8),
        ({"response_body_bytes": None}, 0, 0),
    ],
)
def test_bytes_are_those_of_the_client(given, up, down):
    row = tally(line(**given)).kinds.rows["http"]

    assert (row.bytes_up, row.bytes_down) == (up, down)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, None),
        ({"status": 404}, None),
        ({"status": 503}, "503"),
        ({"status": 799}, None),
        ({"error_type": "connect_failed", "status": None}, "connect_failed"),
        ({"error_type": "truncated", "status": 503}, "truncated"),
        ({"error_type": "killed", "block": {"action": "block"}}, None),
        ({"error_type": "killed", "block": {"action": "allow"}}, "killed"),
    ],
)
def test_errors(given, error):
    """A 5xx is one, by the name that OpenTelemetry gives it; what was blocked is none."""
    found = tally(line(**given))

    assert list(found.errors.rows) == ([] if error is None else [error])
    assert found.hosts.rows["a.example"].errors == (error is not None)


@pytest.mark.parametrize(
    ("given", "where"), [({"background": True}, "background"), ({"attempt": 2}, "replays")]
)
def test_what_no_client_asked_for_is_counted_apart(given, where):
    found = tally(line(**given), line(attempt=1, background=False))

    assert getattr(found, where).records == 1
    assert found.records == 2
    assert found.kinds.rows["http"].records == found.hosts.rows["a.example"].records == 1
    assert found.hosts.rows["a.example"].durations.count == 1


def test_what_is_no_exchange_has_no_status_and_no_latency():
    found = tally(
        line(kind="tunnel", duration_s=900), line(kind="dns", server_address=None, dns_question="d")
    )

    assert found.statuses == {}
    assert found.hosts.rows["a.example"].durations.count == 0
    assert found.kinds.rows["tunnel"].requests == 0
    assert found.hosts.rows["d"].records == 1
    assert tally(line(kind="websocket")).hosts.rows["a.example"].durations.count == 0


def test_hits_are_told_from_misses():
    lines = [hit(), hit(result="stale"), hit(result="stale", age_s=None), hit(result="revalidated")]
    lines += [hit(result="miss"), hit(result="bypass"), line()]

    found = tally(*lines)

    assert {word: row.requests for word, row in found.cache.rows.items()} == {
        "hit": 1, "stale": 1, "refetched": 1, "revalidated": 1, "miss": 1, "bypass": 1
    }  # fmt: skip
    host = found.hosts.rows["a.example"]
    assert (host.hits, host.lookups) == (3, 5)
    interval = found.series.at(BEGIN.timestamp())
    assert (interval.hits, interval.lookups) == (3, 5)


def test_time_saved_compares_with_the_same_hosts_origin():
    found = tally(
        line(duration_s=0.2), line(duration_s=0.4), hit(), hit(server_address="b.example")
    )

    assert found.hosts.rows["a.example"].saved_s == pytest.approx(0.3 - 0.01)
    assert found.hosts.rows["b.example"].saved_s == 0


def test_an_error_of_the_origin_is_no_measure_of_its_time():
    assert tally(line(status=503)).hosts.rows["a.example"].origin_count == 0


def test_blocks_are_counted_by_rule_and_by_list():
    block = {"action": "block", "rule": "||a^", "list": "ads", "path": "ads.txt", "line": 7}
    odd = {"action": "block", "reason": "too many names"}

    found = tally(line(block=block), line(block=block), line(block=odd))

    assert found.block_rules.rows["||a^", "ads", "ads.txt", 7].blocked == 2
    assert found.block_rules.rows["too many names", "", "", 0].blocked == 1
    assert found.block_lists.rows["ads"].blocked == 2
    assert found.hosts.rows["a.example"].blocked == 3


def test_rewrites_are_counted_by_what_became_of_them():
    rule = {"id": "r", "file": "f", "line": 1}
    edits = [rule, rule | {"failed": "x"}, rule | {"skipped": "x"}, rule | {"mode": "shadow"}, rule]

    row = tally(line(rewrite=edits)).rewrites.rows["r", "f", 1]

    assert (row.applied, row.failed, row.skipped, row.shadow) == (2, 1, 1, 1)


def test_the_slowest_are_kept_in_order():
    lines = [line(duration_s=n / 10, url_full=str(n)) for n in (3, 9, 1, 7, 5)]

    assert [each.url_full for each in tally(*lines, slowest=3).slowest()] == ["9", "7", "5"]
    assert tally(*lines, slowest=0).slowest() == []


def test_numbers_are_followed_whatever_is_selected():
    lines = [
        line(seq=n, instance=i) for n, i in ((1, "x"), (2, "x"), (5, "x"), (90, "y"), (92, "y"))
    ]
    gap = decode(encode(Gap(lost=2, from_seq=3, to_seq=4, instance="x")))

    found = tally(*lines, gap, selection=Selection(host="other.example"))

    assert (found.records, found.others) == (0, 5)
    assert (found.gap_records, found.lost) == (1, 2)
    assert [(hole.instance, hole.from_seq, hole.to_seq) for hole in found.holes()] == [
        ("y", 91, 91)
    ]


def test_all_holes_are_known_of_few_processes():
    assert tally(line(), line(instance="j")).knows_all_holes


def test_files_read_twice_are_noticed():
    assert tally(line(), line()).repeated == 1
    assert tally(line(instance=None), line(instance=None)).repeated == 0


def test_sampled_records_stand_for_several():
    found = tally(line(sample_rate=0.1), line())

    assert (found.sampled, round(found.represented)) == (1, 11)


def test_notes():
    found = tally(line(retried=True, truncated=["url.full"]))

    assert (found.retried, found.truncated) == (1, 1)


def test_the_time_span_is_that_of_all_records():
    found = tally(
        line(timestamp=BEGIN + timedelta(seconds=5)), line(timestamp=None),
        line(timestamp=BEGIN + timedelta(seconds=9)), line(timestamp=BEGIN),
    )  # fmt: skip

    assert (found.last_s or 0) - (found.first_s or 0) == 9


def test_memory_is_bounded_whatever_a_log_makes_up():
    """30,000 hosts, clients, users, types, errors, kinds, rules, processes: none is kept of each."""
    lines = (
        line(
            kind="http" if n % 2 else f"k{n}", server_address=f"h{n}", client_address=f"c{n}",
            user=f"u{n}", response_content_type=f"t/{n}", error_type=f"e{n}", instance=f"i{n}",
            cache={"result": f"r{n}", "reason": f"q{n}"},
            block={"action": "block", "rule": f"b{n}"} if n % 3 == 0 else None,
            rewrite=[{"id": f"w{n}"}],
        )
        for n in range(30_000)
    )  # fmt: skip

    found = tally(*lines)

    tables = [v for v in vars(found).values() if hasattr(v, "rows")]
    assert len(tables) == 11
    assert max(len(table.rows) for table in tables) <= 8192
    assert len(found._sequences) == 2000
    assert not found.knows_all_holes
    assert (
        sum(row.records for row in found.hosts.rows.values()) + found.hosts.rest.records == 30_000
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("text/html;x", "text/html"), (" A/B ", "a/b"), ("", "(none)"), (";", "(none)")],
)
def test_media_types(text, expected):
    assert media_type(text) == expected
