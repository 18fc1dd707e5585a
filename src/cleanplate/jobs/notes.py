"""What is noted about each frame of a clip, and the frames of a part that deserve a look."""

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.composite import over
from cleanplate.media.stills import ForegroundAndAlpha
from cleanplate.scoring import checks

Picture = NDArray[np.float32]

MEASURED_SIDE = 480  # the change of alpha is measured at this size, which is quick
SHOWN_SIDE = 360
REASONS = {
    "lost": "the plate was lost",
    "residual": "the plate fits worst",
    "uncertain": "most is uncertain",
    "change": "alpha changes most",
}


class Note(Protocol):
    """What the pipeline says about one frame; see `pipeline.FrameNote`."""

    @property
    def residual(self) -> float: ...  # noqa: D102
    @property
    def gain(self) -> Any: ...  # noqa: D102
    @property
    def agreement(self) -> float: ...  # noqa: D102
    @property
    def uncertain(self) -> float: ...  # noqa: D102
    @property
    def lost(self) -> bool: ...  # noqa: D102
    @property
    def words(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class FrameRecord:
    """One frame in the report.

    index: from 0. seconds: its time. residual: of the plate's alignment, pixels. gain: of the
    exposure, red, green, blue. agreement: share of the scene in which frame and plate agree.
    Both residual and agreement are None where they are not known. uncertain: share of the frame
    with alpha between 0 and 1. change: mean of |alpha - alpha of the frame before|, 0 in the
    first. lost: the plate was not found. words: a warning of the pipeline, or "".
    """

    index: int
    seconds: float
    residual: float | None
    gain: tuple[float, float, float]
    agreement: float | None
    uncertain: float
    change: float
    lost: bool
    words: str = ""


@dataclass(frozen=True)
class Look:
    """A frame to look at: why (a key of REASONS), and frame and cutout as one JPEG in base64."""

    index: int
    seconds: float
    reason: str
    value: float
    jpeg: str


class PartNotes:
    """Collects the notes of one part; memory does not grow with the pictures.

    previous: alpha of the last frame of the part before, as `previous` of its notes, or None.
    """

    def __init__(self, previous: Picture | None) -> None:
        self.previous = previous
        self.records: list[FrameRecord] = []
        self._looks: dict[str, Look] = {}

    def add(
        self,
        index: int,
        seconds: float,
        note: Note,
        frame: NDArray[Any],
        cutout: ForegroundAndAlpha,
    ) -> None:
        """Note a frame (H W 3, uint8 or uint16) and its cutout; keep a picture of the worst."""
        alpha = _small(cutout.alpha, MEASURED_SIDE)
        change = 0.0 if self.previous is None else float(np.abs(alpha - self.previous).mean())
        self.previous = alpha
        red, green, blue = (float(value) for value in note.gain)
        record = FrameRecord(
            index=index,
            seconds=seconds,
            residual=_known(note.residual),
            gain=(red, green, blue),
            agreement=_known(note.agreement),
            uncertain=float(note.uncertain),
            change=change,
            lost=bool(note.lost),
            words=note.words,
        )
        self.records.append(record)
        self._look(record, frame, cutout)

    def looks(self) -> list[Look]:
        """Give the worst frame for each reason."""
        return list(self._looks.values())

    def _look(self, record: FrameRecord, frame: NDArray[Any], cutout: ForegroundAndAlpha) -> None:
        values = {
            "lost": float(record.lost),
            "residual": record.residual or 0.0,
            "uncertain": record.uncertain,
            "change": record.change,
        }
        jpeg = ""
        for reason, value in values.items():
            known = self._looks.get(reason)
            if value <= (known.value if known else 0.0):
                continue
            jpeg = jpeg or _side_by_side(frame, cutout)
            self._looks[reason] = Look(record.index, record.seconds, reason, value, jpeg)


def pick_looks(looks: Iterable[Look], each: int = 3, apart: float = 1.0) -> list[Look]:
    """Choose at most `each` looks for each reason, worst first, `apart` seconds between any two.

    Returns them in the order of the clip.
    """
    picked: list[Look] = []
    ranked = sorted(looks, key=lambda look: (-look.value, look.index))
    for reason in REASONS:
        count = 0
        for look in ranked:
            near = any(abs(look.seconds - other.seconds) < apart for other in picked)
            if look.reason == reason and not near and count < each:
                picked.append(look)
                count += 1
    return sorted(picked, key=lambda look: look.index)


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _small(picture: NDArray[Any], side: int, how: int = cv2.INTER_AREA) -> Picture:
    """Scale H W C down to at most `side` pixels a side; H W for one channel."""
    height, width = picture.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=how)
    return np.asarray(small, np.float32)


def _shown(picture: NDArray[Any]) -> Picture:
    """Scale H W C to the size of the page: over twice as quick as the mean of all pixels."""
    return _small(_small(picture, 2 * SHOWN_SIDE, cv2.INTER_LINEAR), SHOWN_SIDE)


def _side_by_side(frame: NDArray[Any], cutout: ForegroundAndAlpha) -> str:
    shown = _shown(frame) / np.float32(np.iinfo(frame.dtype).max)
    foreground = _shown(cutout.foreground)
    alpha = _shown(cutout.alpha)[..., None]
    composite = over(foreground, alpha, checks(alpha.shape[0], alpha.shape[1], side=12))
    both = np.concatenate([shown, composite], axis=1)
    samples = np.rint(np.clip(both[..., ::-1], 0, 1) * 255).astype(np.uint8)
    _, encoded = cv2.imencode(".jpg", samples, [cv2.IMWRITE_JPEG_QUALITY, 82])
    return base64.b64encode(encoded.tobytes()).decode("ascii")
