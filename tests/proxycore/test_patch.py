"""Replacing methods of the core, and taking it back."""

from __future__ import annotations

import pytest

from forebay.proxycore import patch
from forebay.proxycore.patch import CoreMismatchError, Patch


class Base:
    def inherited(self):
        return "inherited"


class Core(Base):
    def first(self):
        return "first"

    def second(self):
        return "second"


def louder(original):
    return lambda self: original(self) + "!"


def test_all_methods_are_replaced_and_put_back():
    """Twice each, since a script may be loaded twice and done() may come twice."""
    both = Patch("both", ((Core, "first", louder), (Core, "second", louder)))
    originals = (Core.first, Core.second)

    both.install()
    both.install()

    assert (Core().first(), Core().second()) == ("first!", "second!")
    assert both.installed

    both.uninstall()
    both.uninstall()

    assert (Core.first, Core.second) == originals
    assert not both.installed


def test_patches_of_one_method_stack():
    """They are taken back in reverse order."""
    one = Patch("one", ((Core, "first", louder),))
    two = Patch("two", ((Core, "first", louder),))

    one.install()
    two.install()

    assert Core().first() == "first!!"

    two.uninstall()
    one.uninstall()

    assert Core().first() == "first"


def test_unknown_version_is_refused(monkeypatch):
    """Private names are only what they were in the versions that were read."""
    monkeypatch.setattr(patch.version, "VERSION", "99.0")

    with pytest.raises(CoreMismatchError, match=r"retry: expected mitmproxy 12\.2\.3, found 99\.0"):
        Patch("retry", ((Core, "first", louder),)).install()

    assert Core().first() == "first"


def test_missing_method_leaves_all_as_it_was():
    """A method that moved to a base class counts as missing too."""
    broken = Patch("broken", ((Core, "first", louder), (Core, "inherited", louder)))

    with pytest.raises(CoreMismatchError, match=r"expected Core\.inherited, found no such method"):
        broken.install()

    assert Core().first() == "first"
    assert not broken.installed
