"""What the last frame of a clip left, brought along the motion to where things are now."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import joined
from cleanplate.prediction import Coarse

Picture = NDArray[np.float32]

# Mean difference of what was brought, over the subject, from which on it is another shot, 0..1: on
# eight held-out clips of people who walk it was 0.042 at most from one frame to the next.
CUT = 0.08
FLOW_SIDE = 32  # pixels; dense inverse search crashes on wide pictures of fewer rows


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
    return grey_motion(_grey(frame), _grey(before))


def grey_motion(frame: NDArray[np.uint8], before: NDArray[np.uint8]) -> Picture:
    """Do what `find_motion` does, of h w uint8."""
    still = np.zeros((*frame.shape, 2), np.float32)
    if min(frame.shape) < FLOW_SIDE:
        return still
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return np.asarray(search.calc(frame, before, still), np.float32)


def follow(picture: NDArray[Any], flow: Picture) -> NDArray[Any]:
    """Take each pixel of an h w or h w c picture from where the flow (h w 2, or more) leads."""
    height, width = flow.shape[:2]
    across = flow[..., 0] + np.arange(width, dtype=np.float32)
    down = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved = cv2.remap(picture, across, down, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.asarray(moved).reshape(picture.shape)


def recall(memory: Memory | None, frame: Picture) -> Picture:
    """Memory as the network takes it, h w 5: alpha and frame of the last moment, and a 1.

    All 0, which stands for no memory, where there is none or it is of another shot.
    """
    nothing = np.zeros((*frame.shape[:2], 5), np.float32)
    if memory is None:
        return nothing
    flow = find_motion(frame, memory.frame)
    both = follow(joined(memory.alpha, memory.frame), flow)
    subject = np.asarray(both[..., 0] > 0.5).view(np.uint8)
    change = cv2.absdiff(np.ascontiguousarray(both[..., 1:]), frame)
    if np.mean(cv2.mean(change, subject)[:3]) > CUT:  # of nothing it is 0
        return nothing
    return joined(both, np.ones_like(memory.alpha))


def remember(coarse: Coarse) -> Memory:
    """Keep what the next frame may want to know."""
    alpha = np.zeros((*coarse.frame.shape[:2], 1), np.float32)
    alpha[coarse.window.inside()] = coarse.alpha
    return Memory(coarse.frame, alpha)


def _grey(picture: Picture) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.convertScaleAbs(grey, alpha=255))
