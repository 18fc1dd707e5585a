"""One thread that cuts, with a short queue before it: who comes when it is full is sent away."""

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

from cleanplate.studio.refusals import RefusedError

Result = TypeVar("Result")


class Worker:
    """Does pieces of work one after the other in a thread of its own.

    waiting: pieces that may wait for the one at work. seconds: how long a caller waits at most.
    """

    def __init__(self, waiting: int, seconds: float) -> None:
        self._waiting, self._seconds = waiting, seconds
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="cutting")
        self._lock = Lock()
        self.pending = 0  # pieces that wait or are at work
        self.usual = 1.0  # seconds of a piece, a running mean

    @property
    def is_full(self) -> bool:
        """Whether another piece would be refused."""
        return self.pending > self._waiting

    def full(self) -> RefusedError:
        """Make the refusal of a piece when the queue is full."""
        after = max(1, math.ceil(self.usual * self._waiting / 2))
        return RefusedError(
            429, f"{self._waiting} others wait already: try again in {after} s.", after
        )

    async def do(self, work: Callable[[], Result]) -> Result:
        """Run `work` in the thread and return what it returns.

        Raises RefusedError when the queue is full, or when it took too long; work that has not
        begun by then is dropped, work that has begun ends unheard.
        """
        waiting = asyncio.wrap_future(self.submit(work))
        try:
            return await asyncio.wait_for(waiting, self._seconds)
        except TimeoutError:
            raise RefusedError(
                503,
                f"It was not done within {self._seconds:g} s: send a smaller picture, or try "
                "again when less is going on.",
                max(1, math.ceil(self.usual)),
            ) from None

    def submit(self, work: Callable[[], Result]) -> "Future[Result]":
        """Queue `work`. Raises RefusedError when the queue is full."""
        with self._lock:
            if self.is_full:
                raise self.full()
            self.pending += 1
        try:
            future = self._pool.submit(self._timed, work)
        except RuntimeError:
            self._done()
            raise RefusedError(503, "The server ends: try again later.", 5) from None
        future.add_done_callback(self._done)
        return future

    def close(self) -> None:
        """Drop what waits, let what is at work end."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, work: Callable[[], Result]) -> Result:
        started = time.perf_counter()
        try:
            return work()
        finally:
            self.usual += 0.2 * (time.perf_counter() - started - self.usual)

    def _done(self, _: Any = None) -> None:
        with self._lock:
            self.pending -= 1
