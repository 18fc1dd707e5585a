"""A plate that slowly learns what changed in the scene, and never the subject.

It changes in rare small steps and only in the tiles that need it, so that a scene at rest
keeps the very same plate and whatever was computed from it.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.plates.color import ColorMatch
from cleanplate.plates.geometry import Picture

FREE_SIDE = 240  # longer side of the map that counts for how long a place has been free
FAINT = 0.004  # mean alpha of a cell of that map from which the subject is there
VISIBLE = 1.5 / 255  # mean difference of a tile from which it is learned
TILE = 8  # cells of the map that are learned together, a side
BAND = 64  # rows of the plate that are blended at a time

Counts = NDArray[np.uint16]


@dataclass(frozen=True)
class LearnOptions:
    """How a plate follows a scene that changes.

    settle: frames for which alpha must have been 0 before a place is learned.
    pace: time constant, frames: two thirds of a change are learned after as many.
    every: frames from one step to the next.
    margin: how far around the subject nothing is learned, as share of the longer side.
    """

    settle: int = 50
    pace: int = 150
    every: int = 10
    margin: float = 0.03


def map_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the map of free places of a frame."""
    scale = min(1.0, FREE_SIDE / max(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def near_subject(alpha: Picture, margin: float) -> NDArray[np.uint8]:
    """Where the subject is or might be: 1 on a small map (`map_size`).

    alpha: H W 1, 0..1. Holes in the subject count as subject: what the matte lost for a
    moment must not be learned.
    """
    height, width = map_size(*alpha.shape[:2])
    small = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
    there = (small > FAINT).astype(np.uint8)
    reach = 2 * max(round(margin * max(height, width)), 1) + 1
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    # A border, so that a hole which the frame's edge cuts is closed by it, below all.
    framed = cv2.copyMakeBorder(cv2.dilate(there, near), 0, 1, 0, 0, cv2.BORDER_REPLICATE)
    outlines, _ = cv2.findContours(framed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(framed), outlines, -1, 1, cv2.FILLED)
    return np.asarray(filled[:height], np.uint8)


def count_free(free: Counts, near: NDArray[np.uint8]) -> Counts:
    """Count one more frame where the subject is not, from nought where it is."""
    counted = np.minimum(free, np.iinfo(np.uint16).max - 1) + np.uint16(1)
    return np.where(near > 0, 0, counted).astype(np.uint16)


def tiles_to_learn(difference: Picture, free: Counts, options: LearnOptions) -> NDArray[np.bool_]:
    """Which cells of the map are to be learned.

    difference: h w 3, small frame - small plate in the frame's colours. free: h w.
    """
    settled = free >= options.settle
    if not settled.any():
        return np.zeros(free.shape, np.bool_)
    known = settled.astype(np.float32)
    size = (TILE, TILE)
    total = cv2.blur(difference * known[:, :, None], size)
    mean = np.abs(total).max(axis=2) / np.maximum(cv2.blur(known, size), 1e-3)
    found = (mean > VISIBLE).astype(np.uint8)
    # What cannot be told from noise in one cell is no reason to touch the plate.
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return np.asarray((cv2.dilate(found, np.ones((5, 5), np.uint8)) > 0) & settled, np.bool_)


def learn(
    plate: Picture, frame: Picture, cells: NDArray[np.bool_], color: ColorMatch, share: float
) -> Picture:
    """Blend a frame into the plate where `cells` (h w) says so, softly at their border.

    plate, frame: H W 3, of one size; the plate in its own colours, which `color` brings to
    the frame's. share: 0..1 of the frame that is taken. Returns a new plate.
    """
    height, width = plate.shape[:2]
    rows, columns = (np.nonzero(cells.any(axis=axis))[0] for axis in (1, 0))
    high, wide = cells.shape
    top, bottom = rows[0] * height // high, -(-(rows[-1] + 1) * height // high)
    left, right = columns[0] * width // wide, -(-(columns[-1] + 1) * width // wide)
    # Only inward: beyond the cells may be the subject.
    inner = cv2.blur(cv2.erode(cells.astype(np.float32), np.ones((3, 3), np.uint8)), (3, 3))
    whole = cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR)
    learned = plate.copy()
    for start in range(top, bottom, BAND):  # not all at once: of HD that would take 150 MB
        box = np.s_[start : min(start + BAND, bottom), left:right]
        shown, kept = frame[box], learned[box]
        weight = np.float32(share) * whole[box][..., None]
        # What is clipped in the frame says nothing about its colour in the plate's exposure.
        weight = weight * ((shown > 0.005) & (shown < 0.995))
        kept += weight * (_undo(color, shown) - kept)
    return np.clip(learned, 0, 1, out=learned)


def _undo(color: ColorMatch, frame: Picture) -> Picture:
    """Bring a frame's colours to the plate's."""
    if color.is_identity:
        return frame
    gain, bias = (np.array(values, np.float32) for values in (color.gain, color.bias))
    lifted = np.maximum((frame - bias) / np.maximum(gain, 1e-3), 0)
    return np.asarray(np.minimum(lifted ** np.float32(1 / color.gamma), 1), np.float32)
