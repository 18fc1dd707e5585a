"""Colour match of a plate to a frame: gain, bias and gamma, never fitted on the subject.

The picture behind the subject obeys one curve from plate to frame; the subject obeys none.
So: find the curve that the most pixels share (a vote among guesses drawn from single pixels
and pairs), then fit it to those that follow it, leaving out the others (Tukey's weights).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Numbers = NDArray[np.float64]

SIDE = 240  # longer side on which colours are compared
VOTERS = 500
FITTED = 4000  # pixels that take part in the fit
TOLERANCE = 0.03  # of 0..1: how far a pixel may be from a guessed curve
CLIPPED = (0.02, 0.98)
STRAIGHT = 5e-4  # a gamma this close to 1 changes nothing (0.05 of 255 levels)
THIN = 120  # fewer agreeing pixels than this say nothing


@dataclass(frozen=True)
class ColorMatch:
    """matched = gain * plate ** gamma + bias, clamped to 0..1, for each channel.

    gain, bias: 3 numbers (1 for grey pictures). gamma: one number for all channels, since
    it stands for the camera's tone curve. share: share of the compared pixels that follow.
    """

    gain: tuple[float, ...]
    bias: tuple[float, ...]
    gamma: float
    share: float

    @property
    def is_identity(self) -> bool:
        """Whether applying it changes nothing that can be seen (0.2 of 255 levels)."""
        return self.like(identity_match(len(self.gain)))

    def like(self, other: "ColorMatch") -> bool:
        """Whether both give the same colours to within 0.2 of 255 levels."""
        levels = np.linspace(0.05, 0.95, 10)[:, None]
        ours = np.array(self.gain) * levels**self.gamma + np.array(self.bias)
        theirs = np.array(other.gain) * levels**other.gamma + np.array(other.bias)
        return bool(np.abs(ours - theirs).max() < 0.2 / 255)

    def apply(self, plate: Picture) -> Picture:
        """Bring the plate (H W 3, or H W for grey; 0..1) to the frame's colours, clamped."""
        if self.is_identity:
            return plate
        channels = plate.shape[2] if plate.ndim == 3 else 1
        gain, bias = np.diag(self.gain[:channels]), np.array(self.bias[:channels])[:, None]
        # One new picture and no more: fresh memory costs more than the arithmetic.
        curved = np.empty_like(plate)
        if abs(self.gamma - 1) < STRAIGHT:
            cv2.transform(plate, np.hstack([gain, bias]), curved)
        else:
            cv2.pow(plate, self.gamma, curved)
            cv2.transform(curved, np.hstack([gain, bias]), curved)
        return np.clip(curved, 0, 1, out=curved)


def identity_match(channels: int, share: float = 0.0) -> ColorMatch:
    """Make the match that changes nothing."""
    return ColorMatch((1.0,) * channels, (0.0,) * channels, 1.0, share)


def fit_color(
    plate: Picture,
    frame: Picture,
    weight: Picture | None = None,
    start: ColorMatch | None = None,
) -> ColorMatch:
    """Find the colour match that brings a plate to a frame on which it lies.

    plate, frame: H W C (C is 1 or 3), 0..1, of one size; small pictures (`SIDE`) are enough.
    weight: H W or H W 1, 0 where the pictures must not be compared (not covered, holdout).
    start: the match of the previous frame, to save the search.
    Returns the identity when too few pixels speak.
    """
    channels = frame.shape[2]
    before = plate.reshape(-1, channels).astype(np.float64)
    after = frame.reshape(-1, channels).astype(np.float64)
    low, high = CLIPPED
    usable = np.all((before > low) & (before < high) & (after > low) & (after < high), axis=1)
    if weight is not None:
        usable &= weight.reshape(-1) > 0.5
    before, after = before[usable], after[usable]
    if len(before) < THIN:
        return identity_match(channels)
    parameters, share = np.zeros(0), 0.0
    if start is not None:
        packed = np.array([*start.gain, *start.bias, start.gamma])
        parameters, share = _refine(before, after, packed)
    # A jump of the exposure leaves the old curve without followers: search anew.
    if start is None or share * len(before) < 0.75 * start.share * len(usable):
        parameters, share = _refine(before, after, _search(before, after))
    agreeing = share * len(before)
    if agreeing < THIN or not _plausible(parameters, channels):
        return identity_match(channels)
    gain, bias, gamma = parameters[:channels], parameters[channels:-1], float(parameters[-1])
    return ColorMatch(
        tuple(map(float, gain)), tuple(map(float, bias)), gamma, float(agreeing / len(usable))
    )


def _plausible(parameters: Numbers, channels: int) -> bool:
    """Whether a camera could have done this: exposures within a factor of four, no more."""
    middle = parameters[:channels] * 0.5 ** parameters[-1] + parameters[channels:-1]
    return bool(np.all((middle > 0.1) & (middle < 2.0)) and 0.4 < parameters[-1] < 2.5)


def _search(before: Numbers, after: Numbers) -> Numbers:
    """Vote for the curve (gain and gamma) that most pixels share; parameters as packed."""
    channels = before.shape[1]
    random = np.random.default_rng(0)
    chosen = random.permutation(len(before))[:VOTERS]
    log_before, log_after = np.log(before[chosen]), np.log(after[chosen])
    guesses = _guesses(log_before, log_after, random)
    gain, gamma = guesses[:, None, :-1], guesses[:, -1, None, None]
    guessed = np.exp(gain + gamma * log_before[None])
    missed = np.abs(guessed - after[chosen][None]).max(axis=2) / TOLERANCE
    votes = np.maximum(1 - missed**2, 0).mean(axis=1)
    # Cameras rarely change much between plate and frame: let strong changes earn their place.
    overall = guesses[:, :-1].mean(axis=1)
    uneven = guesses[:, :-1].std(axis=1)
    doubt = (overall / 0.7) ** 2 + (uneven / 0.2) ** 2 + ((guesses[:, -1] - 1) / 0.3) ** 2
    best = guesses[np.argmax(votes * np.exp(-0.5 * np.minimum(doubt, 9)))]
    return np.concatenate([np.exp(best[:-1]), np.zeros(channels), best[-1:]])


def _guesses(log_before: Numbers, log_after: Numbers, random: np.random.Generator) -> Numbers:
    """Curves through one pixel (gain) or two (gain and gamma): N channels+1, gains as logs."""
    count, channels = log_before.shape
    one = random.integers(0, count, 80)
    gains = np.column_stack([log_after[one] - log_before[one], np.ones(80)])
    first, second = random.integers(0, count, (2, 160))
    apart = log_before[first].mean(axis=1) - log_before[second].mean(axis=1)
    rise = log_after[first].mean(axis=1) - log_after[second].mean(axis=1)
    gamma = rise / np.where(np.abs(apart) < 0.2, np.inf, apart)
    kept = (gamma > 0.6) & (gamma < 1.7)
    level = (log_after[first] + log_after[second]) / 2
    level = level - gamma[:, None] * (log_before[first] + log_before[second]) / 2
    curves = np.column_stack([level, gamma])[kept]
    same = np.zeros((1, channels + 1))
    same[0, -1] = 1.0
    every = np.concatenate([same, gains, curves])
    return np.asarray(every[np.abs(every[:, :-1]).max(axis=1) < 1.4], np.float64)


def _refine(before: Numbers, after: Numbers, parameters: Numbers) -> tuple[Numbers, float]:
    """Reweighted Gauss-Newton from a guess. Returns parameters and the share that follows."""
    channels = before.shape[1]
    random = np.random.default_rng(1)
    chosen = random.permutation(len(before))[:FITTED]
    before, after = before[chosen], after[chosen]
    log_before = np.log(before)
    # Neighbouring pixels repeat one another: count one in ten. Gain is freest, then gamma.
    spread = np.array([0.5] * channels + [0.03] * channels + [0.15])
    neutral = np.array([1.0] * channels + [0.0] * channels + [1.0])
    scale, weight = TOLERANCE / 2, np.ones(len(before))
    for _ in range(12):
        gain, bias, gamma = parameters[:channels], parameters[channels:-1], parameters[-1]
        powered = np.exp(gamma * log_before)
        missed = after - (gain * powered + bias)
        distance = np.abs(missed).max(axis=1) / (4 * scale)
        weight = np.maximum(1 - distance**2, 0) ** 2
        inside = distance < 1
        if inside.sum() < 20:
            return neutral, 0.0
        spread_now = 1.48 * float(np.median(np.abs(missed[inside])))
        scale = float(np.clip(spread_now, 0.004, scale))
        step = _step(
            powered,
            gain * powered * log_before,
            missed,
            weight / scale**2 / 10,
            (neutral - parameters) / spread**2,
            1 / spread**2,
        )
        parameters = parameters + step
        if np.abs(step).max() < 2e-4:
            break
    return parameters, float(inside.mean())


def _step(
    powered: Numbers,
    curved: Numbers,
    missed: Numbers,
    weight: Numbers,
    pull: Numbers,
    stiffness: Numbers,
) -> Numbers:
    """One weighted least-squares step; each channel has a gain and bias, all share gamma."""
    channels = powered.shape[1]
    normal, target = np.diag(stiffness), pull.copy()
    for channel in range(channels):
        columns = np.stack([powered[:, channel], np.ones(len(powered)), curved[:, channel]], axis=1)
        where = [channel, channels + channel, 2 * channels]
        weighted = columns * weight[:, None]
        normal[np.ix_(where, where)] += weighted.T @ columns
        target[where] += weighted.T @ missed[:, channel]
    return np.asarray(np.linalg.solve(normal, target), np.float64)
