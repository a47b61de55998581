"""Shared by the log's tests."""

from __future__ import annotations

import json
from pathlib import Path

NOW = 946_681_300.0


def lines(path: Path) -> list[dict]:
    """All that is in the file; fails on a line that is no JSON object."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
