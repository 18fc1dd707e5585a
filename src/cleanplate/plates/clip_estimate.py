"""A plate made of a clip: what the frames agree on behind the subject."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, PlateError
from cleanplate.plates.clip_stack import Kept, equalise, find_subjects, gather, register
from cleanplate.plates.clip_vote import Votes, blobs, vote
from cleanplate.plates.geometry import Picture

VOTE_SIDE = 480  # longer side of the pictures on which states are decided
ROWS = 32  # of the full picture that are averaged at a time
FEWEST = 5  # frames below which nothing can be told of a clip
AWAY = 0.012  # of the longer side: how far from a mask the frame is believed again


@dataclass(frozen=True)
class EstimateOptions:
    """How a plate is estimated.

    camera: "fixed", or "handheld": the frames are laid on the middle one first.
    most: frames kept, evenly over the clip. memory: bytes they may take (12 are always kept).
    never_free: share 0..1 of the picture that may lack a free frame (it is filled from around).
    moving: share 0..1 of the picture that may move in frames said to be empty.
    """

    camera: Literal["fixed", "handheld"] = "fixed"
    most: int = 48
    memory: int = 320 * 2**20
    never_free: float = 0.002
    moving: float = 0.01


@dataclass(frozen=True)
class EstimatedPlate:
    """A plate that was estimated.

    plate: H W 3 float32, 0..1, in the exposure (and from the place) of the middle frame.
    seen: H W 1 float32, share 0..1 of the frames that show the plate at each pixel; 0 where
    it had to be filled. doubtful: share 0..1 of the picture where the estimate may be wrong.
    frames: how many took part. warnings: sentences for the person at the camera.
    """

    plate: Picture
    seen: Picture
    doubtful: float
    frames: int
    warnings: tuple[str, ...]


def estimate_plate(
    frames: Iterable[NDArray[Any]],
    *,
    empty: bool = False,
    alphas: Iterable[NDArray[Any]] | None = None,
    find_subject: Callable[[Picture], Picture] | None = None,
    options: EstimateOptions | None = None,
    refuse: bool = True,
) -> EstimatedPlate:
    """Estimate the plate from frames of a clip, in memory that does not grow with its length.

    frames: H W 3 RGB of one size, uint8, uint16 or float 0..1; read once, in order.
    empty: they are said to show no subject; anything that moves in them is reported.
    alphas: for each frame where the subject is, H W 1 (or H W), 0..1 or uint8; or None.
    find_subject: makes such an alpha (H W 1) of a frame (H W 3 float32); asked only for the
    frames that are kept (`most`); or None.
    Without either, what a pixel shows most often counts, and where something else was there
    for long, too, the outline tells which of the two is the scene. A subject that never moves
    cannot be told from the scene without masks.
    refuse: raise PlateError where no plate can be had; otherwise that becomes a warning.
    Raises InputError for frames or masks that are none, PlateError with the share of the
    picture that was never free, or that is in doubt, or that moves though said to be empty.
    """
    options = options or EstimateOptions()
    kept, count = gather(frames, alphas, options.most, options.memory)
    _check_count(count, empty)
    if find_subject is not None:
        kept = find_subjects(kept, find_subject)
    lost = 0
    if options.camera == "handheld":
        kept, lost = register(kept)
    kept = equalise(kept)
    stack, usable = _small_stack(kept)
    votes = vote(stack, usable, resolve=not empty)
    hidden = _hidden(votes, len(kept), empty)
    troubles, warnings = _judge(votes, hidden, len(kept), empty, options)
    if lost:
        warnings.append(f"{lost} of {lost + len(kept)} frames could not be laid on the others.")
    if troubles and refuse:
        raise PlateError(" ".join(troubles))
    plate = _average(kept, votes.agrees)
    seen = np.where(hidden, 0, votes.support / len(kept)).astype(np.float32)
    height, width = plate.shape[:2]
    seen = np.asarray(cv2.resize(seen, (width, height), interpolation=cv2.INTER_NEAREST))
    if hidden.any():
        plate = _fill(plate, seen == 0)
    doubtful = float((hidden | votes.doubtful).mean())
    return EstimatedPlate(plate, seen[:, :, None], doubtful, len(kept), (*troubles, *warnings))


def _check_count(count: int, empty: bool) -> None:
    if count == 0:
        raise InputError("There are no frames to make a plate of: check the range that was given.")
    if not empty and count < FEWEST:
        raise PlateError(
            f"A plate cannot be estimated from {count} frames: give at least {FEWEST}, in which "
            "the subject moves, or a picture of the empty scene."
        )


def _small_stack(kept: list[Kept]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Shrink all the frames, exposure equalised, and where each may be believed: N H W (3)."""
    height, width = kept[0].picture.shape[:2]
    scale = min(1.0, VOTE_SIDE / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    reach = 2 * round(AWAY * max(size)) + 1
    pictures, usable = [], []
    for one in kept:
        small = cv2.resize(one.picture, size, interpolation=cv2.INTER_AREA)
        levels = np.clip(one.levels() * 255 + 0.5, 0, 255).astype(np.uint8)
        pictures.append(cv2.LUT(small, levels[None]))
        free = np.ones(size[::-1], bool)
        if one.alpha is not None:
            mask = cv2.resize(one.alpha, size, interpolation=cv2.INTER_AREA)
            free &= cv2.dilate(mask, np.ones((reach, reach), np.uint8)) < 8
        if one.covered is not None:
            covered = one.covered.astype(np.uint8) * np.uint8(255)
            free &= cv2.resize(covered, size, interpolation=cv2.INTER_AREA) > 250
        usable.append(free)
    return np.stack(pictures), np.stack(usable)


def _hidden(votes: Votes, count: int, empty: bool) -> NDArray[np.bool_]:
    """Where no plate can be had: never free, or never twice the same."""
    if empty:
        return np.asarray(votes.usable == 0)
    fewest = min(2 + count // 24, count)
    return np.asarray((votes.usable == 0) | blobs(votes.support < fewest))


def _judge(
    votes: Votes,
    hidden: NDArray[np.bool_],
    count: int,
    empty: bool,
    options: EstimateOptions,
) -> tuple[list[str], list[str]]:
    """Say what forbids the plate, and what is only to be known."""
    troubles, warnings = [], []
    share = float(hidden.mean())
    if share > options.never_free:
        troubles.append(
            f"{share:.1%} of the picture was never free of the subject{_where(hidden)}: take a "
            "longer part of the clip, in which the subject walks about, or shoot the empty scene."
        )
    elif share > 0:
        warnings.append(
            f"{share:.2%} of the picture was never free of the subject and was filled from around."
        )
    doubtful = float(votes.doubtful.mean())
    if doubtful > options.never_free:
        troubles.append(
            f"In {doubtful:.1%} of the picture{_where(votes.doubtful)} two things were to be seen "
            "for long, and which of them is the scene cannot be told: somebody may have stood "
            "still there. Give masks of the subject, another part of the clip, or an empty picture."
        )
    if empty:
        moving = blobs(votes.support < 0.85 * votes.usable)
        said = (
            f"Something moves in {moving.mean():.1%} of the picture{_where(moving)} in the frames "
            "that were given as empty: choose frames without anybody in them and keep the camera "
            "still."
        )
        if moving.mean() > options.moving:
            troubles.append(said)
        elif moving.any():
            warnings.append(said)
        if count < FEWEST:
            warnings.append(
                f"The plate is made of {count} frame{'s' * (count > 1)}, too few to see whether "
                f"something moves in it: look at it, or give at least {FEWEST} empty frames."
            )
    return troubles, warnings


def _where(mask: NDArray[np.bool_]) -> str:
    """Say in words in which part of the picture most of a mask lies."""
    down, across = np.nonzero(mask)
    if not len(down):
        return ""
    high, wide = mask.shape
    vertical = ("top", "middle", "bottom")[min(int(3 * np.median(down) / high), 2)]
    horizontal = ("left", "centre", "right")[min(int(3 * np.median(across) / wide), 2)]
    return f" (mostly {vertical} {horizontal})"


def _average(kept: list[Kept], agrees: NDArray[np.bool_]) -> Picture:
    """Average at full size the frames that show the chosen state, leaving out stray values."""
    height, width = kept[0].picture.shape[:2]
    near = np.ones((3, 3), np.uint8)
    # Frames in which the neighbourhood agrees, too, are far from the edges of what moves.
    inner = np.stack([cv2.erode(one.astype(np.uint8), near) for one in agrees])
    plain = agrees.astype(np.uint8)
    enough = inner.sum(axis=0) >= np.minimum(3, plain.sum(axis=0))
    chosen = np.where(enough, inner, plain)
    chosen[:, chosen.sum(axis=0) == 0] = 1
    across = ((np.arange(width) + 0.5) * agrees.shape[2] / width).astype(int)
    tables = [one.levels()[None] for one in kept]
    plate = np.empty((height, width, 3), np.float32)
    for top in range(0, height, ROWS):
        rows = slice(top, min(top + ROWS, height))
        down = ((np.arange(height)[rows] + 0.5) * agrees.shape[1] / height).astype(int)
        pairs = zip(kept, tables, strict=True)
        seen = [cv2.LUT(one.picture[rows], table) for one, table in pairs]
        values = np.asarray(np.stack(seen), np.float32)
        weight = chosen[:, down][:, :, across].astype(np.float32)[..., None]
        plate[rows] = _robust_mean(values, weight)
    return np.clip(plate, 0, 1)


def _robust_mean(values: Picture, weight: Picture) -> Picture:
    """Mean over the first axis, of N H W 3 with weights N H W 1, reweighted twice."""
    mean = (values * weight).sum(axis=0) / weight.sum(axis=0)
    for width in (0.06, 0.03):
        distance = np.abs(values - mean).max(axis=3, keepdims=True)
        believed = weight / (1 + (distance / np.float32(width)) ** 2) ** 2
        mean = (values * believed).sum(axis=0) / believed.sum(axis=0)
    return np.asarray(mean, np.float32)


def _fill(plate: Picture, hole: NDArray[np.bool_]) -> Picture:
    """Fill what was never seen from around it."""
    levels = np.clip(plate * 255 + 0.5, 0, 255).astype(np.uint8)
    filled = cv2.inpaint(levels, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)
    return np.where(hole[:, :, None], filled / np.float32(255), plate).astype(np.float32)
