"""A suite of tests of somebody else's: files in a folder, and pytest run on them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

WITHOUT = {"CI", "FOREBAY_COMMAND", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"}


@dataclass
class Suite:
    """Files below *folder*; *options* are what the proxy is told."""

    folder: Path
    options: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, **modules: str) -> None:
        """Write modules by name; the proxy's options are in ``pytest.ini``."""
        self.folder.mkdir(exist_ok=True)
        options = "".join(f"\n    {each}" for each in self.options)
        (self.folder / "pytest.ini").write_text(
            f"[pytest]\naddopts = -p no:cacheprovider -p no:anyio -p no:asyncio --strict-markers\n"
            f"forebay_options ={options}\n",
            encoding="utf-8",
        )
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")

    def run(self, *arguments: str, **environ: str) -> Result:
        """Run pytest on it."""
        base = {name: value for name, value in os.environ.items() if name not in WITHOUT}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--color=no", *arguments],
            cwd=self.folder,
            env={
                **base,
                "PYTHONDONTWRITEBYTECODE": "1",
                "COLUMNS": "200",
                **self.environ,
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=180,
        )
        return Result(done.returncode, done.stdout + done.stderr)

    def cassettes(self) -> list[str]:
        """Return the cassettes that there are, by their paths."""
        return sorted(
            path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*.yaml")
        )


@dataclass(frozen=True)
class Result:
    """What came of a run."""

    status: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """How many have passed, failed and so on."""
        last = self.text.strip().splitlines()[-1]
        return {name.rstrip("s"): int(n) for n, name in re.findall(r"(\d+) ([a-z]+)", last)}
