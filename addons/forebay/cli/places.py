"""Where a command finds rules and state, by the same words in all of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from forebay import shipped
from forebay.errors import ForebayError
from forebay.paths import expanded


def add_home(parser: argparse.ArgumentParser) -> None:
    """Add ``--home``."""
    parser.add_argument("--home", default="~/.forebay", help="as the option forebay_home")


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add ``--home`` and ``--rules``."""
    add_home(parser)
    parser.add_argument("--rules", default="", help="as the option forebay_rules")


def home_folder(given: argparse.Namespace) -> Path:
    """Return the folder of state and of the user's own rules.

    Raises:
        ForebayError: when it begins with an unknown user's home.
    """
    return expanded("--home", given.home)


def rules_folder(given: argparse.Namespace) -> Path:
    """Return the folder of the rules that ship.

    Raises:
        ForebayError: when it is none.
    """
    if not given.rules:
        return shipped.rules_folder()
    folder = expanded("--rules", given.rules)
    if not folder.is_dir():
        raise ForebayError(f"--rules: expected a folder, found nothing at {folder}")
    return folder
