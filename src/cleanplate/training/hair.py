"""Strands painted over cut-outs: thousands of thin anti-aliased curves have an exact alpha."""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.training.disturbances import Picture

OVERSAMPLING = 3
FINE = 7  # oversampling for hair as a camera mostly sees it: a haze of thin strands
SHIFT = 4  # fixed-point bits that OpenCV draws lines with


def contour_roots(
    rng: Generator, alpha: Picture, count: int, top_share: float
) -> NDArray[np.float32]:
    """Roots x, y and outward directions on the outline of alpha, `count` 4.

    Only the outline of the upper `top_share` (0..1) of the subject grows strands; 1 is fur.
    Returns an empty array where there is no outline.
    """
    mask = (alpha[..., 0] > 0.5).astype(np.uint8)
    outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    points = [outline[:, 0] for outline in outlines if len(outline) > 20]
    if not points:
        return np.zeros((0, 4), np.float32)
    outline = np.concatenate(points).astype(np.float32)
    top, bottom = outline[:, 1].min(), outline[:, 1].max()
    outline = outline[outline[:, 1] <= top + top_share * (bottom - top)]
    chosen = outline[rng.integers(0, len(outline), count)]
    soft = cv2.GaussianBlur(alpha[..., 0], (0, 0), 3)
    columns, rows = chosen[:, 0].astype(int), chosen[:, 1].astype(int)
    outward = -np.stack(
        [
            cv2.Sobel(soft, cv2.CV_32F, 1, 0)[rows, columns],
            cv2.Sobel(soft, cv2.CV_32F, 0, 1)[rows, columns],
        ],
        1,
    )
    outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-6
    # Roots lie a little inside, so that strands come out of the subject and not off its edge.
    inner = chosen - outward * rng.uniform(1, 5, (count, 1))
    return np.concatenate([inner, outward], 1).astype(np.float32)


def strand_curves(
    rng: Generator, roots: NDArray[np.float32], length: float, gravity: float
) -> NDArray[np.float32]:
    """Cubic Bezier strands, `count` 10 2 in pixels: clumped, curled, pulled down by gravity."""
    count = len(roots)
    start, direction = roots[:, :2], roots[:, 2:]
    clumps = max(1, count // 12)
    comb = rng.normal(0, 0.5, (clumps, 2))[rng.integers(0, clumps, count)]
    heading = direction + comb + rng.normal(0, 0.25, (count, 2))
    lengths = length * rng.gamma(4, 0.25, (count, 1))
    down = np.array([0, gravity])
    first = start + heading * lengths / 3
    second = first + (heading + down / 2 + rng.normal(0, 0.3, (count, 2))) * lengths / 3
    last = second + (heading * 0.5 + down + rng.normal(0, 0.4, (count, 2))) * lengths / 3
    t = np.linspace(0, 1, 10)[None, :, None]
    curve = (
        (1 - t) ** 3 * start[:, None]
        + 3 * (1 - t) ** 2 * t * first[:, None]
        + 3 * (1 - t) * t**2 * second[:, None]
        + t**3 * last[:, None]
    )
    return np.asarray(curve, np.float32)


def add_strands(
    rng: Generator,
    foreground: Picture,
    alpha: Picture,
    count: int = 250,
    top_share: float = 0.25,
    length: float = 0.08,
    gravity: float = 0.6,
    oversampling: int = OVERSAMPLING,
) -> tuple[Picture, Picture]:
    """Grow strands on a cut-out; returns the new straight foreground and the exact alpha.

    foreground H W 3, alpha H W 1. length: mean strand length as a share of the subject's height.
    Strands are drawn 1 to 4 pixels wide at `oversampling` times the size and averaged down.
    """
    height, width = alpha.shape[:2]
    roots = contour_roots(rng, alpha, count, top_share)
    if not len(roots):
        return foreground, alpha
    tall = np.ptp(np.nonzero(alpha[..., 0] > 0.5)[0])
    curves = strand_curves(rng, roots, length * tall, gravity) * oversampling
    size = (height * oversampling, width * oversampling)
    coverage = np.zeros(size, np.uint8)
    brightness = np.zeros(size, np.uint8)
    fixed = np.round(curves * (1 << SHIFT)).astype(np.int32)
    widths = rng.integers(1, 5, count)
    shades = rng.integers(90, 256, count)
    for strand, thickness, shade in zip(fixed, widths, shades, strict=True):
        cv2.polylines(coverage, [strand], False, 255, int(thickness), cv2.LINE_AA, SHIFT)
        cv2.polylines(brightness, [strand], False, int(shade), int(thickness), cv2.LINE_8, SHIFT)
    strands, shade_map = (_shrink(canvas, height, width) for canvas in (coverage, brightness))
    shade_map = np.clip(shade_map / np.maximum(strands, 1e-3), 0.3, 1.0)
    inside = np.clip(roots[:, :2].astype(int), 0, (width - 1, height - 1))
    own = np.median(foreground[inside[:, 1], inside[:, 0]], axis=0)
    dyed = own if rng.random() < 0.7 else rng.uniform(0.05, 0.85) * rng.uniform(0.6, 1, 3)
    hair = (np.asarray(dyed, np.float32) * shade_map * 1.2).clip(0, 1)
    joined = strands + alpha * (1 - strands)
    mixed = (hair * strands + foreground * alpha * (1 - strands)) / np.maximum(joined, 1e-4)
    return np.where(joined > 1e-3, mixed, foreground).astype(np.float32), joined.astype(np.float32)


def _shrink(canvas: NDArray[np.uint8], height: int, width: int) -> Picture:
    """Average an oversampled picture down: h w to H W 1 in 0..1."""
    small = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)[..., None] / np.float32(255)
