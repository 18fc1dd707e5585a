"""A first guess of where the plate lies on the frame: at rest, by features, or turned."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.plates.blocks import SURE, measure_blocks
from cleanplate.plates.color import SIDE
from cleanplate.plates.geometry import Matrix, Picture, corners, nominal, project
from cleanplate.plates.pair import Pair, match_grey, near_frame_scale, pair_up
from cleanplate.plates.polish import polish

JUDGE_SIDE = 480  # longer side on which candidates are compared
SETTLED = 0.4  # likeness that a placement never has by chance


def best_start(
    plate: Picture, frame: Picture, weight: Picture | None, detect_side: int, features: int
) -> Matrix:
    """Find the candidate under which the most blocks of plate and frame look alike."""
    pair = pair_up(plate, frame, weight, JUDGE_SIDE)
    best, best_likeness = nominal(plate.shape, frame.shape), -1.0
    for candidate, enough in _candidates(plate, frame, weight, detect_side, features):
        if not _sane(candidate, plate.shape, frame.shape):
            continue
        polished, likeness = _judge(pair, candidate)
        # A later candidate has to be clearly better, so that chance does not turn a plate.
        if likeness > 1.25 * best_likeness + 0.02:
            best, best_likeness = polished, likeness
        if best_likeness > enough:
            break
    return best


def _candidates(
    plate: Picture, frame: Picture, weight: Picture | None, detect_side: int, features: int
) -> Iterator[tuple[Matrix, float]]:
    """Yield starts, likely and cheap ones first, each with the likeness that ends the search."""
    yield nominal(plate.shape, frame.shape), SETTLED
    pair = pair_up(plate, frame, weight, detect_side)
    detectors = (
        (cv2.ORB.create(features), cv2.NORM_HAMMING),
        (cv2.SIFT.create(features), cv2.NORM_L2),
    )
    for detector, norm in detectors:
        found = _from_features(pair, detector, norm)
        if found is not None:
            yield found, SURE
    for turns in (1, 2, 3):
        yield nominal(plate.shape, frame.shape, turns), SURE


def _judge(pair: Pair, candidate: Matrix) -> tuple[Matrix, float]:
    """Polish a candidate coarsely; gives it and its likeness 0..1."""
    shrunk, shrunk_map = near_frame_scale(pair.plate, pair.inward(candidate))
    inner = pair.inward(candidate) @ np.linalg.inv(shrunk_map)
    small = pair_up(shrunk, pair.frame, pair.weight, SIDE)
    matched = match_grey(small, inner, shrunk)
    inner = polish(matched, pair.frame, inner, sides=(60, 120, 240), weight=pair.weight)
    blocks = measure_blocks(pair.frame, matched, inner, pair.weight)
    return pair.outward(inner @ shrunk_map), blocks.likeness_share


def _from_features(pair: Pair, detector: cv2.Feature2D, norm: int) -> Matrix | None:
    """Find the homography of the features that plate and frame share; None when there is none."""
    mask = None if pair.weight is None else (pair.weight > 0.5).astype(np.uint8)
    there, there_words = detector.detectAndCompute(_eight_bit(pair.plate), None)
    here, here_words = detector.detectAndCompute(_eight_bit(pair.frame), mask)
    if len(there) < 8 or len(here) < 8:
        return None
    matches = cv2.BFMatcher(norm).knnMatch(there_words, here_words, k=2)
    good = [m[0] for m in matches if len(m) == 2 and m[0].distance < 0.8 * m[1].distance]
    # Each feature of the frame may answer for one of the plate only.
    nearest = {match.trainIdx: match for match in sorted(good, key=lambda m: -m.distance)}
    if len(nearest) < 8:
        return None
    from_points = np.array([there[m.queryIdx].pt for m in nearest.values()])
    to_points = np.array([here[m.trainIdx].pt for m in nearest.values()])
    found, _ = cv2.findHomography(
        from_points, to_points, cv2.USAC_MAGSAC, 2.0, maxIters=3000, confidence=0.999
    )
    return None if found is None else pair.outward(np.asarray(found, np.float64))


def _eight_bit(picture: Picture) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=255), dtype=np.uint8)


def _sane(homography: Matrix, plate_shape: tuple[int, ...], frame_shape: tuple[int, ...]) -> bool:
    """Whether a camera held by a hand can have moved like this."""
    if not np.isfinite(homography).all() or abs(np.linalg.det(homography)) < 1e-9:
        return False
    outline = corners((plate_shape[0], plate_shape[1]))
    depth = outline @ homography[2, :2] + homography[2, 2]
    if np.any(depth <= 0.2 * homography[2, 2]) or np.any(depth >= 5 * homography[2, 2]):
        return False
    placed = project(homography, outline)
    ahead, behind = np.roll(placed, -1, axis=0) - placed, placed - np.roll(placed, 1, axis=0)
    turning = behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0]
    if np.any(turning <= 0):
        return False
    area = cv2.contourArea(placed.astype(np.float32)) / (frame_shape[0] * frame_shape[1])
    return 0.1 < area < 30
