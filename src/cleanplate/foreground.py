"""Despill: the plate's colour, taken off the edge of the subject pixel by pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.composite import SOLID

Picture = NDArray[np.float32]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709
LEAST = 1e-6  # alpha that is not nought
SAMPLED = 4  # each so many-th pixel is enough for a mean


def despill(foreground: Picture, alpha: Picture, plate: Picture, strength: float = 1.0) -> Picture:
    """Take out what the soft edge has of the plate's hue more than the solid subject beside it.

    foreground, plate: H W 3; alpha: H W 1; strength: 0 (off) to 1. Changes the foreground itself
    and returns it. Only hue moves, and only along the plate's own hue at that pixel: before a grey
    wall nothing is spilt that could be seen, and skin or grey cloth that is like its neighbours
    stays as it is.
    """
    left, top, width, height = cv2.boundingRect((alpha > 0).view(np.uint8))
    if strength > 0 and width:
        inside = np.s_[top : top + height, left : left + width]
        _despill(foreground[inside], alpha[inside][..., 0], plate[inside], strength)
    return foreground


def _despill(foreground: Picture, coverage: Picture, plate: Picture, strength: float) -> None:
    """Do it in place, on a part of the picture."""
    flat = np.flatnonzero(cv2.inRange(coverage, LEAST, SOLID) != 0)
    soft = np.divmod(flat, coverage.shape[1])
    if not len(flat):
        return
    edge, plate_hue = foreground[soft], _hue(plate[soft])
    reference = _solid_colour(foreground, coverage, soft, edge)
    length = np.einsum("nc,nc->n", plate_hue, plate_hue)
    excess = np.einsum("nc,nc->n", _hue(edge - reference), plate_hue) / (length + np.float32(1e-3))
    amount = np.clip(excess, 0, 1) * np.float32(strength) * (1 - coverage[soft])
    foreground[soft] = np.clip(edge - amount[:, None] * plate_hue, 0, 1)


def _hue(colour: Picture) -> Picture:
    """Colour less its grey: n 3."""
    return colour - (colour @ LUMA)[:, None]


def _solid_colour(
    foreground: Picture, coverage: Picture, soft: tuple[NDArray[np.intp], ...], edge: Picture
) -> Picture:
    """Mean colour of the solid subject near each soft pixel, n 3; its own where there is none."""
    height, width = coverage.shape
    size = (max(1, width // 8), max(1, height // 8))
    solid = (coverage[::SAMPLED, ::SAMPLED] > SOLID).view(np.uint8)
    some = np.ascontiguousarray(foreground[::SAMPLED, ::SAMPLED])
    layers = (cv2.copyTo(some, solid), solid.astype(np.float32))
    small = np.dstack([cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in layers])
    # A narrow mean where there is one; a wide one fills what it does not reach.
    near = cv2.GaussianBlur(small, (0, 0), 2) + 1e-3 * cv2.blur(small, (41, 41))
    known, mean = near[..., 3] > 1e-6, near[..., :3] / np.maximum(near[..., 3:], 1e-9)
    rows, columns = soft
    place = rows * size[1] // height, columns * size[0] // width
    return np.where(known[place][:, None], mean[place], edge).astype(np.float32)
