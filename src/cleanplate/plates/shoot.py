"""A plate shot by a camera that stands: averaged while the picture is still, and looked over."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Pixels = NDArray[np.uint8]

ATTEMPTS = 3  # what is still wrong then may be a picture of a person, or a clock: it is used

LOOK_SIDE = 160  # longer side in pixels at which movement is looked for
MOVED = 4.0  # levels of 255 by which a place must differ, after a 3 x 3 mean
NOISY_MOVED = 12.0  # the same in a picture that is noise all over
STILL = 0.002  # share of the picture that may move all the same: a blinking light, a clock
STEP = 0.25  # pixels at LOOK_SIDE by which the whole picture shifts when the camera moves
CREPT = 0.5  # pixels of the picture by which the camera may have moved in all
DRIFTED = 0.015  # share of the brightness by which exposure may drift
TINTED = 0.012  # share by which one channel may drift against the others

DARK = 25  # levels of 255; a plate with less in the mean is mostly noise
BLACK = 3  # levels of 255; less is a covered lens
CLIPPED = 0.98  # a channel above this has no detail left
TOO_MUCH_CLIPPED = 0.03  # share of the picture
NOISY = 8.0  # levels of 255, standard deviation of one frame
# Of 60 photographs of scenes without people, 3 have more of such pixels than that (cars, statues,
# coats); of 30 of people, none has fewer than three times as many.
SOMEONE = 0.9  # share of a person in a pixel that makes it one
SOMEONE_AREA = 0.03  # share of the picture that must be a person


_NOTHING = np.empty((0, 0, 3), np.float32)


@dataclass(frozen=True)
class ShotPlate:
    """A plate and what was seen while it was shot.

    plate: H W 3 float32, 0..1, the mean of `frames` frames. noise: standard deviation of one
    frame, 0..1. person: share of the picture that looks like a person, nan where nobody looked.
    problems: why it should be shot again, a sentence each. warnings: what else to know.
    """

    plate: Picture
    frames: int
    noise: float
    person: float
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def black(self) -> bool:
        """Whether nothing is to be seen in it, so that it can never be used."""
        return float(self.plate.mean()) * 255 < BLACK


class Shutter:
    """Takes in frames of a scene until so many in a row were still, and makes a plate of them.

    A movement begins the row anew, so somebody who leaves late only makes it take longer.
    """

    def __init__(self, wanted: int = 16) -> None:
        """`wanted`: still frames in a row that make a plate."""
        self._wanted = wanted
        self.moving = 0.0  # share of the picture that moved in the latest frame
        self.restarts = 0  # how often a movement began the row anew
        self._camera_moved = False
        self._sum: Picture = _NOTHING  # of the row: H W 3, and shrunk
        self._small_sum: Picture = _NOTHING
        self._first: Pixels | None = None
        self._last: Pixels | None = None
        self._colours: list[Picture] = []  # mean of each frame of the row
        self._noises: list[float] = []

    @property
    def frames(self) -> int:
        """Still frames in a row so far."""
        return len(self._colours)

    @property
    def done(self) -> bool:
        """Whether there are enough of them."""
        return self.frames >= self._wanted

    def add(self, picture: Pixels) -> None:
        """Take in a frame: H W 3 uint8, RGB, always of one size."""
        small = _small(picture)
        self.moving = 0.0
        if self.frames:
            mean = self._small_sum * np.float32(1 / self.frames)
            self.moving = float(_moved(small, mean).mean())
            if self.moving > STILL:
                self._camera_moved = _shift(_grey(mean), _grey(small)) > STEP
                self.restarts += 1
                self._begin()
        if not self.frames:
            self._sum = np.zeros(picture.shape, np.float32)
            self._small_sum = np.zeros_like(small)
            self._first = picture
        cv2.accumulate(picture, self._sum)
        self._small_sum += small
        self._colours.append(small.mean(axis=(0, 1)))
        if self._last is not None:
            self._noises.append(_noise_between(self._last, picture))
        self._last = picture

    def develop(self, find_person: Callable[[Picture], Picture] | None = None) -> ShotPlate:
        """Average the row and look it over; also where it never became long enough.

        find_person: gives for a frame (H W 3, 0..1) the share of people in each pixel (H W 1).
        Raises ValueError before the first frame.
        """
        if self._last is None or not self.frames:
            raise ValueError("no frame was taken in")
        plate = np.asarray(self._sum * np.float32(1 / 255 / self.frames), np.float32)
        person = float("nan")
        if find_person is not None:
            person = float((find_person(plate) > SOMEONE).mean())
        noise = float(np.median(self._noises)) if self._noises else 0.0
        problems = (*self._about_movement(), *_about_person(person), *_about_black(plate))
        warnings = (*self._about_drift(), *_about_light(plate), *_about_noise(noise))
        return ShotPlate(plate, self.frames, noise / 255, person, problems, warnings)

    def _begin(self) -> None:
        self._first = self._last = None
        self._colours, self._noises = [], []

    def _about_movement(self) -> list[str]:
        if not self.done and self._camera_moved:
            return ["The camera moves: put it on something firm and do not touch the table."]
        if not self.done:
            return [
                "Something moves in the picture: step out of it all the way, and stop fans and "
                "screens that are in it."
            ]
        crept = _shift(_grey(_float(self._first)), _grey(_float(self._last)))
        if crept > CREPT:
            return [f"The camera moved by {crept:.1f} px while the plate was shot: let it rest."]
        return []

    def _about_drift(self) -> list[str]:
        colours = np.asarray(self._colours)
        third = max(1, len(colours) // 3)
        ratio = (colours[-third:].mean(0) + 1) / (colours[:third].mean(0) + 1)
        exposure = float(ratio.mean())
        if abs(exposure - 1) > DRIFTED:
            return [
                f"The exposure drifted by {abs(exposure - 1):.1%} while the plate was shot: "
                "switch automatic exposure off, or wait until the picture has settled."
            ]
        if float(np.ptp(ratio)) > TINTED:
            return [
                "The white balance drifted while the plate was shot: switch it to manual, or wait "
                "until the picture has settled."
            ]
        return []


def _about_person(person: float) -> list[str]:
    if person > SOMEONE_AREA:
        return [
            f"Somebody seems to be in the plate still ({person:.0%} of it looks like a person): "
            "step out of the picture, and take pictures of people out of it."
        ]
    return []


def _about_black(plate: Picture) -> list[str]:
    if float(plate.mean()) * 255 < BLACK:
        return ["The plate is black: open the camera's cover, or give it light."]
    return []


def _about_light(plate: Picture) -> list[str]:
    level = float(plate.mean()) * 255
    if BLACK <= level < DARK:
        return [f"The plate is dark ({level:.0f} of 255 in the mean): more light makes less noise."]
    clipped = float((plate > CLIPPED).any(axis=2).mean())
    if clipped > TOO_MUCH_CLIPPED:
        return [
            f"{clipped:.0%} of the plate is blown out (a window, a lamp?): nothing can be told "
            "from it there, lower the exposure or turn the camera."
        ]
    return []


def _about_noise(noise: float) -> list[str]:
    if noise > NOISY:
        return [f"The picture is noisy ({noise:.0f} levels of 255): more light gives better edges."]
    return []


def _small(picture: Pixels) -> Picture:
    """Shrink to the side at which movement is looked for: h w 3, levels of 255."""
    height, width = picture.shape[:2]
    scale = min(1.0, LOOK_SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return _float(np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)))


def _moved(small: Picture, mean: Picture) -> NDArray[np.bool_]:
    """Where a small frame differs from the mean of those before: h w."""
    difference = cv2.blur(small - mean, (3, 3))
    # Lamps on mains flicker in bands from side to side; so do steps of the exposure everywhere.
    difference -= np.median(difference, axis=1, keepdims=True)
    distance = np.abs(difference)
    noise = 1.4826 * float(np.median(distance))  # of a normal distribution
    return np.asarray(distance.max(axis=2) > np.clip(5 * noise, MOVED, NOISY_MOVED))


def _shift(before: Picture, after: Picture) -> float:
    """How far the whole picture (h w, grey) was shifted, pixels; things that move hardly count."""
    if float(before.std()) < 1 or float(after.std()) < 1:  # a bare wall tells nothing
        return 0.0
    window = cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    (across, down), _ = cv2.phaseCorrelate(before, after, window)
    return float(np.hypot(across, down))


def _noise_between(before: Pixels, after: Pixels) -> float:
    """Estimate the standard deviation of one frame, in levels, from the difference of two."""
    step = np.s_[::4, ::4]
    difference = after[step].astype(np.float32) - before[step]
    difference -= difference.mean()
    # Of a normal distribution, and the difference has the noise of two frames.
    return float(np.abs(difference).mean()) * 1.2533 / 2**0.5


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _float(picture: NDArray[np.uint8] | None) -> Picture:
    return np.asarray(picture, np.float32)
