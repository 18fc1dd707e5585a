"""A plate as the network knows it: at its sizes, with its features, and where to look before it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest, planes, resize
from cleanplate.looks import Look, Size
from cleanplate.people import Segmenter
from cleanplate.prediction import Window

Picture = NDArray[np.float32]
Key = TypeVar("Key")
Made = TypeVar("Made")

KEPT = 3  # a closer look, its mirror image, and a wider look

# Of the window: what differs from the plate by more than noise does, and room around it.
DIFFERENT = 0.05  # in the channel that differs most, of 0..1, after a 5 x 5 mean
MARGIN = 1 / 15  # of the small picture's longer side
SAVES = 0.8  # a window that is larger than this share of the picture is not worth a seam


def plate_at(plate: Picture | None, size: Size) -> Picture:
    """Bring a plate to another size, h w 3; where there is none it is mid grey, as in training."""
    return np.full((*size, 3), 0.5, np.float32) if plate is None else resize(plate, size)


@dataclass(frozen=True)
class EncodedPlate:
    """A plate at working size, and the network's features of it: reuse it while it stands still.

    Features are made of the window that is looked at alone, as those of the frame are: at its edge
    both know as little. Clips are cut better so than with features of the whole plate.
    """

    look: Look
    plate: Picture  # 1 3 h w
    source: Picture | None  # H W 3 that was encoded; None: no plate, this stands for it
    covered: Picture | None  # h w 1, 0 where it does not cover the frame; None: it covers all
    segmenter: Segmenter | None
    encode: Callable[[Picture], tuple[Picture, ...]]
    _plates: dict[Size, Picture] = field(default_factory=dict)
    _seen: dict[tuple[Size, bool], tuple[Window, tuple[Picture, ...]]] = field(default_factory=dict)

    @cached_property
    def people(self) -> Picture | None:
        """Where the segmenter sees people in the plate, h w 1; looked for when first asked."""
        if self.source is None or self.segmenter is None:
            return None
        return self.segmenter(self.plate[0].transpose(1, 2, 0))

    def window(self, frame: Picture, surely: Picture) -> Window:
        """Where the network has to look: what differs from the plate, and room around it.

        frame: h w 3. surely: h w, above 0 where something else says that the subject may be.
        """
        height, width = frame.shape[:2]
        whole = Window(0, height, 0, width)
        if self.source is None:
            return whole
        most = largest(np.abs(frame - self.plate[0].transpose(1, 2, 0)))
        different = (cv2.blur(most, (5, 5)) > DIFFERENT).view(np.uint8)
        speckless = cv2.morphologyEx(different, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
        seen = np.asarray(speckless) | (surely > 0.02).view(np.uint8)
        left, top, across, down = cv2.boundingRect(seen)
        margin = round(MARGIN * max(height, width))
        window = Window(
            max(0, top - margin),
            min(height, top + down + margin),
            max(0, left - margin),
            min(width, left + across + margin),
        )
        return window if window.area() < SAVES * height * width else whole

    def inputs(
        self, size: Size | None = None, window: Window | None = None, mirrors: bool = False
    ) -> Iterator[tuple[str, Picture]]:
        """Plate and features by the network's names for them, in a window of h x w pixels.

        size, window: left out, the whole at working size. mirrors: all of it as in a mirror.
        """
        size = size or (self.plate.shape[2], self.plate.shape[3])
        window = window or Window(0, size[0], 0, size[1])

        def encoded() -> tuple[Window, tuple[Picture, ...]]:
            rows, columns = window.inside()
            turned = slice(None, None, -1 if mirrors else 1)
            plate = np.ascontiguousarray(self._plate_at(size)[:, :, rows, columns][..., turned])
            return window, (plate, *self.encode(plate))

        look = size, mirrors
        if look in self._seen and self._seen[look][0] != window:
            del self._seen[look]  # before another one takes as much memory
        plate, *features = _kept(self._seen, look, encoded)[1]
        yield "plate", plate
        yield from ((f"plate_features_{k}", map_) for k, map_ in enumerate(features))

    def _plate_at(self, size: Size) -> Picture:
        if size == self.plate.shape[2:]:
            return self.plate
        return _kept(self._plates, size, lambda: planes(plate_at(self.source, size)))


def _kept(store: dict[Key, Made], key: Key, make: Callable[[], Made]) -> Made:
    """Make what belongs to a key, or take it again; the last KEPT are kept."""
    if key not in store:
        if len(store) == KEPT:
            del store[next(iter(store))]
        store[key] = make()
    return store[key]
