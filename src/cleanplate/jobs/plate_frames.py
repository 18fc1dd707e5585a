"""Frames of a plate that is a clip itself, by their numbers."""

import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.clip_plate import PlateClip, PlateIndex, index_plates
from cleanplate.errors import InputError
from cleanplate.jobs.options import ClipOptions
from cleanplate.jobs.progress import frames_progress
from cleanplate.jobs.threads import reading_ahead
from cleanplate.media.clip_read import ClipFrame, ClipReader
from cleanplate.media.replacing import replacing
from cleanplate.pictures import to_picture

Picture = NDArray[np.float32]

AHEAD = 2
HELD = 5  # frames that are kept: the match may go back a little


class PlateFrames:
    """Reads frames of a clip by number; quick where they are asked for in nearly rising order."""

    def __init__(self, path: Path, options: ClipOptions) -> None:
        self._path, self._options = path, options
        self._held: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._reader: ClipReader | None = None
        self._frames: Iterator[ClipFrame] = iter(())
        self._next: int | None = None  # number of the frame that comes next; nothing is open

    def __call__(self, number: int) -> Picture:
        """Return a frame, H W 3 float32, 0..1. Raises InputError where it cannot be read."""
        if number not in self._held:
            if self._next is None or not self._next <= number < self._next + 2 * HELD:
                self._open(number)
            self._read(number)
        return to_picture(self._held[number], "plate")

    def close(self) -> None:
        """Let go of the file."""
        if self._reader is not None:
            self._reader.close()
        self._held.clear()
        self._next = None

    def _read(self, number: int) -> None:
        while number not in self._held:
            frame = next(self._frames, None)
            if frame is None or frame.index > number:
                raise InputError(
                    f"{self._path} has no frame {number}: check that the file is complete."
                )
            self._held[frame.index] = frame.picture
            self._next = frame.index + 1
        while len(self._held) > HELD:
            self._held.popitem(last=False)

    def _open(self, number: int) -> None:
        self.close()
        self._reader = ClipReader(self._path, first=number, **self._options.reading())
        self._frames, self._next = iter(self._reader), number


def open_plate_clip(path: Path, options: ClipOptions, kept: Path) -> PlateClip:
    """Make the plate of a moving camera of a clip of the empty scene.

    kept: file (.npy) in which the thumbnails of its frames are kept for a job that goes on.
    Raises InputError, PlateError.
    """
    frames = PlateFrames(path, options)
    thumbnails = read_kept(kept)
    if thumbnails is not None:
        with ClipReader(path, **options.reading()) as reader:
            shape = (reader.info.height, reader.info.width, 3)
        return PlateClip(PlateIndex(thumbnails, shape), frames)
    with ExitStack() as stack:
        reader = stack.enter_context(ClipReader(path, **options.reading()))
        advance = stack.enter_context(
            frames_progress("looking through the plate", reader.info.frame_count, shown=options.bar)
        )
        given = stack.enter_context(reading_ahead(iter(reader), AHEAD))

        def pictures() -> Iterator[NDArray[Any]]:
            for frame in given:
                yield frame.picture
                advance()

        index = index_plates(pictures())
    keep(kept, index.thumbnails)
    return PlateClip(index, frames)


def keep(path: Path, array: NDArray[Any]) -> None:
    """Keep an array (.npy) for a job that goes on, also after a power cut."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())


def read_kept(path: Path) -> NDArray[Any] | None:
    """Read what `keep` kept; None where there is nothing whole: then it is made again."""
    try:
        kept: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError):
        return None
    return kept
