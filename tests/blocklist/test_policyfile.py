"""The text of a policies file."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.blocklist.policies import AllowedHosts, Clients, Mode, Policy, Week, Window
from forebay.blocklist.policyfile import DAYS, minute_of_day, network, parse, weekdays
from forebay.errors import RuleError, RuleErrors

PATH = Path("rules/policies.yaml")
SHIPPED = Path(__file__).parents[2] / "rules" / "policies.yaml"


def errors(text: str) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        parse(text, PATH)
    return [str(error).removeprefix(f"{PATH}:") for error in caught.value.errors]


def test_a_full_policy():
    text = """
policies:
  - id: kids
    clients: [192.0.2.0/24, 10.0.0.5, "fd00::/8", ::ffff:198.51.100.0/120]
    users: [Anna, ben]
    when:
      - days: [mon-fri, sun]
        from: "08:00"
        to: 16:30
      - days: Sat
        from: 21:00
        to: 6:00
    groups: {ads: on, social: off, news: true, games: no}
    mode: allow-only
    allow: [example.org, "*.Example.net"]
    answer: drop
"""

    assert parse(text, PATH) == (
        Policy(
            id="kids",
            path=str(PATH),
            line=3,
            clients=Clients(
                frozenset(
                    map(
                        ipaddress.ip_network,
                        ["192.0.2.0/24", "10.0.0.5", "fd00::/8", "198.51.100.0/24"],
                    )
                )
            ),
            users=frozenset({"anna", "ben"}),
            when=Week.of(
                [Window(frozenset({0, 1, 2, 3, 4, 6}), 480, 990), Window(frozenset({5}), 1260, 360)]
            ),
            on=frozenset({"ads", "news"}),
            off=frozenset({"social", "games"}),
            mode=Mode.ALLOW_ONLY,
            allow=AllowedHosts(("example.org", "*.Example.net")),
            answer="drop",
        ),
    )


def test_a_small_policy_is_for_everybody_always():
    assert parse("policies:\n\n- id: all\n", PATH) == (Policy("all", str(PATH), 3),)


def test_one_name_may_stand_for_a_list():
    text = "policies: [{id: a, clients: ::1, users: anna, when: [{days: mon}], allow: a.example}]"

    (found,) = parse(text, PATH)

    assert found.clients == Clients(frozenset({ipaddress.ip_network("::1")}))
    assert found.users == {"anna"}
    assert found.when == Week((0, 1440))
    assert found.allow.entries == ("a.example",)


def test_the_order_is_that_of_the_file():
    assert [one.id for one in parse("policies: [{id: b}, {id: a}, {id: c}]", PATH)] == [*"bac"]


class TestShipped:
    TEXT = SHIPPED.read_text(encoding="utf-8")

    def test_nothing_is_in_force(self):
        assert parse(self.TEXT, SHIPPED) == ()

    def test_its_examples_are_policies(self):
        examples = re.findall(r"^#   policies:\n(?:#    .*\n)+", self.TEXT, re.MULTILINE)

        found = [
            policy.id
            for example in examples
            for policy in parse(re.sub(r"^#", "", example, flags=re.MULTILINE), SHIPPED)
        ]

        assert found == ["kids", "admin", "kiosk", "work"]


@pytest.mark.parametrize("key", ["groups", "mode", "answer"])
def test_nothing_under_another_key_is_what_holds_without_it(key):
    assert parse(f"policies:\n- id: a\n  {key}:\n", PATH) == (Policy("a", str(PATH), 2),)


@pytest.mark.parametrize("key", ["clients", "users", "when", "allow"])
@pytest.mark.parametrize("value", ["[]", "", "~", "\n    # - 192.0.2.7"])
def test_nothing_under_a_key_is_not_everything(key, value):
    assert errors(f"policies:\n- id: a\n  {key}: {value}\n") == [
        f"3:3: {key}: expected at least 1 in the list, found an empty list"
    ]


@pytest.mark.parametrize(
    ("window", "column", "message"),
    [
        ("days: []", 5, "when.days: expected at least 1 in the list, found an empty list"),
        ("days:", 5, "when.days: expected at least 1 in the list, found an empty list"),
        ("from:", 5, "when.from: expected a time from 00:00 to 23:59, found ''"),
        ("to:", 5, "when.to: expected a time from 00:00 to 24:00, found ''"),
        ("{}", 5, "when: expected days, from or to, found an empty mapping"),
        ("", 4, "when: expected a mapping, found nothing"),
        ("from: 24:00", 5, "when.from: expected a time from 00:00 to 23:59, found '24:00'"),
        ("days: [mon-fir]", 12, "when.days: expected a day (mon, tue, wed, thu, fri, sat, sun) or a range such as mon-fri, found 'mon-fir'"),
        ("form: 08:00", 5, "when: unknown key 'form': did you mean 'from'?"),
        ("zzz: 1", 5, "when: unknown key 'zzz': expected one of days, from, to"),
    ],
)  # fmt: skip
def test_mistakes_in_a_window(window, column, message):
    assert errors(f"policies:\n- id: a\n  when:\n  - days: mon\n  - {window}\n") == [
        f"5:{column}: {message}"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {}", "2:3: expected the key 'id', found none"),
        ("- id: ''", "2:3: id: expected one line of at most 100 characters, found ''"),
        ('- id: "a\\u202e"', "2:3: id: expected one line of at most 100 characters, found 'a\\u202e'"),
        ("- id: a\n- id: a", "3:3: id: expected an id of its own, found 'a', that of an earlier policy"),
        ("- id: a\n  clients: [192.0.2.7,\n    192.0.2.7/24]", "4:5: clients: expected the range 192.0.2.0/24 or the address 192.0.2.7, found '192.0.2.7/24'"),
        ("- id: a\n  clients: localhost", "3:3: clients: expected an address or a range such as 192.0.2.0/24 or fd00::/8, found 'localhost'"),
        ("- id: a\n  clients: {}", "3:3: clients: expected a list, found a mapping"),
        ("- id: a\n  users: ['']", "3:11: users: expected one line of at most 100 characters, found ''"),
        ("- id: a\n  users: anna:secret", "3:3: users: expected the name of a user, which has no colon, found 'anna:secret'"),
        ("- id: a\n  when: {from: 08:00}", "3:3: when: expected a list, found a mapping"),
        ("- id: a\n  groups: {ads: an}", "3:12: groups.ads: expected true or false, found 'an'"),
        ("- id: a\n  groups: {ads: }", "3:12: groups.ads: expected true or false, found nothing"),
        ("- id: a\n  groups: [ads]", "3:3: groups: expected a mapping, found a list"),
        ("- id: a\n  groups: {'': on}", "3:12: groups: expected one line of at most 100 characters, found ''"),
        ("- id: a\n  mode: none", "3:3: mode: expected 'filter', 'allow-only' or 'off', found 'none'"),
        ("- id: a\n  mode: off\n  groups: {ads: on}\n  allow: a.example", "3:3: mode: expected no groups and allow beside mode: off, under which nothing is blocked; to switch the policy itself off, comment it out"),
        ("- id: a\n  allow: '*'", "3:3: allow: expected a host, found '*', which is all of them: for that use mode: off"),
        ("- id: a\n  allow: [a.example/x]", "3:11: allow: expected a host such as example.org (with all below it) or *.example.org (only those below), without scheme, port and path, found 'a.example/x'"),
        ("- id: a\n  answer: 403", "3:3: answer: expected 'page' or 'drop', found '403'"),
        ("- id: a\n  client: ::1", "3:3: unknown key 'client': did you mean 'clients'?"),
    ],
)  # fmt: skip
def test_mistakes(text, message):
    assert errors(f"policies:\n{text}\n") == [message]


def test_all_mistakes_come_at_once():
    text = """\
policies:
  - id: one
    clients: [192.0.2.0/33, ::1]
    user: anna
    when:
      - days: [mon, tu]
        to: 25:00
    groups: {ads: maybe}
    mode: filtr
  - just text
  - id: one
    answer: no
"""

    assert [error.partition(": ")[0] for error in errors(text)] == [
        *("3:15", "4:5", "6:21", "7:9", "8:14", "9:5", "10:5", "11:5", "12:5")
    ]


class TestNetwork:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("FD00:0::/8", "fd00::/8"),
            ("::1", "::1/128"),
            ("::ffff:192.0.2.7", "192.0.2.7/32"),
            ("::ffff:c000:200/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/95", "::/95"),
        ],
    )
    def test_addresses_and_ranges(self, text, found):
        assert network(text) == ipaddress.ip_network(found)

    @pytest.mark.parametrize(
        ("text", "right"),
        [
            ("192.0.2.7/24", "the range 192.0.2.0/24 or the address 192.0.2.7,"),
            ("10.1.2.3/0", "the range 0.0.0.0/0 or the address 10.1.2.3,"),
            ("fd00::1/8", "the range fd00::/8 or the address fd00::1,"),
            ("::ffff:192.0.2.7/120", "the range 192.0.2.0/24 or the address 192.0.2.7,"),
        ],
    )
    def test_bits_behind_the_prefix_are_an_error_that_says_the_right_range(self, text, right):
        with pytest.raises(RuleError, match=f"^expected {right} found '{text}'$"):
            network(text)

    @pytest.mark.parametrize(
        "text",
        ["", "*", "192.0.2", "192.0.2.1-9", "192.0.2.0/33", "::/129", "192.0.2.0/255.255.255.0", "192.0.2.0/0.0.0.255",
         "192.0.2.07", "fe80::1%eth0", "192.0.2.0/", " ::1", "[::1]", "::1\n", "3221225991", "kids.example"],
    )  # fmt: skip
    def test_all_else_is_refused(self, text):
        with pytest.raises(RuleError, match="expected an address or a range such as"):
            network(text)

    @given(st.integers(0, 2**128 - 1), st.integers(0, 130), st.booleans())
    def test_what_ipaddress_takes_is_taken(self, value, prefix, short):
        address = ipaddress.ip_address(value >> 96 if short else value)
        text = f"{address}/{prefix}"
        try:
            expected = ipaddress.ip_network(text)
        except ValueError:
            with pytest.raises(RuleError):
                network(text)
        else:
            assert network(text) == expected


class TestDays:
    @pytest.mark.parametrize(
        ("text", "days"),
        [
            ("mon", "mon"),
            ("Sun", "sun"),
            ("mon-fri", "mon tue wed thu fri"),
            ("sat-mon", "sat sun mon"),
            ("sun-sat", "sun mon tue wed thu fri sat"),
            ("wed-wed", "wed"),
        ],
    )
    def test_ranges_include_both_ends(self, text, days):
        assert weekdays(text) == {DAYS.index(day) for day in days.split()}

    @pytest.mark.parametrize(
        "text", ["", "-", "mon-", "-mon", "mon-tue-wed", "monday", "0", "mon\u2013fri", "mon - fri"]
    )
    def test_all_else_is_refused(self, text):
        with pytest.raises(RuleError, match="expected a day"):
            weekdays(text)


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "minute"),
        [("00:00", 0), ("8:05", 485), ("08:05", 485), ("23:59", 1439), ("24:00", 1440)],
    )
    def test_they_count_minutes(self, text, minute):
        assert minute_of_day(text) == minute

    @pytest.mark.parametrize(
        "text", ["", "24:01", "25:00", "8", "8:5", "08:60", "008:00", "-1:00", "\u0660\u0668:\u0660\u0660", "8:00 pm", "08:00\n", "08:00:00"]
    )  # fmt: skip
    def test_all_else_is_refused(self, text):
        with pytest.raises(RuleError, match="expected a time from 00:00 to 24:00, found"):
            minute_of_day(text)


BITS = st.sampled_from(
    ["policies:\n", "- ", "id: a\n", "  id: b\n", "  clients: ", "  users: ", "  when:\n", "  when: ", "  - ", "    days: ", "mon-fri\n", "    from: ",
     "08:00\n", "    to: ", "  groups: ", "{ads: on}\n", "  mode: ", "off\n", "allow-only\n", "  allow: ", "[", "]\n", "'*.a.example'", "a.example\n",
     "::1\n", "192.0.2.0/24", "192.0.2.7/24\n", ", ", "  answer: drop\n", "\n", " ", "é", "'", "*", "&a ", "{}", "{", "}"]
)  # fmt: skip


def behind(text: str, line: int) -> int:
    """Return the column behind *line*, which ends at LF, and to YAML at a lone CR too."""
    found = [rows[line - 1 :][:1] for rows in (text.split("\n"), re.split("\r\n?|\n", text))]
    return 1 + max(len(row) for rows in found for row in rows)


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.text(), st.lists(BITS, max_size=15).map(lambda bits: "policies:\n- id: 0\n" + "".join(bits))
    )
)  # fmt: skip
def test_any_text_gives_policies_or_errors_within_the_file(text):
    lines = max(1, len(text.splitlines()))
    try:
        policies = parse(text, PATH)
    except RuleErrors as found:
        places = [(error.line, error.column) for error in found.errors]
    else:
        places = [(policy.line, None) for policy in policies]
    for line, column in places:
        assert line is not None and 1 <= line <= lines
        assert column is None or 1 <= column <= behind(text, line)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["clients", "users", "days", "from", "to", "allow", "id", "groups"]),
    st.text(max_size=100),  # a key in YAML has 1,024 characters at most, escaped as below
)
def test_any_value_gives_a_policy_or_errors(key, value):
    quoted = "".join(f"\\U{ord(char):08x}" for char in value if not 0xD800 <= ord(char) < 0xE000)
    at_key = f'{key}: "{quoted}"' if key != "groups" else f'groups: {{"{quoted}": on}}'
    item = f"id: a, when: [{{{at_key}}}]" if key in ("days", "from", "to") else at_key
    text = f"policies: [{{{item if 'id: ' in item else 'id: a, ' + item}}}]"
    try:
        (policy,) = parse(text, PATH)
    except RuleErrors as found:
        (error,) = found.errors
        assert "\n" not in str(error)
        assert error.line == 1
        assert text[error.column - 1 :].startswith((f"{key}:", f'"{quoted}": on'))
    else:
        assert policy.line == 1
