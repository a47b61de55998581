"""Lines of a list that are about other lines: ``!#if``, ``!#else``, ``!#endif``, ``!#include``.

============================== =========================================
``!#if ext_ublock && !(a||b)`` what follows counts if this is so
``!#else``                     and what follows this, if it is not
``!#endif``                    from here on all counts again
``!#include more.txt``         the file of this name beside the list
============================== =========================================

Lists ask with them which filter reads them, on what.  A proxy is no browser
extension and serves all browsers, so every constant of uBlock Origin and of
AdGuard is false here, and true is ``ext_forebay`` alone.  One that nobody knows
is false, too (uBlock Origin takes what stands behind it all the same).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from forebay.blocklist.options import UnsupportedRuleError
from forebay.errors import RuleError

_PRODUCTS = """
    ext_ublock ext_ubol ext_devbuild ext_abp
    env_brave env_chromium env_edge env_firefox env_legacy env_mobile env_mv3 env_safari
    cap_html_filtering cap_ipaddress cap_user_stylesheet
    adguard adguard_app_android adguard_app_cli adguard_app_ios adguard_app_mac
    adguard_app_windows adguard_ext_android_cb adguard_ext_chromium adguard_ext_chromium_mv3
    adguard_ext_edge adguard_ext_firefox adguard_ext_opera adguard_ext_safari
    false
"""
CONSTANTS = dict.fromkeys(_PRODUCTS.split(), False) | {"true": True, "ext_forebay": True}
"""What a condition may ask for, and what the answer is."""

MOST_NESTED = 16
"""Conditions within conditions, and parentheses within parentheses."""
LONGEST_CONDITION = 1000

_LINE = re.compile(r"!#(if|else|endif|include)(?=[\s(!]|\Z)\s*(.*)", re.DOTALL).fullmatch
_TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|([A-Za-z_][A-Za-z0-9_]*)|(\S))")
_NAME = re.compile(r"(?!\.)[^\x00-\x1f\x7f/\\:?#]{1,255}").fullmatch


def holds(text: str) -> tuple[bool, str | None]:
    """Return whether the condition *text* is so, and a constant in it that nobody knows.

    ``!`` binds before ``&&``, and that before ``||``.

    Raises:
        RuleError: when it is no condition.

    >>> holds("ext_forebay && !(adguard || ext_ublock)")
    (True, None)
    """
    if len(text) > LONGEST_CONDITION:
        raise RuleError(f"expected a condition of at most {LONGEST_CONDITION} characters")
    condition = _Condition(text)
    found = condition.any_of(0)
    condition.end()
    return found, condition.unknown


class _Condition:
    """A condition that is read from left to right, and what it comes to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.unknown: str | None = None
        self._tokens = [found for found in map(_said, _TOKEN.finditer(text)) if found]

    def any_of(self, depth: int) -> bool:
        found = self._all_of(depth)
        while self._take("||"):
            found = self._all_of(depth) or found
        return found

    def _all_of(self, depth: int) -> bool:
        found = self._one(depth)
        while self._take("&&"):
            found = self._one(depth) and found
        return found

    def _one(self, depth: int) -> bool:
        negated = False
        while self._take("!"):
            negated = not negated
        if self._take("("):
            if depth >= MOST_NESTED:
                raise self._error()
            found = self.any_of(depth + 1)
            if not self._take(")"):
                raise self._error()
            return found is not negated
        if not self._tokens or not self._tokens[0].isidentifier():
            raise self._error()
        name = self._tokens.pop(0)
        if name not in CONSTANTS:
            self.unknown = self.unknown or name
        return CONSTANTS.get(name, False) is not negated

    def end(self) -> None:
        if self._tokens:
            raise self._error()

    def _take(self, token: str) -> bool:
        if not self._tokens or self._tokens[0] != token:
            return False
        del self._tokens[0]
        return True

    def _error(self) -> RuleError:
        return RuleError(
            f"expected constants, !, && and || after !#if, found {self.text.strip()!r:.60}"
        )


def _said(found: re.Match[str]) -> str:
    return found[1] or found[2] or found[3] or ""


@dataclass(slots=True)
class _Branch:
    """One ``!#if`` that is open.  *is_open*: whether the lines around it count."""

    line: int
    is_open: bool
    holds: bool
    has_else: bool = False


class Directives:
    """What the directives read so far come to.

    Attributes:
        skips: whether the lines that follow do not count.
    """

    def __init__(self) -> None:
        self.skips = False
        self._branches: list[_Branch] = []
        self._too_deep = 0

    def take(self, text: str, line: int) -> str | None:
        """Take a line that begins with ``!#``; return the name of a file that it includes.

        Raises:
            UnsupportedRuleError: for a constant that nobody knows; the condition counts.
            RuleError: for a mistake, which costs this line; a condition is then not so.
        """
        found = _LINE(text.strip())
        if found is None:
            return None  # a comment, or what is about browsers
        name, rest = found[1], found[2].strip()
        match name:
            case "if":
                self._begin(rest, line)
            case "else":
                self._otherwise()
            case "endif":
                self._end()
            case _ if not self.skips:
                return _beside(rest)
        return None

    def ended(self) -> Iterator[tuple[int, RuleError]]:
        """Yield the conditions that are still open at the end, by their line."""
        for branch in self._branches:
            yield branch.line, RuleError("expected !#endif below this !#if, found none")

    def _begin(self, text: str, line: int) -> None:
        if len(self._branches) >= MOST_NESTED:
            self._too_deep += 1
            raise RuleError(f"expected at most {MOST_NESTED} !#if within one another, found more")
        branch = _Branch(line, not self.skips, holds=False)
        self._branches.append(branch)
        unknown = None
        try:
            if branch.is_open:
                branch.holds, unknown = holds(text)
        finally:
            self.skips = not (branch.is_open and branch.holds)
        if unknown is not None:
            raise UnsupportedRuleError(
                f"expected a constant that is known here, found {unknown!r:.60}",
                "unknown constant",
            )

    def _otherwise(self) -> None:
        if self._too_deep:
            return
        if not self._branches or self._branches[-1].has_else:
            raise RuleError("expected an open !#if above !#else, found none")
        branch = self._branches[-1]
        branch.has_else = True
        self.skips = not branch.is_open or branch.holds

    def _end(self) -> None:
        if self._too_deep:
            self._too_deep -= 1
        elif not self._branches:
            raise RuleError("expected an open !#if above !#endif, found none")
        else:
            self.skips = not self._branches.pop().is_open


def _beside(text: str) -> str:
    """Return *text* as the name of a file in the folder of the list.

    Raises:
        RuleError: when it may be one elsewhere.
    """
    if not _NAME(text):
        raise RuleError(f"expected a file in the same folder after !#include, found {text!r:.60}")
    return text
