"""The command itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "conformance"


def test_it_says_which_package_is_missing(tmp_path):
    """And installs nothing by itself."""
    for tool in ("bash", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool))

    done = subprocess.run(
        [tmp_path / "bash", SCRIPT], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )

    assert done.returncode == 2
    assert "found no node (Debian: apt-get install nodejs npm)" in done.stderr
