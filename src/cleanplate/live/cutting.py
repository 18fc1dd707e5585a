"""The cut of one camera after another frame, at the detail that the machine keeps up with."""

from collections import deque
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.clip_plate import FollowOptions
from cleanplate.clip_state import ClipState
from cleanplate.composite import SOLID
from cleanplate.looks import WIDE, Look
from cleanplate.network import Model
from cleanplate.pictures import to_picture
from cleanplate.pipeline import CutOptions, cut_next
from cleanplate.plate import fit_plate

Picture = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Samples = TypeVar("Samples", Picture, Pixels)

EXPOSURE_EVERY = 12  # frames; a camera on automatic drifts over many
# Seconds that a cut may take before less detail is better. A frame waits for up to 40 ms for the
# one before it, and is laid over, encoded and sent in some 15: this keeps it under 120 ms.
BUDGET = 0.065
JUDGED = 24  # frames whose median counts: what disturbs for a second changes nothing
WARM_UP = 3  # frames after a change that say nothing: the plate is aligned, memory is found


@dataclass(frozen=True)
class Detail:
    """How finely a frame is cut.

    scale: of the picture that is cut, its sides over the frame's; the matte is enlarged.
    look: of the network; but for the first, never closer than at the whole: pace comes first.
    """

    name: str
    scale: float
    look: Look


# Mean absolute difference of alpha x 1000 over 14 portraits of the evaluation set, enlarged to 1280
# pixels wide: 4.1, 5.0, 5.7, 6.8.
DETAILS = (
    Detail("full", 1.0, WIDE),
    Detail("half", 0.5, Look(480 * 272, (1.0,))),
    Detail("low", 0.5, Look(384 * 208, (1.0,))),
    Detail("least", 1 / 3, Look(320 * 176, (1.0,))),
)


@dataclass(frozen=True)
class Matte:
    """What was cut of a frame, where there is anything: the rest of it is background.

    box: rows and columns of the frame. alpha: h w of the box, float32, 0..1. foreground: h w 3 of
    the box, straight, uint8.
    """

    box: tuple[slice, slice]
    alpha: Picture
    foreground: Pixels


class LiveCutter:
    """Cuts the frames of one camera against one plate, and remembers what the next one needs.

    Give it a plate with `take_plate` before the first frame.
    """

    def __init__(self, model: Model, detail: str) -> None:
        """`detail`: a name of DETAILS, or "auto"."""
        self._given = model
        self._auto = detail == "auto"
        names = [each.name for each in DETAILS]
        self._at = 0 if self._auto else names.index(detail)
        self._plate = self._small_plate = np.empty((0, 0, 3), np.float32)
        self._own = False
        self._state: ClipState | None = None
        self._count = 0
        self._times: deque[float] = deque(maxlen=WARM_UP + 4 * JUDGED)
        self.words = ""  # a warning about the plate in the latest frame
        self._begin()

    @property
    def detail(self) -> Detail:
        """What is in force."""
        return DETAILS[self._at]

    def take_plate(self, plate: Picture, own: bool) -> None:
        """Use this plate (H W 3, 0..1) from now on.

        own: this camera shot it from where it stands. Otherwise it is aligned to the next frame,
        and `cut` raises PlateError where it shows another scene.
        """
        self._plate, self._own = plate, own
        self._begin()

    def next_detail(self) -> Detail:
        """Go on with the next one of DETAILS, from the last to the first."""
        self._auto, self._at = False, (self._at + 1) % len(DETAILS)
        self._begin()
        return self.detail

    def cut(self, picture: Pixels) -> Matte:
        """Cut a frame, H W 3 uint8. Raises PlateError, InputError."""
        began = perf_counter()
        said = "" if self._own else self._lay(picture)
        small = _scaled(picture, self.detail.scale)
        if self._state is None:
            # Laid on itself the plate lies right from the start, whoever fills the first frame.
            self._small_plate = _scaled(self._plate, self.detail.scale)
            self._step(self._small_plate)
        made = self._step(small)
        self.words = said or self.words
        matte = _matte(picture, *made, (picture.shape[0], picture.shape[1]))
        self._times.append(perf_counter() - began)
        return matte

    def _lay(self, picture: Pixels) -> str:
        """Bring a plate from elsewhere to this frame, once; gives what is to be said of it."""
        aligned, report = fit_plate(self._plate, to_picture(picture, "frame"))
        self._plate, self._own = aligned.plate, True
        return " ".join(report.warnings)

    def slow_down(self) -> str | None:
        """Take less detail where this machine does not keep pace; says so, or None."""
        if not self._auto or self._at + 1 == len(DETAILS):
            return None
        counted = list(self._times)[WARM_UP:]
        if len(counted) < JUDGED or median(counted[-JUDGED:]) < BUDGET:
            return None
        spent, before = median(counted[-JUDGED:]), self.detail.name
        self._at += 1
        self._begin()
        return (
            f"Detail {before} takes {1000 * spent:.0f} ms a frame here, so it goes on with "
            f"{self.detail.name}."
        )

    def _begin(self) -> None:
        self._model = self._given.looking(self.detail.look)
        self._state, self._count = None, 0
        self._times.clear()

    def _step(self, small: Picture | Pixels) -> tuple[Picture, Picture]:
        follow = FollowOptions(exposure=self._count % EXPOSURE_EVERY == 0)
        options = CutOptions(follow=follow, temporal=False)
        cutout, self._state, note = cut_next(
            small, self._small_plate, self._state, model=self._model, options=options
        )
        self._count += 1
        self.words = note.words
        return cutout.alpha, cutout.foreground


def _matte(picture: Pixels, alpha: Picture, foreground: Picture, size: tuple[int, int]) -> Matte:
    """Bring alpha and foreground to the size of the frame, where there is any alpha."""
    left, top, across, down = cv2.boundingRect((alpha > 0).view(np.uint8))
    small = np.s_[top : top + down, left : left + across]
    if not across:
        nothing = (slice(0, 0), slice(0, 0))
        return Matte(nothing, np.zeros((0, 0), np.float32), np.zeros((0, 0, 3), np.uint8))
    rows, columns = (
        slice(round(begin * full / side), round((begin + length) * full / side))
        for begin, length, side, full in (
            (top, down, alpha.shape[0], size[0]),
            (left, across, alpha.shape[1], size[1]),
        )
    )
    coverage = np.ascontiguousarray(alpha[small][..., 0])
    colour = np.asarray(cv2.convertScaleAbs(foreground[small], alpha=255), np.uint8)
    target = (columns.stop - columns.start, rows.stop - rows.start)
    if target != (across, down):
        coverage = np.asarray(cv2.resize(coverage, target, interpolation=cv2.INTER_LINEAR))
        colour = np.asarray(cv2.resize(colour, target, interpolation=cv2.INTER_LINEAR), np.uint8)
        # Where the subject is solid, the frame itself is finer than what was enlarged.
        solid = (coverage > SOLID).view(np.uint8)
        cv2.copyTo(picture[rows, columns], solid, colour)
    return Matte((rows, columns), coverage, colour)


def compose(matte: Matte, new_background: Pixels) -> Pixels:
    """Lay what was cut over a new background of the frame's size, H W 3 uint8; gives another."""
    composite = new_background.copy()
    if matte.alpha.size:
        behind = np.ascontiguousarray(composite[matte.box])
        composite[matte.box] = cv2.blendLinear(
            matte.foreground, behind, matte.alpha, 1 - matte.alpha
        )
    return composite


def matte_view(matte: Matte, size: tuple[int, int]) -> Pixels:
    """Show alpha as grey: H W 3 uint8 of `size` (height, width)."""
    view = np.zeros((*size, 3), np.uint8)
    if matte.alpha.size:
        view[matte.box] = cv2.convertScaleAbs(matte.alpha, alpha=255)[..., None]
    return view


def _scaled(picture: Samples, scale: float) -> Samples:
    if scale == 1:
        return picture
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cast(Samples, cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
