"""The proxy of a run of tests: started once, and once more if it has left; a recording a test.

The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forebay.errors import ForebayError
from forebay.recording.claims import claim, release
from forebay.recording.fixture import ForebayProxy, Outcome
from forebay.recording.plan import Plan
from forebay.recording.proxyprocess import ProxyProcess


class Launcher:
    """Begins and ends recordings.

    Args:
        command: starts the proxy, without arguments.
        options: options of the user's, as ``name=value``.
        redact: rules of what is masked; None for those that ship.
        claims: folder in which the workers of this run say what they record.

    Raises:
        ForebayError: when the proxy does not start.
    """

    def __init__(
        self, command: Sequence[str], options: Sequence[str], redact: Path | None, claims: Path
    ) -> None:
        self._how = command, options, redact
        self._claims = claims
        self._process = ProxyProcess(*self._how)

    def begin(self, plan: Plan, test: str) -> ForebayProxy:
        """Begin the recording of a test.

        Raises:
            ForebayError: when it cannot be.
        """
        if not self._process.is_alive:  # the test in which it has left has failed
            self._process.stop()
            self._process = ProxyProcess(*self._how)
        proxy = ForebayProxy(self._process, plan.cassette, plan.mode, **plan.said)
        if proxy.records and plan.mode != "new_episodes":
            self._claim(proxy, plan, test)
        return proxy

    def finish(self, proxy: ForebayProxy, plan: Plan, test: str, *, has_passed: bool) -> Outcome:
        """End the recording of a test; it is written if the test has passed.

        Raises:
            ForebayError: when it cannot be, or another test has written it.
        """
        is_saved = False
        try:
            is_new = plan.mode == "new_episodes" and has_passed
            if is_new and len(proxy.requests(outcome="recorded")):
                self._claim(proxy, plan, test)
            found = proxy.finish(save=has_passed, needs_all=plan.needs_all and has_passed)
            is_saved = found.saved is not None
            return found
        finally:
            if not is_saved:
                release(self._claims, plan.cassette, test)

    def _claim(self, proxy: ForebayProxy, plan: Plan, test: str) -> None:
        """Note who records the cassette; if another does, nothing is recorded."""
        try:
            claim(self._claims, plan.cassette, test)
        except ForebayError:
            proxy.finish(save=False)
            raise

    def stop(self) -> None:
        """End the proxy."""
        self._process.stop()
