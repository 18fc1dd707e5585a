"""Two steps of the keyer as they are defined, at full size and without grids: slow."""

import cv2
import numpy as np

from cleanplate.screens.fields import FADE, blur
from cleanplate.screens.solve import BRIGHTNESS_SPREAD, DARK, HUE_SPREAD, Guess


def spread_out(values, known):
    weight = known.astype(np.float32)[..., None]
    layers = np.concatenate([values * weight, weight], axis=2)
    total = cv2.GaussianBlur(layers, (0, 0), 1.5)
    share, sigma = np.float32(1), 1.5
    while sigma < FADE * max(known.shape):
        sigma, share = 2 * sigma, share * np.float32(0.05)
        total = total + share * blur(layers, sigma)
    return total[..., :3] / (total[..., 3:] + 0.5 * share + np.float32(1e-9))


def guess_foreground(colours, solid, pixels):
    linear = np.zeros((*solid.shape, 3), np.float32)
    linear[solid] = colours
    brightness = linear.mean(axis=2, keepdims=True)
    hue = linear / (brightness + DARK)
    squares = (hue * hue).sum(axis=2, keepdims=True)
    layers = [hue, squares, brightness, brightness**2, np.ones_like(brightness)]
    moments = np.concatenate(layers, axis=2) * solid[..., None]
    total = np.zeros((len(pixels), 7), np.float32)
    sigma, share = 3.0, np.float32(1)
    while sigma < 0.25 * max(solid.shape):
        total += share * blur(moments, sigma).reshape(-1, 7)[pixels]
        sigma, share = 2.5 * sigma, share * np.float32(0.02)
    total += np.float32(1e-9) * np.array([1, 1, 1, 6, 0.2, 0.2, 1], np.float32)
    total /= total[:, 6:]
    spread = np.maximum(total[:, 3] - (total[:, :3] ** 2).sum(axis=1), 0) / 2
    bright = np.maximum(total[:, 5] - total[:, 4] ** 2, 0)
    return Guess(
        hue=total[:, :3],
        hue_spread=np.sqrt(spread + np.float32(HUE_SPREAD**2)),
        brightness=total[:, 4],
        brightness_spread=np.sqrt(bright + (BRIGHTNESS_SPREAD * total[:, 4] + DARK) ** 2),
    )
