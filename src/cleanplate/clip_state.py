"""What is passed from one frame of a clip to the next, and what is said about each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.clip_plate import (
    FollowOptions,
    PlateClip,
    PlateState,
    restore_state,
    state_arrays,
)
from cleanplate.encoded_plate import EncodedPlate
from cleanplate.motion import Memory
from cleanplate.plate import restore_white

Picture = NDArray[np.float32]

UNCERTAIN = (0.02, 0.98)  # alpha between these is neither


@dataclass(frozen=True)
class ClipState:
    """Everything that a frame leaves for the next; never changed in place.

    plate: of the plate that follows the frames. memory: the network's. alpha: where the subject
    was, h w 1 of any size. encoded: the plate's features, made anew when they are missing. given:
    the plate as it came, H W 3 of any type, which need not be looked at again. saved: arrays that
    are not turned back yet.
    """

    plate: PlateState | None = None
    memory: Memory | None = None
    alpha: Picture | None = None
    encoded: EncodedPlate | None = None
    given: NDArray[Any] | None = None
    saved: Mapping[str, NDArray[Any]] | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Turn it into arrays for `numpy.savez`; alpha is kept in 16 bits."""
        arrays: dict[str, NDArray[Any]] = dict(self.saved or {})
        if self.plate is not None:
            arrays |= {f"plate.{name}": array for name, array in state_arrays(self.plate).items()}
        if self.memory is not None:
            arrays |= {"memory.frame": self.memory.frame, "memory.alpha": self.memory.alpha}
        if self.alpha is not None:
            arrays["alpha"] = np.round(self.alpha * 65535).astype(np.uint16)
        return arrays

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> "ClipState":
        """Take what `arrays` gave; `cut_next` turns it back, together with the plate."""
        return ClipState(saved=dict(arrays))

    def shown(self) -> Picture | None:
        """Return the plate as it was laid on the frame, H W 3; None where that is not known."""
        if self.plate is not None:
            return self.plate.aligned.plate
        return None if self.encoded is None else self.encoded.source

    def restored(
        self, plate: Picture | PlateClip, frame: Picture, options: FollowOptions
    ) -> "ClipState":
        """Turn saved arrays back; a state that holds none is returned as it is.

        plate, options: as in `follow_plate`. frame: H W 3, the next one.
        """
        if self.saved is None:
            return self
        saved = self.saved
        plates = {
            name.removeprefix("plate."): array
            for name, array in saved.items()
            if name.startswith("plate.")
        }
        memory = None
        if "memory.frame" in saved:
            memory = Memory(saved["memory.frame"], saved["memory.alpha"])
        alpha = None
        if "alpha" in saved:
            alpha = np.asarray(saved["alpha"] / np.float32(65535), np.float32)
        state = restore_state(plates, plate, options) if plates else None
        if state is not None and state.aligned.plate.shape == frame.shape:
            state = replace(state, aligned=restore_white(state.aligned, frame))
        return ClipState(state, memory, alpha)


@dataclass(frozen=True)
class FrameNote:
    """What is to be said about one frame.

    residual: of the plate's alignment, pixels, nan where unknown. gain: of the exposure, red,
    green, blue. agreement: share of the scene that looks like the plate. uncertain: share of the
    frame with an alpha between 0 and 1. lost: the plate was not found. words: a warning, or "".
    """

    residual: float
    gain: tuple[float, ...]
    agreement: float
    uncertain: float
    lost: bool
    words: str


def note_on(plate: PlateState | None, alpha: Picture) -> FrameNote:
    """Sum up one frame; plate is None where it was taken as it is."""
    uncertain = cv2.countNonZero(cv2.inRange(alpha, *UNCERTAIN)) / alpha.size
    if plate is None:
        return FrameNote(math.nan, (1.0, 1.0, 1.0), math.nan, uncertain, False, "")
    gain = plate.aligned.color.gain
    return FrameNote(plate.residual, gain, plate.agreement, uncertain, plate.lost > 0, plate.note)


def known_subject(
    alpha: Picture | None,
    size: tuple[int, int],
    holdout: Picture | None,
    garbage: Picture | None,
) -> Picture | None:
    """Tell where the subject is (H W 1), as far as that is known before a frame is cut, or None.

    alpha: of the frame before, h w 1. size: height and width of the frame. holdout, garbage: masks
    of this frame, H W 1. All 0..1, or None.
    """
    if alpha is not None:
        height, width = size
        alpha = np.asarray(cv2.resize(alpha, (width, height)), np.float32)[..., None]
    if holdout is not None:
        alpha = holdout if alpha is None else np.maximum(alpha, holdout)
    if garbage is not None and alpha is not None:
        alpha = np.minimum(alpha, 1 - garbage)
    return alpha
