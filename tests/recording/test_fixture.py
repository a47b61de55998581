"""What a test sees of its proxy; see ``tests/integration/test_recording.py`` for real clients."""

from __future__ import annotations

import os

import httpx
import pytest

from forebay.errors import ForebayError
from forebay.recording.fixture import ForebayProxy
from forebay.recording.proxycommand import proxy_command
from forebay.recording.proxyprocess import ProxyProcess
from origins import Origin

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module", name="process")
def _process():
    process = ProxyProcess(proxy_command(None, {}))
    yield process
    process.stop()


@pytest.fixture(name="origin")
def _origin():
    with Origin() as origin:
        yield origin


def get(proxy, url):
    return httpx.get(url, proxy=proxy.url, trust_env=False).status_code


def test_the_environment_leads_to_the_proxy(process, tmp_path):
    """A base may be given; without one it is that of this process."""
    proxy = ForebayProxy(process, tmp_path / "c.yaml", "none")

    assert proxy.env({"A": "1"}) == {"A": "1", **proxy.variables()}
    assert proxy.env()["PATH"] == os.environ["PATH"]
    assert proxy.env({})["http_proxy"] == proxy.url == f"http://127.0.0.1:{proxy.port}"
    assert proxy.env({})["CURL_CA_BUNDLE"] == proxy.ca_bundle
    assert proxy.env({})["NODE_EXTRA_CA_CERTS"] == proxy.ca_file


@pytest.mark.parametrize(
    ("mode", "is_there", "records"),
    [
        ("none", False, False),
        ("once", False, True),
        ("once", True, False),
        ("new_episodes", True, True),
        ("all", True, True),
        ("passthrough", False, False),
    ],
)
def test_whether_it_records(process, tmp_path, mode, is_there, records):
    path = tmp_path / "c.yaml"
    if is_there:
        path.write_text("version: 1\ninteractions: []\n", encoding="utf-8")

    assert ForebayProxy(process, path, mode).records is records


def test_requests_are_seen_while_the_test_runs(process, tmp_path, origin):
    proxy = ForebayProxy(process, tmp_path / "c.yaml", "once")
    get(proxy, origin.url("/a?n=1"))
    get(proxy, origin.url("/b"))

    assert [each.status for each in proxy.requests("GET", outcome="recorded").count(2)] == [200] * 2
    assert proxy.requests(path="/a", query={"n": "1"}).once().host == "127.0.0.1"
    proxy.assert_no_requests_to("pay.example", "*.invalid")
    with pytest.raises(AssertionError, match=r"expected no request with host='127\.\*', found 2"):
        proxy.assert_no_requests_to("pay.example", "127.*")


@pytest.mark.parametrize("save", [True, False])
def test_it_is_written_when_it_shall_be(process, tmp_path, origin, save):
    path = tmp_path / "new" / "c.yaml"
    proxy = ForebayProxy(process, path, "once")
    get(proxy, origin.url("/a"))

    found = proxy.finish(save=save)

    assert path.exists() is save
    assert found.saved == (str(path) if save else None)
    assert (found.failures, found.warnings) == ([], [])


def test_what_nobody_asked_for(process, tmp_path, origin):
    path = tmp_path / "c.yaml"
    recorded = ForebayProxy(process, path, "once")
    get(recorded, origin.url("/a"))
    recorded.finish(save=True)

    needed = ForebayProxy(process, path, "once").finish(save=True, needs_all=True)
    usual = ForebayProxy(process, path, "once").finish(save=True)

    assert len(needed.failures) == 1
    assert usual.failures == []


def test_requests_answered_again_where_that_is_said(process, tmp_path, origin):
    path = tmp_path / "c.yaml"
    recorded = ForebayProxy(process, path, "once")
    get(recorded, origin.url("/a"))
    recorded.finish(save=True)

    repeated = ForebayProxy(process, path, "none", on_exhausted="repeat_last")
    statuses = [get(repeated, origin.url("/a")) for _ in range(3)]
    strict = ForebayProxy(process, path, "none")
    strictly = [get(strict, origin.url("/a")) for _ in range(2)]
    found = strict.finish(save=True)

    assert statuses == [200] * 3
    assert strictly == [200, 599]
    assert "was recorded once and is asked once more" in found.failures[0]


def test_mistakes_are_told(process, tmp_path):
    with pytest.raises(ForebayError, match="recording_on_exhausted: expected fail or repeat_last"):
        ForebayProxy(process, tmp_path / "c.yaml", "none", on_exhausted="sometimes")


def test_a_recording_ends_once(process, tmp_path):
    proxy = ForebayProxy(process, tmp_path / "c.yaml", "none")
    proxy.finish(save=True)

    with pytest.raises(ForebayError, match="expected a recording under way, found none"):
        proxy.finish(save=True)


def test_a_place_that_cannot_be_written(process, tmp_path, origin):
    """The error says which, and the proxy goes on."""
    proxy = ForebayProxy(process, tmp_path / "file" / "c.yaml", "all")
    get(proxy, origin.url())
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(ForebayError, match="expected to write the cassette"):
        proxy.finish(save=True)
    assert ForebayProxy(process, tmp_path / "c.yaml", "none").finish(save=True).failures == []
