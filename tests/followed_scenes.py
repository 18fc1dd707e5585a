"""Rooms with somebody in them, seen by a camera that may move, for following the plate."""

from functools import lru_cache

import cv2
import numpy as np

from cleanplate.clip_plate import FollowOptions, LearnOptions
from plate_scenes import noisy, scene

HEIGHT, WIDTH = 180, 320
HANDHELD = FollowOptions(camera="handheld", update=False)
QUICK = FollowOptions(learn=LearnOptions(settle=10, pace=20, every=5))


def figure(x=160, wide=30):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (round(x), 100), (wide, 70), 0, 0, 360, 1, -1)
    return mask > 0


@lru_cache
def clothes():
    return scene(901, HEIGHT, WIDTH) * np.float32([0.4, 0.6, 1])


def shot(room, x=160, seed=0, noise=1.0, wide=30):
    """Frame with somebody at x, and the alpha H W 1."""
    mask = figure(x, wide)[:, :, None]
    frame = np.where(mask, np.roll(clothes(), round(x), axis=1), room)
    return noisy(frame, noise, np.random.default_rng(seed)), mask.astype(np.float32)


def view(wide, x, y, turn=0.0):
    """What a camera sees of a wide scene, and the homography from its middle view."""
    middle = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), turn, 1)
    moved = np.vstack([middle, [0, 0, 1]]) @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
    inner = np.array([[1, 0, -60], [0, 1, -60], [0, 0, 1.0]])
    seen = cv2.warpPerspective(wide, moved @ inner, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
    return np.clip(seen, 0, 1), moved


def pan(wide, positions):
    return [view(wide, 55 - x, 0)[0] for x in positions]
