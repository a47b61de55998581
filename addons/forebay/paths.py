"""Paths that users write."""

from __future__ import annotations

from pathlib import Path

from forebay.errors import ForebayError


def expanded(option: str, text: str) -> Path:
    """Return *text*, the value of *option*, as a path, ``~`` being the home folder.

    Raises:
        ForebayError: when it begins with an unknown user's home.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ForebayError(
            f"{option}: expected a path, found {text!r}: no such home folder"
        ) from None


def shown(path: Path) -> str:
    """Return *path* as people write it: ``~`` for their home folder."""
    home = Path.home()
    if home not in path.parents:
        return str(path)
    return f"~/{path.relative_to(home).as_posix()}"
