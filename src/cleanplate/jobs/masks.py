"""Masks of a clip: a still that holds for all frames, or masks of their own, frame by frame."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.media.clip_read import ClipReader, inspect_clip, is_moving
from cleanplate.media.sequences import find_sequence, is_sequence
from cleanplate.media.stills import mask_of, read_mask

Picture = NDArray[np.float32]


class ClipMasks:
    """Gives the masks of each frame, by rising index.

    paths: of masks by name; a still, a clip or numbered stills. size: height and width of the
    frames. frames: how many there are, None where that is not known.
    Raises InputError for masks that cannot be read, or that are fewer than the frames.
    """

    def __init__(self, paths: Mapping[str, Path], size: tuple[int, int], frames: int | None):
        self._size = size
        self._stills: dict[str, Picture] = {}
        self._clips: dict[str, Path] = {}
        self._running: dict[str, tuple[Iterator[Picture], int]] = {}
        for name, path in paths.items():
            if not is_moving(path):
                self._stills[name] = read_mask(path, size)
                continue
            count = inspect_clip(path).frame_count
            if frames is not None and count is not None and count < frames:
                raise InputError(
                    f"The {name} {path} has {count} frames and the clip {frames}: give a mask for "
                    "each frame, or one still for all."
                )
            self._clips[name] = path

    def at(self, index: int) -> dict[str, Picture]:
        """Give the masks of a frame, H W 1, 0..1, by their names; those not given are left out."""
        return {**self._stills, **{name: self._next(name, index) for name in self._clips}}

    def close(self) -> None:
        """Close the files."""
        for masks, _ in self._running.values():
            masks.close()  # type: ignore[attr-defined]  # always a generator
        self._running = {}

    def _next(self, name: str, index: int) -> Picture:
        path = self._clips[name]
        masks, place = self._running.get(name, (None, 0))
        if masks is None:
            masks, place = _masks(path, self._size, index), index
        mask = next(islice(masks, index - place, None), None)
        if mask is None:
            raise InputError(
                f"The {name} {path} ends before frame {index}: give a mask for each frame, or one "
                "still for all."
            )
        self._running[name] = masks, index + 1
        return mask


def _masks(path: Path, size: tuple[int, int], first: int) -> Iterator[Picture]:
    if is_sequence(path):
        for still in find_sequence(path).paths[first:]:
            yield read_mask(still, size)
        return
    with closing(ClipReader(path, first=first)) as reader:
        for frame in reader:
            alpha = None if frame.alpha is None else _unit(frame.alpha)
            yield mask_of(_unit(frame.picture), alpha, size, path)


def _unit(samples: NDArray[Any]) -> Picture:
    return np.asarray(samples / np.float32(np.iinfo(samples.dtype).max), np.float32)
