"""Two keyers as they are commonly built, to compare with; each as small as it can be."""

import numpy as np
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb, srgb_to_linear

Picture = NDArray[np.float32]


def chroma_key(
    frame: Picture, colour: Picture, tolerance: float, softness: float
) -> tuple[Picture, Picture]:
    """Distance in the plane of Cb and Cr from one screen colour, and a ramp over it.

    frame: H W 3, sRGB-encoded; colour: 3. Returns alpha H W 1 and the foreground: the frame.
    """
    plane = np.array([[-0.1146, -0.3854, 0.5], [0.5, -0.4542, -0.0458]], np.float32).T
    distance = np.linalg.norm(frame @ plane - colour @ plane, axis=2, keepdims=True)
    alpha = np.clip((distance - tolerance) / softness, 0, 1)
    return alpha.astype(np.float32), frame


def vlahos_key(
    frame: Picture, colour: Picture, gain: float, balance: float
) -> tuple[Picture, Picture]:
    """Colour difference with one screen colour, in linear light, after Vlahos.

    alpha = 1 - gain (key - balance x the larger of the others) / the same of the screen; the
    screen is subtracted, what is left divided by alpha, and the key limited to the larger of the
    others. frame: H W 3; colour: 3. Returns alpha H W 1 and the straight foreground.
    """
    linear, screen = srgb_to_linear(frame), srgb_to_linear(colour)
    key = int(np.argmax(screen))
    others = [channel for channel in range(3) if channel != key]
    excess = linear[..., key] - balance * linear[..., others].max(axis=-1)
    full = screen[key] - balance * screen[others].max()
    alpha = np.clip(1 - gain * excess / full, 0, 1)[..., None].astype(np.float32)
    straight = (linear - (1 - alpha) * screen) / np.maximum(alpha, 0.02)
    straight[..., key] = np.minimum(straight[..., key], straight[..., others].max(axis=-1))
    return alpha, np.asarray(linear_to_srgb(np.clip(straight, 0, 1)), np.float32)
