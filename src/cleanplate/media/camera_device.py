"""A camera that the system knows, through OpenCV, and what its driver lets one hold still."""

import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import DeviceError
from cleanplate.media.cover import cover

Pixels = NDArray[np.uint8]

TRIES = 5  # reads that may fail in a row: a driver drops a damaged picture now and then
LOST = 3.0  # seconds after which no more are tried; a driver may wait for ten by itself
PAUSE = 0.05  # seconds between them
V4L2_MANUAL = 1.0  # its menu of exposure modes: 0 automatic, 1 manual, 3 by the aperture
NEAR = 0.02  # share by which a value that was set may read back differently


@dataclass(frozen=True)
class _Control:
    """What an automatic one and its value are called in OpenCV."""

    name: str
    automatic: int
    value: int


CONTROLS = (
    _Control("exposure", cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE),
    _Control("white balance", cv2.CAP_PROP_AUTO_WB, cv2.CAP_PROP_WB_TEMPERATURE),
    _Control("focus", cv2.CAP_PROP_AUTOFOCUS, cv2.CAP_PROP_FOCUS),
)


class DeviceCamera:
    """A camera of the system; see `Camera` in camera.py for its methods.

    source: index or path. size: height, width that the camera is asked for; what it gives is
    brought to it. Raises DeviceError where there is none.
    """

    waits = False
    stale = 4  # the usual number of a driver's buffers

    def __init__(self, source: int | str, size: tuple[int, int] | None) -> None:
        self.name = f"camera {source}"
        self._size = size
        self._changed: list[tuple[int, float]] = []
        # One thread reads, another one locks; drivers need not bear both at once.
        self._asking = Lock()
        with _quiet():
            self._capture = cv2.VideoCapture(source)
        if not self._capture.isOpened():
            self._capture.release()
            raise DeviceError(
                f"There is no {self.name} that can be opened: see that it is plugged in, that no "
                "other program has it, and that this one may use it; or try --camera 1."
            )
        self._ask(size)
        self._began: float | None = None

    def read(self) -> tuple[Pixels, float, float] | None:
        """Give the next picture; raises DeviceError when none comes any more."""
        began = time.monotonic()
        for attempt in range(TRIES):
            if attempt:
                time.sleep(PAUSE)
            if time.monotonic() > began + LOST:
                break
            with self._asking:
                if not self._capture.grab():
                    continue
                grabbed = time.monotonic()
                good, picture = self._capture.retrieve()
            if good and picture is not None:
                self._began = grabbed if self._began is None else self._began
                pixels = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
                pixels = np.ascontiguousarray(cover(pixels, self._size, cv2.INTER_LINEAR))
                return pixels, grabbed, grabbed - self._began
        raise DeviceError(
            f"The {self.name} gives no pictures any more: it was unplugged, or another program "
            "took it. Plug it in and start again."
        )

    def lock(self) -> tuple[str, ...]:
        """Switch off what is automatic and hold the values in force.

        Returns a sentence for each that the driver did not allow, as its read-back says.
        """
        with self._asking:
            return tuple(
                f"The camera's driver does not let {control.name} be locked here: {advice}"
                for control, advice in zip(CONTROLS, _ADVICE, strict=True)
                if not self._lock(control)
            )

    def unlock(self) -> None:
        """Put the automatic back, which outlives the program on some systems."""
        with self._asking:
            for control, before in self._changed:
                with suppress(cv2.error):
                    self._capture.set(control, before)
            self._changed.clear()

    def close(self) -> None:
        """Put the automatic back and let go."""
        self.unlock()
        self._capture.release()

    def _lock(self, control: _Control) -> bool:
        """Whether the control holds now, as far as reading it back tells."""
        before, value = (self._capture.get(each) for each in (control.automatic, control.value))
        manual = 0.0
        if control.name == "exposure" and self._capture.getBackendName() == "V4L2":
            manual = V4L2_MANUAL
        # A driver may take what it does not keep: only reading it back tells.
        if not self._capture.set(control.automatic, manual):
            return False
        if self._capture.get(control.automatic) != manual:
            return False
        if before == manual:
            return True
        self._changed.append((control.automatic, before))
        # Some drivers jump to a default of their own when the automatic goes off.
        self._capture.set(control.value, value)
        return _alike(self._capture.get(control.value), value)

    def _ask(self, size: tuple[int, int] | None) -> None:
        """Ask for the size, and for JPEG: uncompressed HD does not fit through USB 2 in time."""
        if size is None:
            return
        wishes: tuple[tuple[int, Any], ...] = (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
            (cv2.CAP_PROP_FRAME_WIDTH, size[1]),
            (cv2.CAP_PROP_FRAME_HEIGHT, size[0]),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
        )
        for wish, value in wishes:
            with suppress(cv2.error):
                self._capture.set(wish, value)


_ADVICE = (
    "switch automatic exposure off in the camera's own settings, and keep the light as it is.",
    "set it by hand in the camera's own settings, and keep the light as it is.",
    "switch autofocus off in the camera's own settings, or sit still.",
)


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= NEAR * max(abs(one), abs(other)) + 1e-6


class _quiet:  # noqa: N801  (used as a function)
    """Keep OpenCV from printing to the terminal what is said in a sentence here."""

    def __enter__(self) -> None:
        self._before = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def __exit__(self, *_: object) -> None:
        cv2.utils.logging.setLogLevel(self._before)
