"""Methods without learning that use the plate, which comes aligned and colour-matched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rivals.jobs import Matte, Method, Picture, run

cv2.setNumThreads(1)

THRESHOLD = 30
Solver = Callable[..., Any]


def difference(weights: Path | None) -> Method:
    """Subject is where the largest difference of a channel exceeds 30 of 255 levels."""
    return lambda frame, plate, place: (_distance(frame, plate) > THRESHOLD).astype(np.float32)


def grabcut(weights: Path | None) -> Method:
    """GrabCut, five rounds, started from the trimap; its unknown pixels start by the threshold."""

    def method(frame: Picture, plate: Picture, place: str) -> Matte:
        known = trimap(frame, plate)
        likely = _distance(frame, plate) > THRESHOLD
        marks = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
        marks[known == 0], marks[known == 1] = cv2.GC_BGD, cv2.GC_FGD
        models = np.zeros((1, 65)), np.zeros((1, 65))
        if (known == 1).any() and (known == 0).any():
            bgr = np.ascontiguousarray(frame[..., ::-1])
            cv2.grabCut(bgr, marks, (0, 0, 0, 0), *models, 5, cv2.GC_INIT_WITH_MASK)
        return np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)

    return method


def closed_form(weights: Path | None) -> Method:
    """Closed-form matting (Levin et al. 2008) by PyMatting, from the trimap."""
    from pymatting import estimate_alpha_cf

    return _by_trimap(estimate_alpha_cf)


def knn(weights: Path | None) -> Method:
    """KNN matting (Chen et al. 2013) by PyMatting, from the trimap."""
    from pymatting import estimate_alpha_knn

    return _by_trimap(estimate_alpha_knn)


def trimap(frame: Picture, plate: Picture) -> NDArray[np.float64]:
    """Make a trimap by the threshold: specks removed, holes closed, then a band left unknown.

    frame, plate: H W 3. Returns H W: 0 background, 0.5 unknown, 1 foreground. The band is an
    eightieth of the longer side to either side of the edge.
    """
    subject = (_distance(frame, plate) > THRESHOLD).astype(np.uint8)
    subject = np.asarray(cv2.morphologyEx(subject, cv2.MORPH_OPEN, _disc(1)), np.uint8)
    subject = np.asarray(cv2.morphologyEx(subject, cv2.MORPH_CLOSE, _disc(3)), np.uint8)
    band = _disc(max(2, max(subject.shape) // 80))
    known = np.full(subject.shape, 0.5)
    known[cv2.erode(subject, band) > 0] = 1
    known[cv2.dilate(subject, band) == 0] = 0
    return known


def _by_trimap(solver: Solver) -> Method:
    def method(frame: Picture, plate: Picture, place: str) -> Matte:
        known = trimap(frame, plate)
        if not ((known == 1).any() and (known == 0).any()):
            return known
        return np.asarray(solver(frame / 255.0, known))

    return method


def _distance(frame: Picture, plate: Picture) -> Picture:
    return np.asarray(cv2.absdiff(frame, plate).max(axis=2))


def _disc(radius: int) -> Picture:
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))


if __name__ == "__main__":
    run({"difference": difference, "grabcut": grabcut, "closed-form": closed_form, "knn": knn})
