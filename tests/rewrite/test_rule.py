"""In which phases a rule takes part."""

from __future__ import annotations

import pytest

from forebay.rewrite.match import Matcher
from forebay.rewrite.rule import Operation, Phase, Rule, Verb

EDIT = (Operation(Verb.SET, b"X", b"1"),)


@pytest.mark.parametrize(
    ("request_edits", "response_edits", "takes_part"),
    [
        (EDIT, (), [True, False]),
        ((), EDIT, [False, True]),
        (EDIT, EDIT, [True, True]),
        pytest.param((), (), [True, True], id="an exception stops both"),
    ],
)
def test_a_rule_takes_part_where_it_has_edits(request_edits, response_edits, takes_part):
    rule = Rule("a", "a.yaml", 1, Matcher(), request_edits, response_edits)

    assert [rule.takes_part(phase) for phase in Phase] == takes_part
    assert rule.operations(Phase.REQUEST) == request_edits
    assert rule.operations(Phase.RESPONSE) == response_edits
