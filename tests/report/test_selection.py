"""Which records count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from forebay.errors import ForebayError
from forebay.report.selection import Selection, host_of, moment, network
from report.logs import BEGIN, line

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00+00:00"),
        ("2026-01-31T08:00:00.5+02:00", "2026-01-31T06:00:00.500000+00:00"),
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("90m", "2026-03-02T10:30:00+00:00"),
        ("7d", "2026-02-23T12:00:00+00:00"),
        ("1w", "2026-02-23T12:00:00+00:00"),
        ("30s", "2026-03-02T11:59:30+00:00"),
    ],
)
def test_times_may_be_written_in_three_ways(text, expected):
    assert moment("--since", text, NOW).isoformat() == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2h30m", "-1h", "999999999w", "2026-13-01", "1e3s"]
)
def test_other_times_are_refused(text):
    with pytest.raises(ForebayError, match=r"--since: expected a time such as .*, found"):
        moment("--since", text, NOW)


@pytest.mark.parametrize(
    ("given", "covers"),
    [
        ({}, True),
        ({"since": BEGIN}, True),
        ({"since": BEGIN + timedelta(seconds=1)}, False),
        ({"until": BEGIN}, False),
        ({"until": BEGIN + timedelta(seconds=1)}, True),
        ({"host": "A.Example."}, True),
        ({"host": "example"}, False),
        ({"host": ".example"}, True),
        ({"host": ".a.example"}, True),
        ({"host": ".ample"}, False),
        ({"user": "ada"}, True),
        ({"user": "Ada"}, False),
        ({"client": network("--client", "192.0.2.0/24")}, True),
        ({"client": network("--client", "192.0.2.1")}, True),
        ({"client": network("--client", "2001:db8::/32")}, False),
    ],
)
def test_a_record_has_to_fit_all(given, covers):
    assert Selection(**given).covers(line(user="ada")) is covers
    assert Selection(**given).is_all is (given == {})


def test_what_has_no_time_or_address_fits_no_time_or_network():
    bare = line(timestamp=None, client_address=None)

    assert not Selection(since=BEGIN).covers(bare)
    assert not Selection(until=BEGIN).covers(bare)
    assert not Selection(client=network("--client", "0.0.0.0/0")).covers(bare)


def test_an_address_may_be_mapped():
    wanted = Selection(client=network("--client", "192.0.2.7"))

    assert wanted.covers(line(client_address="::ffff:192.0.2.7"))


def test_no_network_is_refused():
    with pytest.raises(
        ForebayError, match="--client: expected an address or a network, found 'me'"
    ):
        network("--client", "me")


def test_the_host_of_what_is_no_request():
    assert host_of(line(server_address=None, dns_question="d.example")) == "d.example"
    assert host_of(line(server_address=None, server_name="s.example")) == "s.example"
    assert host_of(line(server_address=None)) == ""
