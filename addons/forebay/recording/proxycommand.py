"""The command that starts the proxy, which may live in another environment than the tests.

The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from forebay.errors import ForebayError

VARIABLE = "FOREBAY_COMMAND"
OPTION = "--forebay-command"
OFF = ("blocklist", "blocklist_update", "rewrite", "cache", "trafficlog")
"""Options that are false while something is recorded: what servers say is what counts."""
OTHERS = ("blocklist", "rewrite", "cache", "trafficlog", "turbo", "inspect", "forebay_bypass")
"""How the names of options begin that speak of more than recording."""


def proxy_command(given: str | None, environ: Mapping[str, str]) -> list[str]:
    """Return the command, without its arguments.

    What is given comes first, then the variable, then ``forebay`` of this
    environment, where mitmproxy is in it, then ``forebay`` on the path.

    Raises:
        ForebayError: when there is none.
    """
    for name, text in ((OPTION, given), (VARIABLE, environ.get(VARIABLE))):
        if text:
            return _split(name, text)
    if importlib.util.find_spec("mitmproxy") is not None:
        beside = shutil.which("forebay", path=str(Path(sys.executable).parent))
        if beside:
            return [beside]
    found = shutil.which("forebay", path=_others(environ))
    if found:
        return [found]
    raise ForebayError(
        f"expected Forebay with mitmproxy in this environment, or a command that starts it "
        f"({OPTION} or {VARIABLE}, such as 'uvx forebay'), found neither"
    )


def _split(name: str, text: str) -> list[str]:
    try:
        command = shlex.split(text)
    except ValueError as error:
        raise ForebayError(f"{name}: expected a command, found {text!r}: {error}") from None
    if not command or shutil.which(command[0]) is None:
        raise ForebayError(
            f"{name}: expected a command that can be run, found {text!r}: no such program"
        )
    return command


def _others(environ: Mapping[str, str]) -> str:
    """Return the path without this environment, whose ``forebay`` cannot start the proxy."""
    own = Path(sys.executable).parent
    separator = ";" if sys.platform == "win32" else ":"
    folders = environ.get("PATH", "").split(separator)
    return separator.join(each for each in folders if each and Path(each) != own)


def proxy_arguments(confdir: Path, home: Path, control: Path, options: Iterable[str]) -> list[str]:
    """Return the arguments of the command.

    Args:
        confdir: folder of the CA, a new one.
        home: folder of state and rules, a new one.
        control: the control file.
        options: options of the user's, as ``name=value``; they win.

    Raises:
        ForebayError: when one of the options is none.
    """
    values: dict[str, list[str]] = {"flow_detail": ["0"], "confdir": [str(confdir)]}
    values |= {"forebay_home": [str(home)], "forebay_control": [str(control)]}
    given: dict[str, list[str]] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name.strip():
            raise ForebayError(f"forebay_options: expected name=value, found {option!r:.70}")
        given.setdefault(name.strip(), []).append(value.strip())
    if any(name.startswith(OTHERS) for name in given):
        pipeline = []
        values |= {name: ["false"] for name in OFF}
    else:
        pipeline = ["--only-recording"]  # which starts sooner
    told = [f"{name}={each}" for name, all_ in (values | given).items() for each in all_]
    listen = ("--listen-host", "127.0.0.1", "--listen-port", "0")
    return ["proxy", *pipeline, *listen, *(part for each in told for part in ("--set", each))]
