"""Frames of a job whose alpha is held steady, held back until those that count are known."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cleanplate.jobs.parts import Arrays, CutFrame, PartEnd
from cleanplate.pictures import to_picture
from cleanplate.pipeline import Cutout
from cleanplate.temporal import Steadier, moment_arrays, moment_of, restore_moments

Picture = NDArray[np.float32]


class HeldBack:
    """Takes frames and ends of parts in order, and gives them in order, alpha held steady.

    ahead: frames that each one waits for. behind: frames before it that count. With none of both
    everything is given at once, as it came. arrays: those of the end of the last part, where a job
    goes on.
    """

    def __init__(self, ahead: int, behind: int, arrays: Arrays | None) -> None:
        self._passes = not ahead and not behind
        self._steadier = Steadier(ahead, behind, restore_moments(arrays or {}))
        self._waiting: deque[CutFrame | PartEnd] = deque()

    def arrays(self) -> Arrays:
        """Return what is to be saved with the state at the end of a part."""
        return moment_arrays(self._steadier.last())

    def put(self, item: CutFrame | PartEnd) -> Iterator[CutFrame | PartEnd]:
        """Take an item; gives those that are ready. An end comes after the frames before it."""
        if self._passes:
            yield item
            return
        self._waiting.append(item)
        if isinstance(item, CutFrame):
            alpha = self._steadier.push(moment_of(_frame(item), item.cutout.alpha))
            if alpha is not None:
                yield self._steadied(alpha)
        yield from self._ends()

    def finish(self) -> Iterator[CutFrame | PartEnd]:
        """Give what is left, at the end of the clip."""
        yield from self._ends()
        for alpha in self._steadier.finish():
            yield self._steadied(alpha)
            yield from self._ends()

    def _ends(self) -> Iterator[PartEnd]:
        while self._waiting and isinstance(self._waiting[0], PartEnd):
            end = self._waiting.popleft()
            assert isinstance(end, PartEnd)
            yield end

    def _steadied(self, alpha: Picture) -> CutFrame:
        item = self._waiting.popleft()
        assert isinstance(item, CutFrame)
        return replace(item, cutout=with_alpha(item, alpha))


def with_alpha(item: CutFrame, alpha: Picture) -> Cutout:
    """Give a cutout another alpha (H W 1); what was not there before has the frame's colour.

    Masks say surely what is there: they hold whatever the frames around say.
    """
    foreground = item.cutout.foreground
    new = (alpha > 0) & (item.cutout.alpha <= 0)
    if new.any():
        foreground = np.where(new, _frame(item), foreground)
    holdout, garbage = (item.masks.get(name) for name in ("holdout", "garbage"))
    made = Cutout(alpha, foreground)
    if holdout is None and garbage is None:
        return made
    return made.masked(_frame(item), holdout, garbage)


def _frame(item: CutFrame) -> Picture:
    return to_picture(item.given.picture, "frame")
