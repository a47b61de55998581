"""Options of mitmproxy's own rewriting to rules, as far as they can be carried over.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from forebay.errors import RuleError
from forebay.rewrite.fields import field_name, field_value

type Section = dict[str, Any]

_ESCAPED = re.compile(r"\\([^A-Za-z0-9])")
_META = re.compile(r"[.^$*+?{}\[\]|()]")
_URL = re.compile(r"(?:(https?):)?//([^/:?#]+)(?::([0-9]{1,5}))?(/[^?#]*)?")
_WORD = re.compile(r"\{([A-Za-z][\w.-]*)\}", re.ASCII)


@dataclass(slots=True)
class Imported:
    """What was carried over, and what could not be, each with the reason."""

    rules: list[Section] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def imported(options: Iterable[tuple[str, str]]) -> Imported:
    """Return the rules for pairs of an option's name and one of its values.

    >>> imported([("modify_headers", "/~q/X-A/1")]).rules
    [{'match': {'filter': '~q'}, 'request': {'set': {'X-A': '1'}}}]
    """
    found = Imported()
    for name, text in options:
        make = _MAKERS.get(name)
        try:
            if make is None:
                raise RuleError(f"expected {', '.join(_MAKERS)}, found another option")
            found.rules.append(make(*_parts(text)))
        except RuleError as error:
            found.left.append(f"{name} {text!r}: {error.message}")
    return found


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
    words = flow_filter.split()
    if "~q" in words:
        return ("request",)
    return ("response",) if "~s" in words else ("request", "response")


def _header(flow_filter: str, subject: str, replacement: str) -> Section:
    _refuse_file(replacement)
    name = field_name(subject).decode("ascii")
    field_value(replacement)
    edit: Section = {"set": {name: _plain(replacement)}} if replacement else {"remove": [name]}
    return {**_match(flow_filter), **{phase: deepcopy(edit) for phase in _phases(flow_filter)}}


def _body(flow_filter: str, subject: str, replacement: str) -> Section:
    _refuse_file(replacement)
    edit = {"body": {"regex": {subject: _plain(replacement)}}}
    return {**_match(flow_filter), **{phase: deepcopy(edit) for phase in _phases(flow_filter)}}


def _remote(flow_filter: str, subject: str, replacement: str) -> Section:
    match, scheme_is_given = _url_match(subject)
    if not scheme_is_given and not replacement.startswith("//"):
        raise RuleError("expected a replacement that begins with //, as its subject does")
    url = _plain(replacement) if scheme_is_given else f"{{url.scheme}}:{_plain(replacement)}"
    if not url.startswith(("http://", "https://", "{url.scheme}://")):
        raise RuleError("expected an absolute URL as replacement")
    prefix = match.pop("prefix")
    match["path"] = f"regex:^{re.escape(prefix)}(.*)"
    if flow_filter:
        match["filter"] = flow_filter
    return {"match": match, "request": {"url": f"{url}{{re.1}}{{url.search}}"}}


def _local(flow_filter: str, subject: str, replacement: str) -> Section:
    match, _ = _url_match(subject)
    prefix = match.pop("prefix")
    if flow_filter:
        match["filter"] = flow_filter
    if prefix.endswith("/"):
        match["path"] = f"{prefix}*"
        answer = {"folder": replacement, "below": prefix}
    else:
        match["path"] = prefix
        answer = {"file": replacement}
    return {"match": match, "request": {"answer": answer}}


def _url_match(subject: str) -> tuple[Section, bool]:
    """Return what matches URLs that begin with the regex *subject*, which must be a plain text."""
    plain = _ESCAPED.sub(lambda found: "" if _META.match(found[1]) else found[1], subject)
    # An unescaped dot is what people write for a dot.
    if _META.search(plain.replace(".", "")):
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
    if port:
        match["port"] = port
    match["prefix"] = path or "/"
    if path is None:
        # What is replaced ends before the path, which stays with all that follows.
        match["prefix"] = ""
    return match, scheme is not None


def _refuse_file(replacement: str) -> None:
    if replacement.startswith("@"):
        raise RuleError("a value from a file (@); put it into the rule, or into {env.NAME}")


def _plain(text: str) -> str:
    """Return *text* with what would be taken for a placeholder escaped."""
    return _WORD.sub(r"{{\1}}", text)


_MAKERS: dict[str, Callable[[str, str, str], Section]] = {
    "modify_headers": _header,
    "modify_body": _body,
    "map_remote": _remote,
    "map_local": _local,
}
