"""Say in one line what was decided about a flow, and by which rule.

Pure.  A column of mitmweb shows some twenty characters, so rules come first,
and of these the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from forebay.blocklist.verdict import visible
from forebay.inspect.marker import acting, is_blocked
from forebay.trafficlog import failure
from forebay.trafficlog.redact import DEFAULT, Redactor

LONGEST = 300
"""Characters of a comment."""
_REFUSED = "Connection killed: "
"""So mitmproxy begins when an addon has refused to connect a server, and why comes behind."""
_LONGEST_NAME = 80
_LONGEST_REASON = 120
_MOST_RULES = 6

type Notes = Mapping[str, Any]


def comment(
    notes: Notes,
    *,
    error_type: str | None = None,
    error: str = "",
    refused: bool = False,
    redactor: Redactor = DEFAULT,
) -> str:
    """Return what *notes*, the flow's outcome, come down to; empty when nothing was decided.

    Texts that may quote a request are redacted; names of files and lists stand
    as they are, since they are what the reader looks for.

    >>> comment({"cache": {"result": "hit", "reason": "fresh", "age_s": 31},
    ...          "rewrite": [{"file": "/r/rewrite.yaml", "line": 12, "changes": [{}]}]})
    'rewrite.yaml:12 edited · cache hit age 31s'

    Args:
        notes: the outcome.
        error_type: why the attempt failed, in one word.
        error: the same in mitmproxy's words, for where that one tells too little.
        refused: whether a recording had no answer.
        redactor: what masks secrets.
    """
    done = (notes.get("bypass") or {}).get("done") or ()
    parts = [
        _block(notes, redactor),
        _edits(notes),
        _rewrite(notes),
        _answer(notes, refused=refused),
        _error(notes, error_type, error, redactor),
        _bypass(notes.get("bypass"), redactor),
        "" if "cache" in done else _cache(notes.get("cache"), redactor),
        "retried" if notes.get("retried") else "",
        "refresh by the cache" if notes.get("background") else "",
    ]
    line = " · ".join(filter(None, parts))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def place(path: object, line: object) -> str:
    """Return the file's name and the line, as one looks for it.

    >>> place("/rules/rewrite.yaml", 12)
    'rewrite.yaml:12'
    """
    return f"{visible(PurePath(str(path)).name, _LONGEST_NAME)}:{line}"


def cited(rule: Notes) -> str:
    """Return list and line of a rule of a blocklist, or where it is when its list has no name.

    >>> cited({"list": "easylist", "path": "/l/easylist.txt", "line": 7})
    'easylist:7'
    """
    if rule.get("list"):
        return f"{visible(str(rule['list']), _LONGEST_NAME)}:{rule.get('line')}"
    return place(rule.get("path"), rule.get("line"))


def _error(notes: Notes, error_type: str | None, error: str, redactor: Redactor) -> str:
    if error_type is None:
        return ""
    if error.startswith(_REFUSED):
        if is_blocked(notes):
            return ""  # that says why
        return _said(error.removeprefix(_REFUSED), redactor)
    return (
        f"error: {_said(error, redactor)}" if error_type == failure.OTHER else f"error {error_type}"
    )


def _bypass(bypass: Notes | None, redactor: Redactor) -> str:
    if not bypass:
        return ""
    done = [word for word in bypass.get("done") or () if word != "block"]  # its rule is named
    why = f"bypass ignored: {_said(bypass['ignored'], redactor)}" if bypass.get("ignored") else ""
    return ", ".join(filter(None, (f"bypassed {', '.join(done)}" if done else "", why)))


def _cache(cache: Notes | None, redactor: Redactor) -> str:
    if not cache or "result" not in cache:
        return ""
    result, reason = cache["result"], str(cache.get("reason") or "")
    words = [f"cache {result}"]
    # Cases:
    # 1. answered from the store: how old it was, and why it served although stale
    # 2. "stale" without an age: the origin was asked instead, and gave another answer
    # 3. all else went to the origin
    if cache.get("age_s") is not None:
        words.append(f"age {cache['age_s']}s")
        told = "" if reason == "fresh" else reason
    elif result == "stale":
        words = ["cache renewed"]
        told = reason
    else:
        told = "" if result == "revalidated" or reason == "not stored" else reason
    if told:
        words.append(f"({_said(told, redactor)})")
    line = " ".join(words)
    if cache.get("stored"):
        line += ", stored"
    elif cache.get("unstored"):
        line += f", not stored: {_said(cache['unstored'], redactor)}"
    rule = cache.get("rule")
    return f"{line}, {place(rule['file'], rule['line'])}" if rule else line


def _edits(notes: Notes) -> str:
    """Return what rules of a blocklist have changed without blocking."""
    shown = [f"{cited(edit)} {edit.get('kind')}" for edit in notes.get("edits") or ()]
    more = len(shown) - _MOST_RULES
    return ", ".join(shown[:_MOST_RULES]) + (f" and {more} more" if more > 0 else "")


def _rewrite(notes: Notes) -> str:
    shown = [_entry(entry) for entry in notes.get("rewrite") or () if acting(entry)]
    shown = list(dict.fromkeys(shown))
    if not shown:
        return ""
    more = len(shown) - _MOST_RULES
    return ", ".join(shown[:_MOST_RULES]) + (f" and {more} more" if more > 0 else "")


def _entry(entry: Notes) -> str:
    where = place(entry.get("file"), entry.get("line"))
    if "failed" in entry:
        return f"{where} failed"
    return f"{where} answered {entry['answer']}" if "answer" in entry else f"{where} edited"


def _block(notes: Notes, redactor: Redactor) -> str:
    block = notes.get("block")
    if not block:
        return ""
    exception = block.get("exception")
    if not is_blocked(notes):
        if block.get("action") == "bypass":
            policy = visible(block.get("policy"), _LONGEST_NAME)
            return f"{cited(block) if block.get('rule') else policy} bypassed"
        return f"{cited(exception)} allowed" if exception else ""
    if block.get("rule"):
        return f"{cited(block)} blocked"
    return f"blocked: {_said(block.get('reason') or 'no rule is named', redactor)}"


def _answer(notes: Notes, *, refused: bool) -> str:
    match notes.get("answer"):
        case "recording":
            return "not in the recording" if refused else "replayed recording"
        case "proxycore":
            return "answered by Forebay"
        case "trafficlog":
            return "refused: the log cannot be written"
        case _:
            return ""


def _said(text: object, redactor: Redactor) -> str:
    return visible(redactor.excerpt(str(text), _LONGEST_REASON), _LONGEST_REASON)
