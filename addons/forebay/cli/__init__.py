"""The command ``forebay``: a thin dispatcher; a start must cost no more than mitmdump's."""

from __future__ import annotations

import sys

import forebay

USAGE = """\
usage: forebay proxy [--web] [mitmproxy arguments]   start the proxy on 127.0.0.1:8080
       forebay init [--home DIR]                     write commented examples of your own rules
       forebay check URL [--type TYPE --source URL]  say whether it is blocked, and by which rule
       forebay lists [update [NAME…] [--force]]      show the lists, or download those that are due
       forebay cache ls|show|purge|stats|verify      look into the cache, or delete from it
       forebay lint [FILE…]                          look for mistakes in rewrite rules, run tests
       forebay rules test|import|schema              try rules on recorded traffic, import them
       forebay --version
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status (2: the arguments are wrong)."""
    match sys.argv[1:] if arguments is None else arguments:
        case ["proxy", *rest]:
            from forebay.cli import proxy

            return proxy.run(rest)
        case ["init", *rest]:
            from forebay.cli import init

            return init.run(rest)
        case ["check", *rest]:
            from forebay.cli import check

            return check.run(rest)
        case ["lists", *rest]:
            from forebay.cli import lists

            return lists.run(rest)
        case ["cache", *rest]:
            from forebay.cli import cache

            return cache.run(rest)
        case ["lint", *rest]:
            from forebay.cli import lint

            return lint.run(rest)
        case ["rules", *rest]:
            from forebay.cli import rules

            return rules.run(rest)
        case ["--version"]:
            print(f"forebay {forebay.__version__}")
            return 0
        case ["--help" | "-h"]:
            print(USAGE, end="")
            return 0
        case [command, *_]:
            print(
                "forebay: expected proxy, init, check, lists, cache, lint, rules or --version, "
                f"found {command!r}",
                file=sys.stderr,
            )
        case _:
            print(USAGE, end="", file=sys.stderr)
    return 2
