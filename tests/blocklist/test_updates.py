"""Fetching lists beside the traffic."""

from __future__ import annotations

import asyncio
import logging

import pytest
from mitmproxy.test import taddons

from forebay.blocklist.addon import BlocklistAddon
from forebay.blocklist.updates import Updates, update_due
from origins import Origin, Reply

LIST = b"||ads.example^\n||tracker.example^\n"


@pytest.fixture
def places(tmp_path):
    for name in ("shipped", "home/rules"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path / "shipped", tmp_path / "home" / "rules", tmp_path / "home" / "lists"


def catalogue(user, url, more=""):
    user.joinpath("lists.yaml").write_text(f'lists: [{{name: ads, url: "{url}"{more}}}]')


def test_what_is_due_is_fetched_and_then_not_again(places):
    with Origin(lambda _: Reply(body=LIST)) as origin:
        catalogue(places[1], origin.url("/ads.txt"))

        first = update_due(*places, now_s=1_000_000)
        second = update_due(*places, now_s=1_000_060)

    assert first == [(logging.INFO, "ads: updated: 2 rules")]
    assert second == []
    assert (places[2] / "ads.txt").read_bytes() == LIST
    assert len(origin.targets()) == 1


def test_what_fails_is_a_warning(places):
    with Origin(lambda _: Reply(status=404)) as origin:
        catalogue(places[1], origin.url("/ads.txt"))

        ((level, line),) = update_due(*places, now_s=1_000_000)

    assert level == logging.WARNING
    assert line.startswith("ads: failed: ")


def test_lists_that_are_off_are_left_alone(places):
    catalogue(places[1], "http://127.0.0.1:9/x", ", enabled: false")

    assert update_due(*places, now_s=1_000_000) == []


class TestTask:
    @staticmethod
    def run(tmp_path, check, **given):
        async def main():
            with taddons.context() as tctx:
                tctx.master.addons.register(BlocklistAddon())
                tctx.options.update(
                    forebay_home=str(tmp_path / "home"),
                    forebay_rules=str(tmp_path / "shipped"),
                    **given,
                )
                updates = Updates(lambda: 1_000_000.0)
                updates.start()
                try:
                    async with asyncio.timeout(20):
                        await check(updates)
                finally:
                    updates.stop()
                    updates.stop()

        asyncio.run(main())

    def test_it_fetches_when_told_so(self, places, tmp_path):
        async def fetched(_):
            while not (places[2] / "ads.txt").exists():
                await asyncio.sleep(0.02)

        with Origin(lambda _: Reply(body=LIST)) as origin:
            catalogue(places[1], origin.url("/ads.txt"))
            self.run(tmp_path, fetched, blocklist_update=True)

        assert len(origin.targets()) == 1

    def test_it_does_nothing_unless_told_so(self, places, tmp_path):
        async def idle(updates):
            assert updates._task is None

        self.run(tmp_path, idle)

    def test_a_broken_catalogue_is_a_warning(self, places, tmp_path, caplog):
        places[1].joinpath("lists.yaml").write_text("what: 1")

        async def warned(_):
            while "lists are not updated: " not in caplog.text:
                await asyncio.sleep(0.02)

        self.run(tmp_path, warned, blocklist_update=True)
