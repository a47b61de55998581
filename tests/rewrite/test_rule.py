"""What a rule is: in which phases it takes part, and when it is on."""

from __future__ import annotations

import pytest

from forebay.rewrite.answer import Answer
from forebay.rewrite.bodyedits import BodyEdits
from forebay.rewrite.edits import MethodEdit
from forebay.rewrite.rule import Edits, Phase
from rewrite.builders import rule

EDIT = Edits((MethodEdit("GET"),))
NONE = Edits()


@pytest.mark.parametrize(
    ("request_edits", "response_edits", "takes_part"),
    [
        (EDIT, NONE, [True, False]),
        (NONE, EDIT, [False, True]),
        (EDIT, EDIT, [True, True]),
        pytest.param(NONE, NONE, [True, True], id="an exception stops both"),
        pytest.param(Edits(body=BodyEdits(())), NONE, [True, False], id="an edit of the body"),
        pytest.param(Edits(answer=Answer()), NONE, [True, False], id="an answer"),
    ],
)
def test_a_rule_takes_part_where_it_has_edits(request_edits, response_edits, takes_part):
    found = rule(request=request_edits, response=response_edits)

    assert [found.takes_part(phase) for phase in Phase] == takes_part
    assert found.edits(Phase.REQUEST) is request_edits
    assert found.edits(Phase.RESPONSE) is response_edits


@pytest.mark.parametrize(
    ("group", "is_default_on", "on", "off", "expected"),
    [
        pytest.param("", True, (), (), True, id="no group"),
        pytest.param("", False, ("dev",), (), False, id="no group, in a file that is off"),
        pytest.param("dev", True, (), (), True, id="nobody says anything"),
        pytest.param("dev", False, (), (), False, id="nor of a file that is off"),
        pytest.param("dev", False, ("dev",), (), True, id="switched on"),
        pytest.param("dev", True, (), ("dev",), False, id="switched off"),
        pytest.param("dev", True, ("dev",), ("dev",), False, id="off beats on"),
        pytest.param("dev", True, ("x",), ("x",), True, id="another group"),
        pytest.param("dev", False, ("x",), (), False, id="another group is on"),
    ],
)
def test_groups_switch_rules(group, is_default_on, on, off, expected):
    found = rule(group=group, is_default_on=is_default_on)

    assert found.is_on(frozenset(on), frozenset(off)) is expected
