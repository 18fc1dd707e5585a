"""A clip as the new background: looped where it is shorter, trimmed where it is longer."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.media.clip_read import ClipFrame, ClipReader
from cleanplate.media.cover import cover
from cleanplate.pictures import to_picture

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """Where a background stands: which frame is shown, and when this round of it began."""

    index: int = 0
    began: Fraction = Fraction(0)


class ClipBackground:
    """Gives for each time, in rising order, the frame of the clip that is shown then.

    size: height and width that frames are scaled to cover. place: where to go on, from `place`.
    tone_map: as for the input. Close it, or use it as a context manager.
    """

    def __init__(
        self, path: Path, size: tuple[int, int], place: Place | None = None, tone_map: bool = False
    ) -> None:
        self._path, self._size, self._tone_map = path, size, tone_map
        self.place = place or Place()
        self._shown: tuple[int, Picture] | None = None
        self._open(self.place.index)

    def at(self, seconds: Fraction) -> Picture:
        """Return the frame shown at a time since the start, H W 3 float32, 0..1."""
        while self._next is not None or self._ends <= seconds:
            if self._next is None:
                self._again(seconds)
            elif self.place.began + self._start(self._next) <= seconds:
                self._step()
            else:
                break
        if self._shown is None or self._shown[0] != self._now.index:
            picture = to_picture(self._now.picture, "new background")
            if self._now.alpha is not None:
                picture = picture * to_picture(self._now.alpha.repeat(3, axis=2), "alpha")
            self._shown = (self._now.index, cover(picture, self._size))
        return self._shown[1]

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, first: int) -> None:
        self._reader = ClipReader(self._path, tone_map=self._tone_map, first=first)
        self._frames = iter(self._reader)
        now = next(self._frames, None)
        if now is None:
            self._reader.close()
            raise InputError(f"{self._path} has no frame {first}: check that the file is complete.")
        self._now: ClipFrame = now
        self._next: ClipFrame | None = next(self._frames, None)

    def _step(self) -> None:
        assert self._next is not None
        self._now, self._next = self._next, next(self._frames, None)
        self.place = Place(self._now.index, self.place.began)

    def _again(self, seconds: Fraction) -> None:
        """Begin another round, or the last of several that are over by then."""
        length = self._ends - self.place.began
        began = self.place.began + (seconds - self.place.began) // length * length
        if self._now.index > 0:
            self._reader.close()
            self._open(0)
        self.place = Place(0, began)

    def _start(self, frame: ClipFrame) -> Fraction:
        info = self._reader.info
        return frame.pts * info.time_base - info.start

    @property
    def _ends(self) -> Fraction:
        """When the last frame, if that is shown, has been shown for its duration."""
        info = self._reader.info
        lasts = self._now.duration * info.time_base
        if lasts <= 0:
            lasts = 1 / info.rate if info.rate else Fraction(1, 25)
        return self.place.began + self._start(self._now) + lasts


class StillBackground:
    """The same picture (H W 3, 0..1) at every time, with the face of `ClipBackground`."""

    def __init__(self, picture: Picture) -> None:
        self._picture, self.place = picture, Place()

    def at(self, seconds: Fraction) -> Picture:
        """Return the picture, whatever the time."""
        return self._picture
