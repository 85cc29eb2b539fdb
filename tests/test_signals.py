"""Interrupts that must not be lost."""

import signal
import threading
import weakref

import pytest

from artlives.signals import kept_interrupts


class Thing:
    pass


def interrupted_while_cleaning_up():
    """SIGINT comes while a weak reference is cleaned up after."""
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    del thing
    return reference


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_kept():
    usual = signal.getsignal(signal.SIGINT)
    with kept_interrupts() as came:
        interrupted_while_cleaning_up()
        assert came == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is usual


def test_other_threads_get_none():
    found = []

    def run():
        with kept_interrupts() as came:
            found.append(came)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [[]]
