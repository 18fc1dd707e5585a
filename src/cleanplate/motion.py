"""What the last frame of a clip left, brought along the motion to where things are now."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.prediction import Coarse

Picture = NDArray[np.float32]

FLOW_SIDE = 12  # pixels; dense inverse search looks at patches of 8


@dataclass(frozen=True)
class Memory:
    """What one frame leaves for the next, at the network's working size.

    frame: h w 3, alpha: h w 1, both 0..1. It is passed in and out; nothing is kept elsewhere.
    """

    frame: Picture
    alpha: Picture


def find_motion(frame: Picture, before: Picture) -> Picture:
    """Dense optical flow: h w 2, how far from a pixel of `frame` it was in `before`, x then y.

    frame, before: h w 3, 0..1. Pictures too small to search stand still.
    """
    if min(frame.shape[:2]) < FLOW_SIDE:
        return np.zeros((*frame.shape[:2], 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    flow = search.calc(_grey(frame), _grey(before), np.zeros((*frame.shape[:2], 2), np.float32))
    return np.asarray(flow, np.float32)


def follow(picture: Picture, flow: Picture) -> Picture:
    """Take each pixel of an h w c picture from where the flow says that it was; h w c."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        picture, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32).reshape(picture.shape)


def recall(memory: Memory, frame: Picture) -> Picture:
    """Memory as the network takes it, h w 5: alpha and frame of the last moment, and a 1."""
    flow = find_motion(frame, memory.frame)
    both = follow(np.dstack([memory.alpha, memory.frame]), flow)
    return np.dstack([both, np.ones_like(memory.alpha)])


def remember(coarse: Coarse) -> Memory:
    """Keep what the next frame may want to know."""
    alpha = np.zeros((*coarse.frame.shape[:2], 1), np.float32)
    alpha[coarse.window.inside()] = coarse.alpha
    return Memory(coarse.frame, alpha)


def _grey(picture: Picture) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.convertScaleAbs(grey, alpha=255))
