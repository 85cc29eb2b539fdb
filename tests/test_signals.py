"""Interrupts that must not be lost."""

import signal
import sys
import time
import weakref

import pytest

from artlives.signals import dropped_interrupts_come_again


class Thing:
    pass


def while_cleaning_up(act):
    """Call something while a weak reference is cleaned up after."""
    thing = Thing()
    reference = weakref.ref(thing, lambda _: act())
    del thing
    return reference


def test_an_interrupt_that_python_drops_comes_again():
    with dropped_interrupts_come_again():
        while_cleaning_up(lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            time.sleep(10)


def test_other_exceptions_are_told_as_before(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))
    usual = sys.unraisablehook
    with dropped_interrupts_come_again():
        while_cleaning_up(lambda: 1 / 0)
    assert told == [ZeroDivisionError]
    assert sys.unraisablehook is usual
