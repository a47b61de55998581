"""The pytest plugin: a fixture that records what a test's application asks of others.

Only pytest and the standard library are imported, and but for this module
nothing until a test uses the fixture: every run of pytest pays for it.

The cassette of a test is written only if the test has passed: half of a
recording would fail every run that comes after.  Modes: ``--record-mode``
wins, then the marker, then the ini option ``record_mode``, then ``none`` where
the variable CI is set, and ``once``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from forebay.errors import ForebayError

if TYPE_CHECKING:
    from forebay.recording.fixture import ForebayProxy
    from forebay.recording.launcher import Launcher

_MODES = ("none", "once", "new_episodes", "all", "passthrough")
_PASSED = pytest.StashKey[bool]()
_PROXY = pytest.StashKey["ForebayProxy"]()
_MOST_LISTED = 50


class ForebayWarning(pytest.PytestWarning):
    """Why a test may not test what it should."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("forebay", "recording of what the application under test asks")
    names = ["--forebay-record-mode"]
    if importlib.util.find_spec("pytest_recording") is None:  # which has an option of that name
        names.append("--record-mode")
    group.addoption(
        *names,
        dest="forebay_record_mode",
        choices=_MODES,
        help="What happens to requests; see the marker recording.",
    )
    group.addoption(
        "--recordings-dir",
        dest="forebay_recordings_dir",
        metavar="DIR",
        help="Folder of the cassettes. Default: recordings, beside each module.",
    )
    group.addoption(
        "--forebay-command",
        metavar="COMMAND",
        help="What starts Forebay, such as 'uvx forebay'; also FOREBAY_COMMAND. Default: forebay "
        "of this environment, or on the path.",
    )
    parser.addini("recordings_dir", "As --recordings-dir.", default="")
    parser.addini("record_mode", "As --record-mode, but the marker wins.", default="")
    parser.addini("forebay_redact", "A redact.yaml: what is masked in cassettes.", default="")
    parser.addini("forebay_options", "Options of the proxy, name=value each.", "linelist")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        "recording(name=…, mode=…, match=[…], ignore=[…], allow=[…], on_exhausted=…, "
        "fail_on_unused=…): how forebay_proxy records the test. name: of the cassette. mode: none "
        "(play, refuse what is not recorded), once (record if there is no cassette, otherwise as "
        "none), new_episodes (play, record what is new), all (record anew) or passthrough. match, "
        "ignore: what makes two requests the same. allow: hosts that pass. on_exhausted: fail or "
        "repeat_last. fail_on_unused: whether all recordings must be asked for.",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether the test has passed, and show what the proxy knows if it has not."""
    report = yield
    if report.when != "teardown":  # a test that is broken off never gets to its call's report
        is_fine = report.passed or hasattr(report, "wasxfail")
        item.stash[_PASSED] = report.when == "call" and is_fine
    proxy = item.stash.get(_PROXY, None)
    if proxy is not None and report.failed:
        if report.when == "call":
            with contextlib.suppress(ForebayError):
                lines = [str(each) for each in list(proxy.requests())[-_MOST_LISTED:]] or ["none"]
                if proxy.records:
                    lines.append(f"The test has not passed: {proxy.cassette} stays as it was.")
                report.sections.append(("Requests that Forebay saw", "\n".join(lines)))
        printed = proxy.output()
        if printed:
            report.sections.append(("Output of Forebay", printed))
    return report


@pytest.fixture(scope="session")
def forebay_options(pytestconfig: pytest.Config) -> list[str]:
    """Return options of the proxy, ``name=value`` each; to be overridden in a ``conftest.py``."""
    found: list[str] = pytestconfig.getini("forebay_options")
    return found


@pytest.fixture(scope="session")
def _forebay_launcher(
    pytestconfig: pytest.Config,
    forebay_options: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Launcher]:
    """Start the proxy of this process, when a test needs it first."""
    from forebay.recording.launcher import Launcher
    from forebay.recording.proxycommand import proxy_command

    redact = pytestconfig.getini("forebay_redact")
    shared = tmp_path_factory.getbasetemp()
    if hasattr(pytestconfig, "workerinput"):  # of pytest-xdist: all workers have one above
        shared = shared.parent
    with _told():
        command = proxy_command(pytestconfig.getoption("forebay_command"), os.environ)
        launcher = Launcher(
            command,
            forebay_options,
            _ini_folder(pytestconfig) / redact if redact else None,
            shared / "forebay-claims",
        )
    yield launcher
    launcher.stop()


@pytest.fixture
def forebay_proxy(
    request: pytest.FixtureRequest, _forebay_launcher: Launcher
) -> Iterator[ForebayProxy]:
    """Record what the application asks of others, or answer from the recording."""
    from forebay.recording import plan

    item: pytest.Item = request.node
    config = item.config
    with _told():
        wanted = plan.made(
            (mark.kwargs for mark in item.iter_markers("recording")),
            _folder(item),
            _name(item),
            (
                config.getoption("forebay_record_mode"),
                plan.MARKED,
                config.getini("record_mode"),
                plan.usual_mode(os.environ),
            ),
        )
        proxy = _forebay_launcher.begin(wanted, item.nodeid)
    item.stash[_PROXY] = proxy
    yield proxy
    with _told(proxy):
        found = _forebay_launcher.finish(
            proxy, wanted, item.nodeid, has_passed=item.stash.get(_PASSED, False)
        )
    if found.failures:
        pytest.fail("\n".join([*found.failures, *found.warnings]), pytrace=False)
    for each in found.warnings:
        item.warn(ForebayWarning(each))


@pytest.fixture
def forebay_env(forebay_proxy: ForebayProxy, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Have clients in the tests' own process use the proxy: set the variables, return them."""
    from forebay.recording.environment import ABSENT

    for name in ABSENT:
        monkeypatch.delenv(name, raising=False)
    found = forebay_proxy.variables()
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@contextlib.contextmanager
def _told(proxy: ForebayProxy | None = None) -> Iterator[None]:
    """Fail with one line, and what the proxy has printed; a traceback would help nobody."""
    try:
        yield
    except ForebayError as error:
        printed = "" if proxy is None else proxy.output()
        told = f"forebay: {error}" + (f"\n{printed}" if printed else "")
        raise pytest.fail.Exception(told, pytrace=False) from None


def _ini_folder(config: pytest.Config) -> Path:
    found: Path = config.inipath.parent if config.inipath else config.rootpath
    return found


def _folder(item: pytest.Item) -> Path:
    """Return where the cassettes of a module are: beside it, or below the folder of all."""
    root: Path
    module = item.path.with_suffix("")
    given: Any = item.config.getoption("forebay_recordings_dir")
    if given:
        root = item.config.invocation_params.dir / given
    elif item.config.getini("recordings_dir"):
        root = _ini_folder(item.config) / item.config.getini("recordings_dir")
    else:
        return module.parent / "recordings" / module.name
    within = module.is_relative_to(item.config.rootpath)
    return root / (module.relative_to(item.config.rootpath) if within else module.name)


def _name(item: pytest.Item) -> str:
    classes = [each.name for each in item.listchain() if isinstance(each, pytest.Class)]
    return ".".join([*classes, item.name])
