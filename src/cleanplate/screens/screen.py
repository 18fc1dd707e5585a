"""The screen: which colour it has, how much of it is seen, and its light at every pixel."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest
from cleanplate.errors import InputError
from cleanplate.pictures import to_masks, to_picture
from cleanplate.pipeline import check_sizes
from cleanplate.screens.fields import fit_polynomial, spread_out
from cleanplate.screens.hue import (
    HueAxis,
    find_hue,
    hue_name,
    hues_of,
    is_cloth,
    split_chroma,
)
from cleanplate.screens.light import to_linear

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

SMALL = 192  # longer side of the picture on which the light is fitted
HUE_SLACK = 0.55  # tangent of the angle by which a pixel's hue may leave the screen's
UNEVEN = 0.35  # relative brightness left after a smooth fit: no lit cloth is that restless
# By how much of its light a wrinkle may differ from the smooth fit, at least and at most; and a
# screen from its plate, which shows the wrinkles.
WRINKLE = (0.15, 0.3)
PLATE_OFF = (0.02, 0.06)
REACH = 0.025  # share of the side: no soft edge of a subject is wider
MEASURED = 320  # pixels along the longer side from which noise is told
FEWEST = {True: 0.02, False: 0.1}  # share of the frame, with the colour given and found
FEWEST_SURE = {True: 0.01, False: 0.1}  # share that shows nothing but screen
# A cloth has one hue, whatever the light; leaves, petals and skies have several. And what has the
# screen's hue is the screen, but for a soft edge and a green tie.
HUE_SPREAD = 10.0  # degrees, 5 to 95 %
LEAST_SURE = 0.5  # share of what has the hue
# A subject stands before a screen, a sky stands above it: of the rows that may show screen at
# least so many must, where no colour was given.
FEWEST_ROWS = 0.6
SHOWN_IN_ROW = 0.05  # share of a row from which on it shows screen


@dataclass(frozen=True)
class Screen:
    """The empty screen as this camera would see it, everywhere, the subject's place included.

    light: H W 3 float32, light-linear. axis: the screen's hue. sure: H W, True where the frame
    shows nothing but screen. noise: standard deviation of one light-linear channel around `light`
    where sure. level: standard deviation of alpha there, from the colour difference.
    share: how much of the frame is sure. unevenness: brightest by darkest lit screen (5 and 95 %).
    """

    light: Picture
    axis: HueAxis
    sure: Mask
    noise: float
    level: float
    share: float
    unevenness: float


def estimate_screen(
    frame: NDArray[Any],
    *,
    plate: NDArray[Any] | None = None,
    colour: tuple[float, float, float] | None = None,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
) -> Screen:
    """Find the screen in a frame and say its light at each pixel.

    frame, plate, holdout, garbage: arrays as in `cutout`. plate: the empty screen, aligned to the
    frame and of its size, or None: then a smooth light is fitted to what is seen of the screen (a
    polynomial, reweighted), and wrinkles are followed to the subject's edge. With a plate the
    wrinkles are the plate's, and only the light is fitted. colour: the screen's, R G B 0..1, or
    None to find it; only its hue matters. holdout, garbage: no screen is looked for there.
    Raises InputError where there is no such screen, and for arrays that are none of a frame, a
    plate and masks of one size.
    """
    frame = to_picture(frame, "frame")
    allowed = _allowed(
        to_masks(*frame.shape[:2], holdout=holdout, garbage=garbage), frame, colour is not None
    )
    if plate is not None:
        plate = to_picture(plate, "plate")
        check_sizes(plate, frame)
    linear = to_linear(frame)
    plate_linear = None if plate is None else to_linear(plate)
    shown = linear if plate_linear is None else plate_linear
    has_plate = plate_linear is not None
    axis = find_hue(shown, None if has_plate else allowed, colour, is_plate=has_plate)
    like = looks_like(linear, axis) & allowed
    _refuse_little(_share(like), axis, given=colour is not None, has_plate=has_plate)
    base = _smooth_light(linear, plate_linear, like)
    sure, uneven = _sure(linear, base, like, WRINKLE if plate is None else PLATE_OFF)
    if uneven > UNEVEN or _share(sure) < FEWEST_SURE[colour is not None]:
        raise InputError(
            f"What is {hue_name(axis)} in this frame is too restless to be a lit screen "
            f"(brightness varies by {uneven:.0%} from place to place): give a frame shot before a "
            "plain screen, or name its colour with --screen."
        )
    if colour is None and plate is None:
        _refuse_sky(sure, allowed, axis)
        _refuse_scenery(base, like, sure, axis)
    light = _follow_wrinkles(linear, base, sure)
    return _measured(linear, light, axis, sure)


def looks_like(linear: Picture, axis: HueAxis) -> Mask:
    """Where pixels have the screen's hue and enough of it: H W, True or False."""
    along, across = split_chroma(linear, axis)
    brightest = largest(linear)
    saturated = along > 0.45 * axis.saturation * brightest
    return np.asarray(saturated & (np.abs(across) < HUE_SLACK * along) & (brightest > 0.01))


def _allowed(masks: tuple[Picture | None, ...], frame: Picture, given: bool) -> Mask:
    allowed = np.ones(frame.shape[:2], bool)
    for mask in masks:
        if mask is not None:
            allowed &= mask[..., 0] < 0.5
    if _share(allowed) < FEWEST[given]:
        raise InputError(
            f"Holdout and garbage leave {_share(allowed):.1%} of the frame to estimate the screen "
            f"from, at least {FEWEST[given]:.0%} was expected: make them smaller."
        )
    return allowed


def _refuse_little(share: float, axis: HueAxis, given: bool, has_plate: bool) -> None:
    if share < FEWEST[given]:
        screen = "the screen of the plate" if has_plate else "a screen"
        raise InputError(
            f"Only {share:.1%} of the frame is {hue_name(axis)} like {screen}, at least "
            f"{FEWEST[given]:.0%} was expected: is there a screen, and is it of that colour? "
            "For a shot without one use `cleanplate cut` with a clean plate."
        )


def _refuse_sky(sure: Mask, allowed: Mask, axis: HueAxis) -> None:
    rows = allowed.mean(axis=1) > SHOWN_IN_ROW
    shown = sure.mean(axis=1)[rows] > SHOWN_IN_ROW * allowed.mean(axis=1)[rows]
    if shown.mean() < FEWEST_ROWS:
        raise InputError(
            f"What is {hue_name(axis)} in this frame is seen in {shown.mean():.0%} of its rows "
            "only, like a sky or a wall above something else, and not behind a subject: if it is "
            "a screen all the same, name its colour with --screen."
        )


def _refuse_scenery(base: Picture, like: Mask, sure: Mask, axis: HueAxis) -> None:
    """Raise InputError for leaves, petals, skies and water, as far as they differ from a cloth."""
    sample = _sample(sure)
    hues, saturation = hues_of(base[sample][sure[sample]])
    middle = float(np.median(hues))
    low, high = np.percentile((hues - middle + 180) % 360 - 180, (5, 95))
    found = hue_name(axis)
    if high - low > HUE_SPREAD or _share(sure) < LEAST_SURE * _share(like):
        why = "has many hues or shades, like leaves or a sky, and not one as a cloth has"
    elif not is_cloth(np.array([middle]), np.array([np.median(saturation)]))[0]:
        why = "is pale or off the hue of a screen, like a sky or water"
    else:
        return
    raise InputError(
        f"What is {found} in this frame {why}: if it is a screen all the same, name its colour "
        "with --screen; for a shot without one use `cleanplate cut` with a clean plate."
    )


def _smooth_light(linear: Picture, plate: Picture | None, like: Mask) -> Picture:
    """Smooth light of the screen, or the plate times a smooth change of light: H W 3."""
    height, width = like.shape
    scale = min(1.0, SMALL / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    shown = cv2.resize(like.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    weight = np.asarray(shown, np.float32)
    small = cv2.resize(linear * like[..., None], size, interpolation=cv2.INTER_AREA)
    seen = np.asarray(small / np.maximum(weight, 1e-6)[..., None], np.float32)
    weight = np.where(weight > 0.9, weight, np.float32(0))  # edges mix with the subject
    if plate is None:
        fitted = fit_polynomial(seen, weight, degree=4)
        low = np.percentile(seen[weight > 0], 1, axis=0) if weight.any() else 0.0
        fitted = np.maximum(fitted, 0.5 * np.asarray(low, np.float32))
        return np.asarray(cv2.resize(fitted, (width, height), interpolation=cv2.INTER_LINEAR))
    shown = cv2.resize(plate * like[..., None], size, interpolation=cv2.INTER_AREA)
    shown = shown / np.maximum(weight, 1e-6)[..., None]
    change = fit_polynomial((seen / np.maximum(shown, 1e-3)).astype(np.float32), weight, degree=2)
    change = np.clip(change, 0.5, 2.0)
    grown = cv2.resize(change, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(plate * grown, np.float32)


def _sure(
    linear: Picture, base: Picture, like: Mask, allowed: tuple[float, float]
) -> tuple[Mask, float]:
    """Where the frame shows screen alone, H W; and how restless it is (relative brightness).

    Close to the subject a pixel must be as the smooth light says, within the screen's own spread;
    farther away, where no soft edge reaches, a wrinkle may be much brighter or darker: by six
    times that spread, kept within `allowed`.
    """
    if not like.any():
        return like, np.inf
    length = _dot(base, base) + np.float32(1e-6)
    along = _dot(linear, base) / length
    brightness = along - 1
    # Squared, of what is left across the base's colour.
    colour = np.maximum(_dot(linear, linear) / length - along * along, 0)
    sample = np.s_[:: max(1, max(like.shape) // 400), :: max(1, max(like.shape) // 400)]
    shown = like[sample]
    uneven = 1.48 * float(np.median(np.abs(brightness[sample][shown])))
    stray = 1.48 * float(np.sqrt(np.median(colour[sample][shown])))
    hue = like & (colour < (0.02 + 2.5 * min(stray, 0.08)) ** 2)
    brightness = np.abs(brightness, out=brightness)
    wrinkle = hue & (brightness < np.clip(6 * uneven, *allowed))
    close = hue & (brightness < min(allowed[1], 0.02 + 3 * uneven))
    subject = cv2.morphologyEx((~wrinkle).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3)))
    edge, reach = max(2.0, max(like.shape) / 240), max(4.0, REACH * max(like.shape))
    away = cv2.distanceTransform(1 - subject, cv2.DIST_L2, 5)
    return (wrinkle & (away > reach)) | (close & (away > edge)), uneven


def _dot(one: Picture, other: Picture) -> Picture:
    """Sum of the products of the three channels: H W."""
    return np.asarray(
        one[..., 0] * other[..., 0] + one[..., 1] * other[..., 1] + one[..., 2] * other[..., 2]
    )


def _follow_wrinkles(linear: Picture, base: Picture, sure: Mask) -> Picture:
    """Add to the smooth light what is left of the screen, carried on under the subject's edge."""
    left = spread_out(linear - base, sure)
    return np.asarray(np.maximum(base + left, 1e-4), np.float32)


def _sample(sure: Mask) -> tuple[slice, slice]:
    """Every n-th pixel, of which some are sure."""
    step = -(-max(sure.shape) // MEASURED)
    sample = np.s_[::step, ::step]
    return sample if sure[sample].any() else np.s_[:, :]


def _share(mask: Mask) -> float:
    return float(np.count_nonzero(mask) / mask.size)


def _measured(linear: Picture, light: Picture, axis: HueAxis, sure: Mask) -> Screen:
    sample = _sample(sure)
    counted = sure[sample]
    shown, seen = light[sample][counted], linear[sample][counted]
    noise = 1.48 * float(np.median(np.abs(seen - shown)))
    along, seen_along = split_chroma(shown, axis)[0], split_chroma(seen, axis)[0]
    level = 1.48 * float(np.median(np.abs(1 - seen_along / np.maximum(along, 1e-3))))
    low, high = np.percentile(shown.sum(axis=1), (5, 95))
    return Screen(
        light=light,
        axis=axis,
        sure=sure,
        noise=max(noise, 5e-4),
        level=max(level, 1e-3),
        share=_share(sure),
        unevenness=float(high / max(low, 1e-6)),
    )
