"""Threads that end, whichever side fails first."""

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanplate.jobs.threads import reading_ahead, writing_behind


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def failing(count, problem):
    yield from range(count)
    raise problem


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 30), read_bound=st.integers(0, 4), write_bound=st.integers(0, 4))
def test_everything_arrives_in_order(count, read_bound, write_bound):
    taken = []
    with (
        reading_ahead(range(count), read_bound) as items,
        writing_behind(taken.append, write_bound) as put,
    ):
        for item in items:
            put(item)
    assert taken == list(range(count))


def test_reading_is_bounded():
    made = []

    def source():
        for number in range(100):
            made.append(number)
            yield number

    with reading_ahead(source(), 3) as items:
        assert next(items) == 0
        time.sleep(0.1)
        assert len(made) <= 1 + 3 + 1  # taken, queued, and one waiting for room


def held_up(bound, count):
    """Hand over to somebody who waits: what was begun and handed over by then, and at the end."""
    allowed, begun, handed = threading.Semaphore(0), [], []

    def slow(item):
        begun.append(item)
        allowed.acquire()

    def hand_over(put):
        for item in range(count):
            put(item)
            handed.append(item)

    with writing_behind(slow, bound) as put:
        other = threading.Thread(target=hand_over, args=(put,))
        other.start()
        time.sleep(0.2)
        before = list(begun), list(handed)
        for _ in range(count):
            allowed.release()
        other.join()
    return before, (begun, handed)


def test_from_hand_to_hand_one_is_written_and_none_waits():
    before, after = held_up(0, 3)
    assert before == ([0], [0])  # the second one is still in the giver's hands
    assert after == ([0, 1, 2], [0, 1, 2])


def test_writing_is_bounded():
    (_, handed), (taken, _) = held_up(2, 10)
    assert len(handed) <= 3
    assert taken == list(range(10))


def test_stages_overlap():
    """Three stages of 20 ms each take little more than one of them does."""

    def source():
        for number in range(15):
            time.sleep(0.02)
            yield number

    started = time.perf_counter()
    with (
        reading_ahead(source(), 2) as items,
        writing_behind(lambda _: time.sleep(0.02), 2) as put,
    ):
        for item in items:
            time.sleep(0.02)
            put(item)
    assert time.perf_counter() - started < 0.8 * 15 * 0.06


def test_error_of_the_source_comes_after_its_items():
    seen = []
    with (
        pytest.raises(ZeroDivisionError, match="boom"),
        reading_ahead(failing(3, ZeroDivisionError("boom")), 8) as items,
    ):
        seen.extend(items)
    # `extend` takes item by item, so what came before the error is there.
    assert seen == [0, 1, 2]


def test_error_of_the_taker_stops_the_giver():
    def take(item):
        if item == 3:
            raise OSError(28, "No space left on device")

    handed = []

    def give():
        with writing_behind(take, 2) as put:
            for number in range(1000):
                put(number)
                handed.append(number)

    with pytest.raises(OSError, match="No space"):
        give()
    assert len(handed) < 10


def test_error_of_the_taker_at_the_last_item_is_raised():
    def take(item):
        raise ValueError("last")

    with pytest.raises(ValueError, match="last"), writing_behind(take, 2) as put:
        put(1)


def test_error_between_ends_both():
    taken = []

    def slow(item):
        time.sleep(0.01)
        taken.append(item)

    def run():
        with reading_ahead(iter(range(10**9)), 2) as items, writing_behind(slow, 2) as put:
            for item in items:
                if item == 5:
                    raise KeyboardInterrupt
                put(item)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert taken == list(range(len(taken)))
    assert len(taken) <= 5


def test_a_caller_that_stops_early_ends_the_source():
    with reading_ahead(iter(range(10**9)), 2) as items:
        assert next(items) == 0
