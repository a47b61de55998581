"""How a recording is made or played, as options or a test say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from forebay import settings
from forebay.errors import ForebayError, RuleError
from forebay.recording.match import Matcher, matcher
from forebay.recording.tape import Mode, OnExhausted
from forebay.rewrite.patterns import Hosts

OPTIONS = frozenset(
    {
        "recording_file",
        "recording_mode",
        "recording_match",
        "recording_ignore",
        "recording_allow",
        "recording_on_exhausted",
    }
)


@dataclass(frozen=True, slots=True)
class Config:
    """What to do.

    Attributes:
        path: the cassette; None for none.
        mode: see `Mode`.
        matcher: tells which recording answers a request.
        allow: hosts that are neither recorded nor refused.
        on_exhausted: see `OnExhausted`.
    """

    path: Path | None
    mode: Mode = Mode.ONCE
    matcher: Matcher = field(default_factory=Matcher)
    allow: Hosts | None = None
    on_exhausted: OnExhausted = OnExhausted.FAIL


def declare(loader: Loader) -> None:
    """Declare the options."""
    loader.add_option(
        "recording_file",
        str,
        "",
        "Cassette that exchanges are recorded to, and played from. Empty: none.",
    )
    loader.add_option(
        "recording_mode",
        str,
        "once",
        "What happens to requests: none (played; what is not recorded is refused, and nothing "
        "reaches a server), once (recorded if there is no cassette, otherwise as none), "
        "new_episodes (played; what is new is recorded), all (recorded anew) or passthrough.",
    )
    loader.add_option(
        "recording_match",
        Sequence[str],
        [],
        "What makes two requests the same: method, scheme, host, port, path, query, body, "
        "header:NAME. None given: the first seven.",
    )
    loader.add_option(
        "recording_ignore",
        Sequence[str],
        [],
        "What does not count: one of these, query:NAME, form:NAME or json:/a/b.",
    )
    loader.add_option(
        "recording_allow",
        Sequence[str],
        [],
        "Hosts whose requests go through, neither recorded nor refused, such as *.example.com.",
    )
    loader.add_option(
        "recording_on_exhausted",
        str,
        "fail",
        "What happens to a request that comes more often than it was recorded: fail or "
        "repeat_last.",
    )
    loader.add_option(
        "recording_max_body_bytes",
        str,
        "10m",
        "Exchanges with a longer body are not recorded, nor WebSockets with more in all messages.",
    )
    loader.add_option(
        "recording_max_messages",
        int,
        10_000,
        "WebSockets with more messages are not recorded.",
    )


def most_messages() -> int:
    """Return how many messages of a WebSocket are recorded.

    Raises:
        ForebayError: when the option is no such number.
    """
    found: int = ctx.options.recording_max_messages
    if found < 1:
        raise ForebayError(f"recording_max_messages: expected 1 or more, found {found}")
    return found


def from_options() -> Config:
    """Return what the options say.

    Raises:
        ForebayError: when one is wrong.
    """
    text = ctx.options.recording_file
    return made(
        {
            "file": str(settings.path("recording_file", text)) if text else None,
            "mode": ctx.options.recording_mode,
            "match": list(ctx.options.recording_match),
            "ignore": list(ctx.options.recording_ignore),
            "allow": list(ctx.options.recording_allow),
            "on_exhausted": ctx.options.recording_on_exhausted,
        }
    )


def made(said: Mapping[str, Any]) -> Config:
    """Return what *said* says, by the names of the options.

    Raises:
        ForebayError: when something in it is wrong.
    """
    path = said.get("file")
    try:
        compare = matcher(_texts(said, "match"), _texts(said, "ignore"))
    except RuleError as error:
        raise ForebayError(f"recording_match: {error.message}") from None
    hosts = _texts(said, "allow")
    try:
        allow = Hosts.of(hosts) if hosts else None
    except RuleError as error:
        raise ForebayError(f"recording_allow: {error.message}") from None
    return Config(
        Path(path) if path else None,
        _one_of(Mode, "recording_mode", said.get("mode", "once")),
        compare,
        allow,
        _one_of(OnExhausted, "recording_on_exhausted", said.get("on_exhausted", "fail")),
    )


def _texts(said: Mapping[str, Any], name: str) -> list[str]:
    found = said.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ForebayError(f"recording_{name}: expected a list of texts, found {found!r:.70}")
    return found


def _one_of[E: Mode | OnExhausted](kind: type[E], option: str, text: object) -> E:
    try:
        return kind(str(text))
    except ValueError:
        choices = " or ".join(each.value for each in kind)
        raise ForebayError(f"{option}: expected {choices}, found {text!r:.70}") from None
