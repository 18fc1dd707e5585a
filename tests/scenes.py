"""A scene and a subject, and generators, for tests of what disturbs them."""

import cv2
import numpy as np
from numpy.random import Generator

from cleanplate.training.disturbances import Picture

HEIGHT, WIDTH = 72, 96
CENTRE = (46, 44)  # row and column of the subject's middle


def scene(seed: int = 0) -> Picture:
    """Colours with edges and a little texture, away from black and white."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.2, 0.8, (6, 8, 3)).astype(np.float32)
    blocks = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    texture = rng.normal(0, 0.02, blocks.shape)
    return np.clip(blocks + texture, 0, 1).astype(np.float32)


def subject() -> Picture:
    """An upright ellipse that stands a little above the lower edge."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    inside = ((rows - CENTRE[0]) / 20) ** 2 + ((columns - CENTRE[1]) / 12) ** 2
    return np.clip((1 - inside) * 6 + 0.5, 0, 1)[..., None].astype(np.float32)


def draws(count: int) -> list[Generator]:
    return [np.random.default_rng([11, index]) for index in range(count)]
