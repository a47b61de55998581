"""Suites of tests that use the fixture, run by a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration.suites import Suite
from origins import Origin, ok
from proxies import until

pytestmark = pytest.mark.integration

GET = """
    import urllib.request

    def get(proxy, url):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy.url}))
        try:
            return opener.open(url).read().decode()
        except OSError as error:
            return f"swallowed {error}"
"""
ONE = """
    from ask import get

    def test_one(forebay_proxy):
        assert get(forebay_proxy, "ORIGIN/one?a=1") == "GET /one?a=1 over HTTP/1.1"
        forebay_proxy.requests("GET", path="/one").once()
"""


@pytest.fixture(name="suite")
def _suite(tmp_path):
    return Suite(tmp_path / "suite")


@pytest.fixture(name="origin")
def _origin():
    with Origin(ok) as origin:
        yield origin


def written(suite, origin, **modules):
    url = origin.url().rstrip("/")
    suite.write(ask=GET, **{name: text.replace("ORIGIN", url) for name, text in modules.items()})


def test_recorded_at_first_and_played_ever_after(suite, origin):
    """With its server gone, in CI, and in parallel."""
    written(suite, origin, test_a=ONE, test_b=ONE.replace("test_one", "test_two"))

    first = suite.run()
    origin.stop()
    again = suite.run("-n", "2", CI="true")

    assert (first.status, first.counts) == (0, {"passed": 2}), first.text
    assert (again.status, again.counts) == (0, {"passed": 2}), again.text
    assert suite.cassettes() == [
        "recordings/test_a/test_one.yaml", "recordings/test_b/test_two.yaml"
    ]  # fmt: skip
    assert len(origin.seen) == 2


def test_an_unexpected_request_fails_the_test_though_its_error_was_swallowed(suite, origin):
    """The message has the nearest recording, how it differs, and what to do."""
    written(suite, origin, test_a=ONE)
    suite.run()
    swallowing = ONE.replace("a=1", "a=2").replace("assert ", "")
    written(suite, origin, test_a=swallowing)

    found = suite.run()

    assert found.counts == {"passed": 1, "error": 1}, found.text
    url = origin.url("/one")
    assert f"unexpected request: GET {url}?a=2 is not in the recording" in found.text
    assert f"the nearest recording is GET {url}?a=1" in found.text
    assert "    - a=1\n    + a=2\n" in found.text
    assert "ignore=['query:a']" in found.text
    assert "During handling" not in found.text and "fixture.py" not in found.text
    assert len(origin.seen) == 1


def test_a_test_that_fails_leaves_its_cassette_as_it_was(suite, origin):
    """And the report has what the proxy saw."""
    written(suite, origin, test_a=ONE.replace('== "GET', '== "PUT'))

    found = suite.run()

    assert found.counts == {"failed": 1}, found.text
    assert suite.cassettes() == []
    assert "Requests that Forebay saw" in found.text
    assert f"GET {origin.url('/one?a=1')} (recorded 200)" in found.text
    assert "test_one.yaml stays as it was" in found.text


def test_tests_that_are_broken_off_or_skipped_are_not_recorded(suite, origin):
    """What they asked is only half of it; one that is expected to fail has asked all."""
    text = """
    import pytest
    from ask import get

    def test_skipped(forebay_proxy):
        get(forebay_proxy, "ORIGIN/one")
        pytest.skip("half way")

    @pytest.mark.xfail
    def test_expected(forebay_proxy):
        get(forebay_proxy, "ORIGIN/one")
        raise AssertionError

    def test_interrupted(forebay_proxy):
        get(forebay_proxy, "ORIGIN/one")
        raise KeyboardInterrupt
    """
    written(suite, origin, test_a=text)

    found = suite.run()

    assert found.status == 2, found.text
    assert len(origin.seen) == 3
    assert suite.cassettes() == ["recordings/test_a/test_expected.yaml"]


def test_in_ci_nothing_is_recorded(suite, origin):
    """Without a cassette the test fails, and no server is asked."""
    written(suite, origin, test_a=ONE)

    found = suite.run(CI="1")

    assert found.counts == {"failed": 1, "error": 1}, found.text
    assert "there is no cassette" in found.text
    assert suite.cassettes() == []
    assert origin.connections == 0


def test_modes_of_the_command_line_win(suite, origin):
    """Over the marker, which wins over the file of settings."""
    marked = "    import pytest\n" + ONE.replace(
        "    def test", '    @pytest.mark.recording(mode="none")\n    def test'
    )
    written(suite, origin, test_a=marked)

    refused = suite.run("-o", "record_mode=all")
    recorded = suite.run("--record-mode=all", "--recordings-dir=kept")

    assert refused.counts == {"failed": 1, "error": 1}, refused.text
    assert recorded.counts == {"passed": 1}, recorded.text
    assert suite.cassettes() == ["kept/test_a/test_one.yaml"]


TWO = """
    import pytest
    from ask import get

    @pytest.mark.recording(name="shared/one", mode="MODE")
    @pytest.mark.parametrize("n", [1, 2])
    def test_shared(forebay_proxy, n):
        assert get(forebay_proxy, "ORIGIN/one") == "GET /one over HTTP/1.1"
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_two_tests_may_play_one_cassette_but_not_record_it(suite, origin, workers):
    """In one process or in two: the second fails, and says why."""
    written(suite, origin, test_a=TWO.replace("MODE", "all"))
    both = suite.run("-n", workers)
    written(suite, origin, test_a=TWO.replace("MODE", "none"))
    played = suite.run("-n", workers)

    assert both.counts == {"passed": 1, "error": 1}, both.text
    assert "expected one test to record" in both.text
    assert "test_a.py::test_shared[1] and" in both.text or "[2] and" in both.text
    assert played.counts == {"passed": 2}, played.text
    assert suite.cassettes() == ["recordings/test_a/shared/one.yaml"]


def test_what_is_new_is_added_by_one_test_only(suite, origin):
    """new_episodes: the second has another request."""
    text = TWO.replace("MODE", "new_episodes").replace("/one", "/{n}").replace('"ORIG', 'f"ORIG')
    written(suite, origin, test_a=text.replace('"GET', 'f"GET').replace("shared/{n}", "shared/one"))

    found = suite.run()

    assert found.counts == {"passed": 2, "error": 1}, found.text
    assert "expected one test to record" in found.text


def test_a_cassette_that_cannot_be_read_is_one_line(suite, origin):
    """With the file, and the line in it; it stays as it is."""
    damaged = {
        "newer": ("version: 9\ninteractions: []\n", "1: expected a cassette of version 2 or older, found version 9"),
        "halved": ("version: 1\ninteractions:\n- request: {}\n", "3:3: request: expected the key"),
        "no_yaml": ("version: 1\ninteractions: [\n", "2: expected valid YAML"),
    }  # fmt: skip
    tests = "".join(f"def test_{name}(forebay_proxy): ...\n" for name in damaged)
    written(suite, origin, test_a=tests)
    folder = suite.folder / "recordings" / "test_a"
    folder.mkdir(parents=True)
    for name, (text, _) in damaged.items():
        (folder / f"test_{name}.yaml").write_text(text, encoding="utf-8")

    found = suite.run()

    assert found.counts == {"error": 3}, found.text
    for name, (text, expected) in damaged.items():
        assert f"test_{name}.yaml:{expected}" in found.text, found.text
        assert (folder / f"test_{name}.yaml").read_text(encoding="utf-8") == text
    assert "During handling" not in found.text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("no-such-program --x", "expected a command that can be run, found 'no-such-program --x'"),
        (f"{sys.executable} -c 'raise SystemExit(\"boom\")'", "ended with status 1:\nboom"),
    ],
)
def test_a_proxy_that_does_not_start_is_told_of(suite, origin, command, expected):
    """With what it printed, at once; other tests run."""
    written(suite, origin, test_a=ONE + "\n    def test_other():\n        pass\n")

    found = suite.run(FOREBAY_COMMAND=command)

    assert found.counts == {"passed": 1, "error": 1}, found.text
    assert expected in found.text
    assert "During handling" not in found.text


def test_a_proxy_that_leaves_fails_one_test(suite, origin):
    """The next one has another."""
    text = """
    import os, signal
    from ask import get

    def test_killed(forebay_proxy):
        os.kill(forebay_proxy._process._process.pid, signal.SIGKILL)
        forebay_proxy._process._process.wait()

    def test_next(forebay_proxy):
        assert get(forebay_proxy, "ORIGIN/") == "GET / over HTTP/1.1"
    """
    written(suite, origin, test_a=text)

    found = suite.run()

    assert found.counts == {"passed": 2, "error": 1}, found.text
    assert "ERROR at teardown of test_killed" in found.text
    assert "expected an answer of the proxy" in found.text


def test_a_client_that_ignores_the_proxy_is_warned_of(suite, origin):
    """When a cassette has recordings, and when they are made."""
    ignoring = """
    import urllib.request

    def test_one(forebay_proxy):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open("ORIGIN/one?a=1")
    """
    written(suite, origin, test_a=ignoring)
    recording = suite.run()
    written(suite, origin, test_a=ONE)
    suite.run()
    written(suite, origin, test_a=ignoring)
    playing = suite.run()

    assert recording.counts == {"passed": 1, "warning": 1}, recording.text
    assert playing.counts == {"passed": 1, "warning": 1}, playing.text
    for found in (recording, playing):
        assert found.text.count("ForebayWarning: no request came through the proxy") == 1
        assert "HTTPS_PROXY" in found.text


def test_a_secret_in_a_cassette_fails_the_test(suite, origin):
    """Somebody has written it there; what the message says does not hold it."""
    token = "ghp_" + "a1B2" * 9
    written(suite, origin, test_a=ONE)
    suite.run()
    path = suite.folder / "recordings/test_a/test_one.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("headers:", f"headers:\n      x-note: {token}", 1), encoding="utf-8"
    )

    found = suite.run()

    assert found.counts == {"passed": 1, "error": 1}, found.text
    assert "expected no secret in the cassette" in found.text
    assert "x-note" in found.text
    assert token not in found.text


def test_recordings_that_nobody_asks_for_fail_where_it_is_asked(suite, origin):
    """By the marker."""
    text = """
    import pytest
    from ask import get

    @pytest.mark.recording(fail_on_unused=True)
    def test_one(forebay_proxy):
        for path in ("one", "two"):
            get(forebay_proxy, f"ORIGIN/{path}")
    """
    written(suite, origin, test_a=text)
    recorded = suite.run()
    written(suite, origin, test_a=text.replace(', "two"', ","))
    unused = suite.run()

    assert recorded.counts == {"passed": 1}, recorded.text
    assert unused.counts == {"passed": 1, "error": 1}, unused.text
    assert f"  - GET {origin.url('/two')}" in unused.text


def test_clients_in_the_tests_own_process(suite, origin):
    """``forebay_env`` sets variables, and takes them back."""
    text = """
    import os, urllib.request

    def test_one(forebay_env, forebay_proxy):
        assert os.environ["HTTP_PROXY"] == forebay_env["http_proxy"] == forebay_proxy.url
        assert "SSL_CERT_DIR" not in os.environ
        assert urllib.request.urlopen("ORIGIN/one").status == 200
        forebay_proxy.requests().once()

    def test_two():
        assert "HTTP_PROXY" not in os.environ
        assert os.environ["SSL_CERT_DIR"] == "/somewhere"
    """
    written(suite, origin, test_a=text)

    found = suite.run(SSL_CERT_DIR="/somewhere")

    assert found.counts == {"passed": 2}, found.text


def test_mistakes_in_a_marker_are_one_line(suite, origin):
    """Those that the plugin knows, and those that the proxy does."""
    text = """
    import pytest

    @pytest.mark.recording(modus="all")
    def test_one(forebay_proxy): ...

    @pytest.mark.recording(match=["colour"])
    def test_two(forebay_proxy): ...

    @pytest.mark.recording(mode="sometimes")
    def test_three(forebay_proxy): ...

    @pytest.mark.recording(name="../../elsewhere")
    def test_four(forebay_proxy): ...
    """
    written(suite, origin, test_a=text)

    found = suite.run()

    assert found.counts == {"error": 4}, found.text
    for expected in ("found modus", "found 'colour'", "found 'sometimes'", "'../../elsewhere'"):
        assert expected in found.text
    assert "During handling" not in found.text and "fixture.py" not in found.text


def test_rules_of_what_is_masked(suite, origin):
    """``forebay_redact``."""
    written(suite, origin, test_a=ONE)
    (suite.folder / "mine.yaml").write_text("names: [a]\n", encoding="utf-8")

    found = suite.run("-o", "forebay_redact=mine.yaml")

    assert found.counts == {"passed": 1}, found.text
    text = (suite.folder / "recordings/test_a/test_one.yaml").read_text(encoding="utf-8")
    assert "?a=REDACTED" in text


def test_the_environment_of_the_tests_needs_nothing_of_the_proxy(suite, origin):
    """Where mitmproxy and its own cannot be installed, another environment has them."""
    refusing = """
    import sys

    class Refused:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {"mitmproxy", "msgspec", "pydantic", "ruamel", "certifi"}:
                raise ModuleNotFoundError(name)

    sys.meta_path.insert(0, Refused())
    """
    written(suite, origin, conftest=refusing, test_a=ONE)

    found = suite.run(FOREBAY_COMMAND=str(Path(sys.executable).with_name("forebay")))

    assert found.counts == {"passed": 1}, found.text
    assert suite.cassettes() == ["recordings/test_a/test_one.yaml"]


def test_a_plugin_with_the_same_option_does_not_stop_pytest(suite, origin):
    """The longer name of the option is there anyway."""
    (suite.folder).mkdir()
    (suite.folder / "pytest_recording.py").write_text("", encoding="utf-8")
    written(suite, origin, test_a=ONE)

    short = suite.run("--record-mode=all", PYTHONPATH=".")
    long = suite.run("--forebay-record-mode=all", PYTHONPATH=".")

    assert short.status == 4
    assert long.counts == {"passed": 1}, long.text


def test_a_run_that_is_killed_leaves_no_proxy(suite, origin):
    """It ends with the connection."""
    text = """
    import pathlib, time

    def test_one(forebay_proxy):
        pathlib.Path("pid").write_text(str(forebay_proxy._process._process.pid))
        time.sleep(60)
    """
    written(suite, origin, test_a=text)
    pid = suite.folder / "pid"
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "--basetemp", "tmp"],
        cwd=suite.folder,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(suite.folder)},
    )
    until(lambda: pid.exists() and pid.read_text(), 60)
    running.kill()
    running.wait()
    command = (Path(f"/proc/{pid.read_text()}") / "cmdline").read_bytes()

    until(lambda: not Path(f"/proc/{pid.read_text()}").exists(), 30)

    assert b"forebay_control" in command
