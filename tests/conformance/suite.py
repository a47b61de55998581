"""The suite from npm: get it, have its client run, keep its server running."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = HERE.parents[1] / ".conformance"
PACKAGE = INSTALLED / "node_modules" / "http-cache-tests"
LISTENING = re.compile(r"Listening on http://127\.0\.0\.1:(\d+)/")
START_DEADLINE_S = 30


class CannotMeasureError(Exception):
    """Nothing can be said about the cache; the text says what is missing."""


def install() -> None:
    """Get the suite from npm, unless it is there; run no script of any package."""
    wanted = json.loads((HERE / "packages.json").read_text(encoding="utf-8"))
    if _installed() == wanted:
        return
    shutil.rmtree(INSTALLED, ignore_errors=True)
    INSTALLED.mkdir()
    sys.stderr.write("conformance: getting the suite into .conformance/\n")
    (INSTALLED / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(["npm", "install", *flags, *wanted], check=False, cwd=INSTALLED)
    found = _installed()
    if done.returncode or found != wanted:
        raise CannotMeasureError(
            f"expected from npm what {HERE / 'packages.json'} says, found {found or 'nothing'}"
        )


def _installed() -> dict[str, str]:
    """Return the packages that are there with their hashes, save npm, which the suite lists too."""
    lock = INSTALLED / "node_modules" / ".package-lock.json"
    if not lock.is_file():
        return {}
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {
        f"{path.removeprefix('node_modules/')}@{package['version']}": package["integrity"]
        for path, package in packages.items()
        if path != "node_modules/npm" and not path.startswith("node_modules/npm/")
    }


def node(folder: Path, **todo) -> object:
    """Have suite.mjs do *todo*; return what it wrote."""
    output = folder / "outcomes.json"
    output.unlink(missing_ok=True)
    asked = json.dumps({"package": str(PACKAGE), "output": str(output), **todo})
    process = subprocess.Popen(["node", "--no-warnings", str(HERE / "suite.mjs"), asked])
    try:
        status = process.wait()
    finally:
        process.kill()
        process.wait()
    if status or not output.is_file():
        raise CannotMeasureError(f"expected outcomes of the suite's client, found status {status}")
    return json.loads(output.read_text(encoding="utf-8"))


@contextlib.contextmanager
def origin(folder: Path):
    """Run the suite's server on a free port of 127.0.0.1; yield the port and its log file."""
    log = folder / "origin.log"
    settings = {"protocol": "http", "port": "0", "pidfile": str(folder / "origin.pid")}
    with log.open("w", encoding="utf-8") as lines:
        process = subprocess.Popen(
            ["node", "--require", str(HERE / "loopback.cjs"), "server/server.mjs"],
            cwd=PACKAGE,
            env={**os.environ, **{f"npm_config_{name}": text for name, text in settings.items()}},
            stdin=subprocess.PIPE,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
    try:
        end = time.monotonic() + START_DEADLINE_S
        while not (found := LISTENING.search(log.read_text(encoding="utf-8"))):
            if process.poll() is not None or time.monotonic() > end:
                raise CannotMeasureError(f"the suite's server does not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield int(found[1]), log
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
