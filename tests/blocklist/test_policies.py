"""Who gets which lists, and when."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.blocklist.policies import (
    AllowedHosts,
    Clients,
    Policies,
    Policy,
    Week,
    Window,
    user_key,
)
from forebay.errors import RuleError
from forebay.names import canonical

NIGHT = Week.of([Window(frozenset({0}), 22 * 60, 6 * 60)])


def clients(*ranges: str) -> Clients:
    return Clients(frozenset(map(ipaddress.ip_network, ranges)))


def policy(name: str = "a", **given) -> Policy:
    return Policy(**{"id": name, "path": "/rules/policies.yaml", "line": 1} | given)


def chosen(policies: Policies, **given) -> str | None:
    found = policies.choose(
        **{"client": "192.0.2.7", "user": None, "weekday": 0, "minute": 0} | given
    )
    return found and found.id


class TestAllowedHosts:
    @pytest.mark.parametrize(
        ("entry", "name", "covered"),
        [
            ("example.org", "example.org", True),
            ("example.org", "x.y.example.org", True),
            ("example.org", "notexample.org", False),
            ("example.org", "org", False),
            ("*.example.org", "example.org", False),
            ("*.example.org", "x.y.example.org", True),
            ("*.example.org", ".example.org", False),
            ("Bücher.Example.", "www.xn--bcher-kva.example", True),
            ("org", "example.org", True),
            ("192.0.2.7", "192.0.2.7", True),
            ("0xc0.0.2.7", "192.0.2.7", True),
            ("192.0.2.7", "x.192.0.2.7", False),
            ("[2001:db8::1]", "2001:db8::1", True),
            ("::ffff:192.0.2.7", "192.0.2.7", True),
        ],
    )
    def test_an_entry_covers_its_host_or_what_is_below_it(self, entry, name, covered):
        assert AllowedHosts((entry,)).covers(name) == (entry if covered else None)

    def test_the_closest_entry_is_named_as_it_was_written(self):
        hosts = AllowedHosts(("*.Example.org", "A.example.ORG", "a.example.org", "example.org"))

        assert hosts.covers("a.example.org") == "A.example.ORG"
        assert hosts.covers("x.a.example.org") == "A.example.ORG"
        assert hosts.covers("b.example.org") == "*.Example.org"
        assert hosts.covers("example.org") == "example.org"

    @pytest.mark.parametrize("below", ["a/", "a\0", "a b", "a@", ".", "a..", "%00", "é"])
    def test_what_no_resolver_takes_is_not_covered(self, below):
        """The next proxy might read another host in it."""
        assert AllowedHosts(("example.org",)).covers(below + ".example.org") is None

    def test_a_name_too_long_for_dns_is_not_covered(self):
        assert AllowedHosts(("example.org",)).covers("a." * 500 + "example.org") is None

    def test_none_covers_nothing(self):
        assert AllowedHosts().covers("example.org") is None

    @pytest.mark.parametrize("entry", ["*", ".", "*.", "*.*", "", "**", " "])
    def test_an_entry_for_everything_is_refused(self, entry):
        with pytest.raises(RuleError, match="which is all of them: for that use mode: off"):
            AllowedHosts(("example.org", entry))

    @pytest.mark.parametrize(
        "entry",
        ["https://example.org/", "example.org/x", "example.org:80", "a*.example", "*.*.example",
         ".example.org", "*..example.org", "*.192.0.2.7", "*.2.7", "*.::1", "example%2eorg", "a.7", "a" * 64,
         "a." * 127 + "example", "a b", "||example.org^", "a,b", "*.[", "192.0.2.0/24"],
    )  # fmt: skip
    def test_what_is_no_host_is_refused(self, entry):
        with pytest.raises(RuleError, match="expected a host such as"):
            AllowedHosts((entry,))

    @given(st.text())
    def test_any_entry_covers_its_own_host_or_is_refused(self, entry):
        try:
            hosts = AllowedHosts((entry,))
        except RuleError:
            return
        host = canonical(entry.removeprefix("*."))
        assert hosts.covers(host) == (None if entry.startswith("*.") else entry)
        assert hosts.covers("other.invalid.test") is None or host in ("invalid.test", "test")

    @given(st.text(), st.sampled_from(["", ".example.org"]))
    def test_any_name_may_be_asked_for(self, name, end):
        assert AllowedHosts(("*.example.org",)).covers(canonical(name) + end) in (
            None,
            "*.example.org",
        )


# A small universe, so that ranges and addresses meet.
V4 = st.integers(0, 255).map(lambda i: ipaddress.IPv4Address(0xC0000200 | i))
V6 = st.integers(0, 255).map(lambda i: ipaddress.IPv6Address((0xFD << 120) | i))
RANGES = st.one_of(
    st.tuples(V4, st.sampled_from([0, 1, 8, *range(24, 33)])),
    st.tuples(V6, st.sampled_from([0, 7, 64, *range(120, 129)])),
).map(lambda pair: ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False))


class TestClients:
    @given(st.frozensets(RANGES, max_size=5), st.one_of(V4, V6))
    def test_they_cover_what_ipaddress_says(self, ranges, address):
        assert Clients(ranges).covers(address) == any(address in one for one in ranges)

    @given(st.frozensets(RANGES, min_size=1, max_size=5), V4)
    def test_mapped_addresses_count_as_ipv4(self, ranges, address):
        policies = Policies((policy(clients=Clients(ranges)),))

        assert chosen(policies, client=f"::ffff:{address}") == chosen(policies, client=str(address))


# Where something begins or ends, and what is next to it.
MINUTES = st.one_of(
    st.sampled_from([0, 1, 719, 720, 721, 1438, 1439]), st.integers(min_value=0, max_value=1439)
)
WINDOWS = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1),
    MINUTES,
    st.one_of(MINUTES, st.just(1440)),
)


def minutes_of_week(windows: list[Window]) -> set[int]:
    """Return the same, minute by minute."""
    found = set()
    for window in windows:
        for day in window.days:
            weekday, minute = day, window.from_minute
            while True:
                found.add(weekday * 1440 + minute)
                minute += 1
                if minute == window.to_minute or minute % 1440 == window.to_minute:
                    break
                if minute == 1440:
                    weekday, minute = (weekday + 1) % 7, 0
    return found


class TestWeek:
    @given(st.lists(WINDOWS, max_size=4))
    def test_it_covers_the_minutes_of_all_windows(self, windows):
        week = Week.of(windows)

        covered = {
            day * 1440 + at for day in range(7) for at in range(1440) if week.covers(day, at)
        }

        assert covered == minutes_of_week(windows)
        assert list(week.edges) == sorted(set(week.edges))

    @pytest.mark.parametrize(
        ("window", "edges"),
        [
            (Window(), (0, 7 * 1440)),
            (Window(frozenset({0})), (0, 1440)),
            (Window(frozenset({0}), 480, 990), (480, 990)),
            (Window(frozenset({0}), 1320, 360), (1320, 1800)),
            (Window(frozenset({0}), 1320, 0), (1320, 1440)),
            (Window(frozenset({0}), 480, 480), (480, 1920)),
            (Window(frozenset({6}), 1320, 360), (0, 360, 9960, 10080)),
        ],
    )
    def test_a_window_belongs_to_the_day_on_which_it_begins(self, window, edges):
        assert Week.of([window]).edges == edges

    def test_overlapping_windows_are_one(self):
        monday = frozenset({0})

        week = Week.of(
            [Window(monday, 60, 120), Window(monday, 100, 180), Window(monday, 180, 200)]
        )

        assert week.edges == (60, 200)


class TestChoice:
    def test_without_policies_there_is_none(self):
        assert chosen(Policies()) is None

    def test_the_first_that_fits_decides(self):
        policies = Policies(
            (
                policy("elsewhere", clients=clients("198.51.100.0/24")),
                policy("night", when=NIGHT),
                policy("here", clients=clients("192.0.2.0/24")),
                policy("all"),
                policy("never"),
            )
        )

        assert chosen(policies) == "here"
        assert chosen(policies, weekday=0, minute=22 * 60) == "night"
        assert chosen(policies, weekday=1, minute=6 * 60 - 1) == "night"
        assert chosen(policies, weekday=1, minute=6 * 60) == "here"
        assert chosen(policies, client="203.0.113.1") == "all"
        assert chosen(policies, client="198.51.100.255", weekday=0, minute=22 * 60) == "elsewhere"

    def test_none_fits(self):
        assert chosen(Policies((policy(when=NIGHT),))) is None

    @pytest.mark.parametrize(
        ("client", "user", "fits"),
        [
            ("192.0.2.7", "anna", True),
            ("192.0.2.8", "anna", False),
            ("192.0.2.7", "carl", False),
            ("192.0.2.7", None, False),
            ("192.0.2.7", "", False),
            (None, "anna", False),
            ("", "anna", False),
            ("no address", "anna", False),
            ("fd00::1", "anna", True),
            ("FD00:0::1", "anna", True),
            ("fd00::1%eth0", "anna", True),
            ("::ffff:192.0.2.7", "anna", True),
            ("::ffff:192.0.2.7%2", "anna", True),
            ("::192.0.2.7", "anna", False),
        ],
    )
    def test_clients_and_users_must_both_fit(self, client, user, fits):
        both = policy(clients=clients("192.0.2.7/32", "fd00::/8"), users=frozenset({"anna"}))

        for _ in range(2):  # computed, and remembered
            assert chosen(Policies((both,)), client=client, user=user) == ("a" if fits else None)

    @pytest.mark.parametrize(
        "name", ["Anna Smith", " anna  smith ", "ANNA\u00a0SMITH", "\uff41\uff4e\uff4e\uff41 smith", "anna" + " " * 500 + "smith"]
    )  # fmt: skip
    def test_another_spelling_is_no_way_around_a_policy(self, name):
        policies = Policies((policy(users=frozenset({user_key("anna smith")})),))

        assert chosen(policies, user=name) == "a"

    def test_what_is_remembered_for_one_client_is_not_for_another(self):
        policies = Policies(
            (
                policy("one", clients=clients("192.0.2.1/32")),
                policy("anna", users=frozenset({"anna"})),
                policy("night", when=NIGHT),
            )
        )

        for _ in range(2):
            assert chosen(policies, client="192.0.2.1", user="anna") == "one"
            assert chosen(policies, client="192.0.2.2", user="anna") == "anna"
            assert chosen(policies, client="192.0.2.2", user=None) is None
            assert chosen(policies, client="192.0.2.2", user=None, minute=1400) == "night"

    def test_what_is_remembered_is_bounded(self):
        """Clients choose their addresses, and some their user names."""
        policies = Policies(
            (policy(clients=clients("10.0.0.0/8"), users=frozenset({"anna"})), policy("all"))
        )

        for i in range(3_000):
            address = str(ipaddress.IPv4Address(0x0A000000 + i))
            assert chosen(policies, client=address, user="anna") == "a"
            assert chosen(policies, client=address, user="b" * 10_000) == "all"

        info = policies._remembered.cache_info()
        assert 0 < info.currsize <= info.maxsize <= 4096
        assert info.misses == 3_000

    def test_what_no_policy_looks_at_is_not_remembered(self):
        policies = Policies((policy(when=NIGHT),))

        for i in range(10):
            chosen(policies, client=f"192.0.2.{i}", user=f"user{i}")

        assert policies._remembered.cache_info().misses == 1

    @given(st.text(), st.text())
    def test_any_client_and_user_may_ask(self, client, user):
        policies = Policies((policy(clients=clients("::/0"), users=frozenset({"anna"})),))

        assert chosen(policies, client=client, user=user) in (None, "a")


class TestPolicies:
    def test_those_of_the_first_file_come_first_and_keep_their_ids(self):
        own = [policy("b", line=1), policy("c", line=2)]
        shipped = [policy("a", line=3), policy("b", line=4), policy("d", line=5)]

        policies = Policies.of(own, shipped).policies

        assert [(one.id, one.line) for one in policies] == [("b", 1), ("c", 2), ("a", 3), ("d", 5)]

    @pytest.mark.parametrize(
        ("given", "needs"),
        [
            ({}, (False, False, False)),
            ({"clients": clients("::1")}, (True, False, False)),
            ({"users": frozenset({"anna"})}, (False, True, False)),
            ({"when": NIGHT}, (False, False, True)),
        ],
    )
    def test_they_say_what_they_look_at(self, given, needs):
        policies = Policies((policy("first"), policy("second", **given)))

        assert (policies.needs_client, policies.needs_user, policies.needs_time) == needs

    def test_a_policy_says_where_it_stands(self):
        assert policy(line=7).place == "policies.yaml:7"

    def test_policies_are_values(self):
        """So that what is built for one may be kept under it."""
        one, other = [
            policy(clients=clients("::1"), when=NIGHT, allow=AllowedHosts(("a.example",)))
            for _ in range(2)
        ]

        assert one == other and hash(one) == hash(other)
        assert Policies((one,)) == Policies((other,))
        assert one != policy(clients=clients("::1"), when=NIGHT, allow=AllowedHosts(("b.example",)))
        assert one != policy(clients=clients("::2"), when=NIGHT, allow=AllowedHosts(("a.example",)))
