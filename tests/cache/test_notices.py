"""Warnings, once for each cause."""

from __future__ import annotations

import logging

from forebay.cache.notices import Notices


def test_a_cause_is_told_once_and_counted(caplog):
    notices = Notices()

    for _ in range(3):
        notices.warn("a", "first\nline")
    notices.warn("b", "second")

    assert [record.getMessage() for record in caplog.records] == [
        "cache: first line",
        "cache: second",
    ]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert notices.counts == {"a": 3, "b": 1}


def test_a_handler_of_a_closed_loop_harms_nobody(caplog):
    """mitmproxy's own handlers are like that at the end."""

    class Closed(logging.Handler):
        def emit(self, record):
            raise RuntimeError("Event loop is closed")

    handler = Closed()
    logging.getLogger().addHandler(handler)
    notices = Notices()
    try:
        notices.warn("a", "text")
    finally:
        logging.getLogger().removeHandler(handler)

    assert notices.counts == {"a": 1}
