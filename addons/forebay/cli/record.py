"""``forebay record`` and ``forebay replay``: run any program, its requests recorded or answered."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from forebay.blocklist.verdict import visible
from forebay.cli.output import guarded
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.recording import passedon
from forebay.recording.failures import IN_COMMANDS
from forebay.recording.fixture import ForebayProxy
from forebay.recording.plan import MODES
from forebay.recording.proxycommand import OPTION, proxy_command
from forebay.recording.proxyprocess import ProxyProcess

_FAILED = 1
_LONGEST = 4096
_EPILOG = """\
The program gets the variables that make clients use the proxy and trust it; the proxy has a home
and a certificate of its own, and both are gone afterwards.  What the program has asked is written
whatever its exit status is.

Exit status: that of the program; 1 where it is 0 and something was refused, not trusted or not
written; 2 bad input.
"""


def run(arguments: list[str]) -> int:
    """Run the program; *arguments* begins with ``record`` or ``replay``."""
    name, *rest = arguments
    split = rest.index("--") if "--" in rest else len(rest)
    given = _parser(name).parse_args(rest[:split])
    with passedon.ending():
        return guarded(f"forebay {name}", lambda: _run(name, given, rest[split + 1 :]))


def _parser(name: str) -> argparse.ArgumentParser:
    is_replay = name == "replay"
    parser = argparse.ArgumentParser(
        prog=f"forebay {name}",
        usage=f"forebay {name} [options] -- COMMAND [ARGUMENTS]",
        description="Answer what a program asks from a cassette; nothing reaches a server."
        if is_replay
        else "Record what a program asks; the cassette has exactly that afterwards.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--file", default="recording.yaml", help="cassette (%(default)s)")
    parser.add_argument(
        "--mode",
        choices=MODES,
        default="none" if is_replay else "all",
        help="none: play; once: record if there is no cassette; new_episodes: record what is new; "
        "all: record anew; passthrough: do nothing (%(default)s)",
    )
    for option, text in (
        ("--match", "what makes two requests the same, such as method or header:NAME"),
        ("--ignore", "what does not count, such as query:NAME, form:NAME or json:/a/b"),
        ("--allow", "host that is neither recorded nor refused, such as *.example.com"),
    ):
        parser.add_argument(
            option, action="append", default=[], help=f"{text}; may be given several times"
        )
    parser.add_argument(
        "--on-exhausted",
        choices=("fail", "repeat_last"),
        default="fail",
        help="what happens to a request that comes more often than recorded (%(default)s)",
    )
    parser.add_argument(
        "--fail-on-unused", action="store_true", help="fail if a recording was not asked for"
    )
    parser.add_argument("--redact", default="", help="a redact.yaml: what is masked")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="option of the proxy"
    )
    parser.add_argument(OPTION, help="what starts Forebay, such as 'uvx forebay'")
    return parser


def _run(name: str, given: argparse.Namespace, command: list[str]) -> int:
    if not command:
        raise ForebayError("expected a command after --, found none")
    if shutil.which(command[0]) is None:
        raise ForebayError(f"expected a command that can be run, found {command[0]!r:.200}")
    process = ProxyProcess(
        proxy_command(given.forebay_command, os.environ),
        given.set,
        expanded("--redact", given.redact) if given.redact else None,
    )
    try:
        proxy = ForebayProxy(
            process,
            expanded("--file", given.file).absolute(),
            given.mode,
            match=given.match,
            ignore=given.ignore,
            allow=given.allow,
            on_exhausted=given.on_exhausted,
        )
        try:
            status = passedon.run(command, proxy.env())
        except OSError as error:
            raise ForebayError(f"expected to start {command[0]}, found: {error.strerror}") from None
        is_fine = _told(f"forebay {name}", proxy, needs_all=given.fail_on_unused)
        return status or (0 if is_fine else _FAILED)
    finally:
        process.stop()


def _told(prefix: str, proxy: ForebayProxy, *, needs_all: bool) -> bool:
    """End the recording, and say what is wrong with it; return whether nothing is."""
    try:
        found = proxy.finish(save=True, needs_all=needs_all, words=IN_COMMANDS)
    except ForebayError as error:
        print(f"{prefix}: {visible(f'{error}', _LONGEST)}", file=sys.stderr)
        print(proxy.output(), file=sys.stderr)
        return False
    for text in (*found.warnings, *found.failures):
        for line in text.splitlines():
            print(f"{prefix}: {visible(line, _LONGEST)}", file=sys.stderr)
    if found.saved is not None:
        print(f"{prefix}: written: {visible(found.saved, _LONGEST)}", file=sys.stderr)
    return not found.failures
