"""Where the plate lies on the frame: a start from features, then the sub-pixel polish.

Most of the work is to be careful: a plate that already fits stays untouched, a wall without
features keeps its place, a turned or resized plate is found, and the subject has no say.
"""

from dataclasses import dataclass

import numpy as np

from cleanplate.plates.blocks import FEW, SURE, Blocks, disagreement, measure_blocks
from cleanplate.plates.color import SIDE
from cleanplate.plates.geometry import Matrix, Picture, largest_shift, nominal
from cleanplate.plates.pair import match_grey, near_frame_scale, pair_up
from cleanplate.plates.polish import fit_step, polish
from cleanplate.plates.start import best_start

TINY = 32  # pixels; smaller pictures are laid on one another without a search
CHECK_SIDE = 960  # longer side on which the outcome is measured


@dataclass(frozen=True)
class AlignOptions:
    """How plates are aligned.

    detect_side: longer side in pixels of the pictures in which features are sought.
    features: how many features per picture.
    polish_side: longer side in pixels of the finest round of the sub-pixel polish.
    least_shift: shifts of the corners below this many pixels leave the plate untouched.
    sharp: interpolate with Lanczos' kernel (five times slower) instead of the cubic one.
    """

    detect_side: int = 1024
    features: int = 1200
    polish_side: int = 960
    least_shift: float = 0.05
    sharp: bool = False


@dataclass(frozen=True)
class Placement:
    """Where the plate lies, and how well that is known.

    homography: 3x3, plate pixels to frame pixels. blocks: the comparison at the end, in
    pixels of a picture that is `scale` times the frame's size. size: height, width of the frame.
    """

    homography: Matrix
    blocks: Blocks
    scale: float
    size: tuple[int, int]


def place_plate(
    plate: Picture, frame: Picture, weight: Picture | None, options: AlignOptions
) -> Placement:
    """Find the homography that lays a grey plate (H W, 0..1) on a grey frame.

    weight: H W of the frame, 0 where the frame must not be believed (the holdout); or None.
    """
    if min(plate.shape + frame.shape) < TINY:
        return _compare(plate, frame, nominal(plate.shape, frame.shape), weight)
    rested = None
    if plate.shape == frame.shape:
        rested = _compare(plate, frame, np.eye(3), weight)
        if _rests(rested, options):
            return rested
    homography = best_start(plate, frame, weight, options.detect_side, options.features)
    shrunk, shrunk_map = near_frame_scale(plate, homography)
    homography = homography @ np.linalg.inv(shrunk_map)
    matched = match_grey(pair_up(shrunk, frame, weight, SIDE), homography, shrunk)
    finest = options.polish_side
    sides = (finest // 4, finest // 2, finest)
    homography = polish(matched, frame, homography, sides=sides, weight=weight)
    placed = _compare(plate, frame, homography @ shrunk_map, weight)
    if rested is None or _improves(placed, rested, options):
        return placed
    return rested


def _rests(rested: Placement, options: AlignOptions) -> bool:
    """Whether the plate clearly lies right as it came."""
    blocks = rested.blocks
    if blocks.alike.sum() < FEW or blocks.recognised < SURE:
        return False
    small = (round(rested.size[0] * rested.scale), round(rested.size[1] * rested.scale))
    step = fit_step(blocks, small)
    # What cannot be told from no shift at all is none.
    allowed = options.least_shift + min(2 * step.doubt, 0.1) / rested.scale
    return step.agreed > 0.5 and step.largest / rested.scale < allowed


def _improves(placed: Placement, rested: Placement, options: AlignOptions) -> bool:
    """Whether a placement found is worth more than leaving a plate of equal size alone."""
    if largest_shift(placed.homography, np.eye(3), placed.size) < options.least_shift:
        return False
    among = placed.blocks.inside
    # Where hardly anything is recognised, noise could pass for a small improvement.
    ratio = 0.995 if placed.blocks.alike.sum() >= FEW else 0.985
    return disagreement(placed.blocks) < ratio * disagreement(rested.blocks, among)


def _compare(
    plate: Picture, frame: Picture, homography: Matrix, weight: Picture | None
) -> Placement:
    """Measure how a plate agrees with the frame under a homography."""
    shrunk, shrunk_map = near_frame_scale(plate, homography)
    homography = homography @ np.linalg.inv(shrunk_map)
    pair = pair_up(shrunk, frame, weight, CHECK_SIDE)
    matched = match_grey(pair_up(shrunk, frame, weight, SIDE), homography, pair.plate)
    inner = pair.inward(homography)
    resting = np.abs(inner - np.eye(3)).max() < 1e-9 and pair.plate.shape == pair.frame.shape
    blocks = measure_blocks(pair.frame, matched, None if resting else inner, pair.weight)
    outer = homography @ shrunk_map
    return Placement(outer / outer[2, 2], blocks, pair.scale, (frame.shape[0], frame.shape[1]))
