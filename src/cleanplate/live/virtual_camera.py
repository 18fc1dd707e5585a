"""A virtual camera, which other programs take for a webcam; through pyvirtualcam, an extra."""

import sys
from typing import Any

from cleanplate.errors import DeviceError, MissingExtraError
from cleanplate.live.sinks import Shown

_ADVICE = {
    "linux": "load the kernel module first: sudo modprobe v4l2loopback exclusive_caps=1",
    "darwin": "install OBS Studio, start its virtual camera once and stop it again",
    "win32": "install OBS Studio 26 or later, whose virtual camera is used",
}


class VirtualCamera:
    """Shows pictures as a webcam.

    Raises MissingExtraError without pyvirtualcam, DeviceError where the system has no such device.
    """

    private, watched = False, True

    def __init__(self, size: tuple[int, int], rate: float, device: str) -> None:
        """`size`: height, width. device: its name, "" for the first that is free."""
        try:
            import pyvirtualcam
        except ImportError as problem:
            raise MissingExtraError(
                "--virtual-camera needs the package pyvirtualcam (GPL-2): "
                "pip install 'cleanplate[live]'."
            ) from problem
        height, width = size
        try:
            self._camera: Any = pyvirtualcam.Camera(
                width, height, rate, fmt=pyvirtualcam.PixelFormat.RGB, device=device or None
            )
        except (RuntimeError, ValueError) as problem:
            advice = _ADVICE.get(sys.platform, "see docs/live.md")
            reason = " ".join(str(problem).split()).rstrip(".")
            raise DeviceError(
                f"The virtual camera cannot be opened ({reason}): {advice}."
            ) from problem
        self.name = f"virtual camera {self._camera.device}"

    def show(self, shown: Shown) -> None:
        """Hand the picture to whoever looks."""
        self._camera.send(shown.picture)

    def close(self) -> None:
        """Take the device away."""
        self._camera.close()
