"""Ctrl-C is never lost: not while the program waits for input, nor where Python swallows what it raises."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

INTERRUPTED = 130
AGAIN_S = 0.01
_MANY_SIGNALS = 4096


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Let Ctrl-C end the program without raising anything, where there is nothing to clean up yet.

    Modules that are being loaded take what is raised in them for something that is not there, or make another error of
    it. For the main thread only.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(*_: object) -> None:
    with suppress(OSError):
        os.write(2, b"streamer: interrupted\n")
    os._exit(INTERRUPTED)


@contextmanager
def raised_again() -> Iterator[None]:
    """Raise Ctrl-C a moment later if it came where nothing can be raised, and would only have been reported.

    Such are destructors and callbacks of weak references, of which every import calls some.
    """
    report = sys.unraisablehook
    waiting: list[threading.Timer] = []

    def take_up(lost: sys.UnraisableHookArgs) -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            report(lost)
            return
        waiting.append(threading.Timer(AGAIN_S, os.kill, (os.getpid(), signal.SIGINT)))
        waiting[-1].daemon = True
        waiting[-1].start()

    sys.unraisablehook = take_up
    try:
        yield
    finally:
        sys.unraisablehook = report
        for timer in waiting:
            timer.cancel()


@contextmanager
def heeded() -> Iterator[Callable[[int], None]]:
    """Give what waits until a file can be read, and raises KeyboardInterrupt if Ctrl-C came since the `with` began.

    Python handles a signal between two of its own steps. One that comes just before a read that waits, or together with
    a part of what a buffer still waits for, would be handled with the next bytes only. So the signal itself leaves a
    mark in a pipe, which is waited for together with the file. For the main thread only.
    """
    told, telling = os.pipe()
    try:
        for end in (told, telling):
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(telling, warn_on_full_buffer=False)
        try:
            yield partial(_wait, told)
        finally:
            signal.set_wakeup_fd(before)
    finally:
        os.close(told)
        os.close(telling)


def _wait(told: int, file: int) -> None:
    poll = select.poll()
    for descriptor in (told, file):
        poll.register(descriptor, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poll.poll()}
        if told in ready and signal.SIGINT in os.read(told, _MANY_SIGNALS):
            raise KeyboardInterrupt
        if file in ready:
            return
