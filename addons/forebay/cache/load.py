"""The files of cache rules to one list: the user's own first, then what ships.

Of several rules for a URL the first counts.  Files are refused whole, and with
them the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from forebay.cache.rule import Rule
from forebay.rulefiles import Source, read_all, says_nothing

FILE = "cache.yaml"


def sources(shipped: Path, user: Path) -> tuple[Source, ...]:
    """Return the files in the order of their rules, each file once.

    Args:
        shipped: the folder of the rules that ship.
        user: the folder of the user's own rules.
    """
    found = (Source(user / FILE, "forebay_home"), Source(shipped / FILE, "forebay_rules"))
    return found if found[0].path.absolute() != found[1].path.absolute() else found[:1]


def load(files: Iterable[Source]) -> tuple[Rule, ...]:
    """Read *files*; one that is absent has no rules.

    Raises:
        RuleErrors: with all that is wrong in all of them.
    """
    return tuple(read_all(files, _read))


def _read(source: Source) -> tuple[Rule, ...]:
    if says_nothing(source.path):
        return ()
    # Imported late: they import pydantic, and no other addon's start waits for it.
    from forebay import rulefile
    from forebay.cache.parse import parse

    return parse(rulefile.read(source.path), source.path)
