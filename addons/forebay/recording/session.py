"""One recording from its beginning to its end: the cassette read, played or made, and written.

Glue between the tape and the disk.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forebay.errors import ForebayError
from forebay.recording import store, told
from forebay.recording.config import Config
from forebay.recording.conversation import Unexpected
from forebay.recording.tape import Tape
from forebay.trafficlog.redact import Redactor
from forebay.trafficlog.scan import Scanner

logger = logging.getLogger(__name__)

_MOST_TOLD = 1000


@dataclass(slots=True)
class Session:
    """A recording under way.

    Attributes:
        config: what is to be done.
        redactor: masks secrets.
        tape: what was, and what is to be recorded.
        fenced: servers that were to be contacted, and were not.
        untrusting: clients that did not trust the proxy's certificate.
        skipped: what was not recorded, and why.
    """

    config: Config
    redactor: Redactor
    tape: Tape
    fenced: list[str] = field(default_factory=list)
    untrusting: list[dict[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @classmethod
    def begun(cls, config: Config, redactor: Redactor) -> Session:
        """Return a session with its cassette read.

        Raises:
            ForebayError: when the cassette cannot be read, or is damaged.
        """
        recorded = None if config.path is None else store.load(config.path)
        return cls(
            config, redactor, Tape(recorded, config.mode, config.matcher, config.on_exhausted)
        )

    def allows(self, host: str) -> bool:
        """Return whether a host is neither recorded nor refused."""
        return self.config.allow is not None and self.config.allow.matches(host)

    @property
    def is_closed(self) -> bool:
        """Whether no server may be contacted, save for those that are allowed."""
        return self.tape.is_closed

    def save(self) -> str | None:
        """Write the cassette, if there is something new; return its path.

        Raises:
            ForebayError: when it cannot be written; the one before stays whole.
        """
        path = self.config.path
        if path is None or not self.tape.is_changed:
            return None
        store.save(path, self.tape.interactions())
        return str(path)

    def report(self) -> dict[str, Any]:
        """Return what became of all that was asked."""
        tape = self.tape
        scanner = Scanner(self.redactor)
        places = self._places()
        secrets = [
            f"{found.request.method} {self.redactor.target(found.request.url)}: "
            f"{leak.field}: {leak.kind}"
            for found in tape.interactions()
            for each in (told.searchable(found), *told.searchable_messages(found))
            for leak in scanner.leaks(each)
        ]
        return {
            "cassette": None if self.config.path is None else str(self.config.path),
            "mode": str(tape.mode),
            "recorded": tape.recorded is not None,
            "requests": [told.asked(each) for each in tape.asked],
            "refused": [told.refusal(each) for each in tape.refused[:_MOST_TOLD]],
            "unexpected": [
                told.unexpected(each, _place(places, each)) for each in tape.unexpected[:_MOST_TOLD]
            ],
            "waiting": [
                f"{each.request.url}: message {each.at + 1}, {places.of(each.number, each.at)}"
                for each in tape.conversations[:_MOST_TOLD]
                if not (each.is_over or each.is_played)
            ],
            "unused": [
                *(f"{each.method} {each.url}" for each in tape.unused[:_MOST_TOLD]),
                *(
                    f"{each.request.url}: messages from {each.at + 1} on"
                    for each in tape.conversations[:_MOST_TOLD]
                    if not each.is_played and each.unexpected is None
                ),
            ],
            "fenced": self.fenced[:_MOST_TOLD],
            "untrusting": self.untrusting[:_MOST_TOLD],
            "skipped": self.skipped[:_MOST_TOLD],
            "secrets": secrets[:_MOST_TOLD],
        }

    def _places(self) -> store.Places:
        return store.Places(self.config.path or Path())

    def status(self) -> dict[str, Any]:
        """Return in plain types what is done with requests, and what was."""
        tape, outcomes = self.tape, self.tape.outcomes
        return {
            "on": True,
            "mode": str(tape.mode),
            "file": None if self.config.path is None else str(self.config.path),
            "interactions": len(tape.interactions()),
            **{each: outcomes[each] for each in ("played", "recorded", "passed", "failed", "open")},
            "refused": outcomes["refused"],
            "unexpected": len(tape.unexpected),
            "fenced": len(self.fenced),
            "skipped": len(self.skipped),
            "untrusting": len(self.untrusting),
        }

    def tell(self) -> None:
        """Log what would otherwise be lost with the process."""
        for each in self.tape.refused:
            logger.warning("recording: %s", told.why(each))
        for found in self.tape.unexpected:
            logger.warning("recording: %s", told.what(found, _place(self._places(), found)))
        try:
            path = self.save()
        except ForebayError as error:
            logger.error("recording: %s", error)
        else:
            if path is not None:
                logger.info("recording: %d interactions in %s", len(self.tape.interactions()), path)


def _place(places: store.Places, found: Unexpected) -> str:
    """Return where a message stands that was expected, or its WebSocket where none was."""
    return places.of(found.number, None if found.is_more else found.message)
