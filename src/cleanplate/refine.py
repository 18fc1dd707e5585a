"""Full resolution where it matters: plate projection and a tiny refiner on 16 x 16 tiles.

The network sees a small picture. Here its alpha and foreground come to the frame's size; where
alpha is fractional or in doubt, the compositing equation is solved with frame and plate pixels
(plate projection), and a network of five thousand weights corrects what is left. Every other
pixel is only interpolated.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import joined
from cleanplate.composite import SOLID
from cleanplate.prediction import Coarse

Picture = NDArray[np.float32]
Indices = NDArray[np.intp]

TILE = 16
HALO = 3  # three unpadded 3x3 convolutions
SIDE = TILE + 2 * HALO
INNER = np.s_[:, :, HALO:-HALO, HALO:-HALO]
BATCH = 32  # tiles done from start to end at once: few enough to stay in the cache
FLOOR = 0.01  # alpha below this, or this close to 1, is noise of the network

# Channels of a tile, as the refiner sees them.
FRAME, PLATE, FOREGROUND = np.s_[:, 0:3], np.s_[:, 3:6], np.s_[:, 6:9]
ALPHA, PROJECTED, TRUST, ERROR = (np.s_[:, k : k + 1] for k in (9, 10, 11, 12))
CHANNELS = 13
PADDED = 16  # with empty ones: convolutions of a multiple of 8 channels are a quarter faster


@dataclass(frozen=True)
class RefineOptions:
    """How much full-resolution work is done."""

    project: bool = True
    tiles: bool = True
    most_tiles: int = 60_000  # the most uncertain ones are taken first
    doubt: float = 0.08  # expected error above which a tile is refined although it looks solid
    colour_error: float = 0.05  # how far foreground, plate and frame are off, one channel, of 0..1


@dataclass(frozen=True)
class Layers:
    """All that tiles are cut from.

    frame, plate, valid (None: there is none): the part of the frame that the network's window is
    of, H W C. colour (alpha and foreground), soft (shadow, error, validity): h w C, as large as
    the window. matrix: 2 x 3, pixels of the large ones to pixels of the small ones.
    """

    frame: Picture
    plate: Picture | None
    valid: Picture | None
    colour: Picture
    soft: Picture
    matrix: NDArray[np.float64]


def project_on_plate(
    frame: Picture, plate: Picture, foreground: Picture
) -> tuple[Picture, Picture]:
    """Solve I = alpha F + (1 - alpha) B for alpha along the line from B to F.

    frame, plate, foreground: N 3 H W. Returns alpha in 0..1 and the squared length of that line,
    both N 1 H W: where F and B are close, noise decides alpha.
    """
    span = foreground - plate
    length = np.einsum("ncyx,ncyx->nyx", span, span)[:, None]
    along = np.einsum("ncyx,ncyx->nyx", frame - plate, span)[:, None]
    return np.clip(along / (length + np.float32(1e-4)), 0, 1), length


def projection_trust(
    alpha: Picture, error: Picture, length: Picture, colour_error: float
) -> Picture:
    """Weight of the projected alpha against the network's, 0..1, all of one shape.

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
    threads: int = 1,
) -> tuple[Picture, Picture]:
    """Bring a coarse prediction to the frame's size.

    frame, plate: H W 3 (the plate aligned, or None). valid: H W 1, 1 where the plate covers.
    refiner: ONNX Runtime session of the tile refiner, or None for projection alone.
    Returns alpha H W 1 and straight foreground H W 3, black or the network's where alpha is 0.
    """
    options = options or RefineOptions()
    height, width = frame.shape[:2]
    alpha, foreground = np.zeros((height, width, 1), np.float32), np.zeros_like(frame)
    place = locate(coarse, height, width)
    alpha_seen, foreground_seen = alpha[place.inside], foreground[place.inside]
    alpha_seen[:] = stretched(place.upsample(coarse.alpha))
    # Nothing of the scene stays below alpha 0: a cutout must not carry the room along.
    cv2.copyTo(frame[place.inside], (alpha_seen > 0).view(np.uint8), foreground_seen)
    rows, columns = uncertain_tiles(coarse, alpha_seen.shape[0], alpha_seen.shape[1], options)
    if not len(rows):
        return alpha, foreground
    layers = lay_out(coarse, frame, plate if options.project else None, valid)

    def work(first: int) -> None:
        batch = np.s_[first : first + BATCH]
        tiles = cut_tiles(layers, rows[batch], columns[batch], options)
        solved = _solve(tiles, refiner if options.tiles else None)
        for picture, parts in zip((alpha_seen, foreground_seen), solved, strict=True):
            _put(picture, parts, rows[batch], columns[batch])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, len(rows), BATCH)))  # the list raises what a thread raised
    return alpha, foreground


@dataclass(frozen=True)
class Place:
    """Where the window of a coarse prediction lies in the frame.

    inside: index of the frame. matrix: 2 x 3, pixels of that part to pixels of the window.
    whole: the window is all of the picture.
    """

    inside: tuple[slice, slice]
    matrix: NDArray[np.float64]
    whole: bool

    def upsample(self, picture: Picture) -> Picture:
        """Interpolate h w c of the window to the part of the frame that it is of."""
        rows, columns = self.inside
        size = (columns.stop - columns.start, rows.stop - rows.start)
        if picture.shape[1::-1] == size:
            return picture
        if self.whole:  # the same, in half of the time
            large = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
            return np.asarray(large, np.float32).reshape(*size[::-1], -1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        large = cv2.warpAffine(picture, self.matrix, size, None, flags, cv2.BORDER_REPLICATE)
        return np.asarray(large, np.float32).reshape(*size[::-1], -1)


def locate(coarse: Coarse, height: int, width: int) -> Place:
    """Find the window of a prediction in a frame of height x width."""
    window, small = coarse.window, coarse.frame.shape
    sides = (
        (window.left, window.right, small[1], width),
        (window.top, window.bottom, small[0], height),
    )
    matrix, inside = np.zeros((2, 3)), []
    for axis, (begin, end, side, full) in enumerate(sides):
        first, last = begin * full // side, -(-end * full // side)
        inside.append(slice(first, last))
        matrix[axis, axis] = side / full
        matrix[axis, 2] = (first + 0.5) * side / full - 0.5 - begin
    whole = (window.bottom - window.top, window.right - window.left) == small[:2]
    return Place((inside[1], inside[0]), matrix, whole)


def uncertain_tiles(
    coarse: Coarse, height: int, width: int, options: RefineOptions
) -> tuple[Indices, Indices]:
    """Rows and columns of the corners of the tiles that need full resolution.

    height, width: of the part of the frame that the window of the prediction is of.
    """
    grid = (-(-height // TILE), -(-width // TILE))
    beyond = (0, grid[0] * TILE - height, 0, grid[1] * TILE - width)
    large = cv2.resize(coarse.alpha, (width, height), interpolation=cv2.INTER_LINEAR)
    soft = cv2.copyMakeBorder(cv2.inRange(large, 0.02, 0.98), *beyond, cv2.BORDER_CONSTANT)
    scores = cv2.resize(soft, grid[::-1], interpolation=cv2.INTER_AREA) / 255
    # The largest expected error below each tile: a maximum over the pixels that a tile covers.
    error = coarse.error[..., 0]
    reach = (-(-error.shape[0] // grid[0]), -(-error.shape[1] // grid[1]))
    most = cv2.dilate(error, np.ones(tuple(side | 1 for side in reach), np.uint8))
    rows = ((np.arange(grid[0]) + 0.5) * TILE / height * error.shape[0]).astype(int)
    columns = ((np.arange(grid[1]) + 0.5) * TILE / width * error.shape[1]).astype(int)
    errors = most[np.ix_(rows.clip(max=len(error) - 1), columns.clip(max=error.shape[1] - 1))]
    scores = np.maximum(scores, errors * (errors > options.doubt))
    found = np.flatnonzero(scores > 0)
    if len(found) > options.most_tiles:
        found = found[np.argsort(-scores.flat[found])[: options.most_tiles]]
    tile_rows, tile_columns = np.divmod(found, grid[1])
    return tile_rows * TILE, tile_columns * TILE


def lay_out(coarse: Coarse, frame: Picture, plate: Picture | None, valid: Picture | None) -> Layers:
    """Put together all that is known of the window."""
    place = locate(coarse, *frame.shape[:2])
    return Layers(
        frame[place.inside],
        None if plate is None else plate[place.inside],
        None if valid is None else valid[place.inside],
        joined(coarse.alpha, coarse.foreground),
        joined(coarse.shadow, coarse.error, coarse.valid),
        place.matrix,
    )


def cut_tiles(layers: Layers, rows: Indices, columns: Indices, options: RefineOptions) -> Picture:
    """Gather tiles with real neighbours and project their alpha on the plate: n 16 22 22."""
    tiles = np.empty((len(rows), PADDED, SIDE, SIDE), np.float32)
    tiles[:, CHANNELS:] = 0
    height, width = layers.frame.shape[:2]
    reach = np.arange(-HALO, TILE + HALO)  # beyond its edges the picture repeats
    x = (columns[:, None] + reach).clip(0, width - 1)
    y = (rows[:, None] + reach).clip(0, height - 1)
    (across, _, left), (_, down, top) = layers.matrix
    large, small = _places(x, y), _places(x * across + left, y * down + top)
    colour, soft = (_pick(each, small, cv2.INTER_LINEAR) for each in (layers.colour, layers.soft))
    shadow, error, valid = soft[:, :1], soft[:, 1:2], soft[:, 2:]
    if layers.valid is not None:
        valid = valid * _pick(layers.valid, large, cv2.INTER_NEAREST)
    tiles[FRAME] = _pick(layers.frame, large, cv2.INTER_NEAREST)
    tiles[FOREGROUND], tiles[ALPHA], tiles[ERROR] = colour[:, 1:], colour[:, :1], error
    alpha = tiles[ALPHA]
    if layers.plate is None:
        tiles[PLATE], tiles[PROJECTED], tiles[TRUST] = tiles[FRAME], alpha, 0
        return tiles
    np.multiply(_pick(layers.plate, large, cv2.INTER_NEAREST), shadow, out=tiles[PLATE])
    projected, length = project_on_plate(tiles[FRAME], tiles[PLATE], tiles[FOREGROUND])
    trust = valid * projection_trust(alpha, error, length, options.colour_error)
    tiles[PROJECTED], tiles[TRUST] = alpha + trust * (projected - alpha), trust
    return tiles


def _places(columns: NDArray[Any], rows: NDArray[Any]) -> tuple[Picture, Picture]:
    """Spread columns and rows (n 22) over tiles: x and y of each of their pixels, n*22 22."""
    shape = (len(rows), SIDE, SIDE)
    across = np.broadcast_to(columns[:, None].astype(np.float32), shape)
    down = np.broadcast_to(rows[:, :, None].astype(np.float32), shape)
    return across.reshape(-1, SIDE), down.reshape(-1, SIDE)


def _pick(picture: Picture, places: tuple[Picture, Picture], method: int) -> Picture:
    """Take h w C at places: n C 22 22."""
    picked = cv2.remap(picture, *places, method, borderMode=cv2.BORDER_REPLICATE)
    return (
        np.asarray(picked, np.float32)
        .reshape(-1, SIDE, SIDE, picture.shape[2])
        .transpose(0, 3, 1, 2)
    )


def _solve(tiles: Picture, refiner: Any) -> tuple[Picture, Picture]:
    """Alpha n 1 16 16 and straight foreground n 3 16 16 of the tiles."""
    frame, plate = tiles[FRAME][INNER], tiles[PLATE][INNER]
    alpha, foreground = tiles[PROJECTED][INNER], tiles[FOREGROUND][INNER]
    if refiner is not None:
        correction = refiner.run(None, {"tiles": tiles})[0]
        alpha = np.clip(alpha + correction[:, :1], 0, 1)
        foreground = np.clip(foreground + correction[:, 1:], 0, 1)
    alpha = stretched(alpha)
    return alpha, solve_foreground(frame, plate, foreground, alpha)


def stretched(alpha: Picture) -> Picture:
    """Take the network's noise out of alpha: what is nearly 0 or 1 becomes so, 0..1 in and out."""
    scale = np.float32(1 / (1 - 2 * FLOOR))
    return np.asarray(np.clip((alpha - np.float32(FLOOR)) * scale, 0, 1), np.float32)


def solve_foreground(
    frame: Picture, plate: Picture, foreground: Picture, alpha: Picture
) -> Picture:
    """Straight foreground from the compositing equation where alpha is high enough to divide by.

    All of one shape, alpha with one channel. Near alpha 1 the frame's own detail counts, near 0
    the network's colour.
    """
    solved = (frame - (1 - alpha) * plate) / np.maximum(alpha, np.float32(0.3))
    np.clip(solved, 0, 1, out=solved)
    share = np.clip((alpha - np.float32(0.3)) * np.float32(1 / (SOLID - 0.3)), 0, 1)
    mixed = foreground + share * (solved - foreground)
    return np.where(alpha > SOLID, frame, mixed)


def _put(picture: Picture, tiles: Picture, rows: Indices, columns: Indices) -> None:
    """Write tiles (n C 16 16) into the picture; those at its lower and right edge are cut."""
    for row, column, tile in zip(rows, columns, tiles.transpose(0, 2, 3, 1), strict=True):
        piece = picture[row : row + TILE, column : column + TILE]
        piece[:] = tile[: piece.shape[0], : piece.shape[1]]
