"""The loop: the newest frame of the camera, cut, laid over a background, shown everywhere."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from cleanplate.live.countdown import shoot, with_words
from cleanplate.live.cutting import LiveCutter, compose, matte_view
from cleanplate.live.keys import Keys
from cleanplate.live.meter import Meter
from cleanplate.live.scenery import Scenery
from cleanplate.live.sinks import Shown, Sink
from cleanplate.media.camera import CameraFrame, Grabber
from cleanplate.media.stills import write_still

Picture = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Say = Callable[[str], None]

IDLE = 0.25  # seconds between looks at the keys while nobody watches
POLL = 0.1  # seconds between looks at the keys while nothing is cut
HELD = 0.5  # seconds after which a picture that is held is shown again: some readers want one
REPORT = 5.0  # seconds between reports of the pace
KEYS = "p new plate, n next background, b blur, m matte, d detail, space pause, q quit"


class Quit(Exception):  # noqa: N818  (no error)
    """Somebody wants to stop."""


class Live:
    """One live picture: everything that a key may change, and the loop."""

    def __init__(
        self,
        grabber: Grabber,
        cutter: LiveCutter,
        scenery: Scenery,
        sinks: Sequence[Sink],
        say: Say,
    ) -> None:
        self._grabber, self._cutter, self._scenery = grabber, cutter, scenery
        self._sinks, self._say = sinks, say
        self._keys: tuple[Keys, ...] = ()
        self.first: CameraFrame | None = None  # to be cut before what the camera shows next
        self.find_person: Callable[[Picture], Picture] | None = None
        self.countdown = 5.0
        self.save_plate: Path | None = None
        self.least = 0.0  # seconds between two frames
        self.report: Callable[[str], None] | None = None  # takes the pace, now and then
        self.wake = Event()
        self.meter = Meter()
        self.idle = 0.0  # seconds in which nobody watched
        self._paused = self._shows_matte = self._wants_plate = False
        self._last: Shown | None = None
        self._warned = ""
        self._due = self._reported = 0.0

    def listen(self, keys: Sequence[Keys]) -> None:
        """Take hot keys from there."""
        self._keys = tuple(keys)

    def take_plate(self, plate: Picture, own: bool) -> None:
        """Cut against this plate from now on; see `LiveCutter.take_plate`."""
        self._cutter.take_plate(plate, own)
        self._scenery.take_plate(plate)

    def shoot_plate(self) -> bool:
        """Shoot a plate by a countdown; False when somebody quits meanwhile.

        Only who sits here sees the room then: other sinks keep what they showed.
        """
        try:
            self._shoot()
        except Quit:
            return False
        return True

    def _shoot(self) -> None:
        self.first = None
        shot = shoot(self._grabber, self.countdown, self._look, self.find_person, self._say)
        self.take_plate(shot.plate, own=True)
        self._say(f"The plate is shot, of {shot.frames} frames. You may come back.")
        if self.save_plate is not None:
            write_still(self.save_plate, shot.plate, bit_depth=16)
            self._say(f"The plate is in {self.save_plate}.")

    def run(self, seconds: float | None = None) -> None:
        """Go on until somebody quits, the camera ends, or `seconds` are over."""
        until = None if seconds is None else time.monotonic() + seconds
        try:
            while until is None or time.monotonic() < until:
                self._obey()
                if self._wants_plate:
                    self._wants_plate = False
                    self._shoot()
                elif self._paused:
                    self._hold()
                elif not any(sink.watched for sink in self._sinks):
                    self._rest()
                elif not self._next():
                    return
        except Quit:
            return

    def _next(self) -> bool:
        """Cut and show one frame, if one comes; False when the camera has ended."""
        if not self._is_due():
            return True
        frame, self.first = self.first or self._grabber.newest(), None
        if frame is None:
            return not self._grabber.ended
        taken = time.monotonic()
        matte = self._cutter.cut(frame.picture)
        cut = time.monotonic()
        if self._shows_matte:
            picture = matte_view(matte, (frame.picture.shape[0], frame.picture.shape[1]))
        else:
            picture = compose(matte, self._scenery.now())
        laid = time.monotonic()
        self._show(Shown(picture, frame.grabbed, (taken, cut, laid), frame.seconds))
        self.meter.count(frame.grabbed, time.monotonic())
        words = self._cutter.slow_down()
        if words:
            self._say(words)
        self._warn()
        self._report_pace()
        return True

    def _show(self, shown: Shown) -> None:
        self._last = shown
        for sink in self._sinks:
            sink.show(shown)

    def _is_due(self) -> bool:
        """Wait a little where there is a limit, to keep frames evenly apart; whether that is it."""
        now = time.monotonic()
        if self.least and now < self._due:
            time.sleep(min(POLL, self._due - now))
            now = time.monotonic()
            if now < self._due:
                return False
        # Not from `now`, which would add up the delays; and no hurry after a long one.
        self._due = max(self._due, now - self.least) + self.least
        return True

    def _rest(self) -> None:
        """Nobody watches: the camera is not read and nothing is cut."""
        self._grabber.rest()
        began = time.monotonic()
        self.wake.wait(IDLE)
        self.wake.clear()
        self.idle += time.monotonic() - began

    def _hold(self) -> None:
        """Paused: what was shown last stays."""
        self._grabber.rest()
        now = time.monotonic()
        if self._last is not None and now > self._last.grabbed + HELD:
            self._show(Shown(self._last.picture, now))
        self.wake.wait(POLL)
        self.wake.clear()

    def _look(self, frame: CameraFrame, words: str) -> None:
        """Show the camera itself, with what to do, where only who sits here sees it."""
        picture = None
        for sink in self._sinks:
            if sink.private:
                picture = with_words(frame.picture, words) if picture is None else picture
                sink.show(Shown(picture, frame.grabbed))
            elif self._last is not None and sink.watched:
                sink.show(Shown(self._last.picture, frame.grabbed))
        if "q" in self._pressed():
            raise Quit

    def _pressed(self) -> list[str]:
        return [key for keys in self._keys for key in keys()]

    def _obey(self) -> None:
        for key in self._pressed():
            if key == "q":
                raise Quit
            if key == "p":
                self._wants_plate = True
            elif key == " ":
                self._paused = not self._paused
                self._say("Paused." if self._paused else "Going on.")
            elif key == "m":
                self._shows_matte = not self._shows_matte
            elif key == "d":
                self._say(f"Detail: {self._cutter.next_detail().name}.")
            elif key in ("n", "b"):
                (self._scenery.next if key == "n" else self._scenery.toggle_blur)()
                self._say(f"Background: {self._scenery.title}.")

    def _warn(self) -> None:
        """Say what the plate's follower says, each thing once until it says another."""
        words = self._cutter.words
        if words and words != self._warned:
            self._warned = words
            self._say(words)

    def _report_pace(self) -> None:
        now = time.monotonic()
        if self.report is None or now < self._reported + REPORT:
            return
        self._reported = now
        pace = self.meter.pace(last=REPORT)
        if pace is not None:
            self.report(str(pace))
