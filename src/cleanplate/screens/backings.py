"""Two backings: the exact matte of a subject shot before two different scenes.

Smith and Blinn, "Blue Screen Matting" (1996), section 4, theorem 4: two frames of one subject and
both plates give six equations for four unknowns at each pixel; they are solved by least squares, in
linear light.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb, srgb_to_linear
from cleanplate.composite import unpremultiply
from cleanplate.errors import InputError, PlateError
from cleanplate.pictures import size_of, to_picture
from cleanplate.pipeline import Cutout
from cleanplate.plate import fit_plate
from cleanplate.screens.fields import blur
from cleanplate.screens.solve import fade_noise

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

APART = 0.02  # light-linear distance of the backings below which noise decides alpha
MOST_DEGENERATE = 0.5  # share of the frame
SOLID = 0.95
FEW = 400  # pixels, too few to compare exposures or places by
LEAST_GAIN = 0.002  # smaller differences of exposure are left alone
MOST_RECOLOURED = 0.6  # difference of the channels' exposures that no white balance makes
MOST_DISAGREEMENT = 0.03  # light-linear
STILL = 0.5  # pixels: smaller moves of the camera between the two shots are left alone


@dataclass(frozen=True)
class TwoBackings:
    """A cutout and what is to be known about it.

    certain: H W 1, 0 where both backings look the same (there alpha is carried on from around) to
    1. degenerate: share of the frame where alpha is carried on. disagreement: mean light-linear
    difference of the two frames on the solid subject, which is 0 if it stood still in equal light.
    """

    cutout: Cutout
    certain: Picture
    degenerate: float
    disagreement: float


def key_two_backings(
    frames: tuple[NDArray[Any], NDArray[Any]],
    plates: tuple[NDArray[Any], NDArray[Any]],
    *,
    align: bool = True,
    warn: Callable[[str], None] | None = None,
) -> TwoBackings:
    """Alpha and foreground of a subject that stood still before two backings.

    frames: the two shots, arrays as in `cutout`, of one size. plates: their backings without the
    subject. align: lay each plate on its frame and match its exposure first, then the second shot
    on the first by the solid subject. warn: takes one sentence for each doubt.
    Raises InputError for other arrays, where the sizes differ or the backings look the same,
    PlateError for plates that do not show their frame's scene.
    """
    tell = warn or (lambda sentence: None)
    first, second = frames = _pictures(frames, "shot")
    plates = _pictures(plates, "plate")
    if first.shape != second.shape:
        raise InputError(
            f"The two shots are {size_of(first)} and {size_of(second)}, equal sizes were "
            "expected: give both as the camera made them."
        )
    if align:
        plates = _laid(plates, frames, tell)
    elif any(plate.shape != first.shape for plate in plates):
        raise InputError("Without alignment shots and plates must all have one size.")
    observed = [np.asarray(srgb_to_linear(frame), np.float32) for frame in frames]
    empty = [np.asarray(srgb_to_linear(plate), np.float32) for plate in plates]
    alpha, mixed, certain = triangulate(observed, empty)
    if align:
        empty = _relit(observed, empty, alpha)
        alpha, mixed, certain = triangulate(observed, empty)
        observed[1], empty[1] = _matched(frames, observed, empty, alpha, certain)
        alpha, mixed, certain = triangulate(observed, empty)
    straight = np.clip(unpremultiply(mixed, np.maximum(alpha, 1e-3)), 0, 1)
    alpha = fade_noise(alpha, _noise(alpha))
    degenerate = float((certain < 0.5).mean())
    _judge(degenerate, tell)
    encoded = np.asarray(linear_to_srgb(straight), np.float32)
    disagreement = _disagreement(observed, (alpha > SOLID) & (certain > 0.5), tell)
    return TwoBackings(Cutout(alpha, encoded), certain, degenerate, disagreement)


def _pictures(given: tuple[NDArray[Any], NDArray[Any]], what: str) -> tuple[Picture, Picture]:
    first, second = given
    return to_picture(first, f"{what} A"), to_picture(second, f"{what} B")


def triangulate(frames: list[Picture], plates: list[Picture]) -> tuple[Picture, Picture, Picture]:
    """Solve both compositing equations (section 4, theorem 4) at every pixel.

    frames, plates: two each, H W 3, light-linear, aligned. From I1 - I2 = (1 - alpha) (P1 - P2)
    follows the least squares alpha, and the foreground is the mean of what both shots leave.
    Returns alpha H W 1, foreground_premultiplied H W 3, and how certain alpha is, H W 1: where the
    backings hardly differ, it is that of the pixels around.
    """
    span = plates[0] - plates[1]
    length = np.einsum("yxc,yxc->yx", span, span)[..., None]
    between = np.einsum("yxc,yxc->yx", frames[0] - frames[1], span)[..., None]
    weight = np.float32(APART**2)
    certain = length / (length + weight)
    raw = np.clip(1 - between / np.maximum(length, 1e-8), 0, 1)
    alpha = certain * raw + (1 - certain) * _around(raw, certain)
    mixed = sum(
        frame - (1 - alpha) * plate for frame, plate in zip(frames, plates, strict=True)
    ) / np.float32(2)
    # Coverage cannot give off more light than white does.
    return alpha, np.clip(mixed, 0, alpha), certain


def _noise(alpha: Picture) -> float:
    """Three standard deviations of alpha where nothing is, as far as that can be told apart."""
    low = alpha[alpha < 0.1]
    return 3 * min(float(np.percentile(low, 84)), 0.012) if low.size else 0.0


def _around(alpha: Picture, certain: Picture) -> Picture:
    """Mean alpha of the certain pixels near each pixel: H W 1."""
    weight = certain * certain
    layers = np.concatenate([alpha * weight, weight], axis=2)
    total = np.full_like(layers, 1e-12)
    sigma, share = 1.5, np.float32(1)
    while sigma < 0.1 * max(alpha.shape):
        total += share * blur(layers, sigma)
        sigma, share = sigma * 3, share * np.float32(1e-2)
    return np.asarray(np.clip(total[..., :1] / total[..., 1:], 0, 1), np.float32)


def _laid(
    plates: tuple[Picture, Picture], frames: tuple[Picture, Picture], tell: Callable[[str], None]
) -> tuple[Picture, Picture]:
    """Lay each plate on its frame, in the frame's exposure; doubts are told at the end."""
    laid: list[Picture] = []
    doubts: list[str] = []
    for plate, frame, name in zip(plates, frames, "AB", strict=True):
        aligned, report = fit_plate(plate, frame)
        # A plain backing has nothing to recognise; of another colour it is another backing.
        middle = np.array(report.gain) * 0.5**report.gamma + np.array(report.bias)
        if np.ptp(middle) > MOST_RECOLOURED * abs(middle.mean()):
            raise PlateError(
                f"Plate {name} does not show the backing of shot {name}, its colours are others: "
                "give the plates in the order of the shots."
            )
        laid.append(aligned.plate)
        doubts += [f"Plate {name}: {sentence}" for sentence in report.warnings]
    for sentence in doubts:
        tell(sentence)
    return laid[0], laid[1]


def _relit(observed: list[Picture], empty: list[Picture], alpha: Picture) -> list[Picture]:
    """Give each plate the exposure that its shot has where nothing stands before it."""
    free = alpha[..., 0] < 0.05
    if free.sum() < FEW:
        return empty
    return [plate * _gain(shot, plate, free) for shot, plate in zip(observed, empty, strict=True)]


def _matched(
    frames: tuple[Picture, Picture],
    observed: list[Picture],
    empty: list[Picture],
    alpha: Picture,
    certain: Picture,
) -> tuple[Picture, Picture]:
    """Second shot and its plate, light-linear, in the place and exposure of the first.

    Both are told by the solid subject alone, the one thing that the two shots share.
    """
    solid = ((alpha > SOLID) & (certain > 0.5)).astype(np.float32)
    if solid.sum() < FEW:
        return observed[1], empty[1]
    moved = _placed(frames, observed, empty[1], solid)
    gain = _gain(observed[0], moved[0], solid[..., 0] > 0)
    return moved[0] * gain, moved[1] * gain


def _placed(
    frames: tuple[Picture, Picture], observed: list[Picture], plate: Picture, solid: Picture
) -> tuple[Picture, Picture]:
    """Lay the second shot and its plate on the first, where that makes the subject agree better."""
    aligned, report = fit_plate(frames[1], frames[0], holdout=1 - solid, refuse=False)
    if not (report.shift > STILL and np.isfinite(report.residual)):
        return observed[1], plate
    size = (solid.shape[1], solid.shape[0])
    shot, empty = (
        np.asarray(
            cv2.warpPerspective(
                layer,
                aligned.homography,
                size,
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.float32,
        ).clip(0, 1)
        for layer in (observed[1], plate)
    )
    better = _apart(observed[0], shot, solid) < 0.8 * _apart(observed[0], observed[1], solid)
    return (shot, empty) if better else (observed[1], plate)


def _gain(first: Picture, second: Picture, counted: Mask) -> Picture:
    """Exposure of the first shot by that of the second, a number each channel."""
    darkest = np.minimum(first.min(axis=2), second.min(axis=2))
    brightest = np.maximum(first.max(axis=2), second.max(axis=2))
    told = counted & (darkest > 0.01) & (brightest < 0.95)
    if told.sum() < FEW:
        return np.ones(3, np.float32)
    gain = np.median(first[told] / second[told], axis=0).astype(np.float32)
    return gain if np.abs(gain - 1).max() > LEAST_GAIN else np.ones(3, np.float32)


def _apart(one: Picture, other: Picture, solid: Picture) -> float:
    """Median difference over the solid subject: a few moved fingers do not count."""
    return float(np.median(np.abs(one - other).mean(axis=2)[solid[..., 0] > 0]))


def _disagreement(observed: list[Picture], solid: Mask, tell: Callable[[str], None]) -> float:
    """Mean difference of the two shots where the subject is solid."""
    apart = np.abs(observed[0] - observed[1]).mean(axis=2, keepdims=True)[solid]
    disagreement = float(apart.mean()) if apart.size else 0.0
    if disagreement > MOST_DISAGREEMENT:
        tell(
            "The subject looks different in the two shots: it moved, or the light on it changed; "
            "the matte is soft where it did."
        )
    return disagreement


def _judge(degenerate: float, tell: Callable[[str], None]) -> None:
    if degenerate > MOST_DEGENERATE:
        raise InputError(
            f"The two backings look the same over {degenerate:.0%} of the frame, so that alpha "
            "cannot be told there: use backings of different colours, like black and white or "
            "green and magenta."
        )
    if degenerate > 0.01:
        tell(
            f"The two backings have the same colour over {degenerate:.0%} of the frame; alpha is "
            "carried on from around there."
        )
