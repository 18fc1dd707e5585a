"""How a camera was held: the display matrix of a file, and pictures turned upright by it."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Turn:
    """Rows and columns exchanged first, then the order of rows and of columns reversed."""

    transposed: bool = False
    rows_reversed: bool = False
    columns_reversed: bool = False

    @property
    def degrees(self) -> int:
        """Clockwise turn that makes the picture upright: 0, 90, 180 or 270."""
        if self.transposed:
            return 90 if self.columns_reversed else 270
        return 180 if self.rows_reversed else 0

    @property
    def mirrored(self) -> bool:
        """Whether the picture is mirrored besides (left and right exchanged first)."""
        reversals = self.rows_reversed + self.columns_reversed
        return reversals % 2 == (0 if self.transposed else 1)

    def apply(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Turn H W C pixels; the result is contiguous."""
        if self == Turn():
            return pixels
        turned = cv2.transpose(pixels) if self.transposed else pixels
        if self.rows_reversed or self.columns_reversed:
            both = self.rows_reversed and self.columns_reversed
            turned = cv2.flip(turned, -1 if both else int(self.columns_reversed))
        return turned.reshape(*turned.shape[:2], pixels.shape[2])


def turn_of(frame: Any) -> Turn:
    """Read the display matrix of a decoded av.VideoFrame; angles go to the nearest right one."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Turn()
    # x' = a x + c y, y' = b x + d y; stored as a b u, c d v, x y w.
    a, b, _, c, d = (int(number) for number in np.frombuffer(bytes(data), np.int32)[:5])
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Turn(transposed=True, rows_reversed=b < 0, columns_reversed=c < 0)
    return Turn(rows_reversed=d < 0, columns_reversed=a < 0)
