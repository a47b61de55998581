"""One body and its consumers."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.proxycore.body import Body, Capture


class Collector:
    """A consumer that remembers what it was told."""

    def __init__(self, fails_on=()):
        self.pieces = []
        self.calls = []
        self.fails_on = fails_on

    def feed(self, data):
        self._note("feed")
        self.pieces.append(data)

    def end(self):
        self._note("end")

    def abort(self):
        self._note("abort")

    def _note(self, call):
        self.calls.append(call)
        if call in self.fails_on:
            raise ValueError("broken consumer")


def body_for(*consumers):
    body = Body()
    body.consumers.extend(consumers)
    return body


def stream(body, pieces):
    """Return what mitmproxy would send on for *pieces* and the empty one at the end."""
    sent = []
    for piece in [*pieces, b""]:
        passed = body(piece)
        sent.extend([passed] if isinstance(passed, bytes) else passed)
    return sent


@given(st.lists(st.binary(max_size=9)))
def test_consumers_see_a_streamed_body_whole_and_the_client_gets_no_empty_piece(pieces):
    """An empty chunk would end a chunked message at the client."""
    collector = Collector()
    body = body_for(collector)

    sent = stream(body, pieces)
    body.complete(None)

    assert b"".join(collector.pieces) == b"".join(sent) == b"".join(pieces)
    assert b"" not in sent
    assert collector.calls.count("end") == 1
    assert body.size_bytes == len(b"".join(pieces))


def test_a_buffered_body_is_fed_once_and_ended_once():
    collector = Collector()
    body = body_for(collector)

    body.complete(b"answer")
    body.complete(b"answer")
    body.break_off()

    assert (collector.pieces, collector.calls) == ([b"answer"], ["feed", "end"])
    assert body.size_bytes == 6


def test_a_body_that_was_streamed_is_not_fed_again():
    """Another addon may have put its content together."""
    collector = Collector()
    body = body_for(collector)

    stream(body, [b"answer"])
    body.complete(b"answer")

    assert (collector.pieces, collector.calls) == ([b"answer"], ["feed", "end"])


def test_a_body_that_breaks_off_is_aborted_once():
    """Never ended, even if a hook comes late."""
    collector = Collector()
    body = body_for(collector)

    body.break_off()
    body.break_off()
    body.complete(None)

    assert collector.calls == ["abort"]


@pytest.mark.parametrize("fails_on", [("feed",), ("feed", "abort"), ("end",)])
def test_a_broken_consumer_harms_nobody(caplog, fails_on):
    """The traffic and the other consumers go on; one warning says so."""
    broken, sound = Collector(fails_on), Collector()

    with caplog.at_level(logging.WARNING):
        body_for(broken, sound).complete(b"answer")

    assert sound.calls == ["feed", "end"]
    assert "broken consumer" in caplog.text


def test_a_consumer_that_fails_to_let_go_harms_nobody(caplog):
    with caplog.at_level(logging.WARNING):
        body_for(Collector(("abort",))).break_off()

    assert "failed to let go" in caplog.text


@pytest.mark.parametrize("passed", [b"yy", [b"y", b"", b"y"]])
def test_what_another_script_makes_of_a_piece_is_passed_on(passed):
    """Consumers see what came over the wire; empty pieces are kept back here too."""
    collector = Collector()
    body = body_for(collector)
    body.inner = lambda data: passed if data else b""

    sent = stream(body, [b"x"])

    assert b"".join(sent) == b"yy"
    assert b"" not in sent
    assert collector.pieces == [b"x"]


class TestCapture:
    @pytest.mark.parametrize(
        ("pieces", "expected"),
        [([], b""), ([b"ab", b"cd"], b"abcd"), ([b"ab", b"cde"], None), ([b"abcde", b""], None)],
    )
    def test_it_keeps_the_whole_up_to_its_limit_or_nothing(self, pieces, expected):
        capture = Capture(4)
        body = body_for(capture)

        stream(body, pieces)
        body.complete(None)

        assert capture.whole() == expected
