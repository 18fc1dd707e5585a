"""What the check of a plate found, in words and as a picture."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.plate import AlignedPlate
from cleanplate.plates.report import PlateReport

Picture = NDArray[np.float32]

NOISE, CLEAR = 0.03, 0.18  # of 0..1: what differs less is noise, what differs more surely differs
TINT = np.array([1.0, 0.45, 0.15], np.float32)
UNKNOWN = np.array([0.25, 0.5, 1.0], np.float32)


def verdict(report: PlateReport) -> str:
    """One word: "refused", "doubtful" or "good"."""
    if report.problem is not None:
        return "refused"
    return "doubtful" if report.warnings else "good"


def facts(report: PlateReport) -> dict[str, Any]:
    """Put a report into plain values, with a sentence that sums it up."""
    summary = {
        "good": "The plate fits.",
        "doubtful": "The plate may do; look at what was found.",
        "refused": "The plate cannot be used.",
    }[verdict(report)]
    residual = None if np.isnan(report.residual) else round(report.residual, 2)
    return {
        "verdict": verdict(report),
        "summary": summary,
        "warnings": list(report.warnings),
        "shift": round(report.shift, 2),
        "residual": residual,
        "agreement": round(report.agreement, 4),
        "coverage": round(report.coverage, 4),
        "gain": [round(float(gain), 3) for gain in report.gain],
    }


def overlay(aligned: AlignedPlate, frame: Picture) -> Picture:
    """Show where frame and plate differ: H W 3, 0..1.

    The frame in grey; orange, the stronger the more, where it differs from the aligned plate;
    blue stripes where the plate says nothing.
    """
    difference = cv2.GaussianBlur(np.abs(aligned.plate - frame).max(axis=2), (0, 0), 1.0)
    share = np.clip((np.asarray(difference) - NOISE) / (CLEAR - NOISE), 0, 1)[..., None]
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))[..., None] * 0.7
    shown = grey + 0.75 * share * (TINT * (0.35 + 0.65 * grey) - grey)
    rows, columns = np.indices(frame.shape[:2], np.int32)
    stripes = (((rows + columns) // 8) % 2 == 0)[..., None] * (1 - aligned.valid)
    shown = shown + 0.6 * stripes * (UNKNOWN - shown)
    return np.asarray(np.clip(shown, 0, 1), np.float32)
