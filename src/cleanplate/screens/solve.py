"""Alpha and straight foreground together, where a pixel mixes subject and screen.

As in Bayesian matting (Chuang et al. 2001, section 3) the foreground's colour is expected to be
like that of solid subject nearby, and alpha and foreground are the likeliest under that, the noise
and the screen, which here is known. Two things are different. What is expected is a hue rather
than a colour: strands of one head differ in brightness tenfold and in hue hardly. And where that
says little, alpha is drawn to the one of the colour difference, which takes the subject for grey.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.screens.fields import gather
from cleanplate.screens.hue import HueAxis, colour_difference

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]

ROUNDS = 3  # of alpha, as the spreads depend on it
ROW = 4096  # pixels
CHUNK = 32_768  # pixels solved at once: few enough to stay in the cache
NEAR_SOLID = 0.9  # alpha by colour difference from which a pixel may be solid: the rest is spill
WIDEST = 0.03  # an edge softer than this (share of the side) is transparency, not an edge
HUE_SPREAD = 0.08  # relative to brightness: colours of one material differ by this at least
FARTHER = np.float32(0.05)  # weight of what is seen twice as far
CELL = 2  # pixels of the frame to one of the grid on which solid colours are gathered
NEAR = 1.5  # cells, standard deviation, of the nearest that counts
BRIGHTNESS_SPREAD = 0.6  # relative
MIX_NOISE = 0.0015  # light-linear: what codecs and lenses add where colours meet
DIFFERENCE_SPREAD = 0.15  # how far alpha by colour difference may be off
DARK = np.float32(0.01)  # light-linear: below it there is no hue to speak of


@dataclass(frozen=True)
class Guess:
    """What the foreground should be at n pixels, from solid subject nearby; light-linear.

    hue: n 3, colour by its mean channel. hue_spread: n, standard deviation of that across.
    brightness, brightness_spread: n, of the mean channel.
    """

    hue: Picture
    hue_spread: Picture
    brightness: Picture
    brightness_spread: Picture


def largest_alpha(linear: Picture, light: Picture, axis: HueAxis) -> Picture:
    """Alpha by colour difference: what it is if the foreground has none of the screen's hue.

    linear, light: ... 3, light-linear, frame and screen. Returns one value a pixel, 0..1: exact
    for grey, too large for hues far from the screen's (skin before green), too small for near ones.
    """
    screen = colour_difference(light, axis)
    ratio = colour_difference(linear, axis) / np.maximum(screen, np.float32(1e-3))
    return np.asarray(np.clip(1 - ratio, 0, 1), np.float32)


def least_alpha(linear: Picture, light: Picture, noise: float) -> Picture:
    """Alpha below which no foreground within 0..1 could make this pixel; shapes as above."""
    slack = np.float32(3 * noise)
    light = np.minimum(light, 1)  # as a camera shows what is brighter
    darker = (light - linear - slack) / (light + slack)
    lighter = (linear - light - slack) / (1 - light + slack)
    return np.asarray(np.clip(np.maximum(darker, lighter).max(axis=-1), 0, 1), np.float32)


def fade_noise(alpha: Picture, floor: float) -> Picture:
    """Fade alpha out below the noise: 0 up to half of `floor`, itself from 1.5 times it on."""
    return np.asarray(alpha * np.clip(alpha / np.float32(max(floor, 1e-4)) - 0.5, 0, 1), np.float32)


def find_solid(alpha: Picture, level: float) -> Mask:
    """Where the subject surely is solid: H W, from alpha by colour difference (H W).

    Inside of a soft edge the colour difference says 1 too early, by at most the width that the
    visible part of the edge has: so much is taken off, pixel by pixel.
    """
    full = alpha > NEAR_SOLID - 2 * level
    # A speck of noise inside the subject has no edge of its own.
    full = cv2.morphologyEx(full.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    if full.all() or not full.any():
        return full
    empty = alpha < max(0.05, 4 * level)
    away = cv2.distanceTransform((~empty).astype(np.uint8), cv2.DIST_L2, 3)
    depth, labels = cv2.distanceTransformWithLabels(
        full.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    # Distances of the pixels that are not full, in the order of their labels.
    width = np.zeros(int(labels.max()) + 1, np.float32)
    width[labels[~full]] = away[~full]
    widest = max(4.0, WIDEST * max(alpha.shape))
    return np.asarray(depth > 1.5 + np.minimum(width[labels], widest))


def guess_foreground(colours: Picture, solid: Mask, pixels: Indices) -> Guess:
    """Hue and brightness of solid colours near each of n pixels (flat indices).

    solid: H W; colours: m 3, of its m pixels in their order. The nearest counts most; where
    nothing is near, what is farther.
    """
    cells = _in_cells(_moments(colours), solid)
    around = gather(cells, NEAR, FARTHER, 0.25 * max(solid.shape) / CELL)
    total = _picked(around, solid.shape[1], pixels)
    # Where nothing solid is in reach, grey of any brightness is expected.
    total += np.float32(1e-9) * np.array([1, 1, 1, 6, 0.2, 0.2, 1], np.float32)
    total /= total[:, 6:]
    mean = total[:, :3]
    spread = np.maximum(total[:, 3] - np.einsum("nc,nc->n", mean, mean), 0) / 2
    bright = np.maximum(total[:, 5] - total[:, 4] ** 2, 0)
    return Guess(
        hue=mean,
        hue_spread=np.sqrt(spread + np.float32(HUE_SPREAD**2)),
        brightness=total[:, 4],
        brightness_spread=np.sqrt(bright + (BRIGHTNESS_SPREAD * total[:, 4] + DARK) ** 2),
    )


def _moments(colours: Picture) -> Picture:
    """Give what mean and spread of hue and brightness are made of, of m pixels: m 7."""
    brightness = colours.mean(axis=1, keepdims=True)
    hue = colours / (brightness + DARK)
    squares = np.einsum("nc,nc->n", hue, hue)[:, None]
    ones = np.ones_like(brightness)
    return np.concatenate([hue, squares, brightness, brightness**2, ones], axis=1)


def _in_cells(moments: Picture, solid: Mask) -> Picture:
    """Add up the moments (m 7) of the solid pixels in each cell of the grid: h w 7."""
    height, width = (-(-side // CELL) for side in solid.shape)
    y, x = np.nonzero(solid)
    cell = (y // CELL) * width + x // CELL
    sums = [np.bincount(cell, each, height * width) for each in moments.T]
    return np.stack(sums, axis=1).astype(np.float32).reshape(height, width, -1)


def _picked(cells: Picture, width: int, pixels: Indices) -> Picture:
    """Values at n pixels (flat indices) of a frame so wide, between those of the cells: n C."""
    y, x = (((place + 0.5) / CELL - 0.5).astype(np.float32) for place in np.divmod(pixels, width))
    # No row of a map may be longer than 32,767.
    rows = -(-len(pixels) // ROW)
    x, y = np.resize(x, (rows, ROW)), np.resize(y, (rows, ROW))
    groups = np.split(cells, range(4, cells.shape[2], 4), axis=2)
    found = [
        cv2.remap(
            np.ascontiguousarray(group), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for group in groups
    ]
    return np.concatenate([each.reshape(rows * ROW, -1) for each in found], axis=1)[: len(pixels)]


def solve_mixed(
    linear: Picture, light: Picture, guess: Guess, bounds: tuple[Picture, Picture], noise: float
) -> tuple[Picture, Picture]:
    """Alpha (n) and straight foreground (n 3) of mixed pixels.

    linear, light: n 3, light-linear, frame and screen. bounds: least and largest alpha, n each.
    noise: standard deviation of a channel, light-linear.
    """
    alpha = np.empty(len(linear), np.float32)
    foreground = np.empty_like(linear)
    for first in range(0, len(linear), CHUNK):
        part = np.s_[first : first + CHUNK]
        some = Guess(*(getattr(guess, name)[part] for name in Guess.__dataclass_fields__))
        limits = bounds[0][part], bounds[1][part]
        alpha[part], foreground[part] = _solve(linear[part], light[part], some, limits, noise)
    return alpha, foreground


def _solve(
    linear: Picture, light: Picture, guess: Guess, bounds: tuple[Picture, Picture], noise: float
) -> tuple[Picture, Picture]:
    """Least squares in alpha, whose weights are renewed by the alpha and brightness found.

    alpha F = I - (1 - alpha) S has a part along the guessed hue and one across. Across it should
    be 0, along it alpha times the guessed brightness, and alpha that of the colour difference.
    """
    low, high = bounds
    variance = noise**2 + MIX_NOISE**2
    length = np.linalg.norm(guess.hue, axis=1)
    along = guess.hue / length[:, None]
    rest = linear - light
    rest_along, light_along = _dot(rest, along), _dot(light, along)
    rest_across = rest - rest_along[:, None] * along
    light_across = light - light_along[:, None] * along
    bright, spread = guess.brightness * length, guess.brightness_spread * length
    alpha = np.maximum(low, high)
    for _ in range(ROUNDS):
        shown = np.maximum(rest_along + alpha * light_along, 0) / length  # alpha x brightness
        hue_weight = 1 / (variance + (guess.hue_spread * shown) ** 2)
        bright_weight = 1 / (variance + (alpha * spread) ** 2)
        prior_weight = np.float32(1 / DIFFERENCE_SPREAD**2)
        slope = light_along - bright
        top = (
            -hue_weight * _dot(light_across, rest_across)
            - bright_weight * slope * rest_along
            + prior_weight * high
        )
        bottom = (
            hue_weight * _dot(light_across, light_across)
            + bright_weight * slope * slope
            + prior_weight
        )
        alpha = np.clip(top / bottom, low, np.maximum(low, high))
    mixed = rest + alpha[:, None] * light
    return alpha, _own_colour(np.asarray(mixed, np.float32), alpha, guess, variance)


def _own_colour(mixed: Picture, alpha: Picture, guess: Guess, variance: float) -> Picture:
    """Straight foreground n 3 from foreground_premultiplied, 0..1.

    What of it is too much to be noise and not in the guess is the pixel's own.
    """
    length = np.linalg.norm(guess.hue, axis=1)
    along = guess.hue / length[:, None]
    bright, spread = guess.brightness * length, guess.brightness_spread * length
    mixed_along = _dot(mixed, along)
    own = alpha * spread**2 / (variance + (alpha * spread) ** 2)
    straight = bright + own * (mixed_along - alpha * bright)
    strength = (guess.hue_spread * np.maximum(mixed_along, 0) / length) ** 2
    share = strength / (strength + variance) / np.maximum(alpha, np.float32(1e-3))
    across = share[:, None] * (mixed - mixed_along[:, None] * along)
    return np.asarray(np.clip(straight[:, None] * along + across, 0, 1), np.float32)


def _dot(one: Picture, other: Picture) -> Picture:
    products: Picture = np.einsum("nc,nc->n", one, other)
    return products
