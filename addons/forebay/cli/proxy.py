"""``forebay proxy``: mitmdump or mitmweb with our script, on loopback unless told otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import forebay

ONLY_RECORDING = "--only-recording"
"""Argument for a proxy that records and plays, without blocklist, rewriting, cache and log."""


def entry_script(name: str = "main.py") -> Path:
    """Return the path of an entry script, in an installed wheel or in a checkout."""
    package = Path(forebay.__file__).parent
    inside = package / name
    return inside if inside.is_file() else package.parent / name


WEB_COLUMNS = ("tls", "icon", "path", "comment", "method", "status", "size", "time")
"""mitmweb's own, and the comment, which says what became of a flow."""


def mitmproxy_arguments(arguments: list[str], script: Path, *, web: bool = False) -> list[str]:
    """Return the arguments for mitmproxy: ours first, so that the user's win.

    >>> mitmproxy_arguments(["-p", "8081"], Path("main.py"))
    ['--listen-host', '127.0.0.1', '-s', 'main.py', '-p', '8081']
    >>> mitmproxy_arguments(["--set", "listen_host=::"], Path("main.py"))
    ['-s', 'main.py', '--set', 'listen_host=::']
    >>> arguments = ["--set", "listen_host=::", "--set", "web_columns=path"]
    >>> mitmproxy_arguments(arguments, Path("main.py"), web=True) == ["-s", "main.py", *arguments]
    True
    >>> "web_columns=comment" in mitmproxy_arguments([], Path("main.py"), web=True)
    True
    """
    # mitmproxy lets --listen-host win over --set, whichever comes last.
    told = any(argument.removeprefix("--set=").startswith("listen_host=") for argument in arguments)
    host = [] if told else ["--listen-host", "127.0.0.1"]
    columns = [] if not web or _names_columns(arguments) else _set_columns()
    return [*host, *columns, "-s", str(script), *arguments]


def _names_columns(arguments: list[str]) -> bool:
    """Return whether the user has said which columns mitmweb shows: a list is not replaced."""
    return any(argument.removeprefix("--set=").startswith("web_columns=") for argument in arguments)


def _set_columns() -> list[str]:
    return [part for name in WEB_COLUMNS for part in ("--set", f"web_columns={name}")]


def run(arguments: list[str]) -> int:
    """Run the proxy until it ends; return its exit status."""
    from mitmproxy.tools import main

    web = "--web" in arguments
    rest = [argument for argument in arguments if argument not in ("--web", ONLY_RECORDING)]
    script = entry_script("only_recording.py" if ONLY_RECORDING in arguments else "main.py")
    sys.argv[0] = "forebay proxy"
    tool = main.mitmweb if web else main.mitmdump
    return tool(mitmproxy_arguments(rest, script, web=web)) or 0
