"""The rules that ship."""

from __future__ import annotations

from pathlib import Path

from forebay import shipped


def test_a_checkout_has_them_beside_its_sources():
    """A wheel has them inside: see the test that installs one."""
    folder = shipped.rules_folder()

    assert folder == Path(__file__).parents[1] / "rules"
    assert (folder / "blocklists" / "sample.txt").is_file()
