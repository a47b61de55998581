"""The URL patterns of Chrome's declarativeNetRequest, as hosts and regexes of ours.

``urlFilter`` has ``||`` for the beginning of a domain, ``|`` for an end of the
URL, ``^`` for a separator and ``*``; ``regexFilter`` is a regex of RE2
(https://developer.chrome.com/docs/extensions/reference/api/declarativeNetRequest).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re

from forebay.errors import RuleError
from forebay.regexes import LIMIT_PATTERN
from forebay.rewrite.patterns import REGEX, url_pattern

_SEPARATOR = r"(?:[^0-9A-Za-z_.%-]|$)"
_DOMAIN = "^[a-z][a-z0-9+.-]*://(?:[^/?#]*[.])?"
_WHOLE_HOST = re.compile(r"\|\|([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)[/^]\*?\Z", re.ASCII).match
_HOST = re.compile(r"\|\|([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)[/^:?|]", re.ASCII).match
_NAMES_HTTP = re.compile(
    r"(?:\||\^|\\A)\(?\??:?http|.*?https?[?)]*:", re.IGNORECASE
).match  # at the beginning, or with its colon
_NAMES_WS = re.compile(r"(?:\||\^|\\A)?\(?\??:?ws[s()?]*:", re.IGNORECASE).match
_NAMES_WS_TOO = re.compile(r"[(|:]wss?\??[|)]", re.IGNORECASE).search
# Python reads these otherwise than RE2, or not at all.
_ONLY_RE2 = re.compile(r"\\[CQEpPz]|\[\[:|\(\?[A-Za-z]*[Us-]|\{,").search
_WEBSOCKET = {"request_header": {"Upgrade": ["regex:(?i)websocket"]}}


def of_filter(
    text: str, *, is_case_sensitive: bool, as_regex: bool = False
) -> tuple[str | None, str | None]:
    r"""Return the host pattern and the regex for URLs that *text*, a ``urlFilter``, says.

    With *as_regex* the regex says all of it, else the host pattern may do.

    Raises:
        RuleError: when it is none.

    >>> of_filter("||ads.example^", is_case_sensitive=False)
    ('.ads.example', None)
    >>> of_filter("|https://*.gif|", is_case_sensitive=True)
    (None, '^https://.*\\.gif$')
    """
    if not text or not text.isascii() or text.startswith("||*"):
        raise RuleError(f"expected a urlFilter of ASCII characters, found {text!r:.70}")
    _check_scheme(text)
    whole = _WHOLE_HOST(text)
    if whole is not None and not as_regex:
        return f".{whole[1].lower()}", None
    host = _HOST(text)
    begin = ""
    rest = text
    if rest.startswith("||"):
        begin, rest = _DOMAIN, rest[2:]
    elif rest.startswith("|"):
        begin, rest = "^", rest[1:]
    end = ""
    if rest.endswith("|"):
        end, rest = "$", rest[:-1]
    if not begin:
        rest = rest.lstrip("*")  # it is searched for anyway
    if not end:
        rest = rest.rstrip("*")
    parts = [_part(char) for char in re.findall(r"\*+|[^*]", rest)]
    regex = begin + "".join(parts) + end
    if not is_case_sensitive and re.search("[A-Za-z]", rest):
        regex = f"(?i){regex}"
    if len(regex) > LIMIT_PATTERN:
        raise RuleError(f"a urlFilter that takes a regex of more than {LIMIT_PATTERN} characters")
    return (f".{host[1].lower()}" if host else None), regex or None


def of_regex(text: str, *, is_case_sensitive: bool) -> str:
    """Return the regex for URLs that *text*, a ``regexFilter``, says.

    Raises:
        RuleError: when it means something else here, or is none.
    """
    found = _ONLY_RE2(text)
    if found is not None:
        raise RuleError(f"a regex with {found[0]}, which is read otherwise here")
    _check_scheme(text)
    made = text if is_case_sensitive or text.startswith("(?i)") else f"(?i){text}"
    url_pattern(f"{REGEX}{made}")
    return made


def _check_scheme(text: str) -> None:
    if _NAMES_WS(text):
        raise RuleError("a pattern for ws: a proxy sees WebSockets as http")


def websocket_exception(text: str) -> dict[str, dict[str, list[str]]] | None:
    """Return the exception that a pattern naming ``http`` needs: here ``ws`` is seen as that."""
    return _WEBSOCKET if _NAMES_HTTP(text) and not _NAMES_WS_TOO(text) else None


def _part(text: str) -> str:
    if text.startswith("*"):
        return ".*"
    if text == "^":
        return _SEPARATOR
    return re.escape(text)
