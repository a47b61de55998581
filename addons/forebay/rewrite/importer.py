"""Options of mitmproxy's own rewriting to rules, as far as they can be carried over.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from forebay.errors import ForebayError, RuleError
from forebay.rewrite.fields import field_name, field_value

type Section = dict[str, Any]

_ESCAPED = re.compile(r"\\([^A-Za-z0-9])")
_META = re.compile(r"[.^$*+?{}\[\]|()]")
_URL = re.compile(r"(?:(https?):)?//([^/:?#]+)(?::([0-9]{1,5}))?(/[^?#]*)?")
_WORD = re.compile(r"\{([A-Za-z][\w.-]*)\}", re.ASCII)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
# Of these mitmproxy makes a character before it reads the regex.
_ESCAPED_TWICE = re.compile(r"\\(?=[\\abfv0-7x])").search
_FLAGS = re.compile(r"\(\?([aimsux]+)\)")
# Of a filter that says no more than what all parts of it say.
_PLAIN_FILTER = re.compile(r"[^|!\"']*").fullmatch
_PORTS = {"http": "80", "https": "443"}


@dataclass(slots=True)
class Imported:
    """What was carried over, and what could not be, each with the reason.

    Args:
        rules: as they stand in a rewrite file.
        left: the place and the reason of what is not carried over, a line each.
        notes: where each rule came from; shorter than *rules* where nobody says.
    """

    rules: list[Section] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _ends_in_slash(path: str) -> bool:
    return path.endswith("/")


def _anything(rule: Section) -> None:
    pass


def imported(
    options: Iterable[tuple[str, str]],
    *,
    beside: str = "/",
    is_folder: Callable[[str], bool] = _ends_in_slash,
    check: Callable[[Section], object] = _anything,
) -> Imported:
    """Return the rules for pairs of an option's name and one of its values.

    Args:
        options: the pairs.
        beside: the folder at which relative paths begin.
        is_folder: whether there is a folder at a path.
        check: raises a ForebayError for what is no rule.

    >>> imported([("modify_headers", "/~q/X-A/1")]).rules
    [{'match': {'filter': '~q'}, 'request': {'set': {'X-A': '1'}}}]
    """
    found = Imported()
    fields_set: set[tuple[str, str]] = set()
    for name, text in options:
        make = _MAKERS.get(name)
        try:
            if make is None:
                raise RuleError(f"expected {', '.join(_MAKERS)}, found another option")
            flow_filter, subject, replacement = _parts(text)
            if name == "map_local":
                rule = _local(flow_filter, subject, _path(replacement, beside), is_folder)
            else:
                rule = make(flow_filter, subject, replacement)
            key = flow_filter, subject.lower()
            if name == "modify_headers" and key in fields_set:
                rule = _appending(rule)  # mitmproxy removes what is there only once
            check(rule)
            found.rules.append(rule)
            if name == "modify_headers":
                fields_set.add(key)
        except ForebayError as error:
            reason = error.message if isinstance(error, RuleError) else str(error)
            found.left.append(f"{name} {text!r}: {reason}")
    return found


def _path(text: str, beside: str) -> str:
    if not text:
        raise RuleError("expected the path of a file or a folder, found ''")
    return text if text.startswith("~") else str(PurePath(beside, text)) + "/" * text.endswith("/")


def _appending(rule: Section) -> Section:
    return {
        key: {"append": value["set"]} if "set" in value else value for key, value in rule.items()
    }


def _parts(text: str) -> tuple[str, str, str]:
    """Return filter, subject and replacement; the first character separates them."""
    parts = text[1:].split(text[:1], 2) if len(text) > 1 else []
    match parts:
        case [subject, replacement]:
            return "", subject, replacement
        case [flow_filter, subject, replacement]:
            return flow_filter, subject, replacement
    raise RuleError("expected /filter/subject/replacement or /subject/replacement")


def _match(flow_filter: str) -> Section:
    return {"match": {"filter": flow_filter}} if flow_filter else {}


def _phases(flow_filter: str) -> tuple[str, ...]:
    """Return which messages a filter lets be edited: ``~q`` requests, ``~s`` responses."""
    words = re.split(r"[\s&()]+", flow_filter) if _PLAIN_FILTER(flow_filter) else []
    if "~q" in words:
        return ("request",)
    return ("response",) if "~s" in words else ("request", "response")


def _header(flow_filter: str, subject: str, replacement: str) -> Section:
    value = _value(replacement)
    name = field_name(subject).decode("ascii")
    field_value(value)
    edit: Section = {"set": {name: plain(value)}} if value else {"remove": [name]}
    return {**_match(flow_filter), **{phase: deepcopy(edit) for phase in _phases(flow_filter)}}


def _body(flow_filter: str, subject: str, replacement: str) -> Section:
    if _ESCAPED_TWICE(subject):
        raise RuleError("a regex with escapes that mitmproxy and regexes read differently")
    edit = {"body": {"regex": {_with_dots(subject): plain(_value(replacement))}}}
    return {**_match(flow_filter), **{phase: deepcopy(edit) for phase in _phases(flow_filter)}}


def _remote(flow_filter: str, subject: str, replacement: str) -> Section:
    match, scheme_is_given = _url_match(subject)
    if "\\" in replacement:
        raise RuleError("a replacement with \\; write it with placeholders such as {re.1}")
    if not scheme_is_given and not replacement.startswith("//"):
        raise RuleError("expected a replacement that begins with //, as its subject does")
    url = plain(replacement) if scheme_is_given else f"{{url.scheme}}:{plain(replacement)}"
    if not url.startswith(("http://", "https://", "{url.scheme}://")):
        raise RuleError("expected an absolute URL as replacement")
    prefix = match.pop("prefix")
    if prefix:
        match["path"] = f"regex:^{re.escape(prefix)}(.*)"
    if flow_filter:
        match["filter"] = flow_filter
    rest = "{re.1}{url.search}" if prefix else "{url.target}"
    return {"match": match, "request": {"url": url + rest}}


def _local(
    flow_filter: str,
    subject: str,
    replacement: str,
    is_folder: Callable[[str], bool] = _ends_in_slash,
) -> Section:
    match, _ = _url_match(subject)
    prefix = match.pop("prefix") or "/"
    if flow_filter:
        match["filter"] = flow_filter
    if is_folder(replacement):
        below = prefix if prefix.endswith("/") else f"{prefix}/"
        match["path"] = f"{below}*"
        answer = {"folder": replacement, "below": below}
    else:
        match["path"] = f"{prefix}*" if prefix.endswith("/") else prefix
        answer = {"file": replacement}
    return {"match": match, "request": {"answer": answer}}


def _url_match(subject: str) -> tuple[Section, bool]:
    """Return what matches URLs that begin with the regex *subject*, which must be a plain text."""
    text = _ESCAPED.sub(lambda found: "" if _META.match(found[1]) else found[1], subject)
    # An unescaped dot is what people write for a dot.
    if _META.search(text.replace(".", "")):
        raise RuleError("a regex for whole URLs; write it as host and path")
    found = _URL.fullmatch(_ESCAPED.sub(r"\1", subject))
    if found is None:
        raise RuleError(
            "expected a subject such as //www.example.com/ or https://www.example.com/x"
        )
    scheme, host, port, path = found.groups()
    match: Section = {"host": host}
    if scheme:
        match["scheme"] = scheme
    # A URL without a port is not one with another.
    match["port"] = port or (_PORTS[scheme] if scheme else list(_PORTS.values()))
    match["prefix"] = path or "/"
    if path is None:
        # What is replaced ends before the path, which stays with all that follows.
        match["prefix"] = ""
    return match, scheme is not None


def _value(replacement: str) -> str:
    """Return what *replacement* says to mitmproxy."""
    if replacement.startswith("@"):
        raise RuleError("a value from a file (@); put it into the rule, or into {env.NAME}")
    return _ESCAPE.sub(_unescaped, replacement)


def _unescaped(found: re.Match[str]) -> str:
    if found[1] not in _ESCAPES:
        raise RuleError(f"the escape {found[0]}; write the character itself")
    return _ESCAPES[found[1]]


def _with_dots(regex: str) -> str:
    r"""Return *regex* so that a dot stands for a line's end, too.

    >>> _with_dots("<!--.*?-->"), _with_dots("(?i)a.b"), _with_dots("a+")
    ('(?s)<!--.*?-->', '(?si)a.b', 'a+')
    """
    if "." not in regex:
        return regex
    flags = _FLAGS.match(regex)
    return f"(?s{flags[1]}){regex[flags.end() :]}" if flags else f"(?s){regex}"


def plain(text: str) -> str:
    """Return *text* with what would be taken for a placeholder escaped."""
    return _WORD.sub(r"{{\1}}", text)


_MAKERS: dict[str, Callable[[str, str, str], Section]] = {
    "modify_headers": _header,
    "modify_body": _body,
    "map_remote": _remote,
    "map_local": _local,
}
