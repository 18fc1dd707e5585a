"""Frame and plate compared block by block: how alike they are, and how far apart.

Each block says by how much the plate has to move there (one Lucas-Kanade step) and how sure
it is of that in each direction. Blocks on the subject do not resemble the plate behind them,
so they are unsure.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.plates.geometry import Matrix, Picture, project

NOISE_FLOOR = 0.7 / 255  # rounding to 8 bits and a quiet sensor
TEXTURE = 4 * NOISE_FLOOR  # standard deviation from which a block holds something
COLUMNS = 60  # blocks along the longer side of the frame
SURE = 0.25  # share of blocks recognised that a placement rarely has by chance
FEW = 12  # fewer textured blocks than this tell nothing
LIKENESS = 0.8  # correlation from which two blocks show the same thing


@dataclass(frozen=True)
class Blocks:
    """What one pass over frame and warped plate measured; N blocks.

    center: N 2, pixels. shift: N 2, pixels that the plate has to move.
    information: N 2 2, inverse covariance of the shift, zero where the block is unusable.
    likeness: N, correlation of frame and plate -1..1 after the shift.
    contrast: N 2, standard deviation of frame and of plate.
    difference: N, root mean square of plate - frame as they lie, before the shift.
    inside: N, whether the plate covers the block.
    """

    center: Matrix
    shift: Matrix
    information: Matrix
    likeness: Matrix
    contrast: Matrix
    difference: Matrix
    inside: NDArray[np.bool_]

    @property
    def textured(self) -> NDArray[np.bool_]:
        """Blocks with something to hold on to in frame and plate."""
        return np.asarray(self.inside & (self.contrast.min(axis=1) > TEXTURE), np.bool_)

    @property
    def alike(self) -> NDArray[np.bool_]:
        """Textured blocks that show the same thing."""
        return self.textured & (self.likeness > LIKENESS)

    @property
    def structured(self) -> NDArray[np.bool_]:
        """Blocks in which the plate has texture, whatever the frame shows there."""
        return self.inside & (self.contrast[:, 1] > TEXTURE)

    @property
    def recognised(self) -> float:
        """Share of the plate's structured blocks that the frame shows, too."""
        return float(self.alike.sum() / max(int(self.structured.sum()), 1))

    def seen_again(self, limit: float) -> float:
        """Share of the plate's structured blocks that the frame shows within `limit` pixels.

        A block's own shift is fitted to it, so that some of any two pictures look alike where
        the shift may be anything; in the true scene it is next to nothing.
        """
        near = self.alike & (np.linalg.norm(self.shift, axis=1) < limit)
        return float(near.sum() / max(int(self.structured.sum()), 1))

    @property
    def likeness_share(self) -> float:
        """Share of the blocks with texture in frame or plate that show the same thing."""
        textured = (self.contrast > TEXTURE).any(axis=1)
        return float(self.alike.sum() / max(int(textured.sum()), FEW))


def block_side(shape: tuple[int, ...]) -> int:
    """Pixels a side of the blocks of a frame of this height and width."""
    return max(6, round(max(shape[:2]) / COLUMNS))


def measure_blocks(
    frame: Picture,
    plate: Picture,
    homography: Matrix | None = None,
    weight: Picture | None = None,
) -> Blocks:
    """Compare a grey frame with a grey plate, block by block.

    frame: H W, 0..1. plate: any size, 0..1, its brightness matched. homography: plate pixels
    to frame pixels; None when the plate already lies on the frame. weight: H W, 0 where a
    block must not be believed.
    """
    height, width = frame.shape
    side = block_side(frame.shape)
    rows, columns = max(height // side, 1), max(width // side, 1)
    high, wide = min(rows * side, height), min(columns * side, width)
    ys = (np.arange(rows) + 0.5) * high / rows - 0.5
    xs = (np.arange(columns) + 0.5) * wide / columns - 0.5
    center = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)

    if homography is None:
        warped, inside = plate, np.ones(len(center), dtype=bool)
    else:
        laid = cv2.warpPerspective(
            plate,
            homography,
            (width, height),
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        warped = np.asarray(laid, dtype=np.float32)
        inside = _covered(plate.shape, homography, center, side)

    def mean(values: Picture) -> Matrix:
        small = cv2.resize(values[:high, :wide], (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.float64).ravel()

    trusted = mean(weight) if weight is not None else np.ones(len(center))
    return _solve_blocks(frame, warped, mean, center, inside, trusted, side)


def disagreement(blocks: Blocks, among: NDArray[np.bool_] | None = None) -> float:
    """How badly plate and frame agree, 0..1, in a measure that a subject cannot dominate."""
    chosen = blocks.inside if among is None else blocks.inside & among
    if not chosen.any():
        return 1.0
    return float(np.minimum(blocks.difference[chosen] / 0.08, 1).mean())


def _covered(
    plate_size: tuple[int, ...], homography: Matrix, center: Matrix, side: int
) -> NDArray[np.bool_]:
    """Whether each block lies wholly (with a margin for the kernels) on the plate."""
    height, width = plate_size[:2]
    reach, back = side / 2 + 1, np.asarray(np.linalg.inv(homography), np.float64)
    covered = np.ones(len(center), dtype=bool)
    for move in ((-reach, -reach), (reach, -reach), (-reach, reach), (reach, reach)):
        x, y = project(back, center + move).T
        # The picture's own border is no gap: a plate that fits covers its outermost blocks.
        covered &= (x > -1.5) & (x < width + 0.5) & (y > -1.5) & (y < height + 0.5)
    return covered


def _solve_blocks(
    frame: Picture,
    warped: Picture,
    mean: Callable[[Picture], Matrix],
    center: Matrix,
    inside: NDArray[np.bool_],
    trusted: Matrix,
    side: int,
) -> Blocks:
    """Take one Lucas-Kanade step in each block; the blocks' means and brightness drop out."""
    difference = warped - frame
    both = (warped + frame) * np.float32(0.5)
    across, down = (
        np.asarray(cv2.Sobel(both, cv2.CV_32F, *order, ksize=3, scale=1 / 8), np.float32)
        for order in ((1, 0), (0, 1))
    )
    m_across, m_down, m_difference = mean(across), mean(down), mean(difference)
    m_frame, m_plate = mean(frame), mean(warped)
    xx = mean(across * across) - m_across**2
    yy = mean(down * down) - m_down**2
    xy = mean(across * down) - m_across * m_down
    xd = mean(across * difference) - m_across * m_difference
    yd = mean(down * difference) - m_down * m_difference
    dd = mean(difference * difference) - m_difference**2
    ff = np.maximum(mean(frame * frame) - m_frame**2, 0)
    pp = np.maximum(mean(warped * warped) - m_plate**2, 0)

    # Noise alone gives gradients, too (3/32 of its variance in each direction).
    floor = NOISE_FLOOR**2 * 3 / 32 / 2
    determinant = (xx + floor) * (yy + floor) - xy**2
    shift = (
        np.stack([((yy + floor) * xd - xy * yd), ((xx + floor) * yd - xy * xd)], axis=1)
        / determinant[:, None]
    )
    explained = shift[:, 0] * xd + shift[:, 1] * yd
    left = np.maximum(dd - explained, NOISE_FLOOR**2)
    scale = trusted * inside * (side * side / 4) / left
    information = np.empty((len(center), 2, 2))
    information[:, 0, 0] = np.maximum(xx - floor, 0) * scale
    information[:, 1, 1] = np.maximum(yy - floor, 0) * scale
    information[:, 0, 1] = information[:, 1, 0] = xy * scale
    likeness = (ff + pp - left) / np.maximum(2 * np.sqrt(ff * pp), 1e-9)
    contrast = np.sqrt(np.stack([ff, pp], axis=1))
    difference_rms = np.sqrt(np.maximum(dd, 0) + m_difference**2)
    return Blocks(
        center, shift, information, np.clip(likeness, -1, 1), contrast, difference_rms, inside
    )
