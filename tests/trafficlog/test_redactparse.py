"""What a redact.yaml may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import RuleErrors
from forebay.trafficlog.redact import Mode, Policy, Redactor
from forebay.trafficlog.redactparse import combined, parse

PATH = Path("redact.yaml")
ALL = """\
mode: drop
names: [Employee_ID, x-internal-*]
keep: [code]
patterns:
  - {name: employee, regex: 'EMP-([0-9]{6})'}
tokens: false
cards: no
emails: true
"""


def policy(*texts: str) -> Policy:
    return combined([parse(text, PATH) for text in texts])


def test_nothing_is_the_default():
    assert policy("") == Policy() == policy("mode: mask\n")


def test_all_of_it():
    found = policy(ALL)

    assert found.mode is Mode.DROP
    assert found.names == ("employeeid", "xinternal*")
    assert found.keep == {"code"}
    assert (found.tokens, found.cards, found.emails) == (False, False, True)
    assert Redactor(found).text("EMP-123456, ann@example.com") == "EMP-REDACTED, REDACTED"


def test_lists_add_up_and_the_last_value_counts():
    found = policy("names: a\nmode: drop\ncards: false\n", "names: [b, a]\nmode: hash\n")

    assert found.names == ("a", "b")
    assert (found.mode, found.cards) == (Mode.HASH, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mode: masks", "redact.yaml:1:1: mode: expected 'mask', 'hash' or 'drop', found 'masks'"),
        ("name: [a]", "unknown key 'name': did you mean 'names'?"),
        ("names: ['*']", "expected the name of a parameter, field or cookie"),
        ("names: ['a b']", "expected the name of a parameter, field or cookie"),
        ("keep: [a*]", "expected one name and no *, found 'a*'"),
        ("patterns: [{name: a}]", "expected the key 'regex', found none"),
        ("patterns: [{name: a, regex: '('}]", "expected a regex, found '('"),
        ("patterns: [{name: a, regex: 'a*'}]", "which matches the empty text"),
        ("patterns: [{name: a, regex: '(a+)+b'}]", "expected a regex that takes little time"),
        ("emails: perhaps", "emails: expected true or false, found 'perhaps'"),
    ],
)
def test_mistakes_are_named(text, expected):
    with pytest.raises(RuleErrors) as caught:
        policy(text)

    assert expected in str(caught.value)


def test_what_ships_says_nothing():
    shipped = Path(__file__).parents[2] / "rules" / "redact.yaml"

    assert policy(shipped.read_text(encoding="utf-8")) == Policy()


def test_what_ships_documents_what_can_be_said():
    """Its example, without the comment signs."""
    shipped = Path(__file__).parents[2] / "rules" / "redact.yaml"
    lines = shipped.read_text(encoding="utf-8").splitlines()
    example = "\n".join(line[4:] for line in lines if line.startswith("#   "))

    found = policy(example)

    assert found.names == ("employeeid", "xinternal*")
    assert found.keep == {"code", "key"}
    assert len(found.shapes) == 1
