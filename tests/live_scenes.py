"""A camera in a room: the bundled sample, first without and then with its subject."""

import re
from fractions import Fraction
from threading import Thread

import cv2
import numpy as np

from cleanplate.live.options import LiveOptions
from cleanplate.live.run import run_live
from cleanplate.media.stills import write_still
from clips import write_clip

SIDE = 192
RATE = Fraction(25)


def small(picture):
    """The sample at the size of these tests, H W 3 float, 0..1."""
    return cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) / 255


def shot_of(path, *parts):
    """Write a clip: (picture, number of frames) after another, with a little noise."""
    random = np.random.default_rng(7)
    noises = [random.normal(0, 1 / 255, (SIDE, SIDE, 3)) for _ in range(5)]
    frames = [picture for picture, count in parts for _ in range(count)]
    pictures = [np.clip(each + noises[k % 5], 0, 1) for k, each in enumerate(frames)]
    return write_clip(path, pictures, rate=RATE, options={"preset": "ultrafast", "crf": "12"})


def write_room(folder, frame, plate):
    """Write the clips that play the camera, and pictures of the scene."""
    empty, person = small(plate), small(frame)
    write_still(folder / "plate.png", empty.astype(np.float32))
    write_still(folder / "person.png", person.astype(np.float32))
    shot_of(folder / "enters.mp4", (empty, 42), (person, 10))
    shot_of(folder / "lingers.mp4", (person, 40), (empty, 60), (person, 4))
    shot_of(folder / "stays.mp4", (person, 20))
    return folder


class Session:
    """A live session in a thread of its own, as somebody at the keyboard sees it."""

    def __init__(self, **options):
        self.said, self.pressed, self.problem, self.live = [], [], None, None
        self._options = LiveOptions(**{"threads": 1, "detail": "half", **options})
        self.thread = Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def end(self):
        """Wait until it has ended by itself."""
        self.thread.join(60)
        assert not self.thread.is_alive(), self.said
        return self

    def press(self, key):
        self.pressed.append(key)

    def keys(self):
        pressed, self.pressed = self.pressed, []
        return pressed

    @property
    def words(self):
        return "\n".join(self.said)

    @property
    def url(self):
        found = re.search(r"http://127\.0\.0\.1:\d+/", self.words)
        return found and found[0]

    def _run(self):
        try:
            self.live = run_live(self._options, self.said.append, (self.keys,))
        except Exception as problem:
            self.problem = problem


def until(condition, session):
    """Wait for something to become true while the session runs."""
    import time

    for _ in range(1200):
        found = condition()
        if found:
            return found
        assert session.thread.is_alive(), (session.said, session.problem)
        time.sleep(0.05)
    raise AssertionError(session.said)
