"""Exposure followed through a clip: looked at in every frame, fitted only when it has drifted."""

import numpy as np
from numpy.typing import NDArray

from cleanplate.plates.color import ColorMatch, fit_color
from cleanplate.plates.geometry import Picture

DRIFT = 0.4 / 255  # of a channel's median in dark or bright places, from which it is fitted anew
CLOSE = 0.06  # difference up to which a place shows the plate
FOLLOWING = 0.75  # share of the places agreeing before that must still agree
FEW = 100  # places that say nothing


def follow_color(
    plate: Picture,
    frame: Picture,
    color: ColorMatch,
    usable: NDArray[np.bool_],
) -> ColorMatch:
    """Give the colour match for this frame: `color` itself unless it has drifted visibly.

    plate, frame: h w 3, 0..1, small (`plate_color.SIDE`), lying on one another; the plate in
    its own colours. color: the match so far. usable: h w, where they may be compared.
    """
    before = plate[usable]
    after = frame[usable]
    if len(before) < FEW or not _drifted(color.apply(before[None])[0], after, color.share):
        return color
    found = fit_color(plate, frame, usable.astype(np.float32), color)
    return found if found.share > 0 and not found.like(color) else color


def agreement(plate: Picture, frame: Picture, usable: NDArray[np.bool_]) -> float:
    """Share of the usable places in which plate and frame (h w 3, colours matched) agree."""
    if not usable.any():
        return 0.0
    return float((np.abs(plate - frame).max(axis=2) < CLOSE)[usable].mean())


def _drifted(matched: Picture, frame: Picture, share: float) -> bool:
    """Whether dark or bright places (P 3) differ by more than what nobody sees."""
    difference = frame - matched
    close = np.abs(difference).max(axis=1) < CLOSE
    if close.mean() < FOLLOWING * share:
        return True
    difference, light = difference[close], matched[close].mean(axis=1)
    if len(difference) < FEW:
        return False
    middle = np.median(light)
    for part in (light <= middle, light > middle):
        if part.any() and np.abs(np.median(difference[part], axis=0)).max() > DRIFT:
            return True
    return False
