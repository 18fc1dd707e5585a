"""What a cutout is placed over: a picture, a colour, or the blurred plate."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from cleanplate.color import linear_to_srgb, srgb_to_linear
from cleanplate.errors import InputError
from cleanplate.media.cover import cover
from cleanplate.media.stills import Still, read_still

Picture = NDArray[np.float32]

# Standard deviation of the blurred plate, as a share of the picture's longer side.
BLUR = 0.015


def read_new_background(over: str) -> Still | tuple[float, float, float] | None:
    """Read what `--over` names: a picture's path, a colour (name or #hex), or `blur`.

    Returns the picture, the colour as R G B 0..1, or None for `blur`.
    Raises InputError where it is none of them, and as `read_still` for the picture.
    """
    if over == "blur":
        return None
    if Path(over).exists():
        return read_still(over)
    try:
        colour = ImageColor.getrgb(over)
    except ValueError as problem:
        raise InputError(
            f"{over} is no picture file, colour or 'blur': "
            "give a file that exists, a name like teal, or #rrggbb."
        ) from problem
    if not all(0 <= value <= 255 for value in colour):
        raise InputError(f"{over} has values below 0 or above 255: give #rrggbb, or a name.")
    if len(colour) == 4:
        raise InputError(f"{over} is a transparent colour, an opaque one was expected: #rrggbb.")
    red, green, blue = (value / 255 for value in colour)
    return red, green, blue


def fit_new_background(
    new_background: Still | tuple[float, float, float] | None,
    plate: Picture,
    size: tuple[int, int],
) -> Picture:
    """Make the new background for a frame of `size` (height, width).

    new_background: as `read_new_background` returned it. plate: H W 3, of any size.
    A picture is scaled to cover the frame and cropped about its centre; where it is transparent
    it is black. Returns H W 3 float32, 0..1, sRGB-encoded.
    """
    if isinstance(new_background, tuple):
        return np.broadcast_to(np.array(new_background, np.float32), (*size, 3))
    if new_background is None:
        return blurred(cover(plate, size))
    picture = new_background.picture
    if new_background.alpha is not None:
        picture = picture * new_background.alpha
    return cover(picture, size)


def blurred(picture: Picture) -> Picture:
    """Blur H W 3 as a lens does, in linear light, by a share of its size."""
    sigma = BLUR * max(picture.shape[:2])
    light = cv2.GaussianBlur(
        srgb_to_linear(picture), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
    )
    encoded = linear_to_srgb(np.clip(np.asarray(light), 0.0, 1.0))
    return np.asarray(encoded, np.float32)
