"""Hue in linear light: the axis of a screen's colour, and how to find it."""

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.color import srgb_to_linear
from cleanplate.errors import InputError

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Two directions that span all colours of one brightness, red at angle 0.
_RED = np.array([2, -1, -1], np.float32) / np.float32(np.sqrt(6))
_QUARTER = np.array([0, 1, -1], np.float32) / np.float32(np.sqrt(2))

CONE = np.float32(1 / np.sqrt(3))  # hues up to 60 degrees away count as the screen's, in part
# Cloth and paint for screens, looked for unasked: hue from and to, degrees, and least chroma by the
# brightest channel. Skin, wood and sand are more yellow, most skies paler or nearer to cyan.
CLOTHS = ((100.0, 165.0, 0.58), (226.0, 265.0, 0.66))
LEAST_SATURATION = 0.3  # where the colour is given
WINDOW = 35.0  # degrees by which a screen may be off the colour that was given
BIN = 5  # degrees
SEARCH_SIDE = 160
NAMES = ("red", "yellow", "green", "cyan", "blue", "magenta")


@dataclass(frozen=True)
class HueAxis:
    """A hue: unit vectors along and across it, among colours of no brightness (3 each).

    saturation: of the screen, chroma along the axis by the brightest channel, light-linear.
    """

    along: Picture
    across: Picture
    saturation: float


def axis_at(degrees: float, saturation: float) -> HueAxis:
    """Make the axis at a hue (0 red, 120 green, 240 blue)."""
    angle = np.deg2rad(degrees)
    along = np.cos(angle) * _RED + np.sin(angle) * _QUARTER
    across = -np.sin(angle) * _RED + np.cos(angle) * _QUARTER
    return HueAxis(along.astype(np.float32), across.astype(np.float32), saturation)


def split_chroma(linear: Picture, axis: HueAxis) -> tuple[Picture, Picture]:
    """Chroma along and across a hue; `linear` ends in 3 channels, what comes out has none."""
    return linear @ axis.along, linear @ axis.across


def colour_difference(linear: Picture, axis: HueAxis) -> Picture:
    """How much of the screen's hue is in a colour: 0 for grey, below 0 for hues 60 degrees away.

    For a green screen it is, but for a factor, green less the larger of red and blue: what
    optical printers and Vlahos' colour difference keyers subtract, turned to any hue.
    linear: ... 3, light-linear. Returns one value a pixel; it is linear along any mix with grey.
    """
    along, across = split_chroma(linear, axis)
    return np.asarray(along - CONE * np.abs(across), np.float32)


def find_hue(
    linear: Picture,
    allowed: Mask | None,
    colour: tuple[float, float, float] | None,
    *,
    is_plate: bool = False,
) -> HueAxis:
    """Find the hue that a screen has in a picture.

    linear: H W 3, light-linear. allowed: H W, where to look, or None for everywhere.
    colour: what the screen should look like (R G B, sRGB-encoded), or None for the commonest
    hue of cloth and paint for screens. is_plate: the picture is a plate, for the sentence.
    Raises InputError for a grey colour or none, and where nothing saturated is there.
    """
    hues, saturation = _hues(linear, allowed)
    if colour is not None:
        wanted = _hue_of(colour)
        inside = np.abs((hues - wanted + 180) % 360 - 180) < WINDOW
        inside &= saturation > LEAST_SATURATION
        looked_for = hue_name(axis_at(wanted, 1.0))
    else:
        inside = is_cloth(hues, saturation)
        looked_for = "green or blue"
    if inside.sum() < max(1, 0.01 * len(hues)):
        shown, advice = "this frame", "use `cleanplate cut` with a clean plate"
        if is_plate:
            shown, advice = "the plate", "give a plate that shows the empty screen"
        name = "name" if colour is None else "name another"
        raise InputError(
            f"No {looked_for} screen is in {shown}: almost nothing has that colour. "
            f"{name.capitalize()} colour for the screen with --screen, or {advice}."
        )
    counts = np.bincount((hues[inside] // BIN).astype(int) % (360 // BIN), minlength=360 // BIN)
    wide = counts + np.roll(counts, 1) + np.roll(counts, -1)
    peak = (int(np.argmax(wide)) + 0.5) * BIN
    off = (hues - peak + 180) % 360 - 180
    near = inside & (np.abs(off) < 2 * BIN)
    degrees = peak + float(np.median(off[near]))
    return axis_at(degrees, float(np.median(saturation[near])))


def is_cloth(hues: Picture, saturation: Picture) -> Mask:
    """Whether hues (degrees, n) and saturations (n) are those of cloth and paint for screens."""
    fits = [(hues > low) & (hues < high) & (saturation > least) for low, high, least in CLOTHS]
    return np.asarray(np.any(fits, axis=0), bool)


def hues_of(linear: Picture) -> tuple[Picture, Picture]:
    """Hue in degrees 0..360, and chroma by the brightest channel: n each, of n 3, light-linear."""
    red, quarter = linear @ _RED, linear @ _QUARTER
    hues = np.rad2deg(np.arctan2(quarter, red)) % 360
    saturation = np.hypot(red, quarter) / np.maximum(linear.max(axis=1, initial=0), 0.02)
    return hues.astype(np.float32), saturation.astype(np.float32)


def hue_name(axis: HueAxis) -> str:
    """Name a hue in one word."""
    angle = np.rad2deg(np.arctan2(axis.along @ _QUARTER, axis.along @ _RED))
    return NAMES[round(float(angle) / 60) % 6]


def _hues(linear: Picture, allowed: Mask | None) -> tuple[Picture, Picture]:
    """Hue in degrees 0..360 and saturation of a small picture's pixels: n each."""
    scale = min(1.0, SEARCH_SIDE / max(linear.shape[:2]))
    size = (max(1, round(linear.shape[1] * scale)), max(1, round(linear.shape[0] * scale)))
    small = cv2.resize(linear, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    if allowed is not None:
        kept = cv2.resize(allowed.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        small = small[kept.reshape(-1) > 0]
    return hues_of(np.asarray(small, np.float32))


def _hue_of(colour: tuple[float, float, float]) -> float:
    if not all(0 <= value <= 1 for value in colour):
        raise InputError(
            "The screen's colour has values below 0 or above 255: give green, blue or #rrggbb."
        )
    if colorsys.rgb_to_hsv(*colour)[1] < 0.2:
        raise InputError(
            "The screen's colour is almost grey, a saturated one was expected: "
            "grey cannot be told from the subject; use `cleanplate cut` with a clean plate."
        )
    linear = srgb_to_linear(np.array(colour, np.float32))
    return float(np.rad2deg(np.arctan2(linear @ _QUARTER, linear @ _RED)) % 360)
