"""Rewrite files to one rule set: what ships, then the user's own, then those named.

Files are refused whole, and with them the set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from forebay.errors import ForebayError
from forebay.rewrite.rule import Phase, Rule
from forebay.rulefiles import Source, read_all

FILE = "rewrite.yaml"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that act on requests and on responses; *count* counts each rule once."""

    request: tuple[Rule, ...] = ()
    response: tuple[Rule, ...] = ()
    count: int = 0

    @classmethod
    def of(cls, rules: Sequence[Rule]) -> RuleSet:
        """Return *rules* by phase."""
        return cls(
            tuple(rule for rule in rules if rule.takes_part(Phase.REQUEST)),
            tuple(rule for rule in rules if rule.takes_part(Phase.RESPONSE)),
            len(rules),
        )

    def __str__(self) -> str:
        return f"{self.count:,} rule{'' if self.count == 1 else 's'}"


def sources(shipped: Path, user: Path, named: Iterable[str]) -> tuple[Source, ...]:
    """Return the files in the order of their rules, each file once.

    Args:
        shipped: the folder of the rules that ship; its file must be there.
        user: the folder of the user's own rules; its file may be absent.
        named: more files, which must be there; ``~`` is the home folder.

    Raises:
        ForebayError: when a name begins with an unknown user's home.
    """
    found = [
        Source(shipped / FILE, "forebay_rules"),
        Source(user / FILE, "forebay_home", may_be_absent=True),
        *(Source(_expanded(name), "rewrite_files") for name in named),
    ]
    once: dict[Path, Source] = {}
    for source in found:
        once.setdefault(source.path.absolute(), source)
    return tuple(once.values())


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise ForebayError(
            f"rewrite_files: expected a file, found {name!r}: no such home folder"
        ) from None


def load(files: Iterable[Source]) -> RuleSet:
    """Read *files* into one rule set.

    Raises:
        RuleErrors: with all that is wrong in all of them.
    """
    return RuleSet.of(read_all(files, _read))


def _read(source: Source) -> tuple[Rule, ...]:
    # Imported late: they import pydantic, and no other addon's start waits for it.
    from forebay import rulefile
    from forebay.rewrite.parse import parse

    if source.may_be_absent and _is_absent(source.path):
        return ()
    return parse(rulefile.read(source.path), source.path)


def _is_absent(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # what hinders reading it is for the reader to say
    return False
