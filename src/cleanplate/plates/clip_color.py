"""Exposure followed through a clip: looked at in every frame, fitted only when it has drifted."""

import math

import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest
from cleanplate.plates.color import ColorMatch, fit_color
from cleanplate.plates.geometry import Picture

DRIFT = 0.4 / 255  # of a channel's median in dark or bright places, from which it is fitted anew
MENDED = 0.7  # of the drift: a new match that leaves more is no better than the old one
CLOSE = 0.06  # difference up to which a place shows the plate
FOLLOWING = 0.75  # share of the places agreeing before that must still agree
FEW = 100  # places that say nothing


def follow_color(
    plate: Picture,
    frame: Picture,
    color: ColorMatch,
    usable: NDArray[np.bool_],
    borne: float = 0.0,
) -> tuple[ColorMatch, float]:
    """Give the colour match for this frame: `color` itself unless it has drifted visibly.

    plate, frame: h w 3, 0..1, small (`plate_color.SIDE`), lying on one another; the plate in
    its own colours. color: the match so far. usable: h w, where they may be compared.
    borne: the drift of a frame before that no other match could mend, 0 for none: not worth
    another attempt before it has grown. Returns the match and what is borne from now on.
    """
    before, after = plate[usable], frame[usable]
    if len(before) < FEW:
        return color, borne
    drift = _drift(color.apply(before[None])[0], after, color.share)
    if drift <= DRIFT:
        return color, 0.0
    if drift <= borne + DRIFT:
        return color, borne
    found = fit_color(plate, frame, usable.astype(np.float32), color)
    left = _drift(found.apply(before[None])[0], after, found.share)
    if found.share > 0 and left < MENDED * drift:
        return found, left if left > DRIFT else 0.0
    return color, drift if math.isfinite(drift) else 0.0


def agreement(plate: Picture, frame: Picture, usable: NDArray[np.bool_]) -> float:
    """Share of the usable places in which plate and frame (h w 3, colours matched) agree."""
    if not usable.any():
        return 0.0
    return float((largest(np.abs(plate - frame)) < CLOSE)[usable].mean())


def _drift(matched: Picture, frame: Picture, share: float) -> float:
    """Tell how far the medians of dark and of bright places (P 3) are off in any channel, 0..1.

    Infinite where too few places agree at all.
    """
    difference = frame - matched
    close = largest(np.abs(difference)) < CLOSE
    if close.mean() < FOLLOWING * share:
        return math.inf
    difference, light = difference[close], matched[close].mean(axis=1)
    if len(difference) < FEW:
        return 0.0
    dark = light <= np.median(light)
    parts = (difference[part] for part in (dark, ~dark) if part.any())
    return max(float(np.abs(np.median(part, axis=0)).max()) for part in parts)
