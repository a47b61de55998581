"""Fixtures: certificate authorities, and proxies that end with the test."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import hypothesis
import pytest
from mitmproxy import log

from origins import Authority
from proxies import Proxy, copy_ca, make_ca

# How long an example takes says more about the machine than about us.
hypothesis.settings.register_profile("forebay", deadline=None)
hypothesis.settings.load_profile("forebay")


@pytest.fixture(autouse=True)
def _forget_log_handlers() -> Iterator[None]:
    """Take back the log handlers of masters whose event loop has ended with the test."""
    yield
    for handler in logging.getLogger().handlers[:]:
        if isinstance(handler, log.MitmLogHandler):
            handler.uninstall()


@pytest.fixture(scope="session", name="shared_ca")
def _shared_ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mitmproxy's CA."""
    return make_ca(tmp_path_factory.mktemp("mitm") / "ca")


@pytest.fixture(scope="session", name="authority")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The CA of our TLS origins."""
    return Authority(tmp_path_factory.mktemp("origins"))


type StartProxy = Callable[..., Proxy]


@pytest.fixture(name="start_proxy")
def _start_proxy(tmp_path: Path, shared_ca: Path, authority: Authority) -> Iterator[StartProxy]:
    """Start proxies: keyword arguments are options; all end with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(
            prepared(tmp_path, shared_ca, authority, *arguments, **options)
        )


@pytest.fixture(name="prepare_proxy")
def _prepare_proxy(tmp_path: Path, shared_ca: Path, authority: Authority) -> StartProxy:
    """Return proxies that have not been started."""
    return lambda *arguments, **options: prepared(
        tmp_path, shared_ca, authority, *arguments, **options
    )


def prepared(
    tmp_path: Path,
    shared_ca: Path,
    authority: Authority,
    *arguments: str,
    home: Path | None = None,
    **options: object,
) -> Proxy:
    """Return a proxy that trusts our origins, not yet started."""
    confdir = tmp_path / "confdir"
    if not confdir.exists():
        copy_ca(shared_ca, confdir)
    settings = {"ssl_verify_upstream_trusted_ca": authority.path, **options}
    more = {key: settings.pop(key) for key in ("script", "tool", "descriptors") if key in settings}
    return Proxy(home or tmp_path / "home", confdir, arguments, settings, **more)


class Http2First(ssl.SSLContext):
    """Offer h2 first, as browsers do; httpx would offer it last."""

    def set_alpn_protocols(self, alpn_protocols: list[str]) -> None:
        super().set_alpn_protocols(sorted(alpn_protocols))


@pytest.fixture(name="client_of")
def _client_of() -> Iterator[Callable[..., httpx.Client]]:
    """Make httpx clients that go through a proxy and trust its CA."""
    with contextlib.ExitStack() as stack:

        def make(proxy: Proxy, *, http2: bool = False, **more: object) -> httpx.Client:
            trust = (Http2First if http2 else ssl.SSLContext)(ssl.PROTOCOL_TLS_CLIENT)
            trust.load_verify_locations(str(proxy.ca))
            return stack.enter_context(
                httpx.Client(
                    proxy=proxy.url,
                    verify=trust,
                    http2=http2,
                    timeout=60,
                    trust_env=False,
                    **more,
                )
            )

        yield make
