"""Near-duplicates: the same picture scaled, mirrored, brightened or saved anew, or the next frame.

A perceptual hash (64 signs of the lowest frequencies of a cosine transform) finds candidates, a
comparison of thumbnails decides: two people who stand alike have hashes that are near.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]

SIDE = 32
NEAR = 12  # of 64 bits
CLOSE = 0.05  # mean difference of thumbnails whose brightness has been brought together
_ONES = np.array([bin(value).count("1") for value in range(1 << 16)], np.uint8)


@dataclass(frozen=True)
class Thumbnail:
    """values: SIDE SIDE, grey 0..1, subject alone. bits: its hash and that of its mirror image."""

    values: Values
    bits: tuple[int, int]


def thumbnail(picture: Pixels, alpha: Pixels | None = None) -> Thumbnail:
    """Sum up a picture (H W 3), or a cut-out with its alpha (H W 1): its bounding box over grey."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32) / 255
    if alpha is not None:
        coverage = alpha[..., 0].astype(np.float32) / 255
        grey = grey * coverage + 0.5 * (1 - coverage)
        left, top, width, height = cv2.boundingRect((alpha[..., 0] >= 128).astype(np.uint8))
        if width and height:
            grey = grey[top : top + height, left : left + width]
    values = np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    return Thumbnail(values, (_bits(values), _bits(np.ascontiguousarray(values[:, ::-1]))))


def near_duplicates(thumbnails: Sequence[Thumbnail]) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of indices that show the same thing."""
    own = np.array([each.bits[0] for each in thumbnails], np.uint64)
    mirrored = np.array([each.bits[1] for each in thumbnails], np.uint64)
    pairs = []
    for later in range(1, len(thumbnails)):
        for others, flip in ((own[:later], False), (mirrored[:later], True)):
            for earlier in np.flatnonzero(_distance(others, own[later]) <= NEAR).tolist():
                values = thumbnails[earlier].values
                if _apart(values[:, ::-1] if flip else values, thumbnails[later].values) < CLOSE:
                    pairs.append((earlier, later))
    return sorted(set(pairs))


def joined(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each of `count` indices the lowest one it is joined with, over any number of pairs."""
    first = list(range(count))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
            index = first[index]
        return index

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        first[high] = low
    return [root(index) for index in range(count)]


def _bits(values: Values) -> int:
    low = cv2.dct(values)[:8, :8].reshape(-1)
    signs = low > np.median(low[1:])
    return int.from_bytes(np.packbits(signs).tobytes(), "big")


def _distance(hashes: NDArray[np.uint64], one: np.uint64) -> NDArray[np.int64]:
    halves = (hashes ^ one).view(np.uint16).reshape(-1, 4)
    return np.asarray(_ONES[halves].sum(axis=1), np.int64)


def _apart(one: Values, other: Values) -> float:
    spread = max(float(other.std()), 1e-3) / max(float(one.std()), 1e-3)
    gain = min(max(spread, 0.6), 1.6)
    matched = (one - one.mean()) * gain + other.mean()
    return float(np.abs(matched - other).mean())
