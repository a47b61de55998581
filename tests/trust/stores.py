"""Stores of certificates in folders of the test's own; the machine's stay as they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from forebay.trust.systemstore import UPDATE, SystemStore

needs_update = pytest.mark.skipif(
    shutil.which(UPDATE) is None, reason=f"expected {UPDATE}, as on Debian"
)
needs_certutil = pytest.mark.skipif(
    shutil.which("certutil") is None, reason="expected certutil (Debian: libnss3-tools)"
)


def system_store(folder: Path) -> SystemStore:
    """Return a store that ``update-ca-certificates`` keeps in *folder*."""
    for name in ("shipped", "local", "trusted", "hooks"):
        (folder / name).mkdir(parents=True)
    (folder / "conf").write_text("", encoding="ascii")
    return SystemStore(
        folder / "local",
        folder / "trusted",
        (
            *("--certsconf", str(folder / "conf"), "--certsdir", str(folder / "shipped")),
            *("--localcertsdir", str(folder / "local"), "--etccertsdir", str(folder / "trusted")),
            *("--hooksdir", str(folder / "hooks")),
        ),
    )


def make_database(folder: Path, password: str = "") -> Path:
    """Make a database of NSS."""
    folder.mkdir(parents=True)
    if password:
        (folder / "password").write_text(password, encoding="ascii")
    asked = ("-f", str(folder / "password")) if password else ("--empty-password",)
    certutil(folder, "-N", *asked)
    return folder


def certutil(folder: Path, *arguments: str) -> str:
    """Run ``certutil`` as others would."""
    done = subprocess.run(
        ["certutil", arguments[0], "-d", f"sql:{folder}", *arguments[1:]],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
