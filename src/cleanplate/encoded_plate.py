"""A plate as the network knows it: at its sizes, with its features, and where to look before it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest, mirrored, planes, resize
from cleanplate.looks import Look
from cleanplate.people import Segmenter
from cleanplate.prediction import Window

Picture = NDArray[np.float32]

# Of the window: what differs from the plate by more than noise does, and room around it.
DIFFERENT = 0.05  # in the channel that differs most, of 0..1, after a 5 x 5 mean
MARGIN = 1 / 15  # of the small picture's longer side
SAVES = 0.8  # a window that is larger than this share of the picture is not worth a seam


def plate_at(plate: Picture | None, size: tuple[int, int]) -> Picture:
    """Bring a plate to another size, h w 3; where there is none it is mid grey, as in training."""
    return np.full((*size, 3), 0.5, np.float32) if plate is None else resize(plate, size)


@dataclass(frozen=True)
class EncodedPlate:
    """A plate at working size with the network's features of it: reuse it while it stands still."""

    look: Look
    plate: Picture  # 1 3 h w
    source: Picture | None  # H W 3 that was encoded; None: no plate, this stands for it
    covered: Picture | None  # h w 1, 0 where it does not cover the frame; None: it covers all
    segmenter: Segmenter | None
    encode: Callable[[Picture], tuple[Picture, ...]]
    _larger: dict[tuple[int, int], tuple[Picture, tuple[Picture, ...]]] = field(
        default_factory=dict
    )

    @cached_property
    def features(self) -> tuple[Picture, ...]:
        """The network's features of the whole plate, at working size."""
        return self.encode(self.plate)

    @cached_property
    def people(self) -> Picture | None:
        """Where the segmenter sees people in the plate, h w 1; looked for when first asked."""
        if self.source is None or self.segmenter is None:
            return None
        return self.segmenter(self.plate[0].transpose(1, 2, 0))

    @cached_property
    def mirrored(self) -> "EncodedPlate":
        """The same of the plate's mirror image."""
        source = None if self.source is None else mirrored(self.source)
        plate = np.ascontiguousarray(self.plate[..., ::-1])
        return EncodedPlate(self.look, plate, source, None, None, self.encode)

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

    def inputs(self, size: tuple[int, int], window: Window) -> Iterator[tuple[str, Picture]]:
        """Plate and features by the network's names for them, in a window of h x w pixels."""
        plate, features = self._at(size)
        for step, name, map_ in (
            (1, "plate", plate),
            *((2 << k, f"plate_features_{k}", map_) for k, map_ in enumerate(features)),
        ):
            rows, columns = (
                slice(side.start // step, side.stop // step) for side in window.inside()
            )
            yield name, np.ascontiguousarray(map_[:, :, rows, columns])

    def _at(self, size: tuple[int, int]) -> tuple[Picture, tuple[Picture, ...]]:
        """Plate and features at another size; those of the last two asked for are kept."""
        if size == self.plate.shape[2:]:
            return self.plate, self.features
        if size not in self._larger:
            if len(self._larger) > 1:  # a closer look and a wider one
                del self._larger[next(iter(self._larger))]
            plate = planes(plate_at(self.source, size))
            self._larger[size] = plate, self.encode(plate)
        return self._larger[size]
