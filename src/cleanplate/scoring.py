"""One cutout against the truth: every metric by name, and averages of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate import metrics
from cleanplate.media.stills import ForegroundAndAlpha
from cleanplate.truth import Truth

Picture = NDArray[np.float32]
Scores = dict[str, float]

ALPHA_METRICS = ("mad", "mse", "sad", "gradient_error", "connectivity_error")
METRICS = (*ALPHA_METRICS, "foreground_mse", "composite_error", "dtssd", "messddt")
LABELS = {
    "mad": "MAD",
    "mse": "MSE",
    "sad": "SAD",
    "gradient_error": "Grad",
    "connectivity_error": "Conn",
    "foreground_mse": "F MSE",
    "composite_error": "Comp",
    "dtssd": "dtSSD",
    "messddt": "MESSDdt",
}


def score(cutout: ForegroundAndAlpha, truth: Truth) -> Scores:
    """Measure one frame: the metrics by name, those of the foreground only where it is known."""
    scores = score_alpha(cutout.alpha, truth.alpha)
    if truth.foreground is not None and truth.alpha.any():
        colours = cutout.foreground, truth.foreground
        background = checks(*truth.alpha.shape[:2])
        scores["foreground_mse"] = metrics.foreground_mse(*colours, truth.alpha)
        scores["composite_error"] = metrics.composite_error(
            cutout.alpha, truth.alpha, *colours, background
        )
    return scores


def score_alpha(alpha: Picture, alpha_true: Picture) -> Scores:
    """Measure what needs nothing but two mattes, by name."""
    return {name: getattr(metrics, name)(alpha, alpha_true) for name in ALPHA_METRICS}


class ClipScores:
    """Scores of a clip, taken in frame by frame; of the mattes only the frame before is kept."""

    def __init__(self) -> None:
        self.frames: list[Scores] = []
        self._pairs: list[Scores] = []
        self._before: tuple[Picture, Picture] | None = None

    def add(self, frame: Scores, alpha: Picture, alpha_true: Picture) -> None:
        """Take in the next frame: its scores, and alpha and truth, H W 1, for the flicker."""
        if self._before is not None:
            pair = np.stack([self._before[0], alpha]), np.stack([self._before[1], alpha_true])
            self._pairs.append({"dtssd": metrics.dtssd(*pair), "messddt": metrics.messddt(*pair)})
        self.frames.append(frame)
        self._before = alpha, alpha_true

    def means(self) -> Scores:
        """Average over the frames and, for more than one, the flicker over the pairs of frames."""
        # The foreground of a frame without a subject has no score.
        names = dict.fromkeys(name for each in (*self.frames, *self._pairs) for name in each)
        rows = (*self.frames, *self._pairs)
        return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def score_mattes(mattes: Iterable[tuple[Picture, Picture]]) -> Scores:
    """Measure a clip or a still of which only mattes are known: alpha and truth, H W 1, a frame."""
    scores = ClipScores()
    for alpha, alpha_true in mattes:
        scores.add(score_alpha(alpha, alpha_true), alpha, alpha_true)
    return scores.means()


def checks(height: int, width: int, side: int = 16) -> Picture:
    """Draw grey checks, H W 3: the new background of the composite error and of the report."""
    rows, columns = np.indices((height, width)) // side
    grey = np.where((rows + columns) % 2, 0.75, 0.45).astype(np.float32)
    return grey[..., None].repeat(3, axis=2)


def grouped(records: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Average the records of each value of `key` ("kind", "condition"), in order of appearance."""
    groups = dict.fromkeys(record[key] for record in records)
    return {group: means(r for r in records if r[key] == group) for group in groups}


def means(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Average every metric over the records that have it; "cases" is how many records there are."""
    rows = list(records)
    averages: dict[str, Any] = {"cases": len(rows)}
    for name in METRICS:
        values = [row[name] for row in rows if name in row]
        if values:
            averages[name] = round(float(np.mean(values)), 6)
    return averages
