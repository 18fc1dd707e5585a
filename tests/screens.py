"""Shots before screens whose light, alpha and foreground are known."""

from dataclasses import dataclass

import cv2
import numpy as np

from cleanplate.color import linear_to_srgb, srgb_to_linear

HEIGHT, WIDTH = 180, 240
COLOURS = {
    "green": (0.15, 0.66, 0.25),
    "blue": (0.12, 0.28, 0.75),
    "magenta": (0.75, 0.12, 0.6),
}
GREY, SKIN, DARK = (0.5, 0.5, 0.5), (0.82, 0.62, 0.5), (0.1, 0.09, 0.08)


@dataclass(frozen=True)
class Shot:
    """All H W 3 (alpha H W 1) float32, sRGB-encoded."""

    frame: np.ndarray
    plate: np.ndarray
    alpha: np.ndarray
    foreground: np.ndarray


def encode(linear):
    return linear_to_srgb(np.clip(linear, 0, 1)).astype(np.float32)


def light(colour="green", uneven=0.0, wrinkles=0.0, size=(HEIGHT, WIDTH)):
    """Light of an empty screen, linear: a lamp at one side, and folds."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    bright = 1 - uneven * (0.6 * (x + 0.3) ** 2 + 0.4 * y)
    for place, width in ((-0.6, 0.05), (0.75, 0.03), (0.5, 0.08)):
        fold = (x + 0.3 * y - place) / width
        bright = bright + wrinkles * fold * np.exp(-(fold**2))
    return bright[..., None] * srgb_to_linear(np.array(COLOURS[colour]))


def disc(softness=1.5, size=(HEIGHT, WIDTH)):
    """Alpha H W 1 of a disc in the middle; softness: width of its edge in pixels."""
    y, x = np.mgrid[: size[0], : size[1]]
    away = np.hypot(y - size[0] / 2, x - size[1] / 2)
    return np.clip((0.3 * size[0] - away) / softness + 0.5, 0, 1)[..., None].astype(np.float32)


def shot(screen, alpha=None, colour=GREY, noise=0.002, spill=0.0, seed=0):
    """Mix a plain subject with a screen (linear) and take a picture of it, and of the screen."""
    random = np.random.default_rng(seed)
    alpha = disc() if alpha is None else alpha
    own = np.broadcast_to(srgb_to_linear(np.array(colour)), screen.shape)
    near = cv2.GaussianBlur(screen * (1 - alpha), (0, 0), 12)
    mixed = alpha * own * (1 + spill * near / own.max()) + (1 - alpha) * screen
    frame, plate = (
        encode(linear + random.normal(0, noise, screen.shape)) for linear in (mixed, screen)
    )
    return Shot(frame, plate, alpha, encode(own))
