"""Where the rules are that came with this Forebay."""

from __future__ import annotations

from pathlib import Path

import forebay


def rules_folder() -> Path:
    """Return their folder, in an installed wheel or in a checkout."""
    package = Path(forebay.__file__).parent
    inside = package / "rules"
    return inside if inside.is_dir() else package.parents[1] / "rules"
