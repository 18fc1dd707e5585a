"""Fields over the picture that are known in some places: fitted, spread out, averaged."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

ROUNDS = 8  # reweighted fits
RIDGE = 1e-3
MOST_FITTED = 5000  # values: more change a smooth fit by nothing
CELL = 2  # pixels of the frame to one of the grid on which wrinkles are averaged, at least
CELLS = 960  # longer side of that grid, at most
FINEST = 0.55  # cells, standard deviation: takes the noise out and leaves the wrinkles
FARTHER = np.float32(0.05)  # weight of what is seen twice as far
FADE = 0.02  # an unseen place this far away (share of the side) takes half of what is seen


def fit_polynomial(values: Picture, weight: Picture, degree: int) -> Picture:
    """Fit a smooth field to values that are partly wrong (Tukey weights, reweighted).

    values: H W 3; weight: H W, 0 where unknown. Returns the field, H W 3, everywhere.
    Fewer terms are used where little is known.
    """
    height, width = weight.shape
    known = np.flatnonzero(weight > 0)
    if not len(known):
        return np.zeros_like(values)
    degree = degree if len(known) > 200 else 0
    known = known[:: len(known) // MOST_FITTED + 1]
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    # Rows are 1, x, x^2 ... over the width and the height.
    across, down = (
        np.linspace(-1, 1, side) ** np.arange(degree + 1)[:, None] for side in (width, height)
    )
    y, x = np.divmod(known, width)
    basis = np.stack([across[i, x] * down[j, y] for i, j in powers], axis=1)
    flat = values.reshape(-1, 3)[known].astype(np.float64)
    given = weight.reshape(-1)[known].astype(np.float64)
    used = given
    # High powers are held down a little, or they would swing where nothing is seen.
    ridge = np.diag([RIDGE * (i + j) ** 2 for i, j in powers]) * given.sum()
    for _ in range(ROUNDS):
        weighted = (basis * used[:, None]).T
        normal = weighted @ basis + ridge + 1e-9 * np.eye(len(powers))
        solution = np.linalg.solve(normal, weighted @ flat)
        far = np.linalg.norm(flat - basis @ solution, axis=1)
        reach = 6 * max(float(np.median(far)), 1e-4)
        used = given * np.clip(1 - (far / reach) ** 2, 0, 1) ** 2
    table = np.zeros((3, degree + 1, degree + 1))
    for (i, j), terms in zip(powers, solution, strict=True):
        table[:, j, i] = terms
    return np.ascontiguousarray(np.moveaxis(down.T @ table @ across, 0, 2), np.float32)


def spread_out(values: Picture, known: Mask) -> Picture:
    """Carry values on to where they are not known, fading to 0 far away: H W 3.

    values: H W 3; known: H W. Where known, noise is averaged away over a few pixels.
    """
    height, width = known.shape
    cell = max(CELL, round(max(known.shape) / CELLS))
    layers = np.empty((height, width, 4), np.float32)
    layers[..., 3] = known
    np.multiply(values, layers[..., 3:], out=layers[..., :3])
    cells = _shrunk(layers, (-(-width // cell), -(-height // cell)))
    reach = 2 * FADE * max(known.shape) / cell
    total = gather(cells, FINEST, FARTHER, reach)
    levels = max(0, np.ceil(np.log2(reach / FINEST)) - 1)  # of gather, beyond the finest
    fading = 0.5 * FARTHER ** np.float32(levels)
    spread = total[..., :3] / (total[..., 3:] + fading + np.float32(1e-9))
    return np.asarray(cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR))


def gather(layers: Picture, sigma: float, farther: np.float32, reach: float) -> Picture:
    """Sum up what is near with ever wider Gaussian weights: H W C.

    sigma: of the narrowest, in pixels of `layers`; each next one is twice as wide, counts
    `farther` times as much and is made on a picture half as large, as long as it is below `reach`.
    """
    near = cv2.GaussianBlur(layers, (0, 0), sigma)
    total = np.asarray(near, np.float32).reshape(layers.shape)
    if 2 * sigma < reach:
        height, width = layers.shape[:2]
        half = _shrunk(layers, ((width + 1) // 2, (height + 1) // 2))
        wide = gather(half, sigma, farther, reach / 2)
        large = cv2.resize(wide, (width, height), interpolation=cv2.INTER_LINEAR)
        total += farther * np.asarray(large, np.float32).reshape(layers.shape)
    return total


def blur(layers: Picture, sigma: float) -> Picture:
    """Gaussian blur of H W C; a wide one is made on a smaller picture."""
    height, width = layers.shape[:2]
    factor = max(1, int(sigma / 3))
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(layers, (0, 0), sigma))
    joined = _shrunk(layers, (max(1, width // factor), max(1, height // factor)))
    small = cv2.GaussianBlur(joined, (0, 0), sigma / factor)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32).reshape(layers.shape)


def _shrunk(layers: Picture, size: tuple[int, int]) -> Picture:
    """Area averages, h w C, for a size (w, h)."""
    # They are made of four channels at most.
    groups = np.split(layers, range(4, layers.shape[2], 4), axis=2)
    shrunk = [cv2.resize(group, size, interpolation=cv2.INTER_AREA) for group in groups]
    return np.concatenate([group.reshape(*size[::-1], -1) for group in shrunk], axis=2)
