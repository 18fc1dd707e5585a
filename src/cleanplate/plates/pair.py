"""Plate and frame as grey pictures of a workable size, and the maps between their pixels."""

from dataclasses import dataclass

import cv2
import numpy as np

from cleanplate.plates.color import fit_color
from cleanplate.plates.geometry import Matrix, Picture, local_scale, shrink


@dataclass(frozen=True)
class Pair:
    """Grey plate and frame (H W, 0..1), shrunk alike; weight as in `place_plate`."""

    plate: Picture
    frame: Picture
    weight: Picture | None
    plate_map: Matrix
    frame_map: Matrix
    scale: float

    def inward(self, homography: Matrix) -> Matrix:
        """Express a homography between the original pictures as one between the small ones."""
        mapped: Matrix = self.frame_map @ homography @ np.linalg.inv(self.plate_map)
        return mapped

    def outward(self, homography: Matrix) -> Matrix:
        """Undo `inward`."""
        mapped = np.linalg.inv(self.frame_map) @ homography @ self.plate_map
        return np.asarray(mapped / mapped[2, 2], np.float64)


def pair_up(plate: Picture, frame: Picture, weight: Picture | None, side: int) -> Pair:
    """Shrink plate, frame and weight alike, the frame to at most `side` pixels."""
    scale = min(1.0, side / max(frame.shape))
    small_frame, frame_map = shrink(frame, scale)
    small_plate, plate_map = shrink(plate, scale)
    small_weight = None if weight is None else shrink(weight, scale)[0]
    return Pair(small_plate, small_frame, small_weight, plate_map, frame_map, scale)


def match_grey(small: Pair, homography: Matrix, plate: Picture) -> Picture:
    """Bring a grey plate to the frame's brightness, fitted on a small pair under a homography."""
    size = small.frame.shape[::-1]
    inner = small.inward(homography)
    repeat = cv2.BORDER_REPLICATE
    laid = np.asarray(cv2.warpPerspective(small.plate, inner, size, borderMode=repeat), np.float32)
    seen = np.asarray(cv2.warpPerspective(np.ones_like(small.plate), inner, size), np.float32)
    if small.weight is not None:
        seen = seen * small.weight
    match = fit_color(laid[:, :, None], small.frame[:, :, None], seen)
    return match.apply(plate)


def near_frame_scale(plate: Picture, homography: Matrix) -> tuple[Picture, Matrix]:
    """Shrink a plate much larger than its place on the frame, against aliasing; with its map."""
    scale = local_scale(homography, plate.shape)
    return shrink(plate, scale) if scale < 0.8 else (plate, np.eye(3))
