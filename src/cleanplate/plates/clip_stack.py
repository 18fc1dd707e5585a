"""Frames chosen evenly over a clip of unknown length, laid on one another, in bounded memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, PlateError
from cleanplate.plate import fit_plate
from cleanplate.plates.clip_track import TRACK_SIDE, Track, track
from cleanplate.plates.color import SIDE, ColorMatch, fit_color
from cleanplate.plates.geometry import Matrix, Picture, shrink

Levels = NDArray[np.uint8]
LEAST = 12  # frames that are kept even when they need more memory than asked for


@dataclass(frozen=True)
class Kept:
    """A frame that was kept: H W 3 uint8. alpha: H W uint8, 255 the subject; or None.

    covered: H W bool, where the frame (once moved) shows anything; None for everywhere.
    color: what brings it to the colours of the frame it is compared with.
    """

    index: int
    picture: Levels
    alpha: Levels | None
    covered: NDArray[np.bool_] | None = None
    color: ColorMatch | None = None

    def levels(self) -> Picture:
        """256 3, what each level of the picture becomes, 0..1."""
        table = np.arange(256, dtype=np.float32)[:, None].repeat(3, axis=1) / np.float32(255)
        return table if self.color is None else self.color.apply(table[None])[0]


def gather(
    frames: Iterable[NDArray[Any]],
    alphas: Iterable[NDArray[Any]] | None,
    most: int,
    memory: int,
) -> tuple[list[Kept], int]:
    """Keep at most `most` frames, evenly over the clip; also gives how many there were.

    memory: bytes that the kept frames may take. Whenever the store is full every second frame
    is dropped and from then on only half as many are taken.
    """
    kept: list[Kept] = []
    count, stride, shape = 0, 1, None
    beside = iter(alphas) if alphas is not None else None
    for index, frame in enumerate(frames):
        alpha = _next_alpha(beside, index) if beside is not None else None
        if shape is None:
            shape, most = _first_shape(frame), _fitting(frame, most, memory)
        if frame.shape != shape:
            raise InputError(
                f"Frame {index} has shape {frame.shape}, the first {shape}: all frames of a clip "
                "have one size."
            )
        count = index + 1
        if index % stride:
            continue
        if len(kept) == most:
            kept, stride = kept[::2], 2 * stride
            if index % stride:
                continue
        kept.append(Kept(index, _to_levels(frame, "frame"), _mask_of(alpha, frame.shape)))
    return kept, count


def find_subjects(kept: list[Kept], find: Callable[[Picture], Picture]) -> list[Kept]:
    """Ask `find` (H W 3 0..1 to alpha H W 1) for the subject in every frame that was kept."""
    return [
        replace(one, alpha=_mask_of(find(_floats(one.picture)), one.picture.shape)) for one in kept
    ]


def register(kept: list[Kept]) -> tuple[list[Kept], int]:
    """Lay the frames of a hand-held camera on the middle one; gives how many could not be.

    The way leads from the middle outward, each frame starting from where its neighbour lay.
    """
    middle = len(kept) // 2
    reference = kept[middle]
    moved: dict[int, Kept] = {middle: reference}
    for order in (range(middle + 1, len(kept)), range(middle - 1, -1, -1)):
        start = np.eye(3)
        for place in order:
            found = _place(kept[place], reference, start)
            if found is not None:
                start, moved[place] = found, _moved(kept[place], found)
    return [moved[place] for place in sorted(moved)], len(kept) - len(moved)


def equalise(kept: list[Kept]) -> list[Kept]:
    """Find for every frame what brings it to the exposure of the middle one."""
    reference = kept[len(kept) // 2]
    scale = SIDE / max(reference.picture.shape)
    wanted = shrink(_floats(reference.picture), scale)[0]
    matched = []
    for one in kept:
        free = _free_of(one, scale) * _free_of(reference, scale)
        color = fit_color(shrink(_floats(one.picture), scale)[0], wanted, free)
        matched.append(replace(one, color=color))
    return matched


def _place(one: Kept, reference: Kept, start: Matrix) -> Matrix | None:
    """Where a frame lies on the reference; None when that cannot be told."""
    grey, wanted = (
        np.asarray(cv2.cvtColor(kept.picture, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)
        for kept in (one, reference)
    )
    alpha = reference.alpha
    weight = None if alpha is None else (alpha < 128).astype(np.float32)
    scale = min(1.0, TRACK_SIDE / max(grey.shape))
    small_grey, to_small = shrink(grey, scale)
    small_wanted = shrink(wanted, scale)[0]
    small_weight = None if weight is None else shrink(weight, scale)[0]
    back = np.linalg.inv(to_small)
    found: Track = track(small_grey, small_wanted, to_small @ start @ back, small_weight)
    if not found.lost:
        return np.asarray(back @ found.homography @ to_small, np.float64)
    holdout = None if weight is None else 1 - weight[:, :, None]
    try:
        aligned, report = fit_plate(
            _floats(one.picture), _floats(reference.picture), holdout=holdout
        )
    except PlateError:
        return None
    return aligned.homography if report.residual < max(grey.shape) / 500 else None


def _moved(one: Kept, homography: Matrix) -> Kept:
    height, width = one.picture.shape[:2]
    size = (width, height)
    picture = cv2.warpPerspective(
        one.picture, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    whole = np.full((height, width), 255, np.uint8)
    covered = np.asarray(cv2.warpPerspective(whole, homography, size)) > 250
    alpha = one.alpha
    if alpha is not None:
        alpha = np.asarray(cv2.warpPerspective(alpha, homography, size), np.uint8)
    return replace(one, picture=np.asarray(picture, np.uint8), alpha=alpha, covered=covered)


def _free_of(one: Kept, scale: float) -> Picture:
    free = np.ones(one.picture.shape[:2], np.float32)
    if one.alpha is not None:
        free *= one.alpha < 8
    if one.covered is not None:
        free *= one.covered
    return shrink(free, scale)[0]


def _fitting(frame: NDArray[Any], most: int, memory: int) -> int:
    return max(min(most, memory // max(frame.size, 1)), LEAST)


def _first_shape(frame: NDArray[Any]) -> tuple[int, ...]:
    if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3:
        came = getattr(frame, "shape", type(frame).__name__)
        raise InputError(f"A frame came as {came}; expected an array of height, width, 3 (RGB).")
    return frame.shape


def _next_alpha(beside: Any, index: int) -> NDArray[Any]:
    alpha = next(beside, None)
    if alpha is None:
        raise InputError(f"The masks end at {index}, but there are more frames: give one for each.")
    return np.asarray(alpha)


def _mask_of(alpha: NDArray[Any] | None, shape: tuple[int, ...]) -> Levels | None:
    if alpha is None:
        return None
    if alpha.shape not in (shape[:2], (*shape[:2], 1)):
        raise InputError(f"A mask has shape {alpha.shape}; expected {(*shape[:2], 1)}.")
    return _to_levels(alpha.reshape(shape[:2]), "mask")


def _to_levels(values: NDArray[Any], name: str) -> Levels:
    """Round to 8 bits; an average of many frames wins back what that loses."""
    if values.dtype == np.uint8:
        return values.copy()
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return np.asarray((values.astype(np.uint32) + 128) // 257, np.uint8)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"A {name} holds {values.dtype}; expected uint8, uint16 or float 0..1.")
    if not np.isfinite(values).all():
        raise InputError(f"A {name} holds values that are no numbers (nan or infinite).")
    return np.asarray(np.clip(values, 0, 1) * 255 + 0.5, np.uint8)


def _floats(picture: Levels) -> Picture:
    return np.asarray(picture / np.float32(255), np.float32)
