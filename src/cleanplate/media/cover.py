"""A picture scaled so that it just covers another size."""

from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Samples = TypeVar("Samples", NDArray[np.float32], NDArray[np.uint8])


def cover(
    picture: Samples, size: tuple[int, int] | None, enlarging: int = cv2.INTER_CUBIC
) -> Samples:
    """Scale H W 3 so that it just covers `size` (height, width), and crop about the centre.

    picture: float32 0..1 or uint8. size: None leaves it as it is. enlarging: OpenCV's way of
    interpolation for a picture that is too small; INTER_LINEAR is quicker.
    """
    if size is None or picture.shape[:2] == size:
        return picture
    height, width = size
    scale = max(height / picture.shape[0], width / picture.shape[1])
    scaled = (
        max(width, round(picture.shape[1] * scale)),
        max(height, round(picture.shape[0] * scale)),
    )
    if scaled != picture.shape[1::-1]:
        way = cv2.INTER_AREA if scale < 1 else enlarging
        picture = cast(Samples, cv2.resize(picture, scaled, interpolation=way))
        if way == cv2.INTER_CUBIC and picture.dtype == np.float32:
            np.clip(picture, 0, 1, out=picture)  # it overshoots at edges
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
