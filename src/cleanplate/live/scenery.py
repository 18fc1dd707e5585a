"""The new backgrounds of a live picture, one of them shown, all of them ready."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.jobs.inputs import is_over_clip
from cleanplate.media.camera import Grabber, open_camera
from cleanplate.media.stills import Still
from cleanplate.new_background import fit_new_background, read_new_background

Picture = NDArray[np.float32]
Pixels = NDArray[np.uint8]

GREEN = (0, 177, 64)  # of a painted green screen, for a keyer behind this
BLUR = "blur"


class Scenery:
    """Gives the picture behind the subject, H W 3 uint8 of `size` (height, width).

    names: as for `--over`: pictures, clips, colours, `blur` (of the plate), `green`. All are read
    here, so that what cannot be used is said at the start. Use it as a context manager.
    Raises InputError.
    """

    def __init__(self, names: Sequence[str], size: tuple[int, int]) -> None:
        self._names, self._size = tuple(names), size
        self._at, self._blurs = 0, False
        self._plate: Picture | None = None
        self._blurred: Pixels | None = None
        self._clips: list[_Clip] = []
        self._makers: list[Callable[[], Pixels]] = []
        try:
            self._makers = [self._maker(name) for name in self._names]
        except BaseException:
            self.close()
            raise

    @property
    def title(self) -> str:
        """Name of what is shown."""
        return BLUR if self._blurs else self._names[self._at]

    def take_plate(self, plate: Picture) -> None:
        """Blur this plate (H W 3, 0..1) from now on."""
        self._plate, self._blurred = plate, None

    def next(self) -> None:
        """Show the next one, after the last the first."""
        self._rest()
        self._at, self._blurs = (self._at + 1) % len(self._names), False

    def toggle_blur(self) -> None:
        """Show the blurred plate, or again what was shown before."""
        self._rest()
        self._blurs = not self._blurs

    def now(self) -> Pixels:
        """Give the picture; it must not be changed."""
        return self._blur() if self._blurs else self._makers[self._at]()

    def close(self) -> None:
        """Let go of all clips."""
        for clip in self._clips:
            clip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rest(self) -> None:
        for clip in self._clips:
            clip.rest()

    def _maker(self, name: str) -> Callable[[], Pixels]:
        if name == BLUR:
            return self._blur
        if is_over_clip(name):
            self._clips.append(_Clip(name, self._size))
            return self._clips[-1].now
        if name == "green" and not Path(name).exists():
            picture = np.full((*self._size, 3), GREEN, np.uint8)
        else:
            picture = self._fitted(read_new_background(name))
        return lambda: picture

    def _fitted(self, source: Still | tuple[float, float, float] | None) -> Pixels:
        plate = self._plate if self._plate is not None else np.zeros((*self._size, 3), np.float32)
        fitted = fit_new_background(source, plate, self._size)
        return np.asarray(cv2.convertScaleAbs(np.ascontiguousarray(fitted), alpha=255), np.uint8)

    def _blur(self) -> Pixels:
        if self._blurred is None:
            self._blurred = self._fitted(None)
        return self._blurred


class _Clip:
    """A clip as background: it plays like a camera, in a thread of its own, over and over."""

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._grabber = Grabber(open_camera(f"file:{name}", size, "loop"))
        self._grabber.__enter__()
        try:
            first = self._grabber.newest(timeout=10)
        except BaseException:
            self.close()
            raise
        self._last = np.zeros((*size, 3), np.uint8) if first is None else first.picture
        self._grabber.rest()

    def now(self) -> Pixels:
        found = self._grabber.newest(timeout=0)
        if found is not None:
            self._last = found.picture
        return self._last

    def rest(self) -> None:
        self._grabber.rest()

    def close(self) -> None:
        self._grabber.__exit__()
