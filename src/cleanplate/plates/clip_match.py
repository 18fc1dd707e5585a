"""A plate that is a clip itself: each frame of a moving camera finds its frame of the plate."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, PlateError
from cleanplate.plate import AlignedPlate
from cleanplate.plates.clip_learn import map_size, near_subject
from cleanplate.plates.clip_source import PlateClip, PlateIndex
from cleanplate.plates.clip_state import FollowOptions, PlateState, grey_of, small_of
from cleanplate.plates.clip_steps import follow_camera, start
from cleanplate.plates.geometry import Picture

THUMBNAIL = 64  # longer side in pixels
BLOCK = 8  # pixels of a thumbnail that are compared together, a side
BEST = 0.5  # share of the blocks that count: the subject hides the others
SLACK = 3  # frames by which the match may go back
AHEAD = 12  # frames by which it may go on at once
BETTER = 0.01  # likeness that a step away from the expected place has to gain per frame


@dataclass(frozen=True)
class PlateMatch:
    """Which frame of the plate clip shows the scene from where a frame was shot.

    index: its number. likeness: -1..1, correlation over the half of the picture that fits best.
    """

    index: int
    likeness: float


def index_plates(plates: Iterable[NDArray[Any]]) -> PlateIndex:
    """Look through a plate clip once.

    plates: H W 3 RGB, uint8, uint16 or float 0..1, of one size, in order. Keeps 9 kB a frame.
    Raises PlateError for a clip without frames, InputError for frames of several sizes.
    """
    thumbnails: list[Picture] = []
    shape: tuple[int, ...] = ()
    for plate in plates:
        if shape and plate.shape != shape:
            raise InputError(
                f"A frame of the plate clip has shape {plate.shape}, the first {shape}: all have "
                "to have one size."
            )
        shape = plate.shape
        thumbnails.append(_thumbnail(plate, shape))
    if not thumbnails:
        raise PlateError("The plate clip has no frames: check the file and the range.")
    return PlateIndex(np.stack(thumbnails), shape)


def nearest_plate(
    index: PlateIndex,
    frame: NDArray[Any],
    before: int | None,
    *,
    alpha_before: Picture | None = None,
) -> PlateMatch:
    """Find the frame of the plate clip that was shot from nearly where this frame was.

    frame: H W 3, of any size. before: the match of the frame before, None to search all of
    the clip: from it the match goes on by at most 12 frames, or back by 3. alpha_before: H W 1,
    where the subject was, or None.
    """
    count, height, width = index.thumbnails.shape
    wanted = _thumbnail(frame, index.shape)
    free = np.ones((height, width), np.float32)
    if alpha_before is not None:
        small = cv2.resize(alpha_before, (width, height), interpolation=cv2.INTER_AREA)
        free = np.asarray(1 - cv2.dilate(small, np.ones((3, 3), np.uint8)), np.float32)
    first, last = 0, count
    if before is not None:
        first, last = max(before - SLACK, 0), min(before + AHEAD + 1, count)
    likeness = np.array([_likeness(wanted, one, free) for one in index.thumbnails[first:last]])
    # Where neighbours look alike (the camera rests), stay: every change costs a jump.
    away = 0 if before is None else np.abs(np.arange(first, last) - before)
    best = int(np.argmax(likeness - BETTER * np.minimum(away, 2)))
    return PlateMatch(first + best, float(likeness[best]))


def follow_plate_clip(
    plates: PlateClip,
    frame: Picture,
    state: PlateState | None,
    *,
    alpha_before: Picture | None = None,
    options: FollowOptions | None = None,
) -> tuple[AlignedPlate, PlateState]:
    """Bring the right frame of a plate clip to the next frame of a moving camera.

    frame: H W 3 float32. state: what the call for the frame before gave, None for the first.
    alpha_before, options: as in `follow_plate`; the camera is hand-held here whatever the
    options say, and nothing is learned. The first frame is sought in all of the plate clip, and
    raises PlateError where none shows its scene; later ones near the last match. Where the track
    is lost the plate stays where it was, and is sought in all of the clip again.
    """
    options = replace(options or FollowOptions(), camera="handheld", update=False)
    position = None if state is None or state.lost else state.number
    found = nearest_plate(plates.index, frame, position, alpha_before=alpha_before)
    if state is None:
        begun = start(plates.read(found.index), frame, alpha_before, options)
        return begun.aligned, replace(begun, number=found.index)
    before = replace(state, frame=state.frame + 1, note="")
    tried = before
    if found.index != state.number:
        # The camera moved alike in both clips, so the next plate lies where this one did.
        tried = _exchanged(before, plates.read(found.index), found.index, frame.shape)
    near = None
    if alpha_before is not None:
        near = near_subject(alpha_before, options.learn.margin)
    followed = follow_camera(frame, near, tried, options)
    if followed.lost and found.index != state.number:  # what was held before is still whole
        followed = replace(
            before,
            lost=followed.lost,
            residual=followed.residual,
            agreement=followed.agreement,
            note=followed.note,
        )
    return followed.aligned, followed


def _exchanged(state: PlateState, plate: Picture, number: int, size: tuple[int, ...]) -> PlateState:
    """Put another plate of the same size into a state; it has to be laid on the frame anew."""
    if plate.shape != state.plate.shape:
        height, width = state.plate.shape[:2]
        smaller = cv2.resize(plate, (width, height), interpolation=cv2.INTER_AREA)
        plate = np.asarray(smaller, np.float32)
    return replace(
        state,
        plate=plate,
        number=number,
        placed=np.full((3, 3), np.nan),
        matched=None,
        free=np.zeros(map_size(*plate.shape[:2]), np.uint16),
        small=small_of(plate),
        grey=grey_of(plate, size),
    )


def _thumbnail(picture: NDArray[Any], shape: tuple[int, ...]) -> Picture:
    """Shrink to a grey thumbnail of the plate clip's aspect, without its slow changes."""
    scale = THUMBNAIL / max(shape[:2])
    size = (max(round(shape[1] * scale), 1), max(round(shape[0] * scale), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = small @ np.array([0.3, 0.6, 0.1], np.float32)
    # A little blur forgives that the two cameras did not go quite the same way.
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
    return np.asarray(soft - cv2.blur(soft, (2 * BLOCK + 1,) * 2), np.float32)


def _likeness(one: Picture, other: Picture, free: Picture) -> float:
    """Correlate the blocks of two thumbnails; the mean of those that fit best."""
    size = (max(one.shape[1] // BLOCK, 1), max(one.shape[0] // BLOCK, 1))

    def total(values: Picture) -> Picture:
        small = cv2.resize(values * free, size, interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32).ravel()

    power = np.sqrt(total(one * one) * total(other * other))
    # Blocks without structure agree by chance: they weigh little.
    weight = power / (power + float(np.median(power)) + 1e-9)
    correlation = total(one * other) / np.maximum(power, 1e-9)
    score = np.sort(correlation * weight)[::-1]
    return float(score[: max(round(BEST * len(score)), 1)].mean())
