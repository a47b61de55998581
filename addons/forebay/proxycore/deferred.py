"""Values given for our options before we were loaded.

mitmproxy keeps ``--set`` and ``config.yaml`` values of options that it does
not know yet, and reads them when a script has declared its options.  One that
cannot be read makes it drop the whole script, silently: the proxy would run
without its filter.  Here such values are taken back first.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from mitmproxy import exceptions, optmanager
from mitmproxy.utils import typecheck

PREFIXES = ("forebay", "blocklist", "rewrite", "cache", "trafficlog", "turbo")
"""What the names of our options begin with."""

_EXPECTED = {bool: "true or false", str: "one value", int: "a whole number"}


def take_back(options: optmanager.OptManager) -> list[str]:
    """Drop the values that their options cannot have; return a line for each."""
    lines = []
    for name in list(options.deferred):
        option = options._options.get(name)
        if option is None:
            continue
        given = options.deferred[name]
        try:
            value = given
            if isinstance(given, optmanager._UnconvertedStrings):
                value = options._parse_setval(option, given.val)
            typecheck.check_option_type(name, value, option.typespec)
        except (exceptions.OptionsError, TypeError):
            del options.deferred[name]
            expected = _EXPECTED.get(option.typespec, "another kind of value")
            lines.append(f"{name}: expected {expected}, found {_shown(given)}")
    return lines


def _shown(given: Any) -> str:
    if isinstance(given, optmanager._UnconvertedStrings):
        return " and ".join(map(repr, given.val)) or "none"
    return repr(given)


def unknown(options: optmanager.OptManager) -> list[str]:
    """Return a line for each given option that looks like ours and is not known."""
    return [
        f"{name}: expected an option of Forebay, found an unknown one{_hint(name, options.keys())}"
        for name in options.deferred
        if name.startswith(PREFIXES)
    ]


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
