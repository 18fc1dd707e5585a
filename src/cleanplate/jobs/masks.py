"""Masks of a clip: a still that holds for all frames, or masks of their own, frame by frame."""

from collections.abc import Iterator, Mapping, Sequence
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
    frames. frames: how many there are, None where that is not known. numbers: of the frames where
    they are numbered stills; numbered masks belong to the frames of their numbers then, if there is
    one for each, and else to the first frame, the second and so on.
    Raises InputError for masks that cannot be read, or that are fewer than the frames.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        size: tuple[int, int],
        frames: int | None,
        numbers: Sequence[int] | None = None,
    ) -> None:
        self._size, self._numbers = size, numbers
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
            masks, place = _masks(path, self._size, index, self._numbers), index
        mask = next(islice(masks, index - place, None), None)
        if mask is None:
            raise InputError(
                f"The {name} {path} ends before frame {index}: give a mask for each frame, or one "
                "still for all."
            )
        self._running[name] = masks, index + 1
        return mask


def _masks(
    path: Path, size: tuple[int, int], first: int, numbers: Sequence[int] | None
) -> Iterator[Picture]:
    by_alpha = _is_transparent(path)
    if is_sequence(path):
        stills = find_sequence(path)
        named = dict(zip(stills.numbers, stills.paths, strict=True))
        paths = stills.paths
        if numbers is not None and named.keys() >= set(numbers):
            paths = tuple(named[number] for number in numbers)
        for still in paths[first:]:
            yield read_mask(still, size, by_alpha)
        return
    with closing(ClipReader(path, first=first)) as reader:
        for frame in reader:
            alpha = _unit(frame.alpha) if by_alpha and frame.alpha is not None else None
            yield mask_of(_unit(frame.picture), alpha, size, path)


def _is_transparent(path: Path) -> bool:
    """Whether a clip has an alpha channel that says something: decided once for all its frames."""
    with closing(ClipReader(path)) as reader:
        if reader.info.alpha is None:
            return False
        return any(
            frame.alpha is not None and frame.alpha.min() < np.iinfo(frame.alpha.dtype).max
            for frame in reader
        )


def _unit(samples: NDArray[Any]) -> Picture:
    return np.asarray(samples / np.float32(np.iinfo(samples.dtype).max), np.float32)
