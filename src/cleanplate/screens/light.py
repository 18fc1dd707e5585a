"""Between sRGB-encoded values and light, by table: a keyer's most frequent sum, made cheap."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb, srgb_to_linear

Picture = NDArray[np.float32]

LAST = 65535  # index of 1


def to_linear(encoded: Picture) -> Picture:
    """Undo the sRGB curve; any shape, clipped to 0..1.

    Exact for what came of 8 or 16 bit, else within 2e-5.
    """
    places = np.clip(encoded, 0, 1)
    places *= LAST
    places += 0.5
    return np.asarray(np.take(_linear(), places.astype(np.uint16)), np.float32)


def to_encoded(linear: Picture) -> Picture:
    """Apply the sRGB curve within 1.2e-5; any shape, clipped to 0..1."""
    places = np.clip(linear, 0, 1)
    np.sqrt(places, out=places)  # over which the curve is nowhere steep
    places *= LAST
    places += 0.5
    return np.asarray(np.take(_encoded(), places.astype(np.uint16)), np.float32)


@lru_cache(1)
def _linear() -> Picture:
    return np.asarray(srgb_to_linear(np.linspace(0, 1, LAST + 1)), np.float32)


@lru_cache(1)
def _encoded() -> Picture:
    return np.asarray(linear_to_srgb(np.linspace(0, 1, LAST + 1) ** 2), np.float32)
