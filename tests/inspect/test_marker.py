"""The sign beside a flow."""

from __future__ import annotations

import pytest
from mitmproxy.utils import emoji

from forebay.inspect import marker as signs
from forebay.inspect.marker import acting, is_blocked, marker

EDITED = {"rewrite": [{"changes": [{"field": "x"}]}]}


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ({}, ""),
        ({"cache": {"result": "miss", "age_s": None}}, ""),
        ({"cache": {"result": "stale", "age_s": None}}, ""),
        ({"block": {"action": "allow", "exception": {"line": 1}}}, ""),
        ({"rewrite": [{"changes": [{"field": "x"}], "mode": "shadow"}]}, ""),
        ({"cache": {"result": "hit"}, "answer": "cache"}, signs.CACHED),
        ({"cache": {"result": "revalidated"}}, signs.CACHED),
        ({"cache": {"result": "stale", "age_s": 9}}, signs.CACHED),
        (EDITED, signs.REWRITTEN),
        ({"edits": [{"kind": "removeparam"}]}, signs.REWRITTEN),
        (EDITED | {"answer": "cache"}, signs.REWRITTEN),
        ({"cache": {"result": "miss", "reason": "only-if-cached"}, "answer": "cache"}, ""),
        (EDITED | {"answer": "recording"}, signs.REPLAYED),
        (EDITED | {"block": {"action": "block"}}, signs.BLOCKED),
        ({"answer": "blocklist"}, signs.BLOCKED),
    ],
)
def test_each_class_has_its_sign(notes, expected):
    assert marker(notes) == expected


def test_a_failure_outweighs_all_but_a_block():
    """What is dropped by a rule fails, too."""
    assert marker(EDITED | {"answer": "recording"}, failed=True) == signs.FAILED
    assert marker({"answer": "blocklist"}, failed=True) == signs.BLOCKED


def test_mitmproxy_knows_all_of_them():
    """And each is of one cell."""
    names = [signs.BLOCKED, signs.FAILED, signs.REPLAYED, signs.REWRITTEN, signs.CACHED]

    assert sorted(emoji.emoji[name] for name in names) == sorted("✖⚠▶✏♻")


def test_what_counts_as_blocked_and_as_edited():
    assert not is_blocked({"block": None})
    assert acting({"changes": [], "failed": "no"}) and acting({"answer": 200})
    assert not acting({"changes": []})
