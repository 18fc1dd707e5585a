"""Cameras behind one small interface; of all they show, the newest frame is taken."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Condition, Thread
from typing import Literal, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.media.camera_device import DeviceCamera
from cleanplate.media.clip_file import check_file
from cleanplate.media.clip_read import ClipReader, is_clip
from cleanplate.media.cover import cover
from cleanplate.media.stills import read_still

Pixels = NDArray[np.uint8]
Play = Literal["loop", "once", "every"]

STILL_RATE = Fraction(25)  # pictures a second of one still that plays the camera
LATE = 0.5  # seconds behind its own clock at which a clip no longer hurries to catch up
PATIENCE = 0.2  # seconds; a wait that is cut into pieces lets Ctrl-C through on every system


@dataclass(frozen=True)
class CameraFrame:
    """One frame of a camera.

    picture: H W 3 uint8, RGB. number: counts from 1, also those that nobody took.
    grabbed: `time.monotonic()` when it left the camera. seconds: time of the camera since its
    first frame: of a clip its own time, however fast it is read.
    """

    picture: Pixels
    number: int
    grabbed: float
    seconds: float


class Camera(Protocol):
    """What shows pictures, one after another.

    waits: whether every picture must be taken before the next one is shown. stale: pictures that
    a driver may have kept while nobody read.
    """

    name: str
    waits: bool
    stale: int

    def read(self) -> tuple[Pixels, float, float] | None:
        """Give picture, moment of grabbing and the camera's time; None at the end of a clip."""

    def lock(self) -> tuple[str, ...]:
        """Hold exposure, white balance and focus as they are; sentences about what did not hold."""

    def unlock(self) -> None:
        """Put back what `lock` changed."""

    def close(self) -> None:
        """Let go of it, and put back what `lock` changed."""


def open_camera(name: str, size: tuple[int, int] | None = None, play: Play = "loop") -> Camera:
    """Open a camera.

    name: a number (0 is the first), a device like /dev/video0, or `file:PATH`, where a clip, a
    folder of numbered stills or a still plays the camera. size: height, width that every picture
    is brought to; a device is asked for it. None: as it comes.
    play: of a clip: at its own rate and again from the start ("loop"), at its own rate to its end
    ("once"), or every frame, as fast as they are taken ("every").
    Raises DeviceError for a device that is not there, InputError for a file that cannot be used.
    """
    if name.startswith("file:"):
        return _FileCamera(Path(name.removeprefix("file:")), size, play)
    if not (name.isdecimal() or name.startswith("/dev/")):
        raise InputError(
            f"{name} is no camera: give a number (0 is the first), /dev/video0, or file:PATH."
        )
    return DeviceCamera(int(name) if name.isdecimal() else name, size)


class _FileCamera:
    """A clip, numbered stills or one still that play the camera."""

    stale = 0

    def __init__(self, path: Path, size: tuple[int, int] | None, play: Play) -> None:
        self.name, self.waits = str(path), play == "every"
        self._size, self._play = size, play
        self._began = 0.0  # moment at which the clip's time was 0
        self._closed = False
        self._pictures = self._stills(path) if _is_still(path) else self._clip(path)

    def read(self) -> tuple[Pixels, float, float] | None:
        found = next(self._pictures, None)
        if found is None:
            return None
        picture, seconds = found
        picture = np.ascontiguousarray(cover(picture, self._size, cv2.INTER_LINEAR))
        now = time.monotonic()
        if not self.waits:
            due = self._began + seconds
            if abs(now - due) > LATE:  # the first one, or after a rest
                self._began, due = now - seconds, now
            while now < due and not self._closed:
                time.sleep(min(PATIENCE, due - now))
                now = time.monotonic()
        return picture, now, seconds

    def lock(self) -> tuple[str, ...]:
        return ()

    def unlock(self) -> None:
        pass

    def close(self) -> None:
        self._closed = True

    def _stills(self, path: Path) -> Iterator[tuple[Pixels, float]]:
        picture = np.rint(read_still(path).picture * 255).astype(np.uint8)
        number = 0
        while not self._closed:
            yield picture, float(number / STILL_RATE)
            number += 1

    def _clip(self, path: Path) -> Iterator[tuple[Pixels, float]]:
        if not path.exists() and "%" not in path.name and "#" not in path.name:
            check_file(path)
        reader = ClipReader(path, tone_map=True, threads=1)  # said here, not in the thread
        return self._rounds(reader)

    def _rounds(self, reader: ClipReader) -> Iterator[tuple[Pixels, float]]:
        info, offset = reader.info, Fraction(0)
        usual = 1 / info.rate if info.rate else Fraction(1, 25)
        with reader:
            while not self._closed:
                ends = offset
                for frame in reader:
                    begins = offset + frame.pts * info.time_base - info.start
                    ends = begins + (frame.duration * info.time_base or usual)
                    yield _eight_bits(frame.picture), float(begins)
                    if self._closed:
                        return
                if self._play != "loop" or ends == offset:
                    return
                offset = ends


class Grabber:
    """Reads a camera in a thread of its own and keeps the newest frame, one and no more.

    Use it as a context manager: the thread has ended, and the camera is closed, when it is left.
    """

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self._changed = Condition()
        self._slot: CameraFrame | None = None
        self._ended = self._left = self._resting = False
        self._problem: BaseException | None = None
        self._thread = Thread(target=self._grab, name="camera", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        while self._thread.is_alive():
            self._thread.join(PATIENCE)
        self.camera.close()

    @property
    def ended(self) -> bool:
        """Whether the camera has shown its last frame and that was taken.

        One that was lost has not ended: `newest` says so, whoever asks and whenever.
        """
        with self._changed:
            return self._ended and self._slot is None and self._problem is None

    def newest(self, timeout: float = PATIENCE) -> CameraFrame | None:
        """Take the newest frame, each once; None if none comes in `timeout` seconds.

        Raises what the camera raised: DeviceError when it is lost, InputError for a damaged file.
        """
        until = time.monotonic() + timeout
        with self._changed:
            if self._resting:
                self._resting, self._slot = False, None
                self._changed.notify_all()
            while self._slot is None and not self._ended:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, PATIENCE))
            frame, self._slot = self._slot, None
            if frame is None and self._problem is not None:
                raise self._problem
            self._changed.notify_all()
            return frame

    def rest(self) -> None:
        """Read nothing until the next call of `newest`."""
        with self._changed:
            self._resting = True

    def _grab(self) -> None:
        number = 0
        try:
            while self._may_read():
                found = self.camera.read()
                if found is None:
                    break
                number += 1
                picture, grabbed, seconds = found
                with self._changed:
                    self._slot = CameraFrame(picture, number, grabbed, seconds)
                    self._changed.notify_all()
        except BaseException as problem:
            self._problem = problem
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _may_read(self) -> bool:
        """Wait while nobody wants a frame; False when nobody ever will."""
        rested = False
        with self._changed:
            while not self._left and (
                self._resting or (self.camera.waits and self._slot is not None)
            ):
                rested = rested or self._resting
                self._changed.wait(PATIENCE)
            if self._left:
                return False
        for _ in range(self.camera.stale if rested else 0):
            self.camera.read()
        return True


def _is_still(path: Path) -> bool:
    return path.is_file() and not is_clip(path)


def _eight_bits(picture: NDArray[np.uint8] | NDArray[np.uint16]) -> Pixels:
    if picture.dtype == np.uint8:
        return np.asarray(picture, np.uint8)
    return np.asarray((picture + np.float32(128)) / 257, np.uint8)
