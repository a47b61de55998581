"""Who rejects what, how often in a row, and what is said of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.trust.rejections import (
    MOST_AGENTS,
    MOST_LINES,
    Kind,
    Notice,
    Rejections,
    Say,
    kind_of,
)

HOST = ("a.example", 443)


def reject(found, place=HOST, *, client="192.0.2.1", kind=Kind.ALERT, agent="curl/8", after=0):
    return found.reject(client, place, kind, agent=agent, error="unknown ca", after=after)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("tlsv1 alert unknown ca", Kind.ALERT),
        ("sslv3 alert bad certificate", Kind.ALERT),
        ("ssl/tls alert bad certificate", Kind.ALERT),
        (
            "OpenSSL Error([('SSL routines', '', 'ssl/tls alert certificate unknown')])",
            Kind.ALERT,
        ),
        ("OpenSSL Error([('SSL routines', '', 'sslv3 alert certificate expired')])", Kind.ALERT),
        (
            (
                "The client disconnected during the handshake. If this happens consistently for a, "
                "this may indicate that the client does not trust the proxy's certificate."
            ),
            Kind.CLOSED,
        ),
        ("connection closed early", None),
        ("OpenSSL Error([('SSL routines', '', 'no shared cipher')])", None),
        ("OpenSSL Error([('SSL routines', '', 'unsupported protocol')])", None),
        ("Cannot parse ClientHello: 16030100", None),
        ("", None),
    ],
)
def test_a_rejection_is_told_from_other_failures(error, expected):
    assert kind_of(error) is expected


class TestWhatIsSaid:
    def test_an_alert_is_said_once(self):
        """For each client, agent and host."""
        found = Rejections()

        assert reject(found).say is Say.IT
        assert reject(found).say is Say.NOTHING
        assert reject(found, agent="git/2").say is Say.IT
        assert reject(found, client="192.0.2.2").say is Say.IT
        assert reject(found, ("a.example", 8443)).say is Say.IT

    def test_a_closed_connection_is_said_when_it_happens_again(self):
        """One may be a scanner, or a connection that lost a race."""
        found = Rejections()

        said = [reject(found, kind=Kind.CLOSED).say for _ in range(3)]

        assert said == [Say.NOTHING, Say.IT, Say.NOTHING]

    def test_a_success_between_is_no_mistrust(self):
        found = Rejections()
        reject(found, kind=Kind.CLOSED)
        found.accept("192.0.2.1", HOST)

        assert reject(found, kind=Kind.CLOSED).say is Say.NOTHING

    def test_a_client_that_rejects_all_is_said_to_and_then_silent(self):
        found = Rejections()

        said = [reject(found, (f"{i}.example", 443)).say for i in range(MOST_LINES + 50)]

        assert said[: MOST_LINES - 1] == [Say.IT] * (MOST_LINES - 1)
        assert said[MOST_LINES - 1] is Say.IT_AND_NO_MORE
        assert set(said[MOST_LINES:]) == {Say.NOTHING}

    def test_another_program_at_its_address_is_still_told_of(self):
        """All that runs on this machine has one address; names cost nothing, so not for ever."""
        found = Rejections()
        for number in range(MOST_LINES + 1):
            reject(found, (f"{number}.example", 443))

        said = [reject(found, agent=f"agent {i}").say for i in range(MOST_AGENTS + 50)]

        assert said[: MOST_AGENTS - 1] == [Say.IT] * (MOST_AGENTS - 1)
        assert set(said[MOST_AGENTS - 1 :]) == {Say.NOTHING}


class TestWhatPasses:
    def test_it_begins_with_the_last_of_so_many(self):
        found = Rejections()

        begins = [reject(found, after=3).passes for _ in range(5)]

        assert begins == [False, False, True, False, False]
        assert found.passes("192.0.2.1", HOST)

    def test_it_is_for_that_client_host_and_port(self):
        found = Rejections()
        reject(found, after=1)

        assert not found.passes("192.0.2.2", HOST)
        assert not found.passes("192.0.2.1", ("b.example", 443))
        assert not found.passes("192.0.2.1", ("a.example", 8443))

    def test_a_success_begins_the_count_anew(self):
        found = Rejections()
        reject(found, after=2)
        found.accept("192.0.2.1", HOST)

        assert not reject(found, after=2).passes
        assert reject(found, after=2).passes

    def test_never_is_the_default(self):
        found = Rejections()

        assert not any(reject(found).passes for _ in range(1000))
        assert not found.passes("192.0.2.1", HOST)

    def test_all_is_counted_anew_when_wanted(self):
        found = Rejections()
        reject(found, after=2)
        reject(found, ("b.example", 443), after=1)
        found.forget_counts()

        assert reject(found, after=2) == Notice(Say.NOTHING)
        assert not found.passes("192.0.2.1", ("b.example", 443))


def test_who_is_unknown_has_nothing():
    found = Rejections()
    found.accept("192.0.2.1", HOST)

    assert not found.knows("192.0.2.1")
    assert list(found) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["reject", "accept"])),
        max_size=200,
    ),
    st.integers(0, 4),
)
def test_memory_is_bounded_and_only_rows_pass(steps, after):
    """Whatever comes: no more than so many, and nothing passes without its row."""
    found = Rejections(most_clients=3, most_hosts=4)
    rows: dict[tuple[str, int], int] = {}
    for client_number, host, step in steps:
        client, place = f"192.0.2.{client_number}", (f"{host}.example", 443)
        if step == "accept":
            found.accept(client, place)
            rows[client, host] = 0
        else:
            reject(found, place, client=client, after=after)
            rows[client, host] = rows.get((client, host), 0) + 1
            assert found.knows(client)

    clients = [client for client, _, _ in found]
    assert len(set(clients)) <= 3
    assert all(clients.count(client) <= 4 for client in clients)
    for client, (host_name, _), each in found:
        row = rows[client, int(host_name.partition(".")[0])]
        assert each.in_a_row <= row
        assert not each.passes or (0 < after <= row)
