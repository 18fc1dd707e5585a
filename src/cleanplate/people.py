"""Where people are: a small network of our own, which sees a frame without its plate."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import planes, resize
from cleanplate.devices import choose_device, open_session
from cleanplate.errors import WeightsError

Picture = NDArray[np.float32]

PEOPLE_PIXELS = 176 * 176  # at which the segmenter looks; it was trained on 160 x 160
UNSURE = 0.1, 0.5  # of a share of people: what is less becomes 0 and what is more 1, see `firmly`
SURE_BEFORE = 0.25  # where the plate's doubt is smaller, differences are mere noise


class Segmenter:
    """An ONNX Runtime session that tells where people are, coarsely and without a plate.

    Call it with a frame (H W 3, 0..1): it returns the share of people in each pixel, H W 1, 0..1.
    Raises WeightsError where the weights (.onnx) at `path` are of something else.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        # Its layers are too small to be shared out among threads.
        self._network = open_session(path, choose_device(device), 1)
        takes = [given.name for given in self._network.get_inputs()]
        if takes != ["frame"]:
            raise WeightsError(
                f"{path} is no person segmenter: it takes {', '.join(takes)}, and not a frame "
                "alone; name one that `cleanplate train segmenter` made."
            )

    def __call__(self, frame: Picture) -> Picture:
        """Look at about PEOPLE_PIXELS of the frame; the answer is as soft as that is coarse."""
        height, width = frame.shape[:2]
        scale = (PEOPLE_PIXELS / (height * width)) ** 0.5
        rows, columns = (max(1, round(side * scale / 32)) * 32 for side in (height, width))
        logits = self._network.run(None, {"frame": planes(resize(frame, (rows, columns)))})[0]
        share = 1 / (1 + np.exp(-logits[0, 0]))
        enlarged = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(enlarged, np.float32)[..., None]


def new_people(share: Picture, before: Picture) -> Picture:
    """People who are in the frame and were not in the plate: pictures of people on a wall, say.

    share, before: what a person segmenter says of the frame and of the plate, H W 1, 0..1.
    Returns H W 1, 0..1: of what was nobody, how much is somebody now.
    """
    new = np.maximum(share - before, 0) / np.maximum(1 - before, SURE_BEFORE)
    return np.asarray(new, np.float32)


def firmly(share: Picture) -> Picture:
    """Take a share of people, H W 1, 0..1, for a yes or a no where it is not in between."""
    low, high = UNSURE
    return np.asarray(np.clip((share - low) * np.float32(1 / (high - low)), 0, 1), np.float32)
