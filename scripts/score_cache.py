"""Score the cache with the public suite http-cache-tests, through a real mitmdump.

    scripts/conformance [--modes reverse,absolute,connect] [--set-cookie both] [--json FILE]
    scripts/conformance --modes reverse --set-cookie refuse    one run, half a minute
    scripts/conformance --only TEST ...                        these tests and no floor
    scripts/conformance --explain TEST ...                     what they do and expect
    scripts/conformance --list

Modes: a reverse proxy; a forward proxy asked with absolute URLs; a forward proxy asked
for a tunnel by CONNECT, in which plain HTTP is spoken.  TEST is the id of a test or of
a suite, or a pattern such as partial-*.  The score counts tests that passed; those that
depend on a failed one have not.  Exit status: 0, 1 below a floor of
tests/conformance/floors.json, 2 when nothing could be measured.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import pathlib
import signal
import socket
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "addons")]

from conformance import definition, score  # noqa: E402
from conformance.suite import HERE, CannotMeasureError, install, node, origin  # noqa: E402
from proxies import Proxy, ProxyError, read_log  # noqa: E402

MODES = {"reverse": "direct", "absolute": "absolute", "connect": "connect"}
SET_COOKIE = {**{option: (option,) for option in score.OPTIONS}, "both": score.OPTIONS}
SUITE_PATHS = ("/config/", "/test/", "/state/")


def must_not_go_direct(folder: pathlib.Path, route: str, origin_port: int) -> None:
    """Show that nothing is answered over *route* while no proxy is there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, so nobody else gets it; not listening, so closed
        found = node(
            folder,
            base=f"http://127.0.0.1:{origin_port}",
            route=route,
            proxy=taken.getsockname()[1],
            only=["freshness-none"],
            chunk=1,
        )
    if found["answered"]:
        raise CannotMeasureError(f"{route}: requests were answered although no proxy is there")


def measure(folder, origin_port: int, mode: str, set_cookie: str, only, chunk: int) -> score.Run:
    """Run the suite through a new proxy with an empty cache."""
    route = MODES[mode]
    if route != "direct" and not only:
        must_not_go_direct(folder, route, origin_port)
    upstream = f"http://127.0.0.1:{origin_port}"
    options = {"flow_detail": 0} | (
        {} if set_cookie == "refuse" else {"cache_set_cookie": set_cookie}
    )
    with Proxy(
        home=folder / f"{mode}-{set_cookie}",
        confdir=folder / "confdir",
        arguments=["--mode", f"reverse:{upstream}"] if mode == "reverse" else [],
        options=options,
    ) as proxy:
        base = proxy.url if mode == "reverse" else upstream
        asked = {"only": only, "trace": len(only) == 1} if only else {}
        found = node(folder, base=base, route=route, proxy=proxy.port, chunk=chunk, **asked)
        proxy.stop()
        records = read_log(proxy.home / "log" / "traffic.jsonl")
    through = sum(str(record.get("url.path")).startswith(SUITE_PATHS) for record in records)
    if not 0 < found["answered"] <= through:
        raise CannotMeasureError(
            f"{mode}: expected in the proxy's log the {found['answered']} requests that were "
            f"answered, found {through}; the proxy printed:\n{proxy.text()}"
        )
    return score.Run(mode, set_cookie, tuple(found["outcomes"]))


def choose(suites, patterns: list[str]) -> list[tuple[dict, dict]]:
    """Return the tests, each with its suite, that *patterns* name."""
    pairs = [(test, suite) for suite in suites for test in suite["tests"]]
    chosen = []
    for pattern in patterns:
        found = [
            (test, suite)
            for test, suite in pairs
            if suite["id"] == pattern or fnmatch.fnmatchcase(test["id"], pattern)
        ]
        if not found:
            raise CannotMeasureError(f"expected a test or suite, found {pattern!r}; see --list")
        chosen += [pair for pair in found if pair not in chosen]
    return chosen


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modes", default=",".join(MODES), help="which, with commas between")
    parser.add_argument("--set-cookie", choices=SET_COOKIE, default="both")
    parser.add_argument("--only", nargs="+", metavar="TEST", help="run these; one alone is traced")
    parser.add_argument("--explain", nargs="+", metavar="TEST", help="show definitions")
    parser.add_argument("--list", action="store_true", help="show all tests, one a line")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="outcomes or definitions")
    parser.add_argument("--chunk", type=int, default=50, help="tests at a time")
    parser.add_argument("--deadline-s", type=int, default=1200, help="give up after so long")
    told = parser.parse_args()
    told.modes = told.modes.split(",")
    if unknown := [mode for mode in told.modes if mode not in MODES]:
        parser.error(f"--modes: expected some of {', '.join(MODES)}, found {', '.join(unknown)}")
    return told


def run(told: argparse.Namespace, folder: pathlib.Path) -> int:
    """Do what was told; return the exit status."""
    install()
    suites = node(folder)
    if told.list or told.explain:
        pairs = choose(suites, told.explain or ["*"])
        for test, suite in pairs:
            lines = list(definition.describe(test, suite))
            print("\n".join((*lines, "")) if told.explain else f"{lines[0]:60} {test['name']}")
        save(told.json, [{**test, "suite": suite["id"]} for test, suite in pairs])
        return 0
    only = [test["id"] for test, _ in choose(suites, told.only)] if told.only else None
    runs = []
    with origin(folder) as (port, log):
        for set_cookie in SET_COOKIE[told.set_cookie]:
            for mode in told.modes:
                runs.append(measure(folder, port, mode, set_cookie, only, told.chunk))
                print(f"conformance: {runs[-1].name}: {runs[-1].counts()}", file=sys.stderr)
        if only and len(only) == 1:
            print(log.read_text(encoding="utf-8"))
    save(
        told.json,
        [
            {"mode": r.mode, "set_cookie": r.set_cookie, "passed": r.counts(), "tests": r.outcomes}
            for r in runs
        ],
    )
    deliberate = score.read_deliberate(read("deliberate.json"))
    if only:
        print(
            "\n".join(f"{o['verdict']:16} {o['id']}  ({r.name})" for r in runs for o in r.outcomes)
        )
    else:
        print("\n".join(score.table(runs)))
    print("\n".join(score.failures(runs, deliberate, score.SUITE if only else score.SCORED)))
    if only:
        return 0
    short = [line for one in runs for line in score.shortfalls(one, read("floors.json"))]
    print("\n".join(("", *short)) if short else "\nno score is below its floor")
    return 1 if short else 0


def read(name: str):
    """Return what the file *name* of tests/conformance holds."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def save(path: pathlib.Path | None, data: object) -> None:
    if path:
        path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Measure and print; leave no process behind."""
    told = arguments()

    def give_up(number: int, _frame) -> None:
        late = number == signal.SIGALRM
        raise CannotMeasureError(f"not done after {told.deadline_s} s" if late else "stopped")

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, give_up)
    signal.alarm(told.deadline_s)
    try:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            return run(told, pathlib.Path(folder))
    except (CannotMeasureError, ProxyError) as error:
        print(f"conformance: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("conformance: stopped", file=sys.stderr)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 2


if __name__ == "__main__":
    sys.exit(main())
