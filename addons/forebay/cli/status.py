"""``forebay status``: what running proxies say of themselves, and whether they are well."""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Mapping
from itertools import batched
from pathlib import Path
from typing import Any

from forebay import controlfile
from forebay.blocklist.verdict import visible
from forebay.cli.output import DONE, NothingError, guarded
from forebay.cli.places import add_home, home_folder
from forebay.cli.statustext import lines_of, problems_of
from forebay.controlfile import BadFileError
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.recording.controlclient import NotThereError

UNWELL = 3
DEADLINE_S = 5.0
_MOST_AT_ONCE = 32
_EPILOG = """\
Exit status: 0 all are well; 1 none runs; 2 bad input; 3 one runs and is not
well, or does not answer. Not well means that something is on and does not do
all that it should, and that a person can mend it: a list that was never
fetched, an edit of rules that was refused, records of the log that were lost, a
disk that fails. Each is a line under "problems". What was switched off, or
paused, is well.

JSON: {"proxies": [...]}, in each "problems", "proxy", and a section for every
addon. Names tell units: *_at_s is POSIX time in seconds, *_s seconds, *_bytes
bytes, *_ratio 0 to 1; null is unknown or none. Counts begin at
counting_since_at_s, those of the log with its file. In the cache, hit, stale,
revalidated, refetched, miss and bypass are requests, as in forebay report;
refreshed are fetches of its own. What was blocked are requests, tunnels,
connections and DNS questions. Names may be added.
"""


def run(arguments: list[str]) -> int:
    """Show them; return 0, 1 when none runs, 2 for bad input, 3 when one is not well."""
    parser = argparse.ArgumentParser(
        prog="forebay status",
        description="Show what runs, what is on, and what is wrong.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    one_of = parser.add_mutually_exclusive_group()
    one_of.add_argument("--pid", type=int, metavar="PID", help="of this process only")
    one_of.add_argument("--control", metavar="FILE", help="of the proxy with this forebay_control")
    add_home(parser)
    given = parser.parse_args(arguments)
    return guarded("forebay status", lambda: _run(given))


def _run(given: argparse.Namespace) -> int:
    if given.control is None:
        home = home_folder(given)
        paths = [
            path
            for path in controlfile.found(home)
            if given.pid is None or controlfile.pid_of(path) == given.pid
        ]
        which = f"of home {home}" if given.pid is None else f"{given.pid} of home {home}"
    else:
        paths = [expanded("--control", given.control)]
        which = f"with the control file {paths[0]}"
    found = [each for each in _all(paths) if each is not None]
    if given.json:
        print(json.dumps({"proxies": found}, indent=2))
    else:
        for number, each in enumerate(found):
            if number:
                print()
            print("\n".join(lines_of(each)))
    if not found:
        raise NothingError(
            f"expected a running proxy {which}, found none; forebay proxy starts one"
        )
    return UNWELL if any(map(problems_of, found)) else DONE


def _all(paths: list[Path]) -> list[dict[str, Any] | None]:
    """Ask them at once, as one that hangs must not hold up the others; nor an end by Ctrl-C."""
    if len(paths) < 2:
        return [_told(path) for path in paths]
    found: dict[Path, dict[str, Any] | None] = {}

    def tell(path: Path) -> None:
        found[path] = _told(path)

    for some in batched(paths, _MOST_AT_ONCE):
        threads = [threading.Thread(target=tell, args=(path,), daemon=True) for path in some]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return [found[path] for path in paths]


def _told(path: Path) -> dict[str, Any] | None:
    """Return what the proxy of *path* says; None when there is none, and then not its file."""
    pid = controlfile.pid_of(path)
    try:
        said = controlfile.read(path)
    except FileNotFoundError:
        return None
    except BadFileError as error:
        if pid is None:  # a path that was given, and no file of ours
            raise
        _note(f"{error}: removed")
        controlfile.remove(path, None)
        return None
    except ForebayError as error:
        if pid is None:
            raise
        return _silent({"pid": pid}, str(error))
    if controlfile.is_elsewhere(said):
        _note(
            f"{path}: expected a proxy of this host, found one of {said['host']!r:.70}: not asked"
        )
        return None
    try:
        found = controlfile.ask(said, "status", DEADLINE_S)
    except NotThereError:
        if pid is not None:
            controlfile.remove(path, said)
        return None
    except ForebayError as error:
        # One that has just ended has taken its file along.
        return _silent(said, str(error)) if path.exists() else None
    if not isinstance(found.get("proxy"), dict):
        return _silent(said, "expected a status, found something else")
    return found


def _note(line: str) -> None:
    print(f"forebay status: {visible(line, 500)}", file=sys.stderr)


def _silent(said: Mapping[str, Any], problem: str) -> dict[str, Any]:
    """Return what is known of a proxy that says nothing of use."""
    known = {name: said.get(name) for name in ("pid", "version")}
    return {"problems": [problem], "proxy": known}
