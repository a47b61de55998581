"""mitmproxy's own reload of the script: it must never let traffic through unfiltered."""

from __future__ import annotations

import os
import shutil

import httpx
import pytest

from origins import Origin, cacheable
from proxies import MAIN

pytestmark = pytest.mark.integration


@pytest.fixture(name="script")
def _script(tmp_path):
    """A copy of the entry script that may be spoilt."""
    copy = tmp_path / "script" / "main.py"
    copy.parent.mkdir()
    shutil.copy(MAIN, copy)
    text = (
        f"import sys; sys.path.insert(0, {str(MAIN.parent)!r})\n"
        + copy.read_text(encoding="utf-8").partition('"""\n\n')[2]
    )
    copy.write_text(text, encoding="utf-8")
    return copy


def stat_time(path):
    return path.stat().st_mtime


def touch_until(proxy, script, pattern):
    """Change the script's time until mitmproxy, which looks once a second, has noticed."""
    os.utime(script, (stat_time(script), stat_time(script) + 5))
    proxy.wait_for(pattern)


def test_a_touched_script_goes_on_filtering_and_caching(start_proxy, client_of, script):
    """Everything is released and taken up again in the same process."""
    proxy = start_proxy(script=script)
    with Origin(cacheable()) as origin:
        client = client_of(proxy)
        client.get(origin.url("/kept"))
        for turn in range(3):
            before = proxy.text().count("Loading script")
            os.utime(script, (stat_time(script), stat_time(script) + 5))
            while proxy.text().count("Loading script") == before:
                assert client.get("http://ads.example/").status_code == 403
            assert client.get("http://ads.example/").status_code == 403
            assert (
                client.get(origin.url("/kept")).headers["cache-status"].startswith("forebay; hit")
            ), turn
    records = proxy.records()

    assert "Traceback" not in proxy.text()
    assert sum(record["url.path"] == "/kept" for record in records) == 4


@pytest.mark.parametrize("spoil", ["syntax", "load", "delete"])
def test_a_spoilt_script_lets_nothing_through(start_proxy, client_of, script, spoil):
    """Bare mitmproxy would go on without the addons."""
    proxy = start_proxy(script=script)
    with Origin() as origin:
        client = client_of(proxy)
        assert client.get(origin.url("/before")).status_code == 200
        good = script.read_text(encoding="utf-8")
        if spoil == "delete":
            script.unlink()
            proxy.wait_for("(Removing|Un-loading) script")
        else:
            broken = "\nclass Broken:\n    def load(self, loader): raise KeyError\n\naddons.append(Broken())\n"
            script.write_text(
                "def broken(:\n" if spoil == "syntax" else good + broken, encoding="utf-8"
            )
            touch_until(proxy, script, "error in script|Addon error")

        with httpx.Client(proxy=proxy.url, trust_env=False) as fresh:
            for each in (client, fresh):
                answer = each.get(origin.url("/after"))
                assert answer.status_code == 502
                assert "Forebay was unloaded" in answer.text
        assert origin.targets() == ["/before"]

        if spoil != "delete":  # and it comes back
            script.write_text(good, encoding="utf-8")
            os.utime(script, (stat_time(script), stat_time(script) + 20))
            while client.get(origin.url("/again")).status_code != 200:
                pass
            assert client.get("http://ads.example/").status_code == 403
