"""Ctrl-C where it used to be lost, or could be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from streamer.interrupts import ended_at_once, heeded, raised_again
from tests.patience import PATIENCE_S


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def test_ctrl_c_that_was_swallowed_ends_the_next_wait() -> None:
    with heeded() as wait, pipe() as (reading, writing):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        os.write(writing, b"more")  # even if there is something to read
        with pytest.raises(KeyboardInterrupt):
            wait(reading)


def test_a_wait_ends_when_there_is_something_to_read_or_nothing_more_comes() -> None:
    with heeded() as wait, pipe() as (reading, writing):
        os.write(writing, b"more")
        wait(reading)
        assert os.read(reading, 10) == b"more"
    with heeded() as wait:
        reading, writing = os.pipe()
        os.close(writing)
        wait(reading)
        os.close(reading)


def test_other_signals_end_no_wait() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with heeded() as wait, pipe() as (reading, writing):
            signal.raise_signal(signal.SIGUSR1)
            os.write(writing, b"more")
            wait(reading)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_heeds_signals_leaves_nothing_behind() -> None:
    with heeded():
        pass
    assert signal.set_wakeup_fd(-1) == -1


class Thing:
    """Something that can be referred to weakly."""


def test_ctrl_c_in_the_callback_of_a_weak_reference_is_raised_a_moment_later() -> None:
    thing = Thing()
    watch = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGINT))
    with raised_again():
        del thing
        with pytest.raises(KeyboardInterrupt):
            time.sleep(PATIENCE_S)
        assert watch() is None


def test_what_else_cannot_be_raised_is_reported_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda lost: reported.append(lost.exc_value))
    thing = Thing()
    watch = weakref.ref(thing, lambda _: os.environ["ABSENT"])
    with raised_again():
        del thing
    assert watch() is None
    assert [type(value) for value in reported] == [KeyError]


LOADING = """
import signal
from streamer.interrupts import ended_at_once
with ended_at_once():
    try:
        signal.raise_signal(signal.SIGINT)
    except:
        print("taken for something else")
"""


def test_while_modules_are_loaded_nothing_can_swallow_ctrl_c() -> None:
    done = subprocess.run([sys.executable, "-c", LOADING], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "streamer: interrupted\n")


def test_after_loading_ctrl_c_is_raised_as_before() -> None:
    with ended_at_once():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_goes_on_ignoring_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ended_at_once():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
