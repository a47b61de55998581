"""What a mode makes of each request: play, record, let pass or refuse; and what became of all.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from forebay.recording.conversation import Conversation, Unexpected
from forebay.recording.interaction import Interaction, Request, Response, WebSocket
from forebay.recording.match import Difference, Matcher


class Mode(StrEnum):
    """What happens to requests; the names are VCR's.

    NONE: played, or refused.  ONCE: recorded when there is no recording yet, and
    otherwise as NONE.  NEW_EPISODES: played, and what is new is recorded.  ALL:
    everything is recorded anew.  PASSTHROUGH: nothing is done.
    """

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"
    PASSTHROUGH = "passthrough"


class OnExhausted(StrEnum):
    """What happens when a request comes more often than it was recorded."""

    FAIL = "fail"
    REPEAT_LAST = "repeat_last"


@dataclass(frozen=True, slots=True)
class Play:
    """Answer with this.

    Attributes:
        response: the answer.
        conversation: what is said after it, over a WebSocket.
    """

    response: Response
    conversation: Conversation | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Ask the origin, and hand the answer to `Tape.finish` with this number."""

    slot: int


@dataclass(frozen=True, slots=True)
class Pass:
    """Ask the origin, and keep nothing."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do not ask: nothing recorded answers this.

    Attributes:
        request: what was asked.
        times: how often it was recorded, and played.
        nearest: the recorded request that differs least.
        differences: in what.
    """

    request: Request
    times: int = 0
    nearest: Request | None = None
    differences: tuple[Difference, ...] = ()


type Decision = Play | Record | Pass | Refuse


@dataclass(slots=True)
class Asked:
    """A request that was seen, and what came of it.

    Attributes:
        request: the request.
        outcome: ``played``, ``recorded``, ``passed``, ``refused`` or, while
            the origin has not answered, ``open``.
        status: of the answer.
        response: the answer, where it is known.
    """

    request: Request
    outcome: str
    response: Response | None = None


@dataclass(slots=True)
class Tape:
    """A recording that is played, or made.

    Attributes:
        recorded: what the cassette has; None without one.
        mode: what happens to requests.
        matcher: tells which recording answers a request.
        on_exhausted: what happens when it was played already.
        asked: what was seen.
        refused: what was refused.
        conversations: the WebSockets that were played.
    """

    recorded: Sequence[Interaction] | None = None
    mode: Mode = Mode.ONCE
    matcher: Matcher = field(default_factory=Matcher)
    on_exhausted: OnExhausted = OnExhausted.FAIL
    asked: list[Asked] = field(default_factory=list)
    refused: list[Refuse] = field(default_factory=list)
    conversations: list[Conversation] = field(default_factory=list)
    _waiting: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    _times: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    _played: set[int] = field(default_factory=set)
    _slots: list[Interaction | Asked | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.plays:
            for number, each in enumerate(self.recorded or ()):
                self._waiting.setdefault(self.matcher.key(each.request), []).append(number)
            self._times = {key: list(numbers) for key, numbers in self._waiting.items()}
            for numbers in self._waiting.values():
                numbers.reverse()  # the first one is taken from the end

    @property
    def plays(self) -> bool:
        """Whether requests are answered from the recording."""
        return self.mode in (Mode.NONE, Mode.NEW_EPISODES) or (
            self.mode is Mode.ONCE and self.recorded is not None
        )

    @property
    def is_closed(self) -> bool:
        """Whether nothing may reach an origin."""
        return self.plays and self.mode is not Mode.NEW_EPISODES

    def ask(self, request: Request) -> Decision:
        """Return what happens to *request*."""
        if self.mode is Mode.PASSTHROUGH:
            return self.let_pass(request)
        if self.plays:
            key = self.matcher.key(request)
            number = self._next(key)
            if number is not None:
                self._played.add(number)
                assert self.recorded is not None
                found = self.recorded[number]
                self.asked.append(Asked(request, "played", found.response))
                return Play(found.response, self._conversation(request, number))
            if self.is_closed:
                return self.refuse(request)
        seen = Asked(request, "open")
        self.asked.append(seen)
        self._slots.append(seen)
        return Record(len(self._slots) - 1)

    def _conversation(self, request: Request, number: int) -> Conversation | None:
        assert self.recorded is not None
        found = self.recorded[number].websocket
        if found is None:
            return None
        conversation = Conversation(request, number, found, self.matcher)
        self.conversations.append(conversation)
        return conversation

    def let_pass(self, request: Request) -> Pass:
        """Note a request that is neither played nor recorded."""
        self.asked.append(Asked(request, "passed"))
        return Pass()

    def refuse(self, request: Request) -> Refuse:
        """Note a request that nothing answers, and say what comes nearest."""
        recorded = [each.request for each in self.recorded or ()]
        times = len(self._times.get(self.matcher.key(request), ()))
        number = None if times else self.matcher.nearest(request, recorded)
        found = Refuse(request, times)
        if number is not None:
            differences = tuple(self.matcher.differences(request, recorded[number]))
            found = replace(found, nearest=recorded[number], differences=differences)
        self.refused.append(found)
        self.asked.append(Asked(request, "refused"))
        return found

    def _next(self, key: tuple[str, ...]) -> int | None:
        waiting = self._waiting.get(key)
        if waiting:
            return waiting.pop()
        if self.on_exhausted is OnExhausted.REPEAT_LAST and key in self._times:
            return self._times[key][-1]
        return None

    def finish(
        self, slot: int, response: Response | None, websocket: WebSocket | None = None
    ) -> None:
        """Keep the answer to a request that is recorded, and what came after; None: there was none.

        A slot that is finished already stays as it is.
        """
        seen = self._slots[slot]
        if not isinstance(seen, Asked):
            return
        if response is None:
            seen.outcome = "failed"
            self._slots[slot] = None
        else:
            seen.outcome, seen.response = "recorded", response
            self._slots[slot] = Interaction(seen.request, response, websocket)

    @property
    def unused(self) -> list[Request]:
        """The recorded requests that nobody has asked for."""
        if not self.plays:
            return []
        return [
            each.request
            for number, each in enumerate(self.recorded or ())
            if number not in self._played
        ]

    @property
    def unexpected(self) -> list[Unexpected]:
        """The messages that were not as they were recorded."""
        return [each.unexpected for each in self.conversations if each.unexpected is not None]

    @property
    def outcomes(self) -> Counter[str]:
        """How many requests had which outcome."""
        return Counter(each.outcome for each in self.asked)

    @property
    def is_changed(self) -> bool:
        """Whether there is something to be written."""
        return any(isinstance(slot, Interaction) for slot in self._slots) or (
            # One that has asked nothing has ignored the proxy, most likely.
            self.mode is Mode.ALL and self.recorded is not None and bool(self.asked)
        )

    def interactions(self) -> list[Interaction]:
        """Return what the cassette should have, in the order in which it was asked."""
        kept = list(self.recorded or ()) if self.plays else []
        return [*kept, *(slot for slot in self._slots if isinstance(slot, Interaction))]
