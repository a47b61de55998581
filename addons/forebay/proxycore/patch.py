"""Replace methods of mitmproxy's classes, and take every replacement back.

A patch knows the mitmproxy versions it was written for and a self-test that
drives the patched layer without a network.  What to do when either says no is
the caller's decision: comfort is switched off, a guard that a filter rests on
refuses the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from mitmproxy import version

from forebay.errors import ForebayError

KNOWN_VERSIONS = ("12.2.3",)
"""The mitmproxy releases whose private names this package was written against."""


class CoreMismatchError(ForebayError):
    """mitmproxy's core is not what a guard was written for."""


def check_version(name: str) -> None:
    """Make sure that mitmproxy is one whose private names are known.

    Raises:
        CoreMismatchError: when it is not; *name* says for whom it was asked.
    """
    if version.VERSION not in KNOWN_VERSIONS:
        raise CoreMismatchError(
            f"{name}: expected mitmproxy {' or '.join(KNOWN_VERSIONS)}, found {version.VERSION}"
        )


@dataclass(slots=True)
class Patch:
    """A set of method replacements, all in place or none.

    Args:
        name: what the patch is for, in one word.
        swaps: (class or module, function name, maker) where the maker takes the original
            function and returns the one to put in its place.
    """

    name: str
    swaps: tuple[tuple[type | ModuleType, str, Callable[[Any], Any]], ...]
    _originals: list[Any] = field(default_factory=list)

    @property
    def installed(self) -> bool:
        """Whether the replacements are in place."""
        return bool(self._originals)

    def install(self) -> None:
        """Put the replacements in place; a second call does nothing.

        Raises:
            CoreMismatchError: when this mitmproxy is not a known one, or a
                method to be replaced does not exist.
        """
        if self._originals:
            return
        check_version(self.name)
        for owner, method, _ in self.swaps:
            if method not in vars(owner):
                raise CoreMismatchError(
                    f"{self.name}: expected {owner.__name__}.{method}, found no such method"
                )
        for owner, method, make in self.swaps:
            original = vars(owner)[method]
            self._originals.append(original)
            setattr(owner, method, make(original))

    def uninstall(self) -> None:
        """Put the originals back; a second call does nothing."""
        while self._originals:
            owner, method, _ = self.swaps[len(self._originals) - 1]
            setattr(owner, method, self._originals.pop())
