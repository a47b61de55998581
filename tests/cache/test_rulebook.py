"""The rules in force."""

from __future__ import annotations

import asyncio

import pytest
from mitmproxy.test import taddons

from cache.builders import DEADLINE_S
from forebay.cache import config
from forebay.cache.rulebook import Rulebook
from forebay.errors import ForebayError

FORCE = "rules:\n  - lifetime: 1h\n"


@pytest.fixture
def home(tmp_path):
    class Options:
        name = "options"

        def load(self, loader):
            config.declare(loader)

    (tmp_path / "shipped").mkdir()
    (tmp_path / "rules").mkdir()
    with taddons.context(Options()) as context:
        context.options.update(forebay_home=str(tmp_path), forebay_rules=str(tmp_path / "shipped"))
        yield tmp_path / "rules" / "cache.yaml"


def test_the_files_are_read_when_the_cache_is_on(home):
    home.write_text(FORCE)
    book = Rulebook()

    book.configure(on=True, running=False)
    assert [rule.lifetime_s for rule in book.rules] == [3600]

    book.configure(on=False, running=False)
    assert book.rules == ()


def test_a_mistake_leaves_the_rules_in_force(home):
    home.write_text(FORCE)
    book = Rulebook()
    book.configure(on=True, running=False)
    home.write_text("rules: 3\n")

    with pytest.raises(ForebayError, match=r"cache\.yaml:1:1: rules: expected a list"):
        book.configure(on=True, running=False)

    assert len(book.rules) == 1


def test_an_edit_takes_effect_and_a_mistake_does_not(home, caplog):
    caplog.set_level("INFO")
    book = Rulebook()

    async def edited():
        book.configure(on=True, running=True)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.sleep(0.1)
                home.write_text(FORCE)
                while not book.rules:
                    await asyncio.sleep(0.05)
                home.write_text("rules: 3\n")
                while "not reloaded" not in caplog.text:
                    await asyncio.sleep(0.05)
        finally:
            book.stop()

    asyncio.run(edited())

    assert len(book.rules) == 1
    assert "cache: 1 rule (reloaded)" in caplog.text
    assert "cache: rules not reloaded: " in caplog.text
