"""The files of cache rules to one list: the user's own first, then what ships.

Of several rules for a URL the first counts.  Files are refused whole, and with
them the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from forebay.cache.rule import Rule
from forebay.regularfile import open_regular
from forebay.rulefiles import Source, read_all

FILE = "cache.yaml"
_LONGEST_COMMENT_BYTES = 16 * 1024


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
    if _says_nothing(source.path):
        return ()
    # Imported late: they import pydantic, and no other addon's start waits for it.
    from forebay import rulefile
    from forebay.cache.parse import parse

    return parse(rulefile.read(source.path), source.path)


def _says_nothing(path: Path) -> bool:
    """Return whether *path* is absent or has comments only, as for most users."""
    try:
        with open_regular(path) as file:
            data = file.read(_LONGEST_COMMENT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False  # what hinders reading it is for the reader to say
    return len(data) <= _LONGEST_COMMENT_BYTES and all(
        not line.strip() or line.lstrip().startswith(b"#") for line in data.splitlines()
    )
