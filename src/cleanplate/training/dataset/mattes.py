"""What makes a matte unusable as truth: found in alpha and colour alone, without a network."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Why a matte is left out, and what to do.
KINDS = {
    "empty": "almost nothing is opaque: look at the shot, then key it anew",
    "opaque": "it has no transparent part: the alpha is missing, or was lost on the way",
    "holes": "it is transparent inside: draw a holdout, or wear another colour",
    "spill": "its edge has the colour of the screen: step away from the cloth, raise --despill",
    "cut-off": "it is cut off at the top: leave room above the head",
    "hard": "its edge is a staircase without soft pixels: do not threshold alpha or save it as GIF",
}
LEAST_SUBJECT = 0.002  # share of the picture that is at least half opaque
LEAST_OUTSIDE = 0.002  # share that is transparent
LEAST_HOLES = 0.003  # share of the inside
DEEP = 0.02  # share of the side: farther from the outline no edge is soft
DEEP_OF_DEEPEST = 0.25  # share of the greatest depth: nearer the outline hair may be thin
CLEAR = 13  # of 255
GAP = 0.5  # share of the greatest depth: what is clear and begins nearer the outline is a gap
SPILL = 0.07  # 8-bit share by which the edge exceeds the inside in green or blue
CUT_WIDTH = 0.6  # width at the picture's top by that a little below: a whole head has less
SOFT = 0.3  # soft pixels for each pixel of the outline: any resampled edge has more than one


@dataclass(frozen=True)
class Defect:
    """kind: one of KINDS. amount: how much of it, 0..1. where: H W, or None for everywhere."""

    kind: str
    amount: float
    where: Mask | None = None


def find_defects(foreground: Pixels, alpha: Pixels) -> list[Defect]:
    """Say what is wrong with a cut-out; nothing if it may be used.

    foreground: H W 3, straight. alpha: H W 1, both 8 bit. A cut-out that is cut off at a side or
    at the bottom is none that is wrong: half-length shots are.
    """
    coverage = alpha[..., 0]
    solid = coverage >= 128
    if solid.mean() < LEAST_SUBJECT:
        return [Defect("empty", float(solid.mean()))]
    if (coverage < 250).mean() < LEAST_OUTSIDE:
        return [Defect("opaque", float((coverage >= 250).mean()))]
    found = [
        _holes(coverage, solid),
        _spill(foreground, coverage, solid),
        _cut_off(solid),
        _hard(coverage, solid),
    ]
    return [defect for defect in found if defect is not None]


def _holes(coverage: Pixels, solid: Mask) -> Defect | None:
    """Transparency deep inside. What is clear and near the outline is a gap, as below an arm."""
    outlines, _ = cv2.findContours(solid.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(coverage), outlines, -1, 1, cv2.FILLED)
    # Beyond the picture the subject goes on: its border is no outline.
    padded = cv2.copyMakeBorder(filled, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    deepest = float(depth.max())
    inside = depth > max(2.0, DEEP * max(solid.shape), DEEP_OF_DEEPEST * deepest)
    count, labels = cv2.connectedComponents((coverage < CLEAR).astype(np.uint8))
    nearest = np.full(count, np.inf)
    np.minimum.at(nearest, np.asarray(labels, np.intp).reshape(-1), depth.reshape(-1))
    gap = nearest < GAP * deepest
    gap[0] = False  # what is not clear
    width = 2 * round(DEEP * max(solid.shape)) + 1
    gaps = cv2.dilate(gap[labels].astype(np.uint8), np.ones((width, width), np.uint8)) > 0
    inside &= ~gaps
    where = inside & (coverage < 230)
    amount = float(where.sum() / max(1, int(inside.sum())))
    return Defect("holes", amount, where) if amount > LEAST_HOLES else None


def _spill(foreground: Pixels, coverage: Pixels, solid: Mask) -> Defect | None:
    kernel = np.ones((5, 5), np.uint8)
    inner = cv2.erode(solid.astype(np.uint8), kernel, iterations=2) > 0
    edge = (coverage > 100) & ~(cv2.erode(solid.astype(np.uint8), kernel) > 0)
    if not inner.any() or not edge.any():
        return None
    colour = foreground.astype(np.float32) / 255
    for channel in (1, 2):
        others = np.delete(colour, channel, axis=2).max(axis=2)
        excess = np.maximum(colour[..., channel] - others, 0)
        amount = float(excess[edge].mean() - excess[inner].mean())
        if amount > SPILL:
            return Defect("spill", amount, edge & (excess > SPILL))
    return None


def _cut_off(solid: Mask) -> Defect | None:
    top = int(solid[0].sum())
    rows = np.flatnonzero(solid.any(axis=1))
    height = rows[-1] - rows[0] + 1
    below = int(solid[min(len(solid) - 1, max(2, round(0.03 * height)))].sum())
    if top < max(3, 0.02 * solid.shape[1]) or top < CUT_WIDTH * below:
        return None
    where = np.zeros_like(solid)
    where[: max(2, len(solid) // 60)] = solid[0]
    return Defect("cut-off", top / solid.shape[1], where)


def _hard(coverage: Pixels, solid: Mask) -> Defect | None:
    outline = cv2.morphologyEx(
        solid.astype(np.uint8), cv2.MORPH_GRADIENT, cv2.getStructuringElement(0, (2, 2))
    )
    soft = float(((coverage > 10) & (coverage < 245)).sum() / max(1, int(outline.sum())))
    return Defect("hard", 1 - soft / SOFT, outline > 0) if soft < SOFT else None
