"""What is probably wrong with rules, although it could be meant.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from forebay.regexes import Regex
from forebay.rewrite.bodyedits import BodyEdits, HtmlInsert, JsonEdit, LiteralReplace, WholeText
from forebay.rewrite.edits import FieldEdit, FieldReplace, MethodEdit, StatusEdit
from forebay.rewrite.match import Matcher
from forebay.rewrite.partedits import CookieEdit, CspEdit, QueryEdit, SetCookieEdit
from forebay.rewrite.patterns import Glob, Hosts, Pattern
from forebay.rewrite.rule import Mode, Phase, Rule
from forebay.rewrite.template import Template
from forebay.rewrite.urledit import UrlEdit

# A dot that stands for any character although a name or a file was meant.
_DOT = re.compile(r"(?<!\\)(?<!\[)\.(?![*+?{])")
_FILTER_ARGUMENT = re.compile(
    r"~(?:d|u|hq|hs|h|bq|bs|b|src|dst)\s+(\"[^\"]*\"|'[^']*'|[^\s()&|!]+)"
)
_STREAMED = ("text/event-stream", "multipart/x-mixed-replace")
_LONG = ("video/", "audio/")
_BODILESS = frozenset({204, 205, 304})
# Begins with a character that must be there, and is no slash; no other alternative.
_ANCHORED = re.compile(r"\^[\w%~!@&=:;,'-](?![*?{])[^|]*\Z").match


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a rule that its author should look at."""

    rule: Rule
    text: str


def lint(rules: Iterable[Rule]) -> list[Finding]:
    """Return what is suspicious about *rules*, in their order."""
    found: list[Finding] = []
    before: list[Rule] = []
    for rule in rules:
        found += [Finding(rule, text) for text in _about(rule)]
        found += [Finding(rule, text) for text in _hidden(rule, before)]
        before.append(rule)
    return found


def _about(rule: Rule) -> list[str]:
    matcher = rule.matcher
    found: list[str] = []
    always = replace(matcher, unless=())
    if any(covers(each, always) for each in matcher.unless):
        found.append("can never match: unless holds whenever match does")
    paths = [each for each in matcher.paths if isinstance(each, Regex)]
    urls = [each for each in matcher.urls if isinstance(each, Regex)]
    for regex in paths:
        text = str(getattr(regex.pattern, "pattern", ""))
        if _ANCHORED(text):
            found.append(f"can never match: a path begins with /, and {text!r} does not")
    found += [
        f"filter: the dot in {argument} stands for any character; write \\. for a dot"
        for argument in _FILTER_ARGUMENT.findall(matcher.filter_text)
        if _DOT.search(argument)
    ]
    if _uses_groups(rule) and not paths and not urls:
        found.append("{re.…} is always empty: match has no path or url that is a regex")
    for phase in Phase:
        edits = rule.edits(phase).body
        if edits is not None:
            found += _about_body(rule, phase, edits)
    return found


def _about_body(rule: Rule, phase: Phase, edits: BodyEdits) -> list[str]:
    matcher = rule.matcher
    found = []
    kinds = matcher.content_types
    if any(kind.last is None and kind.first in _STREAMED for kind in kinds):
        found.append(f"{phase}.body: event streams have no end, so their bodies are left alone")
    found += [
        f"{phase}.body: {kind.first}… is mostly longer than the limit of "
        f"{edits.limit_bytes:,} bytes, and streamed then"
        for kind in kinds
        if kind.first.startswith(_LONG)
    ]
    if phase is Phase.RESPONSE and matcher.methods == frozenset({"HEAD"}):
        found.append("response.body: a response to HEAD has no body")
    if phase is Phase.RESPONSE and matcher.statuses and matcher.statuses <= _BODILESS:
        found.append("response.body: responses with that status have no body")
    if phase is Phase.REQUEST and matcher.methods and matcher.methods <= {"GET", "HEAD"}:
        found.append("request.body: requests with that method have no body")
    return found


def _hidden(rule: Rule, before: Sequence[Rule]) -> list[str]:
    """Return by which earlier rules *rule* is never reached."""
    found = []
    for phase in Phase:
        if not rule.takes_part(phase):
            continue
        for i, earlier in enumerate(before):
            ends = earlier.stop or (phase is Phase.REQUEST and earlier.request.answer is not None)
            if (
                ends
                and earlier.takes_part(phase)
                and earlier.mode is Mode.ACT
                and _is_on_with(earlier, rule)
                and covers(earlier.matcher, rule.matcher)
                and not any(_may_lead_to(each, rule, phase) for each in before[i + 1 :])
            ):
                why = "stops" if earlier.stop else "answers"
                found.append(
                    f"is never reached for a {phase}: {earlier.id} "
                    f"({earlier.file}:{earlier.line}) matches all that it does, and {why}"
                )
                break
    return found


def _is_on_with(earlier: Rule, rule: Rule) -> bool:
    """Return whether *earlier* is in force whenever *rule* is."""
    if not earlier.group:
        return earlier.is_default_on
    return earlier.group == rule.group and (earlier.is_default_on or not rule.is_default_on)


def _may_lead_to(between: Rule, rule: Rule, phase: Phase) -> bool:
    """Return whether an edit of *between* may be what makes *rule* match."""
    if between.mode is Mode.SHADOW:
        return False
    matcher = rule.matcher
    looks_at_fields = bool(
        matcher.request_fields
        or matcher.response_fields
        or matcher.content_types
        or matcher.filter_text
    )
    for edit in between.edits(phase).head:
        moves = isinstance(edit, UrlEdit | QueryEdit | MethodEdit | StatusEdit)
        if moves or (looks_at_fields and isinstance(edit, FieldEdit | FieldReplace)):
            return True
    return False


def _uses_groups(rule: Rule) -> bool:
    return any(template.uses_groups for template in _templates(rule))


def _templates(rule: Rule) -> Iterator[Template]:
    """Yield the templates in which ``{re.1}`` is about the rule's path or URL."""
    for phase in Phase:
        edits = rule.edits(phase)
        for edit in (*edits.head, *(edits.body.edits if edits.body else ())):
            match edit:
                case FieldEdit():
                    yield edit.value
                case UrlEdit():
                    yield edit.url
                case QueryEdit() | CookieEdit():
                    yield from (value for _, value in (*edit.sets, *edit.defaults))
                case SetCookieEdit() | JsonEdit():
                    yield from (value for _, value in edit.sets)
                case CspEdit():
                    yield from (value for _, value in (*edit.sets, *edit.appends))
                case WholeText() | LiteralReplace() | HtmlInsert():
                    yield edit.template
    answer = rule.request.answer
    if answer is not None:
        yield from answer.templates


def covers(wide: Matcher, narrow: Matcher) -> bool:
    """Return whether *wide* certainly matches whatever *narrow* does.

    >>> covers(Matcher(), Matcher(methods=frozenset({"GET"})))
    True
    """
    return (
        not wide.unless
        and _hosts_cover(wide.hosts, narrow.hosts)
        and _any_of(wide.paths, narrow.paths, _path_covers)
        and _any_of(wide.urls, narrow.urls, _path_covers)
        and _set_covers(wide.methods, narrow.methods)
        and _set_covers(wide.statuses, narrow.statuses)
        and _set_covers(wide.schemes, narrow.schemes)
        and _set_covers(wide.ports, narrow.ports)
        and _any_of(wide.content_types, narrow.content_types, _path_covers)
        and _any_of(wide.users, narrow.users, _path_covers)
        and set(wide.request_fields) <= set(narrow.request_fields)
        and set(wide.response_fields) <= set(narrow.response_fields)
        and set(wide.parameters) <= set(narrow.parameters)
        and wide.clients in (None, narrow.clients)
        and wide.filter_text in ("", narrow.filter_text)
    )


def _set_covers[T](wide: frozenset[T], narrow: frozenset[T]) -> bool:
    return not wide or (bool(narrow) and narrow <= wide)


def _any_of[P](wide: Sequence[P], narrow: Sequence[P], covers_one: Callable[[P, P], bool]) -> bool:
    """Return whether each of *narrow* is covered by one of *wide*; none at all means any."""
    if not wide:
        return True
    return bool(narrow) and all(any(covers_one(w, n) for w in wide) for n in narrow)


def _path_covers(wide: Pattern, narrow: Pattern) -> bool:
    if wide == narrow:
        return True
    if not (isinstance(wide, Glob) and isinstance(narrow, Glob)) or wide.last is None:
        return False
    if narrow.last is None:
        return wide.matches(narrow.first)
    return (
        not wide.middle and narrow.first.startswith(wide.first) and narrow.last.endswith(wide.last)
    )


def _hosts_cover(wide: Hosts | None, narrow: Hosts | None) -> bool:
    if wide is None:
        return True
    if narrow is None:
        return False
    return (
        all(map(wide.matches, narrow.names))
        and all(suffix.endswith(wide.suffixes) for suffix in narrow.suffixes)
        and set(narrow.globs) <= set(wide.globs)
    )
