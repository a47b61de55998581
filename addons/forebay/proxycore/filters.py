"""mitmproxy's flow filters, kept from searching long texts for regexes that take long.

Which regexes a filter consists of only private names tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

from mitmproxy import flow as mflow
from mitmproxy import flowfilter

from forebay.errors import RuleError
from forebay.regexes import Regex

LONGEST = 65_536
"""So much is searched of a text, in bytes or characters; of what takes longer, less."""
_BODIES = (flowfilter.FBod, flowfilter.FBodRequest, flowfilter.FBodResponse)


def compiled(text: str) -> Callable[[object], bool]:
    """Return the flow filter *text*.

    Raises:
        ValueError: when it is none, looks at bodies, or could stall the proxy.
    """
    try:
        found: Any = flowfilter.parse(text)
    except ValueError:
        raise ValueError(
            f"expected a flow filter such as '~d example & ~m POST' (see mitmproxy's "
            f"documentation), found {text!r:.70}"
        ) from None
    for rex in _regexes(found):
        if isinstance(rex, _BODIES):
            raise ValueError(  # noqa: TRY004  (it is the text that is wrong)
                f"expected a flow filter that looks at heads, found ~{rex.code}: "
                "when rules are matched, no body has come"
            )
        rex.re = _Bounded(rex.re, _limit(rex))
    return lambda flow: bool(found(cast("mflow.Flow", flow)))


def _regexes(token: Any) -> Iterator[Any]:
    """Yield what in a filter searches for a regex."""
    if isinstance(token, flowfilter._Rex):
        yield token
    elif isinstance(token, flowfilter.FAnd | flowfilter.FOr):
        for each in token.lst:
            yield from _regexes(each)
    elif isinstance(token, flowfilter.FNot):
        yield from _regexes(token.itm)


def _limit(rex: Any) -> int:
    """Return how much of a text may be searched.

    Raises:
        ValueError: when the regex may take long on the shortest.
    """
    try:
        return Regex.of(rex.expr, flags=rex.re.flags, most_chars=LONGEST).limit_chars
    except RuleError as error:
        raise ValueError(str(error)) from None


class _Bounded:
    """A compiled regex that sees the beginning of a long text only."""

    __slots__ = ("_limit", "_regex")

    def __init__(self, regex: Any, limit: int) -> None:
        self._regex, self._limit = regex, limit

    def search(self, text: str | bytes) -> Any:
        """Return where it is found."""
        return self._regex.search(text, 0, self._limit)
