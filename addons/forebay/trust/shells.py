"""Environment variables as lines that a shell evaluates.

Pure.  Values may hold anything but NUL: spaces, quotes, ``$`` and line ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping

# PowerShell takes typographic quotes for plain ones.
_POWERSHELL_QUOTES = re.compile("['\u2018\u2019\u201a\u201b]")


def lines(settings: Mapping[str, str], absent: Iterable[str], shell: str) -> str:
    r"""Return what sets *settings* and takes away *absent* in *shell*, one of `SHELLS`.

    >>> lines({"CERT": "/a b/it's.pem"}, ["DIR"], "sh")
    "export CERT='/a b/it'\\''s.pem'\nunset DIR\n"
    """
    return SHELLS[shell](settings, absent)


def _sh(settings: Mapping[str, str], absent: Iterable[str]) -> str:
    def quoted(value: str) -> str:
        return "'" + value.replace("'", "'\\''") + "'"

    found = [f"export {name}={quoted(value)}" for name, value in settings.items()]
    return _joined([*found, *(f"unset {name}" for name in absent)])


def _fish(settings: Mapping[str, str], absent: Iterable[str]) -> str:
    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    found = [f"set -gx {name} {quoted(value)}" for name, value in settings.items()]
    return _joined([*found, *(f"set -e {name}" for name in absent)])


def _powershell(settings: Mapping[str, str], absent: Iterable[str]) -> str:
    def quoted(value: str) -> str:
        return "'" + _POWERSHELL_QUOTES.sub(lambda found: found[0] * 2, value) + "'"

    found = [f"$env:{name} = {quoted(value)}" for name, value in settings.items()]
    gone = [f"Remove-Item Env:{name} -ErrorAction SilentlyContinue" for name in absent]
    return _joined([*found, *gone])


def _json(settings: Mapping[str, str], absent: Iterable[str]) -> str:
    return json.dumps({"set": dict(settings), "unset": list(absent)}, indent=2) + "\n"


def _joined(found: list[str]) -> str:
    return "".join(f"{line}\n" for line in found)


SHELLS: dict[str, Callable[[Mapping[str, str], Iterable[str]], str]] = {
    "sh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "json": _json,
}
