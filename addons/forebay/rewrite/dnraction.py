"""The action of a declarativeNetRequest rule, as edits and answers of ours.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from forebay.errors import RuleError
from forebay.rewrite.dnrcondition import Condition
from forebay.rewrite.importer import Section, plain
from forebay.rewrite.patterns import REGEX

SPLIT = "split"
"""Which of a header rule's edits it has, ``set`` or ``append``; taken out before it is written."""

_ONLY_REPLACED: list[Section] = [{"replaceOnly": True}]
_PUT: list[Section] = [{}, {"replaceOnly": False}]
_STATUS = 307
"""With it a browser redirects on behalf of an extension."""
_KEYS = {
    "redirect": {"type", "redirect"},
    "modifyHeaders": {"type", "requestHeaders", "responseHeaders"},
}
_GROUP = re.compile(r"\\(.?)", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII).fullmatch
_HOST = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII).fullmatch
_AS_IT_IS = "!$&'()*+,-./:;=?@_~%"


def edits_of(kind: str, action: Section, condition: Condition) -> list[Section]:
    """Return the rules for *action*, of this *kind*; *condition* is theirs, and may be added to.

    Raises:
        RuleError: when it cannot be said here, or is none.
    """
    _no_more_than(action, _KEYS.get(kind, {"type"}), "action")
    return _MAKERS[kind](action, condition)


def _no_more_than(given: Section, known: set[str], what: str) -> None:
    """Make sure that nothing of *given* is left out.

    Raises:
        RuleError: when it has other keys than *known*.
    """
    for key in sorted(given.keys() - known):
        raise RuleError(f"{what}.{key:.70}: unknown here")


def _block(action: Section, condition: Condition) -> list[Section]:
    answer = {"status": 403, "headers": {"Cache-Control": "no-store"}}
    return [{**condition.section(), "request": {"answer": answer}}]


def _upgrade(action: Section, condition: Condition) -> list[Section]:
    condition.match["scheme"] = "http"
    return [_redirecting(condition, "https://{url.authority}{url.target}")]


def _redirecting(condition: Condition, to: str) -> Section:
    return {**condition.section(), "request": {"redirect": {"to": to, "status": _STATUS}}}


def _redirect(action: Section, condition: Condition) -> list[Section]:
    given = action.get("redirect")
    if not isinstance(given, dict) or len(given) != 1:
        raise RuleError(
            "redirect: expected one of url, transform, regexSubstitution, extensionPath"
        )
    match given:
        case {"url": str(url)}:
            if not url.startswith(("http://", "https://")):
                raise RuleError(f"redirect.url: expected an http or https URL, found {url!r:.70}")
            # A browser does not redirect to where a request is already.
            there = url.partition("#")[0]
            there += "" if "/" in there.partition("://")[2] else "/"
            condition.unless.append({"url": f"{REGEX}^{re.escape(there)}$"})
            return [_redirecting(condition, plain(url))]
        case {"regexSubstitution": str(text)}:
            return [_redirecting(condition, _substituted(text, condition))]
        case {"transform": dict(transform)}:
            return [_transformed(transform, condition)]
        case {"extensionPath": _}:
            raise RuleError("redirect.extensionPath: a proxy has no extension's files")
    raise RuleError(f"redirect: expected text or an object under {next(iter(given))!r:.70}")


def _substituted(text: str, condition: Condition) -> str:
    """Return the URL for a ``regexSubstitution``; the match is made one of the whole URL.

    What is around the match stays, so it gets groups of its own.
    """
    url = condition.match.get("url", "")
    regex = url.removeprefix(REGEX)
    if not regex:
        raise RuleError("regexSubstitution: expected a regexFilter, found none")
    flags = "(?i)" if regex.startswith("(?i)") else ""
    regex = regex.removeprefix(flags)
    if "|" in regex:
        raise RuleError("regexSubstitution: a regex with |; write a rule for each of them")
    is_begun = regex.startswith("^")
    is_ended = regex.endswith(("$", "(.*)", ".*")) and not regex.endswith(("\\$", "\\.*"))
    count = re.compile(regex).groups
    # {re.1} is what stands before the match, if anything can; then comes the
    # match itself, if it is asked for, its groups, and what stands behind it.
    has_whole = any(found[1] == "0" for found in _GROUP.finditer(text))
    first = (not is_begun) + has_whole
    inner = regex.removeprefix("^")
    inner = f"({inner})" if has_whole else inner
    before, after = "" if is_begun else "(.*?)", "" if is_ended else "(.*)$"
    condition.match["url"] = f"{REGEX}{flags}^{before}{inner}{after}"

    def group(found: re.Match[str]) -> str:
        if found[1] == "\\":
            return "\\"
        if not found[1].isdecimal() or int(found[1]) > count:
            raise RuleError(f"regexSubstitution: expected \\0 to \\{count}, found {found[0]!r:.70}")
        return f"\0{first + int(found[1])}\0"

    marked = plain(_GROUP.sub(group, text))
    if "{\0" in marked and "\0}" in marked:
        raise RuleError(f"regexSubstitution: expected no group in braces, found {text!r:.70}")
    to = re.sub("\0([0-9]+)\0", r"{re.\1}", marked)
    return ("" if is_begun else "{re.1}") + to + ("" if is_ended else f"{{re.{first + count + 1}}}")


def _transformed(given: Section, condition: Condition) -> Section:
    """Return the rule for a ``transform`` of parts of the URL.

    Parameters are edited as the request goes on, since a redirect of ours says
    its whole URL; all else is a redirect, as the client must know of it.
    """
    known = {"scheme", "host", "port", "path", "query", "queryTransform", "fragment"}
    _no_more_than(given, known, "redirect.transform")
    if "queryTransform" in given:
        if len(given) > 1:
            raise RuleError("redirect.transform: queryTransform beside other parts")
        return {**condition.section(), "request": {"query": _query(given["queryTransform"])}}
    if any(not isinstance(each, str) for each in given.values()) or not given:
        raise RuleError(f"redirect.transform: expected texts, found {given!r:.70}")
    if "fragment" in given:
        raise RuleError("redirect.transform.fragment: no request says what it was")
    scheme, host, port = given.get("scheme"), given.get("host"), given.get("port")
    same: Section = {}
    if scheme is not None:
        if scheme not in ("http", "https"):
            raise RuleError(
                f"redirect.transform.scheme: expected http or https, found {scheme!r:.70}"
            )
        same["scheme"] = scheme
    if host is not None:
        if not _HOST(host):
            raise RuleError(f"redirect.transform.host: expected a host, found {host!r:.70}")
        same["host"] = host
    authority = host or "{url.host}"
    if port:
        if not _PORT(port):
            raise RuleError(f"redirect.transform.port: expected a port, found {port!r:.70}")
        authority += f":{port}"
        same["port"] = port
    elif port is None and scheme is None:
        authority = f"{host}:{{url.port}}" if host else "{url.authority}"
    elif port is None:
        # Only the port of the scheme is left out of a URL, and goes with it.
        condition.match["port"] = ["80", "443"]
    path, query = given.get("path"), given.get("query")
    target = "{url.path}" if path is None else plain(quote(path, safe=_AS_IT_IS))
    if not target.startswith(("/", "{")):
        target = f"/{target}"
    target += "{url.search}" if query is None else plain(quote(query, safe=_AS_IT_IS))
    if query and not query.startswith("?"):
        raise RuleError(f"redirect.transform.query: expected ? before it, found {query!r:.70}")
    if path is not None:
        end = "(?:$|[?])" if query is None else f"{re.escape(query)}$"
        same["url"] = f"{REGEX}^[^?]*://[^/?]*{re.escape(path)}{end}"
    elif query is not None:
        same["url"] = f"{REGEX}^[^?]*{re.escape(query)}$"
    if same:
        condition.unless.append(same)
    return _redirecting(condition, f"{scheme or '{url.scheme}'}://{authority}{target}")


def _query(given: Any) -> Section:
    if not isinstance(given, dict):
        raise RuleError(f"queryTransform: expected an object, found {given!r:.70}")
    _no_more_than(given, {"removeParams", "addOrReplaceParams"}, "queryTransform")
    found: Section = {}
    removed = given.get("removeParams", [])
    if not isinstance(removed, list) or any(
        not isinstance(each, str) or not each or "*" in each for each in removed
    ):
        raise RuleError("removeParams: expected a list of names without *")
    if removed:
        found["remove"] = removed
    put = given.get("addOrReplaceParams", [])
    if not isinstance(put, list):
        raise RuleError(f"addOrReplaceParams: expected a list, found {put!r:.70}")
    seen: set[str] = set()
    for each in put:
        match each:
            case {"key": str(key), "value": str(value), **more} if key and more in _ONLY_REPLACED:
                found.setdefault("replace", {})[key] = {"(?s)^.*": plain(value)}
            case {"key": str(key), "value": str(value), **more} if key and more in _PUT:
                found.setdefault("set", {})[key] = plain(value)
            case _:
                raise RuleError(
                    "addOrReplaceParams: expected key and value as texts, and replaceOnly, "
                    f"found {each!r:.70}"
                )
        if key in seen:
            raise RuleError(f"addOrReplaceParams: expected each key once, found {key!r:.70} again")
        seen.add(key)
    if not found:
        raise RuleError("queryTransform: expected something to do, found nothing")
    return found


def _headers(action: Section, condition: Condition) -> list[Section]:
    sets: Section = {}
    appends: Section = {}
    for key, phase in (("requestHeaders", "request"), ("responseHeaders", "response")):
        given = action.get(key, [])
        if not isinstance(given, list):
            raise RuleError(f"{key}: expected a list, found {given!r:.70}")
        seen: set[str] = set()
        for each in given:
            match each:
                case {"header": str(name), "operation": "remove", **more} if not more:
                    sets.setdefault(phase, {}).setdefault("remove", []).append(name)
                case {"header": str(name), "operation": "set", "value": str(value), **more} if (
                    not more
                ):
                    sets.setdefault(phase, {}).setdefault("set", {})[name] = plain(value)
                case {"header": str(name), "operation": "append", "value": str(value), **more} if (
                    not more
                ):
                    if name.lower() == "cookie":
                        raise RuleError(f"{key}: two lines of Cookie; write it as cookie.set")
                    appends.setdefault(phase, {}).setdefault("append", {})[name] = plain(value)
                case _:
                    raise RuleError(
                        f"{key}: expected header, operation (append, set, remove) and value, "
                        f"found {each!r:.70}"
                    )
            if name.endswith("*"):
                raise RuleError(f"{key}: expected the name of a field, found {name!r:.70}")
            if name.lower() in seen:
                raise RuleError(f"{key}: expected each field once, found {name!r:.70} again")
            seen.add(name.lower())
    found = [
        {**condition.section(), **edits, SPLIT: kind}
        for kind, edits in (("set", sets), ("append", appends))
        if edits
    ]
    if not found:
        raise RuleError("expected requestHeaders or responseHeaders, found neither")
    return found


_MAKERS: dict[str, Callable[[Section, Condition], list[Section]]] = {
    "block": _block,
    "upgradeScheme": _upgrade,
    "redirect": _redirect,
    "modifyHeaders": _headers,
}
