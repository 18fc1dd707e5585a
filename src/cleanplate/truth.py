"""What is known of a frame, read from still pictures or, frame by frame, out of clips."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.color import srgb_to_linear
from cleanplate.errors import InputError
from cleanplate.media.clip_read import ClipFrame, ClipReader
from cleanplate.media.sequences import find_sequence, is_sequence
from cleanplate.media.stills import read_mask, read_still

Picture = NDArray[np.float32]

# Codecs leave a trace of colour in grey, far less than any picture that is not one.
GREY_WITHIN = 8 / 255


@dataclass(frozen=True)
class Truth:
    """One frame of a case: frame and foreground H W 3 (or None), alpha H W 1, float32, 0..1."""

    frame: Picture
    alpha: Picture
    foreground: Picture | None


def read_truth_stills(frame: Path, alpha: Path, foreground: Path | None) -> Truth:
    """Read the pictures of one frame.

    Raises InputError where one cannot be read, the alpha is not grey or sizes differ.
    """
    picture = read_still(frame).picture
    matte = _read_alpha(alpha, picture)
    colours = read_still(foreground).picture if foreground else None
    if foreground and colours is not None and colours.shape != picture.shape:
        raise InputError(size_sentence(foreground, colours, picture))
    return Truth(picture, matte, colours)


def read_truth_clips(
    clip: Path, alpha: Path, foreground: Path | None, first: int = 0
) -> Iterator[Truth]:
    """Read clips that run side by side from their frame `first` on; a frame at a time is held.

    alpha: a grey clip, or one with an alpha channel, which is taken then and its colours are not.
    Raises InputError where one cannot be read, sizes or numbers of frames differ, the alpha is
    not grey, or its alpha channel is opaque from the first to the last frame.
    """
    with ExitStack() as stack:
        paths = [path for path in (clip, alpha, foreground) if path]
        readers = [stack.enter_context(ClipReader(path, first=first)) for path in paths]
        _check_alike(readers)
        opaque = readers[1].info.alpha is not None
        linear = is_sequence(alpha) and find_sequence(alpha).pattern.lower().endswith(".exr")
        for parts in zip_longest(*readers):
            frame, matte, *colours = _together(parts, readers)
            values = _alpha_of(matte, alpha, linear)
            opaque = opaque and bool(values.min() == 1)
            foreground_true = _unit(colours[0].picture) if colours else None
            yield Truth(_unit(frame.picture), values, foreground_true)
        if opaque and not first:
            raise InputError(
                f"{alpha} has an alpha channel that is opaque everywhere: save the matte as a grey "
                "clip without alpha, or as the alpha of a cutout."
            )


def size_sentence(path: Path, picture: Picture, frame: Picture) -> str:
    """Say that a picture (read from `path`) is not of its frame's size."""
    return _sizes(path, picture.shape[:2], frame.shape[:2])


def _sizes(path: Path, size: tuple[int, ...], frame_size: tuple[int, ...]) -> str:
    return (
        f"{path} is {size[1]} x {size[0]} pixels and its frame {frame_size[1]} x {frame_size[0]}: "
        "they must be of one size."
    )


def _read_alpha(path: Path, frame: Picture) -> Picture:
    still = read_still(path)
    picture = still.picture
    if np.ptp(picture, axis=2).max() > 0:
        raise InputError(f"{path} is not grey: an alpha is one grey channel, white the subject.")
    if still.alpha is not None and still.alpha.min() < 1:
        raise InputError(
            f"{path} has transparency itself: save the alpha as an opaque grey picture."
        )
    if picture.shape != frame.shape:
        raise InputError(size_sentence(path, picture, frame))
    return read_mask(path, (frame.shape[0], frame.shape[1]))


def _check_alike(readers: list[ClipReader]) -> None:
    """Compare sizes, and numbers of frames as far as the files tell them."""
    clip = readers[0].info
    for info in (reader.info for reader in readers[1:]):
        if (info.height, info.width) != (clip.height, clip.width):
            size = info.height, info.width
            raise InputError(_sizes(info.path, size, (clip.height, clip.width)))
        if None not in (info.frame_count, clip.frame_count) and (
            info.frame_count != clip.frame_count
        ):
            raise InputError(
                f"{info.path} has {info.frame_count} frames and {clip.path} {clip.frame_count}: "
                "every frame needs its alpha."
            )


def _together(
    parts: tuple[ClipFrame | None, ...], readers: list[ClipReader]
) -> Iterator[ClipFrame]:
    """Give the frames of one moment; refuse where one clip has none."""
    indices = [part.index for part in parts if part is not None]
    for part, reader in zip(parts, readers, strict=True):
        if part is None or part.index > min(indices):
            raise InputError(
                f"{reader.info.path} has no frame {min(indices)} (they count from 0) and another "
                "clip of its case has: every frame needs its alpha."
            )
        yield part


def _alpha_of(frame: ClipFrame, path: Path, linear: bool) -> Picture:
    """Take the alpha of a frame; linear: its grey, on which the reader put the curve, had none."""
    if frame.alpha is not None:
        return _unit(frame.alpha)
    if np.ptp(_unit(frame.picture), axis=2).max() > GREY_WITHIN:
        raise InputError(
            f"{path} is not grey in frame {frame.index}: an alpha is a grey clip, white the "
            "subject, or a clip with an alpha channel."
        )
    grey = _unit(frame.picture).mean(axis=2, keepdims=True)
    return np.asarray(srgb_to_linear(grey) if linear else grey, np.float32)


def _unit(samples: NDArray[Any]) -> Picture:
    return np.asarray(samples / np.float32(np.iinfo(samples.dtype).max), np.float32)
