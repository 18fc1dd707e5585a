"""What a pixel showed over time: the state it was in most often, and the one next to that.

Decided on small pictures. A person who stands still for long gives a second state, or even
the first. Which of two states is the thing and which the scene behind it is told by what lies
around: the scene goes on across the outline of the area in question, the thing does not.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Picture = NDArray[np.float32]

OFTEN = 0.04  # share of the frames from which a second state counts
CLEAR = 1.4  # how much better one state must go on with the scene around to be chosen
EVEN = 12.0  # levels, of the three channels together, that no choice is based on
TIME = 90.0  # levels, of the three channels together, that showing at another time is worth
WINDOW = 7  # pixels across which neighbours decide together
SPECK = 0.0005  # of the picture's area: smaller areas in question do no harm


@dataclass(frozen=True)
class Votes:
    """What was found, for pictures of height and width H W and N frames.

    agrees: N H W, whether a frame shows the chosen state. support: H W, how many do.
    usable: H W, in how many frames the pixel could be seen at all.
    doubtful: H W, where two states lasted long and neither can be called the scene.
    """

    agrees: Mask
    support: NDArray[np.int64]
    usable: NDArray[np.int64]
    doubtful: Mask


def vote(stack: Levels, usable: Mask, *, resolve: bool = True) -> Votes:
    """Find the state that every pixel was in when nothing stood before it.

    stack: N H W 3 uint8, exposure equalised. usable: N H W, where a frame may be believed.
    resolve: prefer the second state where the first looks like a thing before it.
    """
    count, height, width = usable.shape
    planes = np.ascontiguousarray(stack.reshape(count, -1, 3).transpose(0, 2, 1))
    seen = usable.reshape(count, -1)
    tolerance = _tolerance(planes, seen)
    first, _ = _densest(planes, seen, tolerance)
    winner = _take(planes, first)
    distance = np.stack([_apart(plane, winner) for plane in planes])
    agrees = seen & (distance <= tolerance)
    doubtful = np.zeros((height, width), bool)
    if resolve:
        elsewhere = seen & (distance > 2 * tolerance)
        second, rivals = _densest(planes, elsewhere, tolerance)
        rival = _take(planes, second)
        often = (rivals >= np.maximum(OFTEN * seen.sum(axis=0), 2)).reshape(height, width)
        contested = _enclosed(blobs(often))
        seldom = seen & (np.stack([_apart(plane, rival) for plane in planes]) <= tolerance)
        size = (count, height, width)
        states = tuple(
            (_picture(colors, height, width), frames.reshape(size))
            for colors, frames in ((winner, agrees), (rival, seldom))
        )
        agrees, doubtful = _resolve(states[0], states[1], often, contested)
        agrees = _settle(agrees, usable, contested, doubtful)
    agrees = agrees.reshape(count, height, width)
    return Votes(agrees, agrees.sum(axis=0), usable.sum(axis=0), doubtful)


def blobs(mask: Mask) -> Mask:
    """Keep what is larger than a speck or a line."""
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, facts, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] > SPECK * mask.size
    large[0] = False
    return np.asarray(large[labels], np.bool_)


def _tolerance(planes: Levels, seen: Mask) -> int:
    """Levels by which two looks at one thing may differ: the noise of this clip."""
    apart = [_apart(planes[i], planes[i - 1])[seen[i] & seen[i - 1]] for i in range(1, len(planes))]
    typical = np.median([np.median(one) for one in apart if one.size] or [0.0])
    return int(np.clip(round(3 * float(typical)) + 3, 5, 16))


def _apart(one: Levels, other: Levels) -> Levels:
    """Largest difference of the three channels: 3 P and 3 P give P."""
    return np.asarray(cv2.absdiff(one, other).max(axis=0), np.uint8)


def _densest(
    planes: Levels, seen: Mask, tolerance: int
) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Find for each pixel the frame that the most others agree with, and how many do."""
    count = len(planes)
    votes = seen.astype(np.uint16)
    for i in range(count):
        for j in range(i + 1, count):
            agree = _apart(planes[i], planes[j]) <= tolerance
            agree &= seen[i] & seen[j]
            votes[i] += agree
            votes[j] += agree
    best = votes.argmax(axis=0)
    return best, np.take_along_axis(votes, best[None], axis=0)[0]


def _take(planes: Levels, index: NDArray[np.int64]) -> Levels:
    taken: Levels = np.take_along_axis(planes, index[None, None], axis=0)[0]
    return taken


def _settle(agrees: Mask, usable: Mask, contested: Mask, doubtful: Mask) -> Mask:
    """Let a contested pixel believe the frames that its neighbours believe.

    Along the outline of a thing the noise of the edge makes states of its own.
    """
    sure = np.maximum(_mean((~doubtful).astype(np.float32)), 1e-6)
    settled = agrees.copy()
    for index, one in enumerate(agrees):
        around = _mean((one & ~doubtful).astype(np.float32)) / sure
        settled[index][contested] = ((around > 0.5) & usable[index])[contested]
    nobody = contested & ~settled.any(axis=0)
    settled[:, nobody] = agrees[:, nobody]
    return settled


def _resolve(
    winner: tuple[Picture, Mask], rival: tuple[Picture, Mask], often: Mask, contested: Mask
) -> tuple[Mask, Mask]:
    """Choose between two states where both were seen often.

    winner, rival: colours H W 3 and the frames N H W that show them. What nobody contests is
    the scene; from its border inward the state is taken that goes on with what was decided
    already, in colour and in the time at which it is to be seen, if one does so clearly
    better. Gives the frames that show the scene, and what was left in doubt.
    """
    decided, reached_before = ~contested, -1
    scene, shown = winner[0].copy(), winner[1].copy()
    while decided.sum() > reached_before:
        reached_before = decided.sum()
        reached = _mean(decided.astype(np.float32))
        edge = ~decided & (reached > 0.12)
        weight = edge.astype(np.float32)
        total = np.maximum(_mean(weight), 1e-6)
        around = _mean(scene * decided[:, :, None]) / np.maximum(reached, 1e-6)[:, :, None]
        apart = [np.abs(colors - around).sum(axis=2) for colors, _ in (winner, rival)]
        late = _out_of_time(shown, decided & contested, (winner[1], rival[1]))
        costs = [
            _mean((color + TIME * time) * weight) / total + EVEN
            for color, time in zip(apart, late, strict=True)
        ]
        keep = edge & (CLEAR * costs[0] < costs[1])
        swap = edge & often & (CLEAR * costs[1] < costs[0])
        scene[swap] = rival[0][swap]
        shown[:, swap] = rival[1][:, swap]
        decided = decided | keep | swap
    return shown, ~decided


def _out_of_time(shown: Mask, known: Mask, states: tuple[Mask, Mask]) -> list[Picture]:
    """How little each state's frames (N H W) are those of the neighbours, 0..1; H W each.

    shown: N H W, the frames that show what was decided where `known`.
    """
    reached = _mean(known.astype(np.float32))
    common = [np.zeros(known.shape, np.float32) for _ in states]
    either = [np.full(known.shape, 1e-6, np.float32) for _ in states]
    for index, one in enumerate(shown):
        around = _mean((one & known).astype(np.float32)) / np.maximum(reached, 1e-6)
        for place, state in enumerate(states):
            there = state[index].astype(np.float32)
            common[place] += np.minimum(there, around)
            either[place] += np.maximum(there, around)
    return [
        np.where(reached > 0.05, 1 - both / any_, 0).astype(np.float32)
        for both, any_ in zip(common, either, strict=True)
    ]


def _picture(planes: Levels, height: int, width: int) -> Picture:
    return planes.reshape(3, height, width).transpose(1, 2, 0).astype(np.float32)


def _mean(values: Picture) -> Picture:
    return np.asarray(cv2.blur(values, (WINDOW, WINDOW)), np.float32)


def _enclosed(mask: Mask) -> Mask:
    """Close small gaps in a mask and fill its holes."""
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (WINDOW, WINDOW))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, near)
    outlines, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(closed), outlines, -1, 1, cv2.FILLED)
    # A hole as large as the scene itself is the scene.
    hole = (filled > 0) & (closed == 0)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=4)
    small = facts[:, cv2.CC_STAT_AREA] < 0.1 * mask.size
    small[0] = False
    return np.asarray((closed > 0) | small[labels], np.bool_)
