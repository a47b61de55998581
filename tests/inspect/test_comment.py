"""The line in a flow's row."""

from __future__ import annotations

import pytest

from forebay.inspect.comment import LONGEST, cited, comment, place

BLOCK = {
    "action": "block",
    "name": "ads.example",
    "rule": "||ads.example^",
    "list": "easylist",
    "path": "/lists/easylist.txt",
    "line": 1234,
    "exception": None,
    "reason": "ads.example is listed",
}
SAVED = BLOCK | {
    "action": "allow",
    "exception": {"rule": "@@||ads.example^", "list": "own", "path": "/r/own.txt", "line": 3},
}
EDIT = {
    "id": "a",
    "file": "/r/rewrite.yaml",
    "line": 12,
    "phase": "request",
    "changes": [{"field": "x", "before": None, "after": "1"}],
}


def cache(result, reason="", **more):
    notes = {"result": result, "reason": reason, "age_s": None, "ttl_s": None, "stored": False}
    return {"cache": notes | more}


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ({"attempt": 1}, ""),
        (cache("miss", "not stored"), "cache miss"),
        (cache("miss", "not stored", stored=True), "cache miss, stored"),
        (cache("miss", "vary", unstored="no-store"), "cache miss (vary), not stored: no-store"),
        (cache("bypass", "method"), "cache bypass (method)"),
        (cache("hit", "fresh", age_s=31, ttl_s=9), "cache hit age 31s"),
        (
            cache("hit", "stale-while-revalidate", age_s=31, ttl_s=-1),
            "cache hit age 31s (stale-while-revalidate)",
        ),
        (cache("revalidated", "stale", stored=True), "cache revalidated, stored"),
        (cache("stale", "no-cache", stored=True), "cache renewed (no-cache), stored"),
        (
            cache("stale", "unreachable", age_s=90, ttl_s=-30),
            "cache stale age 90s (unreachable)",
        ),
        (
            cache("bypass", "bypass", rule={"file": "/r/cache.yaml", "line": 4}),
            "cache bypass (bypass), cache.yaml:4",
        ),
        ({"block": BLOCK, "answer": "blocklist"}, "easylist:1234 blocked"),
        (
            {"edits": [BLOCK | {"kind": "removeparam"}, SAVED | {"kind": "csp", "line": 5}]},
            "easylist:1234 removeparam, easylist:5 csp",
        ),
        (
            {"edits": [BLOCK | {"kind": "csp", "line": i} for i in range(1, 9)]},
            ", ".join(f"easylist:{i} csp" for i in range(1, 7)) + " and 2 more",
        ),
        ({"block": SAVED}, "own:3 allowed"),
        ({"block": BLOCK | {"action": "bypass"}}, "easylist:1234 bypassed"),
        (
            {"block": BLOCK | {"action": "bypass", "rule": None, "policy": "kids (p.yaml:2)"}},
            "kids (p.yaml:2) bypassed",
        ),
        (
            {"bypass": {"asked": ["cache", "rewrite"], "done": ["cache", "rewrite"]}}
            | cache("bypass", "X-Forebay-Bypass"),
            "bypassed cache, rewrite",
        ),
        (
            {
                "bypass": {"asked": ["block"], "done": ["block"]},
                "block": BLOCK | {"action": "bypass"},
            },
            "easylist:1234 bypassed",
        ),
        (
            {"bypass": {"asked": ["x"], "done": [], "ignored": "unknown: x"}},
            "bypass ignored: unknown: x",
        ),
        (
            {"bypass": {"asked": ["x", "cache"], "done": ["cache"], "ignored": "unknown: x"}},
            "bypassed cache, bypass ignored: unknown: x",
        ),
        (
            {"block": BLOCK | {"rule": None, "list": None}, "answer": "blocklist"},
            "blocked: ads.example is listed",
        ),
        ({"answer": "blocklist", "block": {"action": "block"}}, "blocked: no rule is named"),
        ({"rewrite": [EDIT]}, "rewrite.yaml:12 edited"),
        ({"rewrite": [EDIT, EDIT | {"phase": "response"}]}, "rewrite.yaml:12 edited"),
        ({"rewrite": [EDIT | {"mode": "shadow"}]}, ""),
        ({"rewrite": [EDIT | {"changes": []}]}, ""),
        ({"rewrite": [EDIT | {"changes": [], "answer": 204}]}, "rewrite.yaml:12 answered 204"),
        ({"rewrite": [EDIT | {"failed": "no such group"}]}, "rewrite.yaml:12 failed"),
        ({"answer": "recording"}, "replayed recording"),
        ({"answer": "proxycore"}, "answered by Forebay"),
        ({"answer": "trafficlog"}, "refused: the log cannot be written"),
        ({"retried": True}, "retried"),
        ({"background": True}, "refresh by the cache"),
    ],
)
def test_each_decision_has_its_words(notes, expected):
    assert comment(notes) == expected


def test_rules_come_before_the_cache():
    """A narrow column shows the beginning."""
    notes = cache("miss", "not stored") | {"rewrite": [EDIT], "block": SAVED}

    assert comment(notes, error_type="truncated") == (
        "own:3 allowed · rewrite.yaml:12 edited · error truncated · cache miss"
    )


def test_a_recording_without_an_answer():
    assert comment({"answer": "recording"}, refused=True) == "not in the recording"


def test_many_rules_are_counted():
    edits = [EDIT | {"line": line} for line in range(1, 10)]

    found = comment({"rewrite": edits})

    assert found.count("edited") == 6
    assert found.endswith("rewrite.yaml:6 edited and 3 more")


def test_it_is_bounded_and_on_one_line():
    edits = [EDIT | {"file": f"/r/{'x' * 500}.yaml", "line": line} for line in range(9)]
    block = BLOCK | {"rule": None, "reason": "a\nb\u202e" + "y" * 5000}

    found = comment({"rewrite": edits, "block": block, "answer": "blocklist"})

    assert len(found) == LONGEST and found.endswith("…")
    assert found.isprintable()


def test_secrets_are_masked_but_names_of_lists_are_not():
    """A list may be called what else would be a secret's name."""
    notes = cache("miss", "not stored", unstored="http://u:hunter2@h/?token=hunter2")
    notes["block"] = BLOCK | {"list": "token"}
    notes["rewrite"] = [EDIT | {"file": "/r/password.yaml"}]

    found = comment(notes)

    assert "hunter2" not in found and "REDACTED" in found
    assert "token:1234 blocked" in found and "password.yaml:12" in found


def test_a_rule_is_cited_by_its_list_or_else_its_file():
    assert cited({"list": None, "path": "/l/ads.txt", "line": 7}) == "ads.txt:7"
    assert place("rewrite.yaml", 1) == "rewrite.yaml:1"
