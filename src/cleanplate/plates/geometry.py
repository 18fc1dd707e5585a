"""Homographies, points and picture sizes, as the plate's stage needs them.

Pixel centres lie on whole numbers; sizes are (height, width); points are x, y.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Matrix = NDArray[np.float64]


def scaling(from_size: tuple[int, int], to_size: tuple[int, int]) -> Matrix:
    """3x3 map of pixel centres when a picture (height, width) is resized."""
    vertical, horizontal = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return np.array(
        [
            [horizontal, 0, (horizontal - 1) / 2],
            [0, vertical, (vertical - 1) / 2],
            [0, 0, 1.0],
        ]
    )


def project(homography: Matrix, points: Matrix) -> Matrix:
    """Move points (N 2, x y) by a 3x3 homography."""
    moved = points @ homography[:, :2].T + homography[:, 2]
    return moved[:, :2] / moved[:, 2:]


def corners(size: tuple[int, int]) -> Matrix:
    """Find the four outermost pixel centres of a picture (height, width), as 4 2, x y."""
    bottom, right = size[0] - 1, size[1] - 1
    return np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=np.float64)


def shrink(picture: Picture, scale: float) -> tuple[Picture, Matrix]:
    """Shrink a picture by area (never enlarge it); gives the map to its pixels, too."""
    height, width = picture.shape[:2]
    if scale >= 1:
        return picture, np.eye(3)
    size = (max(round(height * scale), 1), max(round(width * scale), 1))
    small = np.asarray(
        cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32
    )
    return small, scaling((height, width), size)


def local_scale(homography: Matrix, plate_shape: tuple[int, ...]) -> float:
    """By how much a homography enlarges at the middle of the plate."""
    middle = np.array([[plate_shape[1] / 2, plate_shape[0] / 2]])
    step = np.array([[0.5, 0], [0, 0.5]])
    sides = np.stack(
        [project(homography, middle + s) - project(homography, middle - s) for s in step]
    )[:, 0]
    return float(np.sqrt(np.abs(np.linalg.det(sides))))


def nominal(plate_shape: tuple[int, ...], frame_shape: tuple[int, ...], turns: int = 0) -> Matrix:
    """Make the map that a mere resize would be: the plate turned, scaled to cover, centred.

    plate_shape, frame_shape: height, width first. turns: quarter turns counter-clockwise,
    as in numpy.rot90. Returns 3x3, plate pixels to frame pixels.
    """
    height, width = plate_shape[:2]
    turn = np.eye(3)
    for _ in range(turns % 4):
        turn = np.array([[0, 1, 0], [-1, 0, width - 1], [0, 0, 1.0]]) @ turn
        height, width = width, height
    scale = max(frame_shape[0] / height, frame_shape[1] / width)
    resized = np.diag([scale, scale, 1.0])
    resized[:2, 2] = (scale - 1) / 2
    resized[0, 2] += (frame_shape[1] - width * scale) / 2
    resized[1, 2] += (frame_shape[0] - height * scale) / 2
    placed: Matrix = resized @ turn
    return placed


def largest_shift(homography: Matrix, rest: Matrix, size: tuple[int, ...]) -> float:
    """Pixels by which the corners of a frame (height, width) differ between two placements."""
    where = corners((size[0], size[1]))
    moved = project(homography @ np.linalg.inv(rest), where) - where
    return float(np.linalg.norm(moved, axis=1).max())
