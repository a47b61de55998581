"""What is wrong with a recording that has ended, in words that say what helps.

Pure; the standard library only, as the tests' own process uses it.  What is
looked at is the report of the proxy (see ``session``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_MOST_LISTED = 10
_MOST_LINES = 40
_MISTRUSTED = "does not trust"


@dataclass(frozen=True, slots=True)
class Words:
    """How a reader says what helps.

    Attributes:
        record: what records a request.
        anew: what records everything.
        allow: what lets hosts pass.
        again: what answers a request once more.
        ignore: what has something not count.
        redact: what masks more.
        environment: what gives programs the variables.
    """

    record: str
    anew: str
    allow: str
    again: str
    ignore: str
    redact: str
    environment: str


IN_TESTS = Words(
    record="--record-mode=new_episodes, or --record-mode=all for all of the test",
    anew="--record-mode=all",
    allow="@pytest.mark.recording(allow={!r})",
    again='@pytest.mark.recording(on_exhausted="repeat_last")',
    ignore="@pytest.mark.recording(ignore={!r})",
    redact="the ini option forebay_redact",
    environment="the fixture's env() has them, and the fixture forebay_env sets them for clients "
    "in the tests' own process",
)
IN_COMMANDS = Words(
    record="forebay record --mode new_episodes, or forebay record for all",
    anew="forebay record",
    allow="--allow HOST, for {}",
    again="--on-exhausted repeat_last",
    ignore="--ignore PART, for {}",
    redact="--redact",
    environment="the program has been given them",
)


def failures(
    report: Mapping[str, Any], words: Words = IN_TESTS, *, needs_all: bool = False
) -> list[str]:
    """Return what must fail a test; each may have several lines.

    Args:
        report: of the proxy.
        words: how what helps is said.
        needs_all: whether a recording that nobody has asked for is a failure.
    """
    found = [*map(_refused, report["refused"][:_MOST_LISTED])]
    if len(report["refused"]) > _MOST_LISTED:
        found.append(f"and {len(report['refused']) - _MOST_LISTED} more requests were refused")
    if report["refused"]:
        found.append(_help(report, words))
    found += _unexpected(report, words)
    if report["fenced"]:
        found.append(
            f"expected no connection in mode {report['mode']}, found attempts to reach "
            f"{_several(report['fenced'])}; what lets them pass: "
            + words.allow.format(sorted({_host(each) for each in report["fenced"]}))
        )
    found += [
        _untrusting(each, words) for each in _once(report["untrusting"]) if _is_mistrust(each)
    ]
    if report["secrets"]:
        found.append(
            _listed(
                f"expected no secret in the cassette {report['cassette']}, which is not written "
                f"with any; what masks more: a redact.yaml ({words.redact}); found:",
                report["secrets"],
            )
        )
    if needs_all and report["unused"]:
        found.append(
            _listed(
                f"expected every recording in {report['cassette']} to be asked for, found that "
                "nobody has asked for:",
                report["unused"],
            )
        )
    return found


def warnings(report: Mapping[str, Any], words: Words = IN_TESTS) -> list[str]:
    """Return what does not fail a test, but may be why it does not test what it should."""
    found = [
        _untrusting(each, words) for each in _once(report["untrusting"]) if not _is_mistrust(each)
    ]
    found += [
        f"not played to its end, as the client has not said what came next: {each}"
        for each in report.get("waiting", [])[:_MOST_LISTED]
    ]
    if report["mode"] not in ("none", "passthrough"):
        found += [f"not recorded: {each}" for each in report["skipped"][:_MOST_LISTED]]
        found += [
            f"not recorded, as the answer had not ended: {each['method']} {each['url']}"
            for each in report["requests"]
            if each["outcome"] == "open"
        ]
    if _is_silent(report):
        what = f"{report['cassette']} has recordings" if report["unused"] else "they are recorded"
        found.append(
            f"no request came through the proxy, and {what}: the client may ignore HTTP_PROXY, "
            f"HTTPS_PROXY and NO_PROXY ({words.environment}; Node heeds them from 22.21 and 24 on)"
        )
    return found


def _is_silent(report: Mapping[str, Any]) -> bool:
    if report["requests"] or report["untrusting"] or report["fenced"]:
        return False
    is_playing = report["mode"] == "none" or (report["mode"] == "once" and report["recorded"])
    return bool(report["unused"]) or (not is_playing and report["mode"] != "passthrough")


def _refused(refused: Mapping[str, Any]) -> str:
    lines = [f"unexpected request: {refused['error']}"]
    nearest = refused.get("nearest")
    if nearest:
        lines.append(f"  the nearest recording is {nearest['method']} {nearest['url']}")
        for each in refused["differences"]:
            lines.append(f"  it differs in {each['part']} (- recorded, + asked):")
            lines += [f"    {line}" for line in difference(each["recorded"], each["asked"])]
    return "\n".join(lines)


def _unexpected(report: Mapping[str, Any], words: Words) -> Iterator[str]:
    """Yield what is wrong with messages of WebSockets."""
    found = report.get("unexpected", [])
    for each in found[:_MOST_LISTED]:
        lines = [f"  {line}" for line in difference(each["recorded"], each["found"])]
        yield "\n".join([f"unexpected message: {each['error']} (- recorded, + found):", *lines])
    if len(found) > _MOST_LISTED:
        yield f"and {len(found) - _MOST_LISTED} more messages were unexpected"
    if found:
        yield (
            f"what can be done: record all of it anew where the server can be reached "
            f"({words.anew}), or have a member of JSON not count (ignore: json:/a/b)"
        )


def difference(recorded: str, asked: str) -> list[str]:
    """Return lines that show how two texts differ.

    >>> difference("a=1&b=2", "a=1&b=3")
    ['  a=1', '- b=2', '+ b=3']
    """
    before, after = _lines(recorded), _lines(asked)
    if len(before) == len(after) == 1 or not before or not after:
        return [*(f"- {line}" for line in before), *(f"+ {line}" for line in after)]
    found = [line for line in difflib.ndiff(before, after) if line[0] != "?"]
    if len(found) > _MOST_LINES:  # then only what is near a difference
        found = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
        found = [f"{line[0]} {line[1:]}" if line[0] in " +-" else line for line in found]
    more = len(found) - _MOST_LINES
    return found if more <= 0 else [*found[:_MOST_LINES], f"  and {more} more lines"]


def _lines(text: str) -> list[str]:
    """Return a text in lines that can be compared: JSON a member, forms a pair each."""
    if text[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
        except (ValueError, RecursionError):
            return text.splitlines()
    if "\n" not in text and "=" in text:
        return text.split("&")
    return text.splitlines()


def _help(report: Mapping[str, Any], words: Words) -> str:
    refused = report["refused"]
    hosts = sorted({urlsplit(each["url"]).hostname or "" for each in refused})
    what = [
        f"record it where the server can be reached: {words.record}",
        f"let the host pass: {words.allow.format(hosts)}",
    ]
    if any(each["recorded_times"] for each in refused):
        what.append(f"answer it again: {words.again}")
    names = {f"query:{name}" for each in refused for name in _other_parameters(each)}
    if names:
        what.append(f"if it does not count: {words.ignore.format(sorted(names)[:_MOST_LISTED])}")
    where = (
        f"the cassette is {report['cassette']}"
        if report["recorded"]
        else f"there is no cassette {report['cassette']}"
    )
    return "\n".join([f"{where}; what can be done:", *(f"  - {each}" for each in what)])


def _other_parameters(refused: Mapping[str, Any]) -> set[str]:
    """Return the names of parameters in which a request differs, where nothing else does."""
    differences = refused.get("differences", [])
    if [each["part"] for each in differences] != ["query"]:
        return set()
    asked, recorded = (
        set(parse_qsl(differences[0][side], keep_blank_values=True))
        for side in ("asked", "recorded")
    )
    return {name for name, _ in asked ^ recorded}


def _untrusting(each: Mapping[str, str], words: Words) -> str:
    client = each["client"] or "a client that has not said its name"
    return (
        f"expected clients that trust the proxy's certificate, found {client} that asked for "
        f"{each['host']} and left ({each['error'] or 'no reason given'}); a variable that helps is "
        f"{each['variable']} ({words.environment})"
    )


def _is_mistrust(each: Mapping[str, str]) -> bool:
    return _MISTRUSTED in each["error"]


def _once(found: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return these, each once: clients try again."""
    return [dict(pairs) for pairs in dict.fromkeys(tuple(sorted(each.items())) for each in found)]


def _listed(head: str, items: list[str]) -> str:
    more = len(items) - _MOST_LISTED
    lines = [f"  - {each}" for each in items[:_MOST_LISTED]]
    return "\n".join([head, *lines, *([f"  - and {more} more"] if more > 0 else [])])


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _several(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = len(found) - _MOST_LISTED
    return ", ".join(found[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
