"""Procedural subjects and walls: any alpha can be filled with any texture.

They teach the network that the plate decides what the subject is, not its category.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.training.disturbances import Picture, blur, smooth_field

OVERSAMPLING = 2


def blob(rng: Generator, size: int) -> Picture:
    """One to three smooth closed outlines with random bumps: size size 1."""
    canvas = np.zeros((size * OVERSAMPLING,) * 2, np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
        radius = np.ones_like(angles)
        for order in range(1, 7):
            radius += rng.normal(0, 0.28 / order) * np.sin(order * angles + rng.uniform(0, 6.3))
        scale = rng.uniform(0.18, 0.42) * size
        centre = rng.uniform(0.3, 0.7, 2) * size
        stretch = rng.uniform(0.6, 1.6)
        outline = np.stack([np.cos(angles) * stretch, np.sin(angles) / stretch], 1)
        outline = (outline * np.maximum(radius, 0.15)[:, None] * scale + centre) * OVERSAMPLING
        cv2.fillPoly(canvas, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return _shrink(canvas, size)


def polygons(rng: Generator, size: int) -> Picture:
    """Hard-edged things: boxes, plates, bottles of straight and round parts; some with holes."""
    canvas = np.zeros((size * OVERSAMPLING,) * 2, np.uint8)
    whole = size * OVERSAMPLING
    for value in [255] * int(rng.integers(1, 5)) + [0] * int(rng.integers(0, 3)):
        centre = rng.uniform(0.3, 0.7, 2) * whole
        reach = rng.uniform(0.08, 0.4, 2) * whole * (1.0 if value else 0.4)
        box = ((float(centre[0]), float(centre[1])), (float(reach[0]), float(reach[1])))
        if rng.random() < 0.5:
            corners = cv2.boxPoints((*box, float(rng.uniform(0, 180))))
            cv2.fillPoly(canvas, [np.round(corners * 16).astype(np.int32)], value, cv2.LINE_AA, 4)
        else:
            cv2.ellipse(canvas, (*box, float(rng.uniform(0, 180))), value, -1, cv2.LINE_AA)
    return _shrink(canvas, size)


def leaves(rng: Generator, size: int) -> Picture:
    """Plants, fans, fringes: many thin leaves or stalks that spread from a few points."""
    canvas = np.zeros((size * OVERSAMPLING,) * 2, np.uint8)
    whole = size * OVERSAMPLING
    for _ in range(int(rng.integers(1, 4))):
        root = rng.uniform(0.25, 0.8, 2) * whole
        main, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, np.pi)
        slim = rng.uniform(0.02, 0.3)
        for _ in range(int(rng.integers(10, 60))):
            angle = main + rng.uniform(-spread, spread)
            length = rng.uniform(0.1, 0.5) * whole
            middle = root + np.array([np.cos(angle), np.sin(angle)]) * length / 2
            middle += rng.normal(0, 0.03 * whole, 2)
            axes = (length, max(1.5, length * slim * rng.uniform(0.5, 1.2)))
            leaf = ((float(middle[0]), float(middle[1])), axes, float(np.degrees(angle)))
            cv2.ellipse(canvas, leaf, 255, -1, cv2.LINE_AA)
    return _shrink(canvas, size)


def cloud(rng: Generator, size: int) -> Picture:
    """Soft-edged alpha: a thresholded random field whose softness varies (veils, smoke, fuzz)."""
    field = smooth_field(rng, size, size, int(rng.integers(2, 7)))
    field += 0.4 * smooth_field(rng, size, size, int(rng.integers(8, 25)))
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    field -= 1.6 * (x * x + y * y) - 0.6
    softness = rng.choice([0.05, 0.15, 0.5])
    alpha = np.clip(field / np.float32(softness) + 0.5, 0, 1)[..., None]
    return np.asarray(alpha, np.float32)


def shape(rng: Generator, size: int) -> Picture:
    """Any of the alphas above: size size 1."""
    makers = (blob, polygons, leaves, cloud)
    return makers[int(rng.choice(4, p=(0.35, 0.2, 0.3, 0.15)))](rng, size)


def texture(rng: Generator, size: int) -> Picture:
    """Procedural colour: a gradient with stripes, spots or grain: size size 3."""
    ends = rng.uniform(0, 1, (2, 3)).astype(np.float32)
    mix = smooth_field(rng, size, size, int(rng.choice([1, 2, 4, 12, 40])))[..., None]
    colour = ends[0] + (ends[1] - ends[0]) * np.clip(mix * 0.5 + 0.5, 0, 1)
    if rng.random() < 0.3:
        angle, period = rng.uniform(0, np.pi), rng.uniform(4, 40)
        y, x = np.mgrid[:size, :size]
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        colour += (wave[..., None] * rng.uniform(0.05, 0.4)).astype(np.float32)
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * rng.choice([0, 0.02, 0.08])
    return np.asarray(np.clip(colour + grain, 0, 1), np.float32)


def wall(rng: Generator, size: int) -> Picture:
    """Make a plain room: one or two nearly flat planes under a soft light, perhaps a floor line."""
    base = np.clip(rng.uniform(0.15, 0.95) + rng.normal(0, 0.07, 3), 0.03, 1).astype(np.float32)
    light = 1 + 0.15 * smooth_field(rng, size, size, 1) + 0.04 * smooth_field(rng, size, size, 3)
    room = np.repeat(base[None, None], size, 0).repeat(size, 1)
    if rng.random() < 0.5:
        floor = np.clip(base * rng.uniform(0.4, 1.2) + rng.normal(0, 0.05, 3), 0, 1)
        row = int(rng.uniform(0.55, 0.95) * size)
        room[row:] = floor
    grain = rng.standard_normal((size, size, 1), dtype=np.float32)
    grain = blur(grain, rng.uniform(0, 1.5)) * rng.uniform(0, 0.02)
    return np.asarray(np.clip(room * light[..., None] + grain, 0, 1), np.float32)


def _shrink(canvas: NDArray[np.uint8], size: int) -> Picture:
    small = np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.float32)
    return small[..., None] / np.float32(255)


def extremity(rng: Generator, coverage: Picture) -> tuple[int, int] | None:
    """Column and row of a covered pixel (H W 1, above 0.5) far from the middle, as a hand is.

    The farthest of five random ones; None where nothing is covered.
    """
    rows, columns = np.nonzero(coverage[..., 0] > 0.5)
    if not len(rows):
        return None
    picks = rng.integers(len(rows), size=5)
    places = np.stack([columns[picks], rows[picks]], 1)
    middle = np.array([columns.mean(), rows.mean()])
    x, y = places[np.linalg.norm(places - middle, axis=1).argmax()]
    return int(x), int(y)
