"""The rules of a Rewrite set of Charles, as edits of ours.

Names and values are looked for without regard to case unless a rule says so,
values in parts unless it wants the whole; a blank one is any
(https://www.charlesproxy.com/documentation/tools/rewrite/).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from forebay.errors import RuleError
from forebay.rewrite.importer import Section, plain
from forebay.rewrite.plainxml import Element

# The numbers are those of the format; niddler-ui, which writes it too, names them so.
_NAMES = {
    "1": "add header", "2": "remove header", "3": "modify header", "4": "host", "5": "path",
    "6": "URL", "7": "body", "8": "add query param", "9": "modify query param",
    "10": "remove query param", "11": "response status",
}  # fmt: skip
_FIRST = "1"
_ANY = r"[\s\S]*"  # ends of lines, too, whatever a dot of the rule's own regex is
_PARTS = frozenset({"host", "path", "scheme", "port", "url"})
_CHANGED = {
    "4": frozenset({"host"}), "5": frozenset({"path"}), "6": _PARTS,
    "8": frozenset({"url"}), "9": frozenset({"url"}), "10": frozenset({"url"}),
}  # fmt: skip
_DOLLAR = re.compile(r"\$([0-9]+)")
_IN_BRACES = re.compile(r"\{\$[0-9]+\}").search
_STATUS = re.compile(r"([2-5][0-9]{2})(?: .*)?", re.ASCII).fullmatch
_STATUS_SEEN = re.compile(r"([1-5][0-9]{2})", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class _Given:
    """A rule as it was written, with the *match* of its location."""

    match: Section
    name: str
    value: str
    new_name: str
    new_value: str
    phases: tuple[str, ...]
    is_regex: bool
    is_whole: bool
    is_case_sensitive: bool
    is_first: bool

    def regex(self, *, around: bool = False) -> str:
        """Return the regex for its value; with *around* it has groups for what is around it.

        Where only the first place counts, what stands before it is a group.
        """
        pattern = self.value if self.is_regex else re.escape(self.value)
        flags = "" if self.is_case_sensitive else "(?i)"
        if around:
            return f"{flags}^({_ANY}?)(?:{pattern})({_ANY})$"
        if self.is_whole:
            return f"{flags}^(?:{pattern})\\Z"
        return f"{flags}^({_ANY}?)(?:{pattern})" if self.is_first else f"{flags}{pattern}"

    def replacement(self, *, around: bool = False) -> str:
        """Return the new value with the groups that `regex` has."""
        is_behind = around or (self.is_first and not self.is_whole)
        new = self._with_groups(int(is_behind))
        if around:
            return f"{{re.1}}{new}{{re.{self._groups() + 2}}}"
        return f"{{re.1}}{new}" if is_behind else new

    def replaces(self) -> dict[str, str]:
        """Return regex and replacement for its value; for all of it where that is blank."""
        if not self.value:
            return {"(?s)^.*": plain(self.new_value)}
        return {self.regex(): self.replacement()}

    def _with_groups(self, before: int) -> str:
        new = plain(self.new_value)
        if not self.is_regex:
            return new
        if "\\" in new or _IN_BRACES(new):
            raise RuleError(f"a new value with \\, or a group in braces, found {new!r:.70}")
        count = self._groups()

        def group(found: re.Match[str]) -> str:
            if len(found[1]) > 1 or not 0 < int(found[1]) <= count:
                raise RuleError(
                    f"newValue: expected one of the {min(count, 9)} groups of its regex, "
                    f"found {found[0]:.20}"
                )
            return f"{{re.{int(found[1]) + before}}}"

        return _DOLLAR.sub(group, new)

    def _groups(self) -> int:
        if not self.is_regex:
            return 0
        return _compiled(self.value).groups


def _compiled(regex: str, flags: int = 0) -> re.Pattern[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            return re.compile(regex, flags)
    except (re.error, RecursionError, OverflowError, FutureWarning) as error:
        raise RuleError(f"expected a regex, found {regex!r:.70}: {error}") from None


def name_of(element: Element) -> str:
    """Return what kind of rule *element* is, for people."""
    number = element.text_of("ruleType")
    return _NAMES.get(number, f"ruleType {number!r:.20}")


def moving(rules: Iterable[Element], matches: Iterable[Section]) -> list[bool]:
    """Return for each of *rules*, those of a set, whether one of *matches* may not hold after it.

    Where one says the whole URL, so may all others that change it: their order counts.
    """
    kinds = [each.text_of("ruleType") for each in rules]
    seen = frozenset().union(*matches)
    if "6" in kinds and seen:
        return [kind in _CHANGED for kind in kinds]
    return [bool(seen & _CHANGED.get(kind, frozenset())) for kind in kinds]


def is_of_response(element: Element) -> bool:
    """Return whether the rule *element* is for responses, or for them, too."""
    return element.text_of("ruleType") == "11" or element.text_of("matchResponse") == "true"


def rule_of(element: Element, match: Section) -> list[Section]:
    """Return the rules for *element*, for what *match* holds for; it may be added to.

    Raises:
        RuleError: when it cannot be said here, or is none.
    """
    number = element.text_of("ruleType")
    make = _MAKERS.get(number)
    if make is None:
        raise RuleError(f"expected a ruleType from 1 to 11, found {number!r:.20}")
    if element.text_of("matchHeaderRegex") == "true":
        raise RuleError("a regex for names; write a rule for each of them")
    phases = [
        phase
        for phase, key in (("request", "matchRequest"), ("response", "matchResponse"))
        if element.text_of(key) == "true"
    ]
    given = _Given(
        match,
        element.text_of("matchHeader"),
        element.text_of("matchValue"),
        element.text_of("newHeader"),
        element.text_of("newValue"),
        tuple(phases),
        element.text_of("matchValueRegex") == "true",
        element.text_of("matchWholeValue") == "true",
        element.text_of("caseSensitive") == "true",
        element.text_of("replaceType") == _FIRST,
    )
    if given.is_regex and given.value.startswith("(?"):
        raise RuleError("a regex with flags of its own; write it without them")
    return make(given)


def _in_phases(given: _Given, edits: Section) -> list[Section]:
    if not given.phases:
        raise RuleError("expected matchRequest or matchResponse, found neither")
    return [{"match": given.match, **dict.fromkeys(given.phases, edits)}]


def _field_condition(given: _Given) -> list[tuple[Section, str]]:
    """Return a ``match`` for each phase, so that the field is there, with that value."""
    if not given.phases:
        raise RuleError("expected matchRequest or matchResponse, found neither")
    if not given.name:
        raise RuleError("matchHeader: expected the name of a field, found ''")
    pattern = f"regex:{given.regex()}" if given.value else "*"
    return [
        ({**given.match, f"{phase}_header": {given.name: [pattern]}}, phase)
        for phase in given.phases
    ]


def _add_header(given: _Given) -> list[Section]:
    edits = {"append": {given.new_name: plain(given.new_value)}}
    if given.is_regex and _DOLLAR.search(given.new_value):
        raise RuleError("groups of what another field says")
    if not given.name and not given.value:
        return _in_phases(given, edits)
    return [{"match": match, phase: edits} for match, phase in _field_condition(given)]


def _remove_header(given: _Given) -> list[Section]:
    if given.value:
        raise RuleError("only lines with that value; a rule of ours removes all of that name")
    if not given.name or "*" in given.name:
        raise RuleError(f"matchHeader: expected the name of a field, found {given.name!r:.70}")
    return _in_phases(given, {"remove": [given.name]})


def _modify_header(given: _Given) -> list[Section]:
    if not given.name:
        raise RuleError("matchHeader: expected the name of a field, found ''")
    if given.new_name.lower() not in ("", given.name.lower()):
        raise RuleError("a new name; write it as remove and set with {header.NAME}")
    return _in_phases(given, {"replace": {given.name: given.replaces()}})


def _host(given: _Given) -> list[Section]:
    host = given.match.get("host")
    if given.value:
        if not isinstance(host, str) or "*" in host:
            raise RuleError("a part of a host that its location does not say whole")
        flags = 0 if given.is_case_sensitive else re.IGNORECASE
        pattern = given.value if given.is_regex else re.escape(given.value)
        new = given.new_value
        if given.is_regex and ("$" in new or "\\" in new):
            raise RuleError("groups in a new host")
        found = _compiled(pattern, flags)
        if given.is_whole:
            made = new if found.fullmatch(host) else host
        else:
            made = found.sub(lambda _: new, host, count=int(given.is_first))
        if made == host:
            raise RuleError(f"it changes nothing of {host}")
    else:
        made = given.new_value
    return [_to(given, f"{{url.scheme}}://{plain(made)}:{{url.port}}{{url.target}}")]


def _to(given: _Given, url: str) -> Section:
    return {"match": given.match, "request": {"url": url}}


def _once(given: _Given, key: str) -> list[Section]:
    """Return the rules that replace a part of the path, or of the URL, that occurs once.

    Where it occurs twice, and both are to be replaced, nothing is done.
    """
    if given.is_whole:
        raise RuleError("a whole path or URL; write it as path, or url, and as request.url")
    if key in given.match:
        if key == "url":
            raise RuleError("a URL beside a query of its location")
        path = given.match[key]
        given.match["url"] = (
            "regex:^[a-z]+://[^/?]*" + ".*".join(map(re.escape, path.split("*"))) + "(?:$|[?])"
        )
    unless: Section = {}
    if not given.is_first:
        pattern = given.value if given.is_regex else re.escape(given.value)
        flags = "" if given.is_case_sensitive else "(?i)"
        unless = {"unless": [{key: f"regex:{flags}(?:{pattern}).*(?:{pattern})"}]}
    given.match[key] = f"regex:{given.regex(around=True)}"
    rest = "{url.search}" if key == "path" else ""
    return [{**_to(given, given.replacement(around=True) + rest), **unless}]


def _path(given: _Given) -> list[Section]:
    if given.value:
        return _once(given, "path")
    if not given.new_value.startswith("/"):
        raise RuleError(f"newValue: expected a path that begins with /, found {given.new_value!r}")
    return [_to(given, plain(given.new_value) + "{url.search}")]


def _url(given: _Given) -> list[Section]:
    if given.value:
        return _once(given, "url")
    return [_to(given, plain(given.new_value))]


def _body(given: _Given) -> list[Section]:
    if not given.value:
        return _in_phases(given, {"body": {"text": plain(given.new_value)}})
    is_literal = not (given.is_regex or given.is_whole or given.is_first)
    if is_literal and given.is_case_sensitive:
        return _in_phases(given, {"body": {"replace": {given.value: plain(given.new_value)}}})
    return _in_phases(given, {"body": {"regex": given.replaces()}})


def _parameter(given: _Given) -> str:
    if not given.name or "*" in given.name:
        raise RuleError(f"matchHeader: expected the name of a parameter, found {given.name!r:.70}")
    return given.name


def _add_parameter(given: _Given) -> list[Section]:
    if not given.new_name:
        raise RuleError("newHeader: expected the name of a parameter, found ''")
    if given.is_regex and _DOLLAR.search(given.new_value):
        raise RuleError("groups of what another parameter says")
    if given.name or given.value:
        pattern = f"regex:{given.regex()}" if given.value else "*"
        given.match["query"] = {_parameter(given): [pattern]}
    # A second one of the same name, which Charles adds, is not to be had here.
    edit = {"default": {given.new_name: plain(given.new_value)}}
    return [{"match": given.match, "request": {"query": edit}}]


def _modify_parameter(given: _Given) -> list[Section]:
    name = _parameter(given)
    if given.new_name not in ("", name):
        raise RuleError("a new name; write it as remove and set with {url.query.NAME}")
    edit = {"replace": {name: given.replaces()}}
    return [{"match": given.match, "request": {"query": edit}}]


def _remove_parameter(given: _Given) -> list[Section]:
    if given.value:
        raise RuleError("only one with that value; a rule of ours removes all of that name")
    edit = {"remove": [_parameter(given)]}
    return [{"match": given.match, "request": {"query": edit}}]


def _status(given: _Given) -> list[Section]:
    new = _STATUS(given.new_value.strip())
    if new is None:
        raise RuleError(f"newValue: expected a status such as 404, found {given.new_value!r:.70}")
    if given.value:
        seen = _STATUS_SEEN(given.value.strip())
        if seen is None:
            raise RuleError(f"matchValue: expected a status such as 200, found {given.value!r:.70}")
        given.match["status"] = seen[1]
    return [{"match": given.match, "response": {"status": new[1]}}]


_MAKERS: dict[str, Callable[[_Given], list[Section]]] = {
    "1": _add_header,
    "2": _remove_header,
    "3": _modify_header,
    "4": _host,
    "5": _path,
    "6": _url,
    "7": _body,
    "8": _add_parameter,
    "9": _modify_parameter,
    "10": _remove_parameter,
    "11": _status,
}
