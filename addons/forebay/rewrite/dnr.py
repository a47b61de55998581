"""Rules of Chrome's declarativeNetRequest to rules of ours, as far as they can be carried over.

https://developer.chrome.com/docs/extensions/reference/api/declarativeNetRequest
says what they mean: the highest priority decides; where it is equal, allow comes
before block, upgradeScheme and redirect.  ``allow`` also holds off the header
rules of no higher priority.  So one becomes an exception of all that it holds
off, not a rule of its own: that would end other files' rules, too.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from forebay.errors import ForebayError, RuleError
from forebay.rewrite.dnraction import SPLIT, edits_of
from forebay.rewrite.dnrcondition import DEST, Condition, Section, bounds_of, condition_of
from forebay.rewrite.importer import Imported
from forebay.rewrite.patterns import LONGEST_URL, REGEX, url_pattern

MOST_RULES = 2000
MOST_EXCEPTIONS = 100
"""So many one rule may have."""
_RANKS = ["allow", "allowAllRequests", "block", "upgradeScheme", "redirect", "modifyHeaders"]
_KEYS = {"id", "priority", "action", "condition"}
_BLANK = " \t\r\n"
_MOST = 2**31 - 1
"""Chrome's numbers have 32 bits."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A rule as it was written, at *place*; *reason* says why it cannot be carried over."""

    number: int
    place: str
    priority: int
    kind: str
    action: Section
    condition: Condition
    reason: str = ""

    def holds_off(self, other: _Given) -> bool:
        """Return whether it, an allowing one, may hold off *other*."""
        if self.priority < other.priority or other.kind.startswith("allow"):
            return False
        return self.kind == "allowAllRequests" or not _are_apart(self.condition, other.condition)


def imported_dnr(text: str, name: str, *, check: Callable[[Section], object]) -> Imported:
    """Return the rules for those of *text*, a JSON file called *name*.

    Args:
        text: a list of rules, as in a ruleset's file.
        name: only named, with the line of each rule.
        check: raises a ForebayError for what is no rule.

    Raises:
        ForebayError: when it is no such list.
    """
    given = [_given(value, f"{name}:{line}") for value, line in _items(text, name)]
    found = Imported()
    taken: list[tuple[_Given, list[Section]]] = []
    given.sort(key=lambda each: (-each.priority, _RANKS.index(each.kind)))  # stable
    allowing = [each for each in given if each.kind.startswith("allow")]
    for each in given:
        if each.kind == "allow" and not each.reason:
            continue
        try:
            taken.append((each, _rules(each, allowing, check)))
        except ForebayError as error:
            reason = error.message if isinstance(error, RuleError) else str(error)
            found.left.append(f"{each.place}: rule {each.number}: {reason}")
    _put_in_order(found, taken)
    return found


def _items(text: str, name: str) -> list[tuple[Any, int]]:
    """Return the values of the list that *text* is, each with its line."""
    decoder = json.JSONDecoder()
    found: list[tuple[Any, int]] = []
    at, line, counted = _behind_blank(text, 0), 1, 0
    try:
        if text[at : at + 1] != "[":
            raise ForebayError(f"{name}: expected a list of rules in JSON, found none")
        at = _behind_blank(text, at + 1)
        while text[at : at + 1] != "]":
            line += text.count("\n", counted, at)
            counted = at
            value, at = decoder.raw_decode(text, at)
            found.append((value, line))
            at = _behind_blank(text, at)
            if text[at : at + 1] == ",":
                at = _behind_blank(text, at + 1)
            elif text[at : at + 1] != "]":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        if text[at + 1 :].strip(_BLANK):
            raise json.JSONDecodeError("Extra data", text, at + 1)
    except json.JSONDecodeError as error:
        raise ForebayError(
            f"{name}:{error.lineno}:{error.colno}: expected JSON, found otherwise: {error.msg}"
        ) from None
    except ValueError:
        raise ForebayError(
            f"{name}:{line}: expected numbers of a few digits, found one of thousands"
        ) from None
    except RecursionError:
        raise ForebayError(f"{name}:{line}: expected JSON, found lists in lists too deep") from None
    if len(found) > MOST_RULES:
        raise ForebayError(
            f"{name}: expected at most {MOST_RULES:,} rules, found {len(found):,}; "
            "filter lists are for the blocklist"
        )
    return found


def _behind_blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _given(value: Any, place: str) -> _Given:
    """Return the rule that *value* is; what is no rule, with the reason."""
    # Chrome passes over what it cannot read; so it holds nothing off.
    number, priority, kind = 0, 1, "block"
    action: Section = {}
    condition = Condition()
    try:
        if not isinstance(value, dict):
            raise RuleError(f"expected an object, found {value!r:.70}")
        number = _integer(value, "id", None)
        priority = _integer(value, "priority", 1)
        action = _object(value, "action")
        found = action.get("type")
        if found not in _RANKS:
            raise RuleError(f"action.type: expected {', '.join(_RANKS)}, found {found!r:.70}")
        kind = str(found)
        for key in sorted(value.keys() - _KEYS):
            raise RuleError(f"{key:.70}: unknown here")
        conditions = _object(value, "condition")
        condition = bounds_of(conditions)
        condition = condition_of(conditions)
        if kind == "allowAllRequests":
            raise RuleError("a proxy does not know which page a request belongs to")
        if kind == "allow" and "domainType" in conditions:
            raise RuleError("domainType: an exception must not leave out what it was made for")
    except RuleError as error:
        return _Given(number, place, priority, kind, action, condition, error.message)
    return _Given(number, place, priority, kind, action, condition)


def _object(value: Section, key: str) -> Section:
    found = value.get(key, {})
    if not isinstance(found, dict):
        raise RuleError(f"{key}: expected an object, found {found!r:.70}")
    return found


def _integer(value: Section, key: str, default: int | None) -> int:
    found = value.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= _MOST:
        raise RuleError(f"{key}: expected a number from 1 to {_MOST}, found {found!r:.70}")
    return found


def _rules(
    given: _Given, allowing: list[_Given], check: Callable[[Section], object]
) -> list[Section]:
    """Return the rules of ours that say what *given* does."""
    if given.reason:
        raise RuleError(given.reason)
    condition = Condition(deepcopy(given.condition.match), deepcopy(given.condition.unless))
    for each in allowing:
        if not each.holds_off(given):
            continue
        if each.reason:
            raise RuleError(
                f"rule {each.number} ({each.kind}, {each.place}) ranks above it, "
                "and cannot be carried over"
            )
        if each.condition.unless:
            raise RuleError(
                f"rule {each.number} ({each.kind}, {each.place}) ranks above it, "
                "and an exception can have none of its own"
            )
        if not each.condition.match:
            raise RuleError(f"rule {each.number} ({each.kind}, {each.place}) holds it off always")
        if len(condition.unless) > MOST_EXCEPTIONS:
            raise RuleError(f"more than {MOST_EXCEPTIONS} allowing rules may hold it off")
        condition.unless += _exceptions(each.condition.match)
        if each.condition.looks_at_browsers_fields:
            # Without that field nobody knows whether it is allowed.
            condition.match.setdefault("request_header", {}).setdefault(DEST, ["*"])
    made = edits_of(given.kind, given.action, condition)
    for rule in made:
        check({key: value for key, value in rule.items() if key != SPLIT})
    if condition.looks_at_browsers_fields and _is_plain(condition.match):
        whose = "" if given.condition.looks_at_browsers_fields else ", which an allow goes by"
        raise RuleError(f"over http browsers do not say what type of resource they ask for{whose}")
    return made


def _exceptions(match: Section) -> list[Section]:
    """Return what *match* holds for; of URLs longer than its regex is searched in, all."""
    found = [deepcopy(match)]
    if "url" in match:
        limit = getattr(url_pattern(match["url"]), "limit_chars", LONGEST_URL)
        if limit < LONGEST_URL:
            found.append({**deepcopy(match), "url": f"{REGEX}^.{{{limit + 1}}}"})
    return found


def _is_plain(match: Section) -> bool:
    """Return whether *match* is for ``http`` only."""
    url = str(match.get("url", "")).removeprefix("regex:").removeprefix("(?i)")
    return match.get("scheme") == "http" or url.startswith("^http:")


def _put_in_order(found: Imported, taken: list[tuple[_Given, list[Section]]]) -> None:
    """Add the rules to *found*: what decides first, then headers.

    Of two header rules the one of higher priority has the last word, so it
    comes last; what they append comes behind that, its own first.
    """
    others = [(given, rule) for given, rules in taken for rule in rules if SPLIT not in rule]
    headers = [(given, rule) for given, rules in taken for rule in rules if SPLIT in rule]
    kept: list[tuple[_Given, Section]] = []
    for given, rule in headers:
        clash = next((above for above, other in kept if _clash(above, other, given, rule)), None)
        if clash is None:
            kept.append((given, rule))
        else:
            found.left.append(
                f"{given.place}: rule {given.number}: rule {clash.number} ({clash.place}), which "
                "ranks above it, decides about the same field"
            )
    sets = [(given, rule) for given, rule in kept if rule[SPLIT] == "set"]
    appends = [(given, rule) for given, rule in kept if rule[SPLIT] == "append"]
    counts: dict[str, int] = {}
    for given, rule in [*others, *reversed(sets), *appends]:
        rule.pop(SPLIT, None)
        name = f"dnr-{given.number}"
        counts[name] = counts.get(name, 0) + 1
        if counts[name] > 1:
            name = f"{name}-{counts[name]}"
        found.rules.append({"id": name, **rule})
        found.notes.append(
            f"{given.place}: rule {given.number}, {given.kind}, priority {given.priority}"
        )


def _clash(above: _Given, other: Section, given: _Given, rule: Section) -> bool:
    """Return whether *rule* of *given* must not be done where *other*, of *above*, is."""
    if above.number == given.number and above.place == given.place:
        return False
    if _are_apart(above.condition, given.condition):
        return False
    for phase in ("request", "response"):
        upper, lower = other.get(phase, {}), rule.get(phase, {})
        if rule[SPLIT] == "append":
            # Nothing is appended to what was removed.
            clashing = _names({"remove": upper.get("remove", ())})
        elif other[SPLIT] == "append" or above.priority == given.priority:
            # What was appended to is only appended to; and of equal rules nobody
            # says which is first.
            clashing = _names(upper) if upper != lower else frozenset()
        else:
            continue
        if clashing & _names(lower):
            return True
    return False


def _names(section: Section) -> frozenset[str]:
    return frozenset(name.lower() for each in section.values() for name in each)


def _are_apart(one: Condition, other: Condition) -> bool:
    """Return whether no request is for both, as far as hosts, methods and types tell."""
    if one.methods and other.methods and not one.methods & other.methods:
        return True
    if one.dests and other.dests and not one.dests & other.dests:
        return True
    return all(
        not (a == b or a.endswith(b) or b.endswith(a)) for a in _hosts(one) for b in _hosts(other)
    )


def _hosts(condition: Condition) -> list[str]:
    """Return the ends of its hosts; of any host for none."""
    given = condition.match.get("host", "")
    return [given] if isinstance(given, str) else list(given)
