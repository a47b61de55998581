"""The condition of a declarativeNetRequest rule, as ``match`` and ``unless`` of ours.

A browser knows what asked for what; a proxy sees only what the request says.
So types of resources are read from Sec-Fetch-Dest (Fetch Metadata §2.1), which
browsers send over HTTPS and to this machine, and a rule that needs it is for
requests that have it.  What no field tells makes a rule that is not carried over.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from forebay.errors import RuleError
from forebay.names import canonical, is_address
from forebay.rewrite import dnrurl

type Section = dict[str, Any]

DEST = "Sec-Fetch-Dest"
_SITE = "Sec-Fetch-Site"
_UNKNOWABLE = {
    "domains": "who asked",
    "excludedDomains": "who asked",
    "initiatorDomains": "who asked",
    "excludedInitiatorDomains": "who asked",
    "topDomains": "which page is open",
    "excludedTopDomains": "which page is open",
    "tabIds": "the tab",
    "excludedTabIds": "the tab",
    "responseHeaders": "the response, when a request is judged",
    "excludedResponseHeaders": "the response, when a request is judged",
}
_KNOWN = {
    "urlFilter", "regexFilter", "isUrlFilterCaseSensitive", "requestDomains",
    "excludedRequestDomains", "requestMethods", "excludedRequestMethods", "resourceTypes",
    "excludedResourceTypes", "domainType",
}  # fmt: skip
_METHODS = {"connect", "delete", "get", "head", "options", "patch", "post", "put", "other"}
_DESTS = {
    "main_frame": ["document"],
    "sub_frame": ["iframe", "frame", "fencedframe"],
    "stylesheet": ["style", "xslt"],
    "script": ["script", "worker", "sharedworker", "serviceworker"],
    "image": ["image"],
    "font": ["font"],
    "object": ["object", "embed"],
    "media": ["audio", "video", "track"],
    "csp_report": ["report"],
    "websocket": ["websocket"],
}
_ALIKE = {"xmlhttprequest", "ping", "other"}
"""All of these say ``empty``."""
_NOT_HERE = {"webtransport", "webbundle"}
"""They never come as requests that a proxy sees."""
ALL_TYPES = frozenset(_DESTS) | _ALIKE


@dataclass(slots=True)
class Condition:
    """When a rule is for a request: *match* holds, and none of *unless*."""

    match: Section = field(default_factory=dict)
    unless: list[Section] = field(default_factory=list)

    def section(self) -> Section:
        """Return both as keys of a rule."""
        found: Section = {"match": self.match} if self.match else {}
        if self.unless:
            found["unless"] = self.unless[0] if len(self.unless) == 1 else self.unless
        return found

    @property
    def methods(self) -> frozenset[str]:
        """The methods that it is for; none for all."""
        return frozenset(self.match.get("method", ()))

    @property
    def dests(self) -> frozenset[str]:
        """What Sec-Fetch-Dest must say; none where it may say several things."""
        given = self.match.get("request_header", {}).get(DEST, ())
        is_plain = not any(each.startswith(("*", "regex:")) for each in given)
        return frozenset(given) if is_plain else frozenset()

    @property
    def looks_at_browsers_fields(self) -> bool:
        """Whether a request without these fields may be one that was meant."""
        return DEST in self.match.get("request_header", {})


def condition_of(given: Section) -> Condition:
    """Return what the condition *given* says.

    Raises:
        RuleError: when it cannot be said here, or is none.
    """
    for key in given:
        if key in _UNKNOWABLE:
            raise RuleError(f"{key}: a proxy does not know {_UNKNOWABLE[key]}")
        if key not in _KNOWN:
            raise RuleError(f"{key}: unknown here")
    found = Condition()
    _add_url(found, given)
    hosts = _domains(given, "requestDomains")
    if hosts:
        found.match["host"] = hosts  # the regex says what a host of urlFilter did
    excluded = _domains(given, "excludedRequestDomains")
    if excluded:
        found.unless.append({"host": excluded})
    methods = _texts(given, "requestMethods", _METHODS)
    if methods:
        if "other" in methods:
            raise RuleError("requestMethods: other")
        found.match["method"] = [each.upper() for each in methods]
    excluded = _texts(given, "excludedRequestMethods", _METHODS)
    if excluded:
        if "other" in excluded:
            raise RuleError("excludedRequestMethods: other")
        found.unless.append({"method": [each.upper() for each in excluded]})
    _add_types(found, given)
    exception = dnrurl.websocket_exception(given.get("urlFilter") or given.get("regexFilter") or "")
    if exception is not None and (not found.dests or "websocket" in found.dests):
        found.unless.append(exception)
    match given.get("domainType"):
        case None:
            pass
        case "firstParty":
            # As for a browser, a page of its own accord has no party (none).
            found.match.setdefault("request_header", {})[_SITE] = ["same-origin", "same-site"]
        case "thirdParty":
            raise RuleError(
                "domainType: thirdParty: Sec-Fetch-Site says cross-site of more than that"
            )
        case other:
            raise RuleError(f"domainType: expected firstParty or thirdParty, found {other!r:.70}")
    return found


def bounds_of(given: Section) -> Condition:
    """Return which hosts *given* is for at most; to be asked what it is certainly not for."""
    try:
        hosts = _domains(given, "requestDomains")
    except RuleError:
        return Condition()
    return Condition({"host": hosts} if hosts else {})


def _add_url(found: Condition, given: Section) -> None:
    is_case_sensitive = _flag(given, "isUrlFilterCaseSensitive")
    text, regex = given.get("urlFilter"), given.get("regexFilter")
    if text is not None and regex is not None:
        raise RuleError("expected either urlFilter or regexFilter, found both")
    if text is not None:
        if not isinstance(text, str):
            raise RuleError(f"urlFilter: expected text, found {text!r:.70}")
        host, url = dnrurl.of_filter(
            text, is_case_sensitive=is_case_sensitive, as_regex="requestDomains" in given
        )
        if host is not None:
            found.match["host"] = host
        if url is not None:
            found.match["url"] = f"regex:{url}"
    if regex is not None:
        if not isinstance(regex, str):
            raise RuleError(f"regexFilter: expected text, found {regex!r:.70}")
        url = dnrurl.of_regex(regex, is_case_sensitive=is_case_sensitive)
        found.match["url"] = f"regex:{url}"


def _add_types(found: Condition, given: Section) -> None:
    """Say for which types of resources it is; without a word for all but main_frame."""
    wanted = _texts(given, "resourceTypes", ALL_TYPES | _NOT_HERE)
    excluded = _texts(given, "excludedResourceTypes", ALL_TYPES | _NOT_HERE)
    if wanted and excluded:
        raise RuleError("expected either resourceTypes or excludedResourceTypes, found both")
    if excluded or not wanted:
        dests = [dest for each in excluded or ["main_frame"] for dest in _dests(each)]
        if dests:
            _look_at(found, [f"regex:^(?!(?:{'|'.join(dict.fromkeys(dests))})$)"])
        return
    types = set(wanted)
    if types >= ALL_TYPES:
        return
    alike = types & _ALIKE
    if alike and alike != _ALIKE:
        missing = " and ".join(sorted(_ALIKE - alike))
        raise RuleError(
            f"resourceTypes: nothing tells {' and '.join(sorted(alike))} from {missing} here"
        )
    dests = [dest for each in wanted for dest in _dests(each)]
    if not dests:
        raise RuleError(f"resourceTypes: {', '.join(wanted)} never comes to a proxy")
    _look_at(found, list(dict.fromkeys(dests)))


def _look_at(found: Condition, dests: list[str]) -> None:
    found.match.setdefault("request_header", {})[DEST] = dests


def _dests(kind: str) -> list[str]:
    if kind in _NOT_HERE:
        return []
    return _DESTS.get(kind, ["empty"])


def _flag(given: Section, key: str) -> bool:
    found = given.get(key, False)
    if not isinstance(found, bool):
        raise RuleError(f"{key}: expected true or false, found {found!r:.70}")
    return found


def _texts(given: Section, key: str, known: frozenset[str] | set[str] | None = None) -> list[str]:
    found = given.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise RuleError(f"{key}: expected a list of texts, found {found!r:.70}")
    if not found and not key.startswith("excluded"):
        raise RuleError(f"{key}: expected at least 1 in the list, found an empty list")
    for each in found:
        if known is not None and each not in known:
            raise RuleError(f"{key}: expected {', '.join(sorted(known))}, found {each!r:.70}")
    return list(dict.fromkeys(found))


def _domains(given: Section, key: str) -> list[str]:
    """Return the host patterns for domains with all below them."""
    found = []
    for text in _texts(given, key):
        name = canonical(text)
        found.append(name if is_address(name) else f".{name}")
    return found
