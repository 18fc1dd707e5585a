"""Sub-pixel alignment of a plate to a frame, directly on their grey values.

A robust fit turns the shifts of all the blocks (plates/blocks.py) into one homography. Blocks
on the subject disagree with the rest and are left out: each round starts from what the one
before has found to be the scene.
"""

from dataclasses import dataclass, replace

import numpy as np

from cleanplate.plates.blocks import Blocks, measure_blocks
from cleanplate.plates.geometry import Matrix, Picture, corners, shrink


@dataclass(frozen=True)
class Step:
    """One homography (frame pixels to frame pixels) that all the blocks agree on.

    largest: pixels by which it moves the farthest corner. doubt: standard deviation of the
    corners in the least certain direction, pixels. agreed: share of the believable blocks
    that agree with it, 0..1.
    """

    homography: Matrix
    largest: float
    doubt: float
    agreed: float


def fit_step(blocks: Blocks, size: tuple[int, int], tolerance: float = 0.1) -> Step:
    """Fit one homography to all the blocks' shifts.

    size: height, width of the frame the blocks were measured on. tolerance: pixels by which
    a good block may still disagree (parallax, lens).
    A direction in which the picture gives no hold (a flat wall, a single edge) is left as
    it was.
    """
    middle, unit = np.array([size[1] - 1, size[0] - 1]) / 2, max(size) / 2
    believed = np.clip((blocks.likeness - 0.3) / 0.5, 0, 1) ** 2
    believed = believed * (np.linalg.norm(blocks.shift, axis=1) < 4)
    has_say = believed > 0  # most blocks have none, and would take as long
    believed, shift = believed[has_say], blocks.shift[has_say]
    basis = _basis((blocks.center[has_say] - middle) / unit)
    at_corners = _basis((corners(size) - middle) / unit).reshape(8, 8)
    from_corners = np.linalg.inv(at_corners)
    # Shrink each block's certainty by the tolerance: no block alone may nail the plate.
    hold = blocks.information[has_say]
    loose = np.linalg.inv(np.eye(2) + hold * tolerance**2)
    information = loose @ hold
    pulled = np.swapaxes(basis, 1, 2) @ information
    normals = (pulled @ basis).reshape(-1, 64)
    targets = (pulled @ shift[:, :, None])[:, :, 0]
    moved, weight, doubt = np.zeros(8), believed, np.inf
    for _ in range(8):
        normal = from_corners.T @ (weight @ normals).reshape(8, 8) @ from_corners
        moved, doubt = _solve_held(normal, from_corners.T @ (weight @ targets))
        missed = shift - basis @ (from_corners @ moved)
        distance = ((information @ missed[:, :, None])[:, :, 0] * missed).sum(axis=1)
        weight = believed / (1 + distance / 4) ** 2
    total = float(believed.sum())
    agreed = float(weight.sum() / total) if total > 0 else 0.0
    largest = float(np.linalg.norm(moved.reshape(4, 2), axis=1).max())
    homography = _as_homography(from_corners @ moved / unit, middle, unit)
    return Step(homography, largest, doubt, agreed)


def _basis(points: Matrix) -> Matrix:
    """Shift of each point (N 2, -1..1) per homography parameter: N 2 8."""
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack(
        [
            np.stack([one, x, y, zero, zero, zero, x * x, x * y], axis=1),
            np.stack([zero, zero, zero, one, x, y, x * y, y * y], axis=1),
        ],
        axis=1,
    )


def _solve_held(normal: Matrix, target: Matrix) -> tuple[Matrix, float]:
    """Solve normal @ moved = target only in the directions the picture determines.

    moved: shifts of the four corners (8 numbers), so that every direction is in pixels; one
    that is not known to a third of a pixel stays at zero. Also gives the largest standard
    deviation of all directions, pixels.
    """
    values, vectors = np.linalg.eigh(normal)
    held = values > 9.0
    along = vectors.T @ target
    moved: Matrix = vectors @ np.where(held, along / np.where(held, values, 1.0), 0.0)
    return moved, float(1 / np.sqrt(max(values[0], 1e-12)))


def _as_homography(step: Matrix, middle: Matrix, unit: float) -> Matrix:
    """Write the eight parameters (in units, around the middle) as a 3x3 map of pixels."""
    a, b, c, d, e, f, g, h = step
    moved = np.array([[1 + b, c, a], [e, 1 + f, d], [-g, -h, 1.0]])
    to_unit = np.array(
        [[1 / unit, 0, -middle[0] / unit], [0, 1 / unit, -middle[1] / unit], [0, 0, 1.0]]
    )
    pixels = np.asarray(np.linalg.inv(to_unit) @ moved @ to_unit, np.float64)
    return np.asarray(pixels / pixels[2, 2], np.float64)


def only_textured(blocks: Blocks) -> Blocks:
    """Take every say from the blocks that hold no more than noise."""
    return replace(blocks, likeness=np.where(blocks.textured, blocks.likeness, 0))


def polish(
    plate: Picture,
    frame: Picture,
    homography: Matrix,
    *,
    sides: tuple[int, ...],
    weight: Picture | None = None,
    steps: int = 6,
    textured: bool = False,
) -> Matrix:
    """Refine a homography (plate pixels to frame pixels) from coarse to fine.

    plate, frame: grey H W, 0..1, brightness matched. sides: longer side in pixels of each
    round, coarse first. weight: H W of the frame, 0 where nothing may be believed. textured:
    believe only blocks that hold more than noise: of thousands of plain ones some seem to move.
    """
    for side in sides:
        scale = min(1.0, side / max(frame.shape))
        small_frame, to_small = shrink(frame, scale)
        if min(small_frame.shape) < 2:  # of a strip no more than a line is left
            continue
        small_plate, plate_to_small = shrink(plate, scale)
        small_weight = None if weight is None else shrink(weight, scale)[0]
        current = to_small @ homography @ np.linalg.inv(plate_to_small)
        for _ in range(steps):
            blocks = measure_blocks(small_frame, small_plate, current, small_weight)
            blocks = only_textured(blocks) if textured else blocks
            step = fit_step(blocks, (small_frame.shape[0], small_frame.shape[1]))
            current = step.homography @ current
            if step.largest < 0.02:
                break
        homography = np.linalg.inv(to_small) @ current @ plate_to_small
    return np.asarray(homography / homography[2, 2], np.float64)
