"""Full resolution where it matters: plate projection and a tiny refiner on 16 x 16 tiles.

The network sees a small picture. Here its alpha and foreground come to the frame's size; where
alpha is fractional or in doubt, the compositing equation is solved with frame and plate pixels
(plate projection), and a network of five thousand weights corrects what is left. Every other
pixel is only interpolated.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.prediction import Coarse

Picture = NDArray[np.float32]

TILE = 16
HALO = 3  # three unpadded 3x3 convolutions
SOLID = 0.975  # alpha above which the foreground is the frame itself (the paper's threshold)
FLOOR = 0.01  # alpha below this, or this close to 1, is noise of the network
CHANNELS = ("frame", "plate", "foreground", "alpha", "projected", "trust", "error")


@dataclass(frozen=True)
class RefineOptions:
    """How much full-resolution work is done."""

    project: bool = True
    tiles: bool = True
    most_tiles: int = 60_000  # the most uncertain ones are taken first
    doubt: float = 0.08  # expected error above which a tile is refined although it looks solid
    colour_error: float = 0.05  # how far foreground, plate and frame are off, one channel, of 0..1


@dataclass(frozen=True)
class Tiles:
    """Tiles with their halo: rows and columns of their corners, and everything known in them."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    frame: Picture  # n 22 22 3
    plate: Picture  # n 22 22 3, shaded
    foreground: Picture  # n 22 22 3, of the network
    alpha: Picture  # n 22 22 1, of the network
    projected: Picture  # n 22 22 1, after projection
    trust: Picture  # n 22 22 1, how far projection was believed
    error: Picture  # n 22 22 1

    def planes(self) -> Picture:
        """Stack what the refiner sees: n 13 22 22."""
        stacked = np.concatenate([getattr(self, name) for name in CHANNELS], 3)
        return np.ascontiguousarray(stacked.transpose(0, 3, 1, 2))


def project_on_plate(
    frame: Picture, plate: Picture, foreground: Picture
) -> tuple[Picture, Picture]:
    """Solve I = alpha F + (1 - alpha) B for alpha along the line from B to F.

    frame, plate, foreground: ... 3. Returns alpha in 0..1 and the squared length of that line,
    both ... 1: where F and B are close, noise decides alpha.
    """
    span = foreground - plate
    length = np.einsum("...c,...c->...", span, span)[..., None]
    along = np.einsum("...c,...c->...", frame - plate, span)[..., None]
    return np.clip(along / (length + 1e-4), 0, 1), length


def projection_trust(
    alpha: Picture, error: Picture, length: Picture, colour_error: float
) -> Picture:
    """Weight of the projected alpha against the network's, 0..1, all ... 1.

    Two estimates are joined by their variances: the network says its own error, the projection's
    is the colour error over the distance of the colours. Outside the band of fractional alpha
    projection only does harm.
    """
    variance = error * error
    band = np.clip(8 * alpha, 0, 1) * np.clip(8 * (1 - alpha), 0, 1)
    share = variance / (variance + np.float32(colour_error**2) / (length + np.float32(1e-6)))
    return np.asarray(band * share, np.float32)


def refine(
    coarse: Coarse,
    frame: Picture,
    plate: Picture | None,
    valid: Picture | None = None,
    refiner: Any = None,
    options: RefineOptions | None = None,
) -> tuple[Picture, Picture]:
    """Bring a coarse prediction to the frame's size.

    frame, plate: H W 3 (the plate aligned, or None). valid: H W 1, 1 where the plate covers.
    refiner: ONNX Runtime session of the tile refiner, or None for projection alone.
    Returns alpha H W 1 and the straight foreground H W 3 (black where alpha is 0).
    """
    options = options or RefineOptions()
    height, width = frame.shape[:2]
    alpha = upsample(_stretched(coarse.alpha), height, width)
    # Nothing of the scene stays below alpha 0: a cutout must not carry the room along.
    foreground = np.asarray(cv2.copyTo(frame, (alpha > 0).view(np.uint8)), np.float32)
    rows, columns = uncertain_tiles(coarse, height, width, options)
    if len(rows):
        tiles = cut_tiles(coarse, frame, plate, valid, rows, columns, options)
        new_alpha, new_foreground = _solve(tiles, refiner if options.tiles else None)
        _put(alpha, new_alpha, rows, columns)
        _put(foreground, new_foreground, rows, columns)
    return alpha, foreground


def upsample(picture: Picture, height: int, width: int) -> Picture:
    """Interpolate h w c to H W c."""
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32).reshape(height, width, -1)


def uncertain_tiles(
    coarse: Coarse, height: int, width: int, options: RefineOptions
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the corners of the tiles that need full resolution."""
    alpha = coarse.alpha[..., 0]
    doubt = np.where((alpha > 0.02) & (alpha < 0.98), 1 - np.abs(2 * alpha - 1), 0)
    doubt = np.maximum(doubt, coarse.error[..., 0] * (coarse.error[..., 0] > options.doubt))
    doubt = cv2.dilate(doubt.astype(np.float32), np.ones((3, 3), np.uint8))
    grid = (-(-height // TILE), -(-width // TILE))
    # The largest doubt below each tile: a maximum over the pixels that a tile covers.
    reach = (-(-doubt.shape[0] // grid[0]), -(-doubt.shape[1] // grid[1]))
    most = cv2.dilate(doubt, np.ones(tuple(side | 1 for side in reach), np.uint8))
    rows = ((np.arange(grid[0]) + 0.5) * TILE / height * doubt.shape[0]).astype(int)
    columns = ((np.arange(grid[1]) + 0.5) * TILE / width * doubt.shape[1]).astype(int)
    scores = most[np.ix_(rows.clip(max=len(doubt) - 1), columns.clip(max=doubt.shape[1] - 1))]
    found = np.flatnonzero(scores > 0)
    if len(found) > options.most_tiles:
        found = found[np.argsort(-scores.flat[found])[: options.most_tiles]]
    tile_rows, tile_columns = np.divmod(found, grid[1])
    return tile_rows * TILE, tile_columns * TILE


def cut_tiles(
    coarse: Coarse,
    frame: Picture,
    plate: Picture | None,
    valid: Picture | None,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    options: RefineOptions,
) -> Tiles:
    """Gather tiles with real neighbours, and project their alpha on the plate."""
    height, width = frame.shape[:2]
    window = np.arange(-HALO, TILE + HALO)
    y = (rows[:, None] + window).clip(0, height - 1)[:, :, None]
    x = (columns[:, None] + window).clip(0, width - 1)[:, None, :]
    parts = [coarse.alpha, coarse.foreground, coarse.shadow, coarse.error]
    parts = [upsample(part, height, width)[y, x] for part in (*parts, coarse.valid)]
    alpha, foreground, shadow, error, network_valid = parts
    pixels = frame[y, x]
    if plate is None or not options.project:
        behind, projected, trust = pixels, alpha, np.zeros_like(alpha)
    else:
        behind = plate[y, x] * shadow
        projected, length = project_on_plate(pixels, behind, foreground)
        trust = projection_trust(alpha, error, length, options.colour_error)
        trust = trust * (network_valid if valid is None else network_valid * valid[y, x])
        projected = alpha + trust * (projected - alpha)
    return Tiles(rows, columns, pixels, behind, foreground, alpha, projected, trust, error)


def _solve(tiles: Tiles, refiner: Any) -> tuple[Picture, Picture]:
    """Alpha n 16 16 1 and straight foreground n 16 16 3 of the tiles."""
    inner = np.s_[:, HALO:-HALO, HALO:-HALO]
    alpha, foreground = tiles.projected[inner], tiles.foreground[inner]
    if refiner is not None:
        planes = tiles.planes()
        parts = [
            refiner.run(None, {"tiles": planes[first : first + 4096]})[0]
            for first in range(0, len(planes), 4096)
        ]
        correction = np.concatenate(parts).transpose(0, 2, 3, 1)
        alpha = np.clip(alpha + correction[..., :1], 0, 1)
        foreground = np.clip(foreground + correction[..., 1:], 0, 1)
    alpha = _stretched(alpha)
    return alpha, solve_foreground(tiles.frame[inner], tiles.plate[inner], foreground, alpha)


def _stretched(alpha: Picture) -> Picture:
    stretched: Picture = np.clip((alpha - FLOOR) / (1 - 2 * FLOOR), 0, 1)
    return stretched


def solve_foreground(
    frame: Picture, plate: Picture, foreground: Picture, alpha: Picture
) -> Picture:
    """Straight foreground from the compositing equation where alpha is high enough to divide by.

    All ... 3, alpha ... 1. Near alpha 1 the frame's own detail counts, near 0 the network's colour.
    """
    solved = (frame - (1 - alpha) * plate) / np.maximum(alpha, 0.3)
    share = np.clip((alpha - 0.3) / (SOLID - 0.3), 0, 1)
    mixed = foreground + share * (np.clip(solved, 0, 1) - foreground)
    return np.where(alpha > SOLID, frame, mixed).astype(np.float32)


def _put(
    picture: Picture, tiles: Picture, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> None:
    """Write tiles into the picture; those at its lower and right edge are cut."""
    height, width = picture.shape[:2]
    inside = (rows + TILE <= height) & (columns + TILE <= width)
    window = np.arange(TILE)
    y, x = rows[inside, None, None] + window[:, None], columns[inside, None, None] + window
    picture[y, x] = tiles[inside]
    for row, column, tile in zip(rows[~inside], columns[~inside], tiles[~inside], strict=True):
        piece = picture[row : row + TILE, column : column + TILE]
        piece[:] = tile[: piece.shape[0], : piece.shape[1]]
