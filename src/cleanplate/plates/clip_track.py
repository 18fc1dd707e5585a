"""A plate tracked on a hand-held frame, starting from where it lay on the frame before."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from cleanplate.plates.blocks import FEW, disagreement, measure_blocks
from cleanplate.plates.geometry import Matrix, Picture, corners, project
from cleanplate.plates.pair import match_grey, pair_up
from cleanplate.plates.polish import fit_step, polish

TRACK_SIDE = 640  # longer side of the grey pictures that are tracked
COARSE = 160  # longer side on which the brightness is matched
RECOGNISED = 0.25  # share of the plate's structure below which the track is lost
# From here on what few quick steps found needs no second look: hands move little between frames.
SURE = 0.5  # share of the plate's structure
STEADY = 0.25  # pixels of the pictures that are tracked


@dataclass(frozen=True)
class Track:
    """Where the plate lies, in pixels of the pictures that were tracked.

    homography: 3x3, plate to frame. residual: median displacement left, pixels; nan when
    nothing was recognised. recognised: share 0..1 of the plate's structure seen in the frame
    where it may be seen. lost: whether that is too little to believe the homography.
    """

    homography: Matrix
    residual: float
    recognised: float
    lost: bool


def track(
    plate: Picture, frame: Picture, start: Matrix, weight: Picture | None, textured: bool = False
) -> Track:
    """Follow a plate to the next frame.

    plate, frame: grey H W, 0..1, shrunk alike (`TRACK_SIDE`). start: the homography of the
    previous frame, in pixels of these pictures. weight: H W, 0 where the subject was. textured:
    as in `polish`.
    A scene without structure keeps its place and is never called lost.
    """
    matched = match_grey(pair_up(plate, frame, weight, COARSE), start, plate)
    side = max(frame.shape)
    refined = partial(polish, matched, frame, weight=weight, textured=textured)
    near = refined(start, sides=(side // 2,), steps=1)
    near = refined(near, sides=(side,), steps=2)
    quick = judge(matched, frame, near, weight)
    if not quick.lost and quick.recognised > SURE and quick.residual < STEADY:
        return quick
    sides = (side // 4, side // 2, side)  # a jolt of a tenth of the picture is found again
    found = refined(start, sides=sides, steps=3)
    return judge(matched, frame, found, weight)


def judge(plate: Picture, frame: Picture, homography: Matrix, weight: Picture | None) -> Track:
    """Say how well a grey plate, its brightness matched, lies on a frame; sizes as in `track`."""
    blocks = measure_blocks(frame, plate, homography, weight)
    free = np.ones(len(blocks.center), bool)
    if weight is not None:
        across, down = np.round(blocks.center).astype(int).T
        free = weight[down, across] > 0.5
    structured, alike = blocks.structured & free, blocks.alike & free
    recognised = float(alike.sum() / max(int(structured.sum()), 1))
    left = np.linalg.norm(blocks.shift[alike], axis=1)
    residual = float(np.median(left)) if left.size else float("nan")
    unlike = structured.sum() >= FEW and recognised < RECOGNISED
    # A plain wall has no structure to miss, but it still has a brightness.
    other = structured.sum() < FEW and disagreement(blocks, free) > 0.8
    sane = bool(np.isfinite(homography).all()) and _convex(homography, frame.shape)
    return Track(homography, residual, recognised, bool(unlike or other or not sane))


def smooth(before: Matrix, found: Matrix, size: tuple[int, int], jitter: float) -> Matrix:
    """Average out steps of the four corners that are small enough to be noise.

    before, found: homographies of two frames that follow one another; size: height, width of
    the frame. jitter: pixels; a corner that moved by much more is followed at once.
    """
    where = corners(size)
    back = np.asarray(np.linalg.inv(found), np.float64)
    at = project(back, where)  # the points of the plate under the frame's corners
    step = where - project(before, at)
    pace = float(np.linalg.norm(step, axis=1).max()) / max(jitter, 1e-9)
    share = np.clip(0.25 + 0.75 * (pace - 0.5), 0.25, 1)
    if share >= 1:
        return found
    kept = project(before, at) + share * step
    return _through(at, kept)


def _through(from_points: Matrix, to_points: Matrix) -> Matrix:
    """Find the homography that moves four points (4 2) onto four others."""
    rows, targets = [], []
    for (x, y), (u, v) in zip(from_points, to_points, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        targets += [u, v]
    solved = np.linalg.solve(np.array(rows), np.array(targets))
    return np.asarray(np.append(solved, 1.0).reshape(3, 3), np.float64)


def _convex(homography: Matrix, shape: tuple[int, ...]) -> bool:
    """Whether the plate keeps its outline and orientation."""
    placed = project(homography, corners((shape[0], shape[1])))
    ahead, behind = np.roll(placed, -1, axis=0) - placed, placed - np.roll(placed, 1, axis=0)
    return bool(np.all(behind[:, 0] * ahead[:, 1] - behind[:, 1] * ahead[:, 0] > 0))


def stands(plate: Picture, frame: Picture, homography: Matrix, weight: Picture | None) -> float:
    """Pixels by which a plate that lay on the frames before seems to be off; nan if unlike.

    plate, frame: small grey H W, 0..1, brightness matched; homography as in `track`. Quick;
    sees moves of a few pixels at most, larger ones look like another scene.
    """
    blocks = measure_blocks(frame, plate, homography, weight)
    if blocks.structured.sum() < FEW:
        return 0.0
    step = fit_step(blocks, (frame.shape[0], frame.shape[1]))
    if judge(plate, frame, homography, weight).recognised < 2 * RECOGNISED:
        return float("nan")
    return step.largest if step.agreed > 0.5 and step.largest > 4 * step.doubt else 0.0
