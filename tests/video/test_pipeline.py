import threading
import time

import pytest

from artlives.video.pipeline import ahead


def test_items_come_in_their_order_and_few_are_made_ahead():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    found = []
    for item in ahead(items(), 3):
        found.append(item)
        time.sleep(0.005)
        # Those that wait, and one that is being put.
        assert len(made) <= len(found) + 5
    assert found == list(range(20))


def test_an_error_is_raised_where_the_items_are_used():
    def items():
        yield 1
        raise KeyError("lost")

    found = ahead(items(), 3)
    assert next(found) == 1
    with pytest.raises(KeyError, match="lost"):
        next(found)


def test_who_stops_early_ends_the_thread_and_closes_the_source():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    before = threading.active_count()
    found = ahead(items(), 3)
    next(found)
    found.close()
    assert closed.is_set()
    assert threading.active_count() == before
