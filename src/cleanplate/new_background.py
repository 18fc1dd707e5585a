"""What a cutout is placed over: a picture, a colour, or the blurred plate."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from cleanplate.color import linear_to_srgb, srgb_to_linear
from cleanplate.errors import InputError
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


def cover(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scale H W 3 so that it just covers `size` (height, width), and crop about the centre."""
    height, width = size
    scale = max(height / picture.shape[0], width / picture.shape[1])
    if scale != 1:
        scaled = (
            max(width, round(picture.shape[1] * scale)),
            max(height, round(picture.shape[0] * scale)),
        )
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(picture, scaled, interpolation=way)
        picture = np.clip(np.asarray(resized, np.float32), 0.0, 1.0)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]


def blurred(picture: Picture) -> Picture:
    """Blur H W 3 as a lens does, in linear light, by a share of its size."""
    sigma = BLUR * max(picture.shape[:2])
    light = cv2.GaussianBlur(
        srgb_to_linear(picture), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE
    )
    encoded = linear_to_srgb(np.clip(np.asarray(light), 0.0, 1.0))
    return np.asarray(encoded, np.float32)
