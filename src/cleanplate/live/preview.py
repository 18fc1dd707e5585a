"""A window that shows what goes out, and takes the hot keys."""

from typing import Any

import cv2
import numpy as np

from cleanplate.errors import DeviceError, MissingExtraError
from cleanplate.live.sinks import Shown

WIDEST = 960  # pixels; larger pictures are shown smaller, as windows are slow to fill


class Preview:
    """A window of the system, through Tk, which comes with Python; in one thread with the loop.

    Raises MissingExtraError without Tk, DeviceError without a display.
    """

    name, private = "preview", True

    def __init__(self, title: str) -> None:
        try:
            import tkinter
        except ImportError as problem:
            raise MissingExtraError(
                "--preview needs Tk, which this Python lacks: install python3-tk, or look at "
                "--serve in a browser."
            ) from problem
        self._photo_of = tkinter.PhotoImage
        self._lost = tkinter.TclError
        try:
            self._window = tkinter.Tk()
        except tkinter.TclError as problem:
            raise DeviceError(
                "--preview needs a display and there is none: look at --serve in a browser."
            ) from problem
        self._window.title(title)
        self._window.resizable(False, False)
        self._label = tkinter.Label(self._window, borderwidth=0, background="black")
        self._label.pack()
        self._pressed: list[str] = []
        self._window.bind("<Key>", self._press)
        self._window.protocol("WM_DELETE_WINDOW", lambda: self._pressed.append("q"))
        self._photo: Any = None
        self._open = True

    @property
    def watched(self) -> bool:
        """Whether the window is there and not minimised."""
        try:
            return self._open and self._window.state() == "normal"
        except self._lost:
            self._close_lost()
            return False

    def show(self, shown: Shown) -> None:
        """Show the picture."""
        if not self._open:
            return
        picture = shown.picture
        height, width = picture.shape[:2]
        if width > WIDEST:
            size = (WIDEST, round(height * WIDEST / width))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = picture.shape[:2]
        data = b"P6 %d %d 255\n" % (width, height) + picture.tobytes()
        try:
            if self._photo is None:
                self._photo = self._photo_of(master=self._window, data=data, format="PPM")
                self._label.configure(image=self._photo)
            else:
                self._photo.configure(data=data, format="PPM")
            self._window.update()
        except self._lost:
            self._close_lost()

    def keys(self) -> list[str]:
        """Keys pressed in the window since the last call; `q` when it was closed."""
        if self._open:
            try:
                self._window.update()
            except self._lost:
                self._close_lost()
        pressed, self._pressed = self._pressed, []
        return pressed

    def close(self) -> None:
        """Close the window."""
        if self._open:
            self._open = False
            self._photo = None
            self._window.destroy()

    def _press(self, event: Any) -> None:
        self._pressed.append("q" if event.keysym == "Escape" else event.char)

    def _close_lost(self) -> None:
        self._open = False
        self._pressed.append("q")
