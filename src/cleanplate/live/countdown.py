"""The plate, shot by a countdown: step out of the picture, and look whether it is any good."""

import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, PlateError
from cleanplate.media.camera import CameraFrame, Grabber
from cleanplate.plates.shoot import ATTEMPTS, ShotPlate, Shutter

Picture = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Look = Callable[[CameraFrame, str], None]  # shows the camera and what to do, and takes keys

AGAIN = 3.0  # seconds of a countdown after a plate that was no good
SETTLE = 0.3  # seconds after what was automatic has been switched off
LONGEST = 12.0  # seconds for which a picture that never rests is waited for
SILENT = 15.0  # seconds without any frame after which a camera is lost


def shoot(
    grabber: Grabber,
    seconds: float,
    look: Look,
    find_person: Callable[[Picture], Picture] | None,
    say: Callable[[str], None],
) -> ShotPlate:
    """Count down, lock the camera and shoot; again where the plate is no good, ATTEMPTS times.

    seconds: of the countdown, by the camera's own time. look: called for every frame with what
    the one before the camera is to do. find_person: as for `Shutter.develop`.
    Returns the last plate even where something is still wrong with it: what looks like a person
    may be a picture on the wall. Raises PlateError where it is black, InputError where the camera
    ends too early, and what `look` raises.
    """
    grabber.camera.unlock()  # of a plate before this one: the light may have changed
    for attempt in range(1, ATTEMPTS + 1):
        _count_down(grabber, seconds if attempt == 1 else min(seconds, AGAIN), look, say)
        if attempt == 1:
            for sentence in grabber.camera.lock():
                say(sentence)
        shot = _expose(grabber, look).develop(find_person)
        for sentence in (*shot.problems, *shot.warnings):
            say(sentence)
        if not shot.problems:
            break
        say("Once more." if attempt < ATTEMPTS else "This plate is used as it is; p shoots anew.")
    if shot.black:
        raise PlateError("The plate is black: open the camera's cover, or give it light.")
    return shot


def _count_down(grabber: Grabber, seconds: float, look: Look, say: Callable[[str], None]) -> None:
    """Show the camera until the time is over, and say every second."""
    began: float | None = None
    said = -1
    while True:
        frame = _frame(grabber)
        began = frame.seconds if began is None else began
        left = seconds - (frame.seconds - began)
        if left <= 0:
            return
        if said != int(left + 0.999):
            words = f"{int(left + 0.999)}"
            say(f"Step out of the picture: {words}" if said < 0 else words)
            said = int(left + 0.999)
        look(frame, f"step out of the picture: {said}")


def _expose(grabber: Grabber, look: Look) -> Shutter:
    """Take frames until the picture has been still long enough, or for LONGEST seconds."""
    shutter, began, rested = Shutter(), None, False
    while not shutter.done:
        frame = _frame(grabber)
        began = frame.seconds if began is None else began
        passed = frame.seconds - began
        if passed > LONGEST:
            break
        rested = rested or passed >= SETTLE
        if rested:
            shutter.add(frame.picture)
        disturbed = shutter.restarts > 0 and shutter.frames <= 1
        look(frame, "something moves, step out" if disturbed else "keep out of the picture")
    return shutter


def _frame(grabber: Grabber) -> CameraFrame:
    until = time.monotonic() + SILENT
    while time.monotonic() < until:
        frame = grabber.newest()
        if frame is not None:
            return frame
        if grabber.ended:
            break
    raise InputError(
        f"{grabber.camera.name} ended before the plate was shot: give a longer clip, a shorter "
        "--countdown, or a --plate."
    )


def with_words(picture: Pixels, words: str) -> Pixels:
    """Write words over the lower part of a copy of the picture, H W 3 uint8."""
    height, width = picture.shape[:2]
    shown = picture.copy()
    font, thick = cv2.FONT_HERSHEY_DUPLEX, max(1, height // 360)
    (across, down), _ = cv2.getTextSize(words, font, 1.0, thick)
    scale = min(0.9 * width / across, 0.08 * height / down)
    place = (round((width - scale * across) / 2), round(0.93 * height))
    for colour, line in (((0, 0, 0), 3 * thick), ((255, 255, 255), thick)):
        cv2.putText(shown, words, place, font, scale, colour, line, cv2.LINE_AA)
    return shown
