"""The circuit breaker."""

from __future__ import annotations

from forebay.cache.breaker import Breaker


def opened() -> Breaker:
    breaker = Breaker(limit=3, rest_s=30)
    for _ in range(3):
        breaker.failed(100)
    return breaker


def test_it_opens_at_the_third_failure_in_a_row():
    breaker = Breaker(limit=3, rest_s=30)
    breaker.failed(100)
    breaker.failed(100)
    breaker.succeeded()
    breaker.failed(100)
    breaker.failed(100)
    assert not breaker.is_open(100)

    breaker.failed(100)

    assert breaker.is_open(100)


def test_it_lets_one_try_after_its_rest_and_one_failure_opens_it_again():
    breaker = opened()
    assert breaker.is_open(129)
    assert not breaker.is_open(130)

    breaker.failed(130)

    assert breaker.is_open(159)


def test_a_success_closes_it():
    breaker = opened()

    breaker.succeeded()

    assert not breaker.is_open(100)


def test_a_clock_that_was_set_back_does_not_keep_it_open():
    assert not opened().is_open(50)
