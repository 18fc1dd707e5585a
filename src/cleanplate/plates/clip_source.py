"""A plate that is a clip itself, as the stages that follow a frame see it."""

from collections.abc import Callable
from dataclasses import dataclass

from cleanplate.plates.geometry import Picture


@dataclass(frozen=True)
class PlateIndex:
    """Thumbnails of a plate clip, by which its frames are found.

    thumbnails: N h w float32, grey, without what is slower than a block. shape: height,
    width, 3 of the frames.
    """

    thumbnails: Picture
    shape: tuple[int, ...]


@dataclass(frozen=True)
class PlateClip:
    """A clip of the empty scene, shot along nearly the same way as the frames.

    index: of `index_plates`. read: gives a frame by its number as H W 3 float32, 0..1; asked
    once a frame, in nearly rising order.
    """

    index: PlateIndex
    read: Callable[[int], Picture]
