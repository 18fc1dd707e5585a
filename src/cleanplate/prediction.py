"""What the network hands to the full-resolution stage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

MULTIPLE = 16  # the network halves its input four times


@dataclass(frozen=True)
class Window:
    """The part of the small picture that the network looked at: rows and columns of it."""

    top: int
    bottom: int
    left: int
    right: int

    def inside(self) -> tuple[slice, slice]:
        """Index of the small picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def area(self) -> int:
        """Pixels of the small picture."""
        return (self.bottom - self.top) * (self.right - self.left)

    def mirrored(self, width: int) -> "Window":
        """Give this part of the mirror image of a small picture of that width."""
        return Window(self.top, self.bottom, width - self.right, width - self.left)

    def at(self, size: tuple[int, int], other: tuple[int, int]) -> "Window":
        """Give this part of the picture at another height and width, in whole MULTIPLEs."""
        (top, bottom), (left, right) = (
            _reach(begin * new // old, -(-end * new // old), new)
            for begin, end, old, new in (
                (self.top, self.bottom, size[0], other[0]),
                (self.left, self.right, size[1], other[1]),
            )
        )
        return Window(top, bottom, left, right)


def _reach(begin: int, end: int, side: int) -> tuple[int, int]:
    """Both ends moved apart to multiples of MULTIPLE, inside 0 and `side`."""
    first = max(0, begin) // MULTIPLE * MULTIPLE
    last = min(side, -(-end // MULTIPLE) * MULTIPLE)
    return first, last


@dataclass(frozen=True)
class Coarse:
    """What the network says, at its working size; refine.py brings it to the frame's size.

    `frame` is all of the small picture, the others are as large as the window; what is outside is
    the plate as it was.
    """

    frame: Picture  # h w 3, what it was shown
    window: Window
    alpha: Picture  # h w 1
    foreground: Picture  # h w 3, straight
    error: Picture  # h w 1, expected |alpha - true alpha|
    shadow: Picture  # h w 1, s in I = alpha F + (1 - alpha) s B
    valid: Picture  # h w 1, does the plate show what is behind the subject
