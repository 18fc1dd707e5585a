"""Alpha held steady in time: the mattes of neighbouring frames, brought along the motion.

A network that sees one frame at a time judges the same edge a little differently in each, and it
shimmers. Here alpha becomes a mean over the frames before and after, weighted at each pixel by how
far they can be trusted: where motion leads there and back again, where what was brought looks
like the frame, and where its alpha is not another thing altogether. Only what is fractional, or
contradicted by a neighbour, is changed. With frames on both sides nothing lags behind; with those
before alone nothing has to be waited for. What cannot be followed stays as it was.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.motion import follow, grey_motion

Picture = NDArray[np.float32]
Samples = NDArray[np.uint16]
Bytes = NDArray[np.uint8]

SIDE = 320  # longer side of the small pictures in which motion is sought; 480 gains nothing
WHOLE = 65535  # alpha 1 as it is kept
CLOSED = 7  # small pixels; holes of twice that are filled before motion is sought
AROUND = np.ones((3, 3), np.uint8)
BAND = (0.02, 0.98)  # alpha between these is uncertain
CONTRADICTED = 0.1  # difference of the small alphas from which a pixel is looked at
SURE = 0.5  # confidence from which the frames on both sides may outvote this one
ROW = 1024  # pixels that are sampled are laid out in rows of as many


@dataclass(frozen=True)
class SteadyOptions:
    """When a neighbouring frame is believed; each is where its weight has fallen to a third.

    look: difference of brightness, 0..1. turn: pixels of the small pictures by which motion
    fails to lead back. differ: difference of alpha.
    """

    look: float = 0.06
    turn: float = 1.0
    differ: float = 1.0


@dataclass(frozen=True)
class Moment:
    """What is kept of a frame.

    alpha: H W uint16, 65535 is 1. The others are small, h w uint8: coverage is alpha, grey the
    frame, moving the subject with its outline, in which motion is sought.
    """

    alpha: Samples
    coverage: Bytes
    grey: Bytes
    moving: Bytes


@dataclass(frozen=True)
class Link:
    """Motion between two frames that follow one another: h w 2 each, as `motion.grey_motion`."""

    forward: Picture
    back: Picture


@dataclass(frozen=True)
class Brought:
    """A neighbouring frame seen from this one: h w 3, flow x and y to it and confidence 0..1."""

    moment: Moment
    way: Picture


def moment_of(frame: Picture, alpha: Picture) -> Moment:
    """Keep of a frame (H W 3, 0..1; a small picture of it will do) and its alpha (H W 1)."""
    height, width = frame.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    grey = cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    coverage = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    # The scene behind is left out: at rest, it would hold the outline back. Holes are filled: they
    # come and go, and would be taken for motion.
    solid = cv2.morphologyEx(coverage, cv2.MORPH_CLOSE, AROUND, iterations=CLOSED)
    moving = solid * (0.35 + 0.65 * grey)
    small = (cv2.convertScaleAbs(each, alpha=255) for each in (coverage, grey, moving))
    deep = np.rint(alpha * np.float32(WHOLE)).astype(np.uint16)
    return Moment(deep.reshape(alpha.shape[:2]), *(np.asarray(each, np.uint8) for each in small))


def link(one: Moment, other: Moment) -> Link:
    """Find the motion between two frames, the earlier first."""
    return Link(grey_motion(one.moving, other.moving), grey_motion(other.moving, one.moving))


def steady(
    moments: Sequence[Moment],
    links: Sequence[Link],
    place: int,
    options: SteadyOptions | None = None,
) -> Picture:
    """Alpha (H W 1, 0..1) of `moments[place]`, held steady by the moments before and after it.

    links: between each two moments that follow one another, one fewer than moments.
    """
    options = options or SteadyOptions()
    now = moments[place]
    onward = [(moments[k + 1], links[k].forward, links[k].back) for k in range(place, len(links))]
    backward = [(moments[k], links[k].back, links[k].forward) for k in reversed(range(place))]
    sides = [_bring(now, steps, options) for steps in (onward, backward)]
    alpha = np.asarray(now.alpha * np.float32(1 / WHOLE), np.float32)
    points = _points(now, [side[0] for side in sides if side])
    if any(sides) and len(points):
        alpha[points[:, 1], points[:, 0]] = _mean(now, sides, points, options)
    return alpha[..., None]


def _bring(
    now: Moment, steps: Sequence[tuple[Moment, Picture, Picture]], options: SteadyOptions
) -> list[Brought]:
    """Follow the motion from frame to frame, away from `now`, as far as it can be believed."""
    shape = now.grey.shape
    flow = np.zeros((*shape, 2), np.float32)
    doubt = np.zeros(shape, np.float32)
    brought = []
    for number, (moment, there, back) in enumerate(steps):
        # The step begins where the way so far has led; it ends where the next one begins.
        stepped = there if number == 0 else follow(there, flow)
        flow = stepped if number == 0 else np.asarray(cv2.add(flow, stepped), np.float32)
        missed = np.asarray(cv2.add(stepped, follow(back, flow)), np.float32)
        missed_x, missed_y = missed[..., 0], missed[..., 1]
        scale = np.float32(1 / options.turn**2)
        doubt += scale * (missed_x * missed_x + missed_y * missed_y)
        unlike = cv2.blur(cv2.absdiff(follow(moment.grey, flow), now.grey), (3, 3))
        unlike_squared = np.square(unlike * np.float32(1 / (255 * options.look)))
        confidence = cv2.exp(-(doubt + unlike_squared))
        brought.append(Brought(moment, np.asarray(cv2.merge([*cv2.split(flow), confidence]))))
    return brought


def _points(now: Moment, nearest: Sequence[Brought]) -> NDArray[np.int32]:
    """Pixels (K 2, x y) whose alpha is fractional, or otherwise in the frames next to this one."""
    low, high = (round(bound * WHOLE) for bound in BAND)
    other: Bytes = np.zeros(now.grey.shape, np.uint8)
    for side in nearest:
        change = cv2.absdiff(follow(side.moment.coverage, side.way), now.coverage)
        other |= np.asarray(change > 255 * CONTRADICTED).view(np.uint8)
    other = np.asarray(cv2.dilate(other, AROUND), np.uint8)
    height, width = now.alpha.shape
    high_side, wide = other.shape
    # Most of a frame has neither: only what is around the subject is looked through.
    left, top, across, down = cv2.boundingRect(
        np.asarray(cv2.dilate(now.coverage, AROUND), np.uint8) | other
    )
    columns = slice(left * width // wide, -(-(left + across) * width // wide))
    rows = slice(top * height // high_side, -(-(top + down) * height // high_side))
    alpha = np.ascontiguousarray(now.alpha[rows, columns])
    if not alpha.size:
        return np.zeros((0, 2), np.int32)
    uncertain = np.asarray(cv2.inRange(alpha, np.array(low), np.array(high)), np.uint8)
    place = other[top : top + down, left : left + across]
    enlarged = cv2.resize(place, alpha.shape[::-1], interpolation=cv2.INTER_NEAREST)
    uncertain |= np.asarray(enlarged, np.uint8)
    found = cv2.findNonZero(uncertain)
    if found is None:
        return np.zeros((0, 2), np.int32)
    return np.asarray(found.reshape(-1, 2) + np.array([columns.start, rows.start]), np.int32)


def _mean(
    now: Moment, sides: Sequence[list[Brought]], points: NDArray[np.int32], options: SteadyOptions
) -> Picture:
    """Weighted mean of alpha over all frames at the points (K), 0..1."""
    own = now.alpha[points[:, 1], points[:, 0]] * np.float32(1 / WHOLE)
    seen = [[_sample(each, now.alpha.shape, points) for each in side] for side in sides]
    middle = own
    if all(seen):
        (after, sure_after), (before, sure_before) = seen[0][0], seen[1][0]
        median = np.maximum(np.minimum(own, after), np.minimum(np.maximum(own, after), before))
        # A frame that stands alone between two that agree is taken for the mistake.
        middle = np.where(np.minimum(sure_after, sure_before) > SURE, median, own)
    pace = np.float32(1 / options.differ)
    weight = np.exp(-np.square((own - middle) * pace))
    total, sum_ = weight, weight * own
    for alpha, confidence in (each for side in seen for each in side):
        weight = confidence * np.exp(-np.square((alpha - middle) * pace))
        total, sum_ = total + weight, sum_ + weight * alpha
    return np.asarray(sum_ / np.maximum(total, 1e-6), np.float32)


def _sample(
    brought: Brought, shape: tuple[int, ...], points: NDArray[np.int32]
) -> tuple[Picture, Picture]:
    """Alpha and confidence of a neighbouring frame at points of this one, K each."""
    count = len(points)
    room = np.zeros((-(-count // ROW) * ROW, 2), np.float32)
    room[:count] = points
    x, y = (np.ascontiguousarray(axis).reshape(-1, ROW) for axis in room.T)
    across, down = brought.way.shape[1] / shape[1], brought.way.shape[0] / shape[0]
    at = ((x + 0.5) * np.float32(across) - 0.5, (y + 0.5) * np.float32(down) - 0.5)
    way = cv2.remap(brought.way, *at, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    moved = (x + way[..., 0] / np.float32(across), y + way[..., 1] / np.float32(down))
    alpha = cv2.remap(brought.moment.alpha, *moved, cv2.INTER_CUBIC, None, cv2.BORDER_REPLICATE)
    flat = np.asarray(alpha, np.float32).reshape(-1)[:count] * np.float32(1 / WHOLE)
    return flat, np.asarray(way[..., 2], np.float32).reshape(-1)[:count]


class Steadier:
    """Takes the moments of a clip in order, and gives each one's alpha `ahead` frames later.

    ahead, behind: how many frames after and before each one count. before: the moments before the
    first one taken, as `last` gave them, where a clip goes on.
    """

    def __init__(
        self,
        ahead: int,
        behind: int,
        before: Sequence[Moment] = (),
        options: SteadyOptions | None = None,
    ) -> None:
        self._ahead, self._behind, self._options = ahead, behind, options
        self._moments: deque[Moment] = deque(before)
        self._links: deque[Link] = deque(link(*pair) for pair in pairwise(before))
        self._given = len(self._moments)  # how many of those held are done

    def push(self, moment: Moment) -> Picture | None:
        """Take the next moment; alpha (H W 1) of the one `ahead` before it, or None so far."""
        if self._moments:
            self._links.append(link(self._moments[-1], moment))
        self._moments.append(moment)
        return self._next() if len(self._moments) - self._given > self._ahead else None

    def finish(self) -> Iterator[Picture]:
        """Give the alphas that are left, of the last frames."""
        while self._given < len(self._moments):
            yield self._next()

    def last(self) -> list[Moment]:
        """Return the newest moments, `behind` of them, with which to go on after a stop."""
        return list(self._moments)[-self._behind :] if self._behind else []

    def _next(self) -> Picture:
        alpha = steady(self._moments, self._links, self._given, self._options)
        self._given += 1
        while self._given > self._behind:
            self._moments.popleft()
            if self._links:
                self._links.popleft()
            self._given -= 1
        return alpha


def moment_arrays(moments: Sequence[Moment]) -> dict[str, NDArray[Any]]:
    """Turn moments into arrays for `numpy.savez`; `restore_moments` undoes it exactly."""
    return {
        f"steady.{number}.{name}": array
        for number, moment in enumerate(moments)
        for name, array in vars(moment).items()
    }


def restore_moments(arrays: Mapping[str, NDArray[Any]]) -> list[Moment]:
    """Make the moments again that `moment_arrays` took apart; other arrays are left alone."""
    names = ("alpha", "coverage", "grey", "moving")
    moments: list[Moment] = []
    while f"steady.{len(moments)}.alpha" in arrays:
        moments.append(Moment(*(arrays[f"steady.{len(moments)}.{name}"] for name in names)))
    return moments
