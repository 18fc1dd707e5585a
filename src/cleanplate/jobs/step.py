"""How one frame of a clip becomes a cutout, whatever makes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cleanplate.jobs.notes import Note
from cleanplate.jobs.parts import Arrays
from cleanplate.media.stills import ForegroundAndAlpha

Picture = NDArray[np.float32]


Masks = dict[str, Picture]


class State(Protocol):
    """What a frame leaves for the next, and what a job keeps of it."""

    def arrays(self) -> Arrays: ...  # noqa: D102


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Step:
    """How one frame of a clip becomes a cutout.

    like: H W 3, as `cutout` takes it, what a new background is made like, and `blur` blurs.
    restore: makes the state of the arrays at the end of a part. masks: of a frame by its index, H W
    1, by their names; asked for by rising index. follow: frame (H W 3, 8 or 16 bit), state and the
    frame's masks give the cutout, the next state and a note. close: lets go of the files that it
    reads beside.
    """

    like: NDArray[Any]
    restore: Callable[[Arrays], Any]
    masks: Callable[[int], Masks]
    follow: Callable[[NDArray[Any], Any, Masks], tuple[ForegroundAndAlpha, State, Note]]
    close: Callable[[], None] = _nothing
