"""Two threads and a short queue between them: work overlaps, and both always end."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Generic, TypeVar

Item = TypeVar("Item")

# A wait that is cut into pieces lets Ctrl-C through on every system.
PATIENCE = 0.2  # seconds


class GoneError(Exception):
    """Nobody takes from the channel any more; its reader failed or was stopped."""


class Channel(Generic[Item]):
    """A queue of at most `bound` items from one thread to another, which either side can end.

    With a bound of 0 an item goes from hand to hand: the giver waits until it is taken.
    The giver calls `put` and at the end `finish`; the taker iterates and calls `leave` when it
    takes no more. What made one side end is raised in the other.
    """

    def __init__(self, bound: int) -> None:
        self._items: deque[Item] = deque()
        self._bound = bound
        self._changed = Condition()
        self._finished = self._left = False
        self._problem: BaseException | None = None

    def put(self, item: Item) -> None:
        """Add an item; waits while the queue is full. Raises GoneError when nobody takes it."""
        with self._changed:
            self._wait_for(max(self._bound - 1, 0))
            self._items.append(item)
            self._changed.notify_all()
            if not self._bound:
                self._wait_for(0)

    def _wait_for(self, most: int) -> None:
        """Wait until no more items than that are in the queue."""
        while len(self._items) > most and not self._left:
            self._changed.wait(PATIENCE)
        if self._left:
            raise GoneError

    def finish(self, problem: BaseException | None = None) -> None:
        """Say that nothing more comes; the taker gets what is queued, then `problem` if any."""
        with self._changed:
            self._finished, self._problem = True, problem
            self._changed.notify_all()

    def leave(self) -> None:
        """Say that nothing more is taken, and drop what is queued."""
        with self._changed:
            self._left = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._changed:
                while not self._items and not self._finished and not self._left:
                    self._changed.wait(PATIENCE)
                if self._left:
                    return
                if not self._items:
                    if self._problem is not None:
                        raise self._problem
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # while the next one is waited for, nothing holds this one


@contextmanager
def reading_ahead(items: Iterable[Item], bound: int) -> Iterator[Iterator[Item]]:
    """Iterate over `items` in a thread of its own, at most `bound` of them ahead of the caller.

    Yields an iterator over the same items. What the source raises is raised from it, after the
    items before. However the block ends, the thread has ended when this returns.
    """
    channel: Channel[Item] = Channel(bound)

    def fill() -> None:
        try:
            for item in items:
                channel.put(item)
                del item
        except GoneError:
            return
        except BaseException as problem:
            channel.finish(problem)
        else:
            channel.finish()

    thread = Thread(target=fill, name="reading ahead", daemon=True)
    thread.start()
    try:
        yield iter(channel)
    finally:
        channel.leave()
        _join(thread)


@contextmanager
def writing_behind(take: Callable[[Item], None], bound: int) -> Iterator[Callable[[Item], None]]:
    """Call `take` for item after item in a thread of its own, at most `bound` behind the caller.

    Yields the function that hands an item over. When the block ends well, everything handed over
    has been taken. When it raises, what is queued is dropped. What `take` raises is raised in the
    caller, at the next item or at the end of the block. The thread has ended when this returns.
    """
    channel: Channel[Item] = Channel(bound)
    problems: list[BaseException] = []

    def drain() -> None:
        try:
            for item in channel:
                take(item)
                del item
        except BaseException as problem:
            problems.append(problem)
            channel.leave()

    def put(item: Item) -> None:
        try:
            channel.put(item)
        except GoneError:
            raise problems[0] from None

    thread = Thread(target=drain, name="writing behind", daemon=True)
    thread.start()
    try:
        yield put
        channel.finish()
        _join(thread)
    finally:
        channel.leave()
        _join(thread)
    if problems:
        raise problems[0]


def _join(thread: Thread) -> None:
    while thread.is_alive():
        thread.join(PATIENCE)
