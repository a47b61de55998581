"""What a running proxy says of itself, as text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cli.statustext import lines_of, problems_of

FOUND = {
    "problems": ["cache: the disk\nfails"],
    "proxy": {"pid": 17000, "version": "0.1.0", "uptime_s": 3723, "memory_bytes": 1_500_000},
    "blocklist": {
        "summary": "9 rules from 1 list",
        "on": True,
        "paused_s": None,
        "judged": 12345,
        "lists": [
            {"name": "sample", "group": None, "rules": 9, "enabled": True, "path": "/a b/s.txt"},
            {"name": "own", "group": None, "rules": 1200, "enabled": False, "path": "/o.txt"},
        ],
    },
    "recording": {"summary": "off", "on": False},
}

TEXT = """\
proxy 17000: 1 problem
  ! cache: the disk\\nfails
proxy
  pid      17000
  version  0.1.0
  uptime   1 h 2 min
  memory   1.5 MB
blocklist: 9 rules from 1 list
  judged  12,345
  lists
    name    rules  enabled  path
    sample      9  yes      /a b/s.txt
    own     1,200  no       /o.txt
recording: off"""


def test_one_proxy():
    assert "\n".join(lines_of(FOUND)) == TEXT


def test_a_proxy_that_is_well():
    assert next(lines_of({"problems": [], "proxy": {"pid": 3}})) == "proxy 3: well"


def test_terminals_are_not_at_its_mercy():
    found = {"proxy": {"pid": "\x1b", "home": "\x1b[2J\u202e"}, "\x1b": {"\x1b": ["\x1b"]}}

    lines = list(lines_of(found | {"problems": ["\x1b"], "cache": "\x1b"}))

    assert lines[4] == "  home  \\x1b[2J\\u202e"
    assert all(line.isprintable() for line in lines)


def test_long_tables_end():
    rows = [{"path": str(number)} for number in range(250)]

    assert list(lines_of({"rewrite": {"files": rows}}))[-1] == "    and 50 more"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
NAMES = st.sampled_from(["proxy", "problems", "at_s", "x_at_s", "x_s", "x_bytes", "x_ratio", ""])


@given(found=st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES)))
def test_whatever_another_version_says_is_lines_of_text(found):
    found = json.loads(json.dumps(found))

    lines = list(lines_of(found))

    assert all("\n" not in line and line.isprintable() for line in lines)
    assert all(isinstance(line, str) for line in problems_of(found))


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, float("nan"), -5])
@pytest.mark.parametrize("unit", ["_at_s", "_s", "_bytes", "_ratio", ""])
def test_numbers_that_nobody_has_a_use_for(number, unit):
    assert len(list(lines_of({"cache": {f"x{unit}": number}}))) == 3
