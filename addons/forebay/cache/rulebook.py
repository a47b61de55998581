"""The user's rules in force, and their files watched."""

from __future__ import annotations

from typing import Any

from forebay import settings
from forebay.cache.load import load, sources
from forebay.cache.rule import Rule
from forebay.rulefiles import RuleFiles

OPTIONS = frozenset({"cache", "forebay_home", "forebay_rules"})


class Rulebook:
    """The rules in force; they change whole, and stay when an edit is a mistake."""

    def __init__(self) -> None:
        self.rules: tuple[Rule, ...] = ()
        self._files = RuleFiles("cache", load, self._put, _told)

    def configure(self, *, on: bool, running: bool) -> None:
        """Read the files, or forget them.

        Raises:
            ForebayError: with all that is wrong in them.
        """
        files = sources(settings.shipped_rules(), settings.user_rules()) if on else ()
        self._files.read(files, running=running)

    def status(self) -> dict[str, Any]:
        """Return in plain types how many there are, and of which files."""
        return {"rules": len(self.rules), **self._files.status()}

    def start(self) -> None:
        """Begin to watch the files."""
        self._files.start()

    def stop(self) -> None:
        """Stop watching."""
        self._files.stop()

    def _put(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules


def _told(rules: tuple[Rule, ...]) -> str:
    return f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
