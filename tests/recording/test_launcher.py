"""The proxy of a run, and the recordings of its tests."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from forebay.errors import ForebayError
from forebay.recording.launcher import Launcher
from forebay.recording.plan import Plan
from forebay.recording.proxycommand import proxy_command
from origins import Origin

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", name="launcher")
def _launcher(tmp_path_factory):
    launcher = Launcher(proxy_command(None, {}), [], None, tmp_path_factory.mktemp("claims"))
    yield launcher
    launcher.stop()


@pytest.fixture(name="url")
def _url():
    with Origin() as origin:
        yield origin.url("/a")


def ask(launcher: Launcher, plan: Plan, test: str, url: str, *, has_passed: bool = True):
    proxy = launcher.begin(plan, test)
    httpx.get(url, proxy=proxy.url, trust_env=False)
    return launcher.finish(proxy, plan, test, has_passed=has_passed)


def test_a_cassette_is_recorded_by_one_and_played_by_others(launcher, tmp_path, url):
    plan = Plan(tmp_path / "c.yaml", "once")

    first, second = (ask(launcher, plan, test, url) for test in ("one", "two"))

    assert first.saved == str(plan.cassette)
    assert (second.saved, second.failures) == (None, [])


@pytest.mark.parametrize("mode", ["all", "new_episodes"])
def test_two_that_record_one(launcher, tmp_path, url, mode):
    """The first one's stays."""
    plan = Plan(tmp_path / "c.yaml", mode)
    ask(launcher, plan, "one", url)
    text = plan.cassette.read_text(encoding="utf-8")

    with pytest.raises(ForebayError, match=r"expected one test to record .*: one and two;"):
        ask(launcher, plan, "two", f"{url}/b")

    assert plan.cassette.read_text(encoding="utf-8") == text
    assert ask(launcher, plan, "one", url).failures == []  # and nothing is under way


def test_a_test_that_fails_is_not_written_and_need_not_ask_for_all(launcher, tmp_path, url):
    plan = Plan(tmp_path / "c.yaml", "once", needs_all=True)
    ask(launcher, plan, "one", url)

    failed = launcher.finish(launcher.begin(plan, "one"), plan, "one", has_passed=False)
    passed = launcher.finish(launcher.begin(plan, "one"), plan, "one", has_passed=True)

    assert failed.failures == []
    assert len(passed.failures) == 1


def test_after_a_test_that_has_failed_another_may_record(launcher, tmp_path, url):
    plan = Plan(tmp_path / "c.yaml", "once")

    failed = ask(launcher, plan, "one", url, has_passed=False)
    passed = ask(launcher, plan, "two", url)

    assert (failed.saved, passed.saved) == (None, str(plan.cassette))


def test_a_proxy_that_has_left_is_started_again(launcher, tmp_path, url):
    before = launcher.begin(Plan(tmp_path / "c.yaml", "once"), "one")
    launcher.stop()

    after = launcher.begin(Plan(tmp_path / "c.yaml", "once"), "one")

    assert Path(after.ca_file).exists()
    assert after.ca_file != before.ca_file
