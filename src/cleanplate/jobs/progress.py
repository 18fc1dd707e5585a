"""A bar for the terminal: frames, rate, time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

# Takes what is being done, how many frames are done, and how many there are as far as is known.
Watcher = Callable[[str, int, int | None], None]

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Tell `watcher` of the progress made in the block (in this thread), instead of showing a bar.

    What it raises stops the work like Ctrl-C does.
    """
    before = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(before)


class RateColumn(ProgressColumn):
    """Frames a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        """Show the rate, or nothing before there is one."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} frames/s" if speed else "")


@contextmanager
def frames_progress(
    description: str, total: int | None, done: int = 0, shown: bool = True
) -> Iterator[Callable[[], None]]:
    """Show a bar on the terminal while the block runs; yields what moves it on by a frame.

    total: frames of the clip, as far as is known. done: frames that an earlier run did.
    shown: off where another bar is on the terminal.
    """
    watcher = _watcher.get()
    if watcher is not None:
        yield _counting(watcher, description, total, done)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task(description, total=total, completed=done)

        def advance() -> None:
            progress.advance(task)

        yield advance


def _counting(
    watcher: Watcher, description: str, total: int | None, done: int
) -> Callable[[], None]:
    count = done
    watcher(description, count, total)

    def advance() -> None:
        nonlocal count
        count += 1
        watcher(description, count, total)

    return advance
