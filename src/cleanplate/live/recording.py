"""A recording of what is shown: a clip whose frames keep the times at which they were shown."""

from fractions import Fraction
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event, Thread

from cleanplate.errors import OutputError
from cleanplate.live.sinks import Shown
from cleanplate.media.clip_codecs import choose_codec
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_write import ClipWriter, Timing

TICK = Fraction(1, 1000)
WAITING = 8  # frames that may wait for the encoder; when it is slower than that, some are left out
PATIENCE = 0.2  # seconds
USUAL = 40  # ticks that the last frame is shown
TAGS = ColourTags("bt709", "bt709", "bt709", "tv")
ENDINGS = (".mp4", ".mov", ".mkv", ".webm")


def check_recording(path: Path) -> None:
    """Raise OutputError where the ending is not that of a clip."""
    if path.suffix.lower() not in ENDINGS:
        raise OutputError(
            f"{path} is no clip: name the recording {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}."
        )


class Recording:
    """Writes a clip in a thread of its own; it appears, verified, when it is closed.

    No sound. The rate is as variable as the frames came.
    Raises OutputError where the file cannot be written.
    """

    name, private, watched = "recording", False, True

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        """`size`: height, width of all frames."""
        self._path = path
        check_recording(path)
        codec = choose_codec(path, None, alpha=False)
        timing = Timing(TICK, None, TAGS)
        self._writer = ClipWriter(path, codec, *size, timing, alpha=False, threads=1)
        self.frames = self.left_out = 0
        self.outcome = ""  # once it is closed: what was recorded, in words
        self._began: float | None = None
        self._queue: Queue[Shown] = Queue(WAITING)
        self._last: tuple[Shown, int] | None = None
        self._done = Event()
        self._problem: BaseException | None = None
        self._thread = Thread(target=self._drain, name="recording", daemon=True)
        self._thread.start()

    def show(self, shown: Shown) -> None:
        """Hand a frame over; raises what writing an earlier one raised."""
        if self._problem is not None:
            raise self._problem
        try:
            self._queue.put_nowait(shown)
        except Full:
            self.left_out += 1

    def close(self) -> None:
        """Write what waits, verify the clip and put it in its place; without a frame, nothing."""
        self._done.set()
        try:
            while self._thread.is_alive():
                self._thread.join(PATIENCE)
            if self._problem is not None:
                raise self._problem
            if self._last is None:
                self._writer.abort()
                self.outcome = f"{self._path}: not written, no frame was shown."
                return
            last, ticks = self._last
            self._write(last, ticks, USUAL)
            self._writer.close()
        except BaseException:
            self._writer.abort()
            raise
        left_out = f", {self.left_out} left out" if self.left_out else ""
        self.outcome = f"{self._path}: {self.frames} frames{left_out}, verified."

    def _drain(self) -> None:
        try:
            while not (self._done.is_set() and self._queue.empty()):
                try:
                    shown = self._queue.get(timeout=PATIENCE)
                except Empty:
                    continue
                self._take(shown)
        except BaseException as problem:
            self._problem = problem

    def _take(self, shown: Shown) -> None:
        """Write the frame before, now that it is known for how long it was shown."""
        self._began = shown.grabbed if self._began is None else self._began
        ticks = round((shown.grabbed - self._began) / TICK)
        if self._last is not None:
            before, since = self._last
            ticks = max(ticks, since + 1)
            self._write(before, since, ticks - since)
        self._last = (shown, ticks)

    def _write(self, shown: Shown, ticks: int, duration: int) -> None:
        self._writer.write(shown.picture, None, ticks, duration)
        self.frames += 1
