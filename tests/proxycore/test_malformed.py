"""What was no HTTP request at all."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.proxycore import malformed
from forebay.proxycore.malformed import LOGGER, Malformed, logged_for, parse, self_test
from forebay.proxycore.patch import CoreMismatchError

CLIENT = ("192.0.2.1", 50000)
BAD_LINE = "192.0.2.1:50000: Bad HTTP request line: b'GARBAGE'"


@pytest.fixture(name="core", autouse=True)
def _core():
    """mitmproxy's programs log everything, whatever is shown."""
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(level)


@pytest.fixture(name="seen")
def _seen():
    seen = []
    observer = Malformed(lambda address, message: seen.append((address, message)))
    observer.install()
    yield seen
    observer.uninstall()


def test_a_bad_request_line_is_noticed(core, seen):
    """The core logs it so."""
    core.info(BAD_LINE, extra={"client": CLIENT})

    assert seen == [(CLIENT, "Bad HTTP request line: b'GARBAGE'")]


@pytest.mark.parametrize(
    "head",
    [
        b"GARBAGE\r\n\r\n",
        b"GET http://u:p@h/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.99\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded\r\n\r\n",
        b"CONNECT h HTTP/1.1\r\n\r\n",
    ],
)
def test_what_the_core_cannot_read_is_understood(head):
    """Driven through its own parser."""
    (record,) = logged_for(head)

    assert parse(record.client, record.getMessage()) is not None


@pytest.mark.parametrize("head", [b"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", b"GET"])
def test_what_the_core_can_read_is_none_of_it(head):
    assert logged_for(head) == []


@pytest.mark.parametrize(
    ("client", "message"),
    [
        (CLIENT, "client connect"),
        (CLIENT, "192.0.2.2:50000: Bad HTTP request line: b'x'"),
        (CLIENT, "Bad HTTP request line: b'x'"),
        (CLIENT, "192.0.2.1:50000: something else"),
        (CLIENT, "Client closed connection before completing request headers: b'x'"),
        (None, BAD_LINE),
        ((), BAD_LINE),
        (("192.0.2.1", "50000"), BAD_LINE),
        ("192.0.2.1", BAD_LINE),
    ],
)
def test_any_other_line_is_none_of_it(client, message):
    assert parse(client, message) is None


def test_ipv6_clients_have_brackets_and_more_numbers():
    """As the system gives their address."""
    assert parse(("::1", 5, 0, 0), "[::1]:5: Invalid headers") == (("::1", 5), "Invalid headers")


@given(st.one_of(st.none(), st.text(), st.tuples(st.text(), st.integers())), st.text())
def test_any_line_is_taken(client, message):
    parse(client, message)


def test_lines_of_other_loggers_are_none_of_it(seen):
    logging.getLogger("mitmproxy.proxy").warning(BAD_LINE, extra={"client": CLIENT})

    assert seen == []


def test_installing_twice_is_installing_once(core):
    """And uninstalling may come first, or twice."""
    seen = []
    observer = Malformed(lambda address, message: seen.append(message))
    observer.uninstall()
    observer.install()
    observer.install()
    core.info(BAD_LINE, extra={"client": CLIENT})
    observer.uninstall()
    observer.uninstall()
    core.info(BAD_LINE, extra={"client": CLIENT})

    assert len(seen) == 1


def test_a_callback_that_fails_does_not_reach_the_connection(core, monkeypatch):
    """It would be taken for a crash of the core."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    observer = Malformed(lambda address, message: 1 / 0)
    observer.install()
    core.info(BAD_LINE, extra={"client": CLIENT})
    observer.uninstall()


def test_self_test_sees_it_work(seen):
    """Without a word to whoever reads the log."""
    self_test()

    assert seen == []


def test_self_test_says_what_is_missing(core, monkeypatch):
    """When the core words it otherwise, or logs it nowhere."""
    monkeypatch.setattr(malformed, "_BEGINNINGS", ("Otherwise",))
    with pytest.raises(CoreMismatchError, match="expected one line about a bad request line"):
        self_test()

    monkeypatch.undo()
    core.setLevel(logging.ERROR)
    with pytest.raises(CoreMismatchError):
        self_test()
