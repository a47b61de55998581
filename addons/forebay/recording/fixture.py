"""What a test sees of the proxy that records it.

The standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay import truststore
from forebay.recording import environment, failures
from forebay.recording.assertions import Request, Requests
from forebay.recording.proxyprocess import ProxyProcess


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is wrong when a recording has ended.

    Attributes:
        failures: what fails the test.
        warnings: what does not.
        saved: the cassette, if it was written.
    """

    failures: list[str]
    warnings: list[str]
    saved: str | None


class ForebayProxy:
    """The proxy of one test, and its recording.

    Args:
        process: the proxy.
        cassette: the file.
        mode: what happens to requests, see ``tape.Mode``.
        **said: ``match``, ``ignore``, ``allow``, ``on_exhausted``.

    Attributes:
        cassette: the file.
        mode: what happens to requests.
        records: whether what is asked is recorded.

    Raises:
        ForebayError: when the recording cannot begin.
    """

    def __init__(self, process: ProxyProcess, cassette: Path, mode: str, **said: object) -> None:
        self.cassette = cassette
        self.mode = mode
        self._process = process
        self._printed_bytes = process.printed_bytes
        begun = process.control.ask("recording.begin", file=str(cassette), mode=mode, **said)
        is_played = mode in ("none", "passthrough") or (mode == "once" and begun["recorded"])
        self.records = not is_played

    @property
    def url(self) -> str:
        """The proxy's URL."""
        return self._process.control.url

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self._process.control.port

    @property
    def ca_file(self) -> str:
        """The certificate that clients must trust."""
        return self._process.control.ca_file

    @property
    def ca_bundle(self) -> str:
        """The same with the roots that everybody trusts."""
        return self._process.control.ca_bundle

    def env(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return *base*, or this process' environment, such that programs use the proxy."""
        base = os.environ if base is None else base
        return environment.applied(base, self._variables(base))

    def variables(self) -> dict[str, str]:
        """Return only what is set for that."""
        return self._variables(os.environ)

    def _variables(self, base: Mapping[str, str]) -> dict[str, str]:
        found = environment.variables(self.url, self.ca_file, self.ca_bundle)
        if truststore.is_wanted(os.environ) and (store := self._process.java_store()):
            found[environment.JAVA] = environment.java_options(
                self.url, store, truststore.PASSWORD, base.get(environment.JAVA, "")
            )
        return found

    def requests(
        self,
        method: str | None = None,
        *,
        host: str | None = None,
        path: str | None = None,
        url: str | None = None,
        query: Mapping[str, str | Iterable[str]] | None = None,
        outcome: str | None = None,
    ) -> Requests:
        """Return the requests that came until now; see `Requests`."""
        said = self._process.control.ask("recording.requests")["requests"]
        return Requests(
            map(Request.of, said),
            method,
            host=host,
            path=path,
            url=url,
            query=query,
            outcome=outcome,
        )

    def assert_no_requests_to(self, *hosts: str) -> None:
        """Assert that nothing was asked of these; ``*`` is anything, as in ``*.example.com``."""
        __tracebackhide__ = True
        seen = list(self.requests())
        for host in hosts:
            Requests(seen, host=host).none()

    def output(self) -> str:
        """Return what the proxy has printed since the test began."""
        return self._process.output(self._printed_bytes)

    def finish(
        self, *, save: bool, needs_all: bool = False, words: failures.Words = failures.IN_TESTS
    ) -> Outcome:
        """End the recording.

        Args:
            save: whether the cassette is written, if there is something new.
            words: how what helps is said.
            needs_all: whether a recording that nobody has asked for is a failure.

        Raises:
            ForebayError: when the proxy has left, or the cassette cannot be written.
        """
        report: dict[str, Any] = self._process.control.ask("recording.end", save=save)
        return Outcome(
            failures.failures(report, words, needs_all=needs_all),
            failures.warnings(report, words),
            report["saved"],
        )
