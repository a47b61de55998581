"""The command ``forebay``: a thin dispatcher; a start must cost no more than mitmdump's."""

from __future__ import annotations

import importlib
import sys

import forebay

USAGE = """\
usage: forebay proxy [--web] [mitmproxy arguments]   start the proxy on 127.0.0.1:8080
       forebay init [--home DIR]                     write commented examples of your own rules
       forebay status [--json]                       what runs, what is on, and what is wrong
       forebay ca path|env|install|uninstall         have clients trust the proxy's certificate
       forebay check URL [--type TYPE --source URL]  say whether it is blocked, and by which rule
       forebay lists [update [NAME…] [--force]]      show the lists, or download those that are due
       forebay cache ls|show|purge|stats|verify      look into the cache, or delete from it
       forebay lint [FILE…]                          look for mistakes in rewrite rules, run tests
       forebay rules test|import|schema              try rules on recorded traffic, import them
       forebay report [FILE…] [--html OUT]           what the traffic log says, at a glance
       forebay tail [FILE]                           follow the traffic log
       forebay log scan|schema|files                 look for secrets in logs, describe records
       forebay export har|csv|combined|parquet       the traffic log in other formats
       forebay query SQL [FILE…]                     ask the traffic log by SQL (extra duckdb)
       forebay record [--file FILE] -- COMMAND       run a command, record what it asks of others
       forebay replay [--file FILE] -- COMMAND       run it again, answer from the recording
       forebay recording ls|show|prune|redact|convert  look into recordings, change them
       forebay --version
"""
COMMANDS = (
    *("proxy", "init", "status", "ca", "check", "lists", "cache", "lint", "rules", "report"),
    *("tail", "log", "export", "query", "record", "replay", "recording"),
)
_ONE_MODULE = {"replay": "record"}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status (2: the arguments are wrong)."""
    match sys.argv[1:] if arguments is None else arguments:
        case [command, *rest] if command in COMMANDS:
            module = importlib.import_module(f"forebay.cli.{_ONE_MODULE.get(command, command)}")
            if module.__name__ == "forebay.cli.record":
                rest = [command, *rest]  # it is both
            return int(module.run(rest))
        case ["--version"]:
            print(f"forebay {forebay.__version__}")
            return 0
        case ["--help" | "-h"]:
            print(USAGE, end="")
            return 0
        case [command, *_]:
            print(
                f"forebay: expected {', '.join(COMMANDS)} or --version, found {command!r}",
                file=sys.stderr,
            )
        case _:
            print(USAGE, end="", file=sys.stderr)
    return 2
