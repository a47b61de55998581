"""The queue of what is to be written."""

from __future__ import annotations

from cache.builders import entry, key
from forebay.cache.pending import Pending
from forebay.cache.ram import cost_bytes

COST = cost_bytes(entry())


def pending(limit_records=10, limit_bytes=10**6):
    return Pending(limit_records=limit_records, limit_bytes=limit_bytes)


def test_the_last_word_on_a_key_counts():
    queue = pending()

    assert queue.offer(key(), entry(body=b"old"))
    assert queue.offer(key(), entry())

    assert queue.get(key()) == entry()
    assert (len(queue), queue.size_bytes) == (1, COST)
    queue.delete(key())
    assert key() in queue and queue.get(key()) is None
    assert queue.size_bytes == 0


def test_a_full_queue_takes_no_record_but_every_deletion():
    by_count, by_size = pending(limit_records=1), pending(limit_bytes=COST)
    for queue in (by_count, by_size):
        assert queue.offer(key(1), entry())

        assert not queue.offer(key(2), entry())

        queue.delete(key(2))
        assert len(queue) == 2


def test_a_batch_is_the_oldest_within_the_limits():
    queue = pending()
    for number in range(5):
        queue.offer(key(number), entry())
    queue.delete(key(5))

    assert list(queue.batch(limit_records=2, limit_bytes=10**6)) == [key(0), key(1)]
    assert list(queue.batch(limit_records=9, limit_bytes=3 * COST)) == [key(n) for n in range(3)]
    assert list(queue.batch(limit_records=9, limit_bytes=1)) == [key(0)]
    assert len(queue.batch(limit_records=9, limit_bytes=10**6)) == 6


def test_settling_spares_what_changed_meanwhile():
    queue = pending()
    for number in range(4):
        queue.offer(key(number), entry())
    batch = queue.batch(limit_records=9, limit_bytes=10**6)
    queue.offer(key(1), entry(body=b"newer"))
    queue.delete(key(2))
    queue.forget(key(3))

    queue.settle(batch)

    assert key(0) not in queue and key(3) not in queue
    assert queue.get(key(1)) == entry(body=b"newer")
    assert key(2) in queue
