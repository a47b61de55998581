"""Policies that rules add to pages: the values of ``csp`` and ``permissions``.

Each becomes one more field of the response.  Of Content-Security-Policy all
policies hold, so that one more only forbids (CSP3 §8.1); Permissions-Policy
fields are read as one, in which the last word on a feature counts
(RFC 9651 §3.2).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re

from forebay.errors import RuleError

LONGEST = 2000
"""Characters of a policy."""
_PRINTABLE = re.compile(r"[\x20-\x7e]+").fullmatch
_DIRECTIVE = re.compile(r"[A-Za-z][A-Za-z0-9-]*(?: [^;,]*)?").fullmatch
# A list could have pages tell somebody what is loaded in them.
_REPORTS = re.compile(r"(?:^|[;,\s(])report-(?:to|uri)\b", re.IGNORECASE).search
_ITEM = r'(?:\*|[A-Za-z*][A-Za-z0-9!#$%&\'*+.^_`|~:/-]*|"(?:[^"\\]|\\["\\])*")'
_FEATURE = re.compile(
    rf"[a-z*][a-z0-9_.*-]*=(?:{_ITEM}|\( *(?:{_ITEM}(?: +{_ITEM})*)? *\))"
).fullmatch
_DIVIDED = re.compile(r" *[|,] *")


def security_policy(value: str) -> str:
    """Return *value* as what a Content-Security-Policy field may say.

    Raises:
        RuleError: when it may not.

    >>> security_policy("script-src 'none'; img-src *")
    "script-src 'none'; img-src *"
    """
    _limit(value)
    parts = [part.strip(" ") for part in re.split("[;,]", value)]
    if not _PRINTABLE(value) or not all(_DIRECTIVE(part) for part in parts if part):
        raise RuleError(f"expected directives after csp=, found {value!r:.60}")
    if _REPORTS(value):
        raise RuleError(f"expected a policy without report-uri and report-to, found {value!r:.60}")
    return value


def permissions_policy(value: str) -> str:
    """Return *value*, in which ``|`` also divides features, as a Permissions-Policy says it.

    One that cannot be read would cancel the page's own.

    Raises:
        RuleError: when it cannot be read.

    >>> permissions_policy("autoplay=()|usb=(self)")
    'autoplay=(), usb=(self)'
    """
    _limit(value)
    if _REPORTS(value):
        raise RuleError(f"expected a policy without report-to, found {value!r:.60}")
    features = _DIVIDED.split(value.strip(" "))
    if not all(map(_FEATURE, features)):
        raise RuleError(
            f"expected features such as autoplay=() after permissions=, found {value!r:.60}"
        )
    return ", ".join(features)


def _limit(value: str) -> None:
    if len(value) > LONGEST:
        raise RuleError(f"expected a policy of at most {LONGEST:,} characters, found more")
