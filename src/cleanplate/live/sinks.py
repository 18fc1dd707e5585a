"""Where finished pictures go: what a preview, a virtual camera, a recording and a page share."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """A finished picture, H W 3 uint8, RGB; grabbed: `time.monotonic()` of its camera frame.

    moments: by the same clock, when the frame was taken from the camera's thread, cut, and laid
    over its background; none of a picture that is shown again. seconds: as of `CameraFrame`.
    """

    picture: Pixels
    grabbed: float
    moments: tuple[float, ...] = ()
    seconds: float = 0.0


class Sink(Protocol):
    """Takes pictures and never waits long for whoever looks at them.

    watched: whether a picture would be seen by anybody now. private: whether it is for the one at
    this computer only, who may see the room while a plate is shot.
    """

    name: str
    private: bool

    @property
    def watched(self) -> bool: ...  # noqa: D102

    def show(self, shown: Shown) -> None:
        """Take the newest picture. Raises CleanplateError where that cannot go on."""

    def close(self) -> None:
        """Finish. Raises CleanplateError where what was made is not whole."""
