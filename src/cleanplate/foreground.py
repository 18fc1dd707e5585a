"""Despill: the plate's colour, taken off the edge of the subject pixel by pixel."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709
SOLID = 0.975


def despill(foreground: Picture, alpha: Picture, plate: Picture, strength: float = 1.0) -> Picture:
    """Take out what the soft edge has of the plate's hue more than the solid subject beside it.

    foreground, plate: H W 3; alpha: H W 1; strength: 0 (off) to 1. Returns a new foreground.
    Only hue moves, and only along the plate's own hue at that pixel: before a grey wall nothing is
    spilt that could be seen, and skin or grey cloth that is like its neighbours stays as it is.
    """
    soft = ((alpha > 0) & (alpha < SOLID))[..., 0]
    if strength <= 0 or not soft.any():
        return foreground
    reference = _solid_colour(foreground, alpha, soft)
    edge = foreground[soft]
    plate_hue = _hue(plate[soft])
    length = np.einsum("nc,nc->n", plate_hue, plate_hue)
    excess = np.einsum("nc,nc->n", _hue(edge) - _hue(reference), plate_hue) / (length + 1e-3)
    amount = np.clip(excess, 0, 1) * np.float32(strength) * (1 - alpha[soft][:, 0])
    cleaned = foreground.copy()
    cleaned[soft] = np.clip(edge - amount[:, None] * plate_hue, 0, 1)
    return cleaned


def _hue(colour: Picture) -> Picture:
    """Colour less its grey: n 3."""
    return colour - (colour @ LUMA)[:, None]


def _solid_colour(foreground: Picture, alpha: Picture, where: NDArray[np.bool_]) -> Picture:
    """Mean colour of the solid subject near each asked pixel, n 3."""
    height, width = alpha.shape[:2]
    size = (max(1, width // 8), max(1, height // 8))
    solid = (alpha > SOLID).astype(np.float32)
    weighted = np.concatenate([foreground * solid, solid], 2)
    small = cv2.resize(weighted, size, interpolation=cv2.INTER_AREA)
    # A narrow mean where there is one; a wide one fills what it does not reach.
    near = cv2.GaussianBlur(small, (0, 0), 2) + 1e-3 * cv2.GaussianBlur(small, (0, 0), 12)
    mean = near[..., :3] / (near[..., 3:] + 1e-9)
    rows, columns = np.nonzero(where)
    y, x = rows * size[1] // height, columns * size[0] // width
    known = near[y, x, 3:] > 1e-6
    return np.where(known, mean[y, x], foreground[where]).astype(np.float32)
