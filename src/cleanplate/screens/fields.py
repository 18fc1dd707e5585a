"""Fields over the picture that are known in some places: fitted, spread out, averaged."""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

ROUNDS = 8  # reweighted fits
RIDGE = 1e-3
FINEST = 1.5  # pixels, standard deviation: takes the noise out and leaves the wrinkles
FADE = 0.02  # an unseen place this far away (share of the side) takes half of what is seen


def fit_polynomial(values: Picture, weight: Picture, degree: int) -> Picture:
    """Fit a smooth field to values that are partly wrong (Tukey weights, reweighted).

    values: H W 3; weight: H W, 0 where unknown. Returns the field, H W 3, everywhere.
    Fewer terms are used where little is known.
    """
    height, width = weight.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    known = weight.reshape(-1) > 0
    degree = degree if known.sum() > 200 else 0
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    terms = np.stack([(x**i * y**j).reshape(-1) for i, j in powers], axis=1)
    basis, flat = terms[known], values.reshape(-1, 3)[known].astype(np.float64)
    if not len(flat):
        return np.zeros_like(values)
    given = weight.reshape(-1)[known].astype(np.float64)
    used = given
    # High powers are held down a little, or they would swing where nothing is seen.
    ridge = np.diag([RIDGE * (i + j) ** 2 for i, j in powers]) * given.sum()
    for _ in range(ROUNDS):
        normal = (basis * used[:, None]).T @ basis + ridge + 1e-9 * np.eye(len(powers))
        solution = np.linalg.solve(normal, (basis * used[:, None]).T @ flat)
        far = np.linalg.norm(flat - basis @ solution, axis=1)
        reach = 6 * max(float(np.median(far)), 1e-4)
        used = given * np.clip(1 - (far / reach) ** 2, 0, 1) ** 2
    return np.asarray((terms @ solution).reshape(values.shape), np.float32)


def spread_out(values: Picture, known: Mask) -> Picture:
    """Carry values on to where they are not known, fading to 0 far away: H W 3.

    values: H W 3; known: H W. Where known, noise is averaged away over a few pixels.
    """
    weight = known.astype(np.float32)[..., None]
    layers = np.concatenate([values * weight, weight], axis=2)
    total = cv2.GaussianBlur(layers, (0, 0), FINEST)
    share = np.float32(1.0)
    sigma, side = FINEST, max(known.shape)
    while sigma < FADE * side:
        sigma, share = sigma * 2, share * np.float32(0.05)
        total = total + share * blur(layers, sigma)
    spread = total[..., :3] / (total[..., 3:] + 0.5 * share + np.float32(1e-9))
    return np.asarray(spread, np.float32)


def blur(layers: Picture, sigma: float) -> Picture:
    """Gaussian blur of H W C; a wide one is made on a smaller picture."""
    height, width = layers.shape[:2]
    factor = max(1, int(sigma / 3))
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(layers, (0, 0), sigma))
    size = (max(1, width // factor), max(1, height // factor))
    # Area averages are made of four channels at most.
    groups = np.split(layers, range(4, layers.shape[2], 4), axis=2)
    shrunk = [cv2.resize(group, size, interpolation=cv2.INTER_AREA) for group in groups]
    joined = np.concatenate([group.reshape(*size[::-1], -1) for group in shrunk], axis=2)
    small = cv2.GaussianBlur(joined, (0, 0), sigma / factor)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32).reshape(layers.shape)
