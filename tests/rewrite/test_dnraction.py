"""Actions of declarativeNetRequest; what they do is tried in test_dnr."""

from __future__ import annotations

import pytest

from forebay.rewrite.dnraction import SPLIT, edits_of
from forebay.rewrite.dnrcondition import Condition


def substitution(regex, text):
    condition = Condition({"url": f"regex:{regex}"})
    action = {"redirect": {"regexSubstitution": text}}
    (rule,) = edits_of("redirect", action, condition)
    return rule["match"]["url"].removeprefix("regex:"), rule["request"]["redirect"]["to"]


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [
        ("^a(b)$", "\\1", ("^a(b)$", "{re.1}")),
        ("^a(b)$", "\\0\\1", ("^(a(b)$)", "{re.1}{re.2}")),
        ("^a(b)", "\\1", ("^a(b)(.*)$", "{re.1}{re.2}")),
        ("a(b)", "\\1", ("^(.*?)a(b)(.*)$", "{re.1}{re.2}{re.3}")),
        ("(?i)a", "\\0", ("(?i)^(.*?)(a)(.*)$", "{re.1}{re.2}{re.3}")),
        ("^a\\$", "x", ("^a\\$(.*)$", "x{re.1}")),
        ("^a.*", "\\\\{re.1}", ("^a.*", "\\{{re.1}}")),
    ],
)
def test_what_is_around_a_match_stays(regex, text, expected):
    assert substitution(regex, text) == expected


def test_what_is_appended_is_a_rule_of_its_own():
    operations = [
        {"header": "A", "operation": "append", "value": "1"},
        {"header": "B", "operation": "remove"},
    ]
    found = edits_of("modifyHeaders", {"requestHeaders": operations}, Condition())

    assert found == [
        {"request": {"remove": ["B"]}, SPLIT: "set"},
        {"request": {"append": {"A": "1"}}, SPLIT: "append"},
    ]
