"""Green screen: alpha and straight foreground of a frame before a screen of a saturated colour.

`estimate_screen` says what the empty screen looks like at each pixel; `key_frame` solves the
compositing equation against it, in linear light. A clip from a camera that stands still needs the
first only once.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.pictures import size_of, to_masks, to_picture
from cleanplate.pipeline import Cutout, check_strength
from cleanplate.screens.hue import HueAxis, colour_difference
from cleanplate.screens.light import to_encoded, to_linear
from cleanplate.screens.screen import Screen, estimate_screen
from cleanplate.screens.solve import (
    fade_noise,
    find_solid,
    guess_foreground,
    largest_alpha,
    least_alpha,
    solve_mixed,
)

__all__ = ["KeyOptions", "Screen", "despill_screen", "estimate_screen", "key_frame"]

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

RIM = 4  # pixels
KEPT_HUE = np.float32(0.85)  # share of its chroma that a wrinkle in the screen has at least


@dataclass(frozen=True)
class KeyOptions:
    """What is done to a keyed frame.

    despill: 0 (off) to 1. clean: alpha below this many standard deviations of the screen's own
    noise is 0. opaque: alpha above this is 1.
    """

    despill: float = 1.0
    clean: float = 3.0
    opaque: float = 0.97

    def __post_init__(self) -> None:
        check_strength(self.despill, "despill")


def key_frame(
    frame: NDArray[Any],
    screen: Screen,
    *,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
    options: KeyOptions | None = None,
) -> Cutout:
    """Cut what is not screen out of a frame.

    frame, holdout, garbage: arrays as in `cutout`. screen: as `estimate_screen` says for this
    frame, or for another one of the same camera, light and size. holdout, garbage: what surely is
    subject (there alpha is 1 and the foreground is the frame, green or not) and surely is not.
    Raises InputError for other arrays, and where sizes differ.
    """
    frame = to_picture(frame, "frame")
    holdout, garbage = to_masks(*frame.shape[:2], holdout=holdout, garbage=garbage)
    if frame.shape != screen.light.shape:
        raise InputError(
            f"The frame is {size_of(frame)}, the screen was estimated for "
            f"{size_of(screen.light)}: estimate it for this size."
        )
    options = options or KeyOptions()
    alpha, foreground = _solve(frame, screen, options)
    return Cutout(alpha, foreground).masked(frame, holdout, garbage)


def despill_screen(
    foreground: Picture, light: Picture, axis: HueAxis, strength: float = 1.0
) -> Picture:
    """Take the light that the screen throws on the subject off it.

    foreground, light: ... 3, light-linear; the screen. What is taken off has the screen's own
    colour, and only as much as the colour difference is above 0: grey with spill becomes that grey
    again, and skin, which has less of the hue than grey has, stays as it is.
    """
    if strength <= 0:
        return foreground
    excess = np.maximum(colour_difference(foreground, axis), 0)
    amount = excess / np.maximum(colour_difference(light, axis), np.float32(1e-3))
    return np.maximum(foreground - np.float32(strength) * amount[..., None] * light, 0)


def _solve(frame: Picture, screen: Screen, options: KeyOptions) -> tuple[Picture, Picture]:
    """Alpha H W 1 and straight foreground H W 3, sRGB-encoded, black far from the subject.

    Only pixels that are not surely screen are solved, as lists: most of a shot is screen.
    """
    linear, light = to_linear(frame).reshape(-1, 3), screen.light.reshape(-1, 3)
    floor = options.clean * screen.level
    high, seen = _differing(linear, light, screen, floor)
    solid = find_solid(high, screen.level)
    # Colour goes on a little beyond alpha, or whoever resizes the cutout gets a dark rim.
    rim = cv2.dilate(seen.astype(np.uint8), np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) > 0
    inside, mixed = np.flatnonzero(solid), np.flatnonzero(rim & ~solid)
    alpha, foreground = solid.astype(np.float32), np.zeros(frame.shape, np.float32)
    flat = foreground.reshape(-1, 3)
    own = despill_screen(linear[inside], light[inside], screen.axis)
    shown = despill_screen(linear[inside], light[inside], screen.axis, options.despill)
    # What has no spill keeps its value to the last bit.
    spilled = (shown != linear[inside]).any(axis=1)
    flat[inside] = frame.reshape(-1, 3)[inside]
    flat[inside[spilled]] = to_encoded(shown[spilled])
    if len(mixed):
        observed, behind = linear[mixed], light[mixed]
        guess = guess_foreground(own, solid, mixed)
        low = least_alpha(observed, behind, screen.noise)
        most = largest_alpha(observed, behind, screen.axis)
        solved, colour = solve_mixed(observed, behind, guess, (low, most), screen.noise)
        solved = fade_noise(solved * seen.reshape(-1)[mixed], floor)
        alpha.reshape(-1)[mixed] = np.where(solved > options.opaque, np.float32(1), solved)
        flat[mixed] = to_encoded(despill_screen(colour, behind, screen.axis, options.despill))
    return alpha[..., None], foreground


def _differing(
    linear: Picture, light: Picture, screen: Screen, floor: float
) -> tuple[Picture, Mask]:
    """Alpha by colour difference, H W, 0 where it is screen; and where it is not, H W.

    linear, light: H*W 3. floor: alpha that noise alone can make.
    """
    # Sure in another frame, perhaps: what lost much of the screen's hue is no screen in this one.
    least = KEPT_HUE * (light @ screen.axis.along) - 6 * np.float32(screen.noise)
    kept = linear @ screen.axis.along > least
    doubted = np.flatnonzero(~(screen.sure.reshape(-1) & kept))
    observed, behind = linear[doubted], light[doubted]
    high = np.zeros(screen.sure.shape, np.float32)
    seen = np.zeros(screen.sure.shape, bool)
    most = largest_alpha(observed, behind, screen.axis)
    high.reshape(-1)[doubted] = most
    seen.reshape(-1)[doubted] = (most >= floor) | (
        least_alpha(observed, behind, screen.noise) >= floor
    )
    return high, seen
