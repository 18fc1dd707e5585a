"""Ctrl-C, and a request to end (SIGTERM), that let what was begun be finished."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


class Interrupts:
    """Raises KeyboardInterrupt at the first one; of those that follow the next one waits.

    wait: set where the end has begun without an interrupt; then the first one waits.
    waited: how many did.
    """

    def __init__(self) -> None:
        self.wait, self.waited = False, 0

    def __call__(self, *_: object) -> None:
        """Take one."""
        if not self.wait or self.waited:
            self.wait = True
            raise KeyboardInterrupt
        self.waited += 1


@contextmanager
def patient() -> Iterator[Interrupts]:
    """Take interrupts so in this block; one that waited is raised at its end."""
    interrupts = Interrupts()
    if current_thread() is not main_thread():
        yield interrupts
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupts) for number in taken}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupts.waited:
        raise KeyboardInterrupt
