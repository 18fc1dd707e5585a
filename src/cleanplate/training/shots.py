"""Endless batches of crops from real footage, and new backgrounds to put the cutouts over."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from cleanplate.training.data import Pool, read_colour
from cleanplate.training.footage import FootageClip
from cleanplate.training.footage_losses import Shot
from cleanplate.training.subjects import crop as crop_background

Levels = NDArray[np.uint8]

WITHOUT_PRIOR = 0.15  # share of crops that are shown without one, as the teacher's were


@dataclass(frozen=True)
class Shots:
    """Crops of footage, number by number: the same seed and number give the same batch.

    size: pixels a side, a multiple of 16; a frame that is smaller is mirrored at its border.
    """

    clips: tuple[FootageClip, ...]
    size: int
    batch: int
    seed: int

    def rng(self, number: int) -> Generator:
        """Random numbers for everything about batch `number` that the shots do not draw."""
        return np.random.default_rng([self.seed, number, 1])

    def draw(self, number: int, device: str) -> Shot:
        """Draw batch `number`: crops that show what is no plate, where there is such a thing."""
        rng = np.random.default_rng([self.seed, number])
        crops = [self._one(rng) for _ in range(self.batch)]
        return Shot(*(_tensor(list(part), device) for part in zip(*crops, strict=True)))

    def _one(self, rng: Generator) -> list[Levels]:
        clip = self.clips[int(rng.integers(len(self.clips)))]
        for _ in range(8):  # a frame with nobody in it teaches little
            index = int(rng.integers(len(clip.frames)))
            rows, columns = np.nonzero(clip.agrees[index, ..., 0] == 0)
            if len(rows) > 0.02 * clip.agrees[index].size:
                break
        place = (0, 0)
        if len(rows):
            pick = int(rng.integers(len(rows)))
            place = int(rows[pick]), int(columns[pick])
        flip = rng.random() < 0.5
        *seen, prior = (
            cut_around(picture, place, self.size)[:, :: -1 if flip else 1]
            for picture in _moment(clip, index)
        )
        return [*seen, prior if rng.random() > WITHOUT_PRIOR else np.zeros_like(prior)]


def whole_frames(clips: list[FootageClip], size: int, most: int, device: str) -> list[Shot]:
    """Draw fixed crops to judge on: at most `most`, evenly over the clips, where people are."""
    shots = []
    for clip in clips:
        count = max(1, most // len(clips))
        for index in np.unique(np.linspace(0, len(clip.frames) - 1, count).round().astype(int)):
            rows, columns = np.nonzero(clip.agrees[index, ..., 0] == 0)
            place = (int(np.median(rows)), int(np.median(columns))) if len(rows) else (0, 0)
            cuts = ([cut_around(picture, place, size)] for picture in _moment(clip, int(index)))
            shots.append(Shot(*(_tensor(cut, device) for cut in cuts)))
    return shots


def cut_around(picture: Levels, place: tuple[int, int], size: int) -> Levels:
    """Cut a square of `size` pixels around a place (row, column), mirrored where it is small."""
    height, width, channels = picture.shape
    below, right = max(0, size - height), max(0, size - width)
    if below or right:
        picture = np.asarray(
            cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REFLECT), np.uint8
        ).reshape(height + below, width + right, channels)
    y = min(max(place[0] - size // 2, 0), len(picture) - size)
    x = min(max(place[1] - size // 2, 0), picture.shape[1] - size)
    return picture[y : y + size, x : x + size]


def new_backgrounds(rng: Generator, pool: Pool, size: int, count: int, device: str) -> Tensor:
    """Draw crops of other places: `count` 3 size size, 0..1."""
    pictures = [crop_background(rng, read_colour(pool.pick(rng)), size) for _ in range(count)]
    stacked = np.stack([picture.transpose(2, 0, 1) for picture in pictures])
    return torch.from_numpy(np.ascontiguousarray(stacked, np.float32)).to(device)


def other_sides(rng: Generator, plate: Tensor) -> Tensor:
    """Make other plates of the only plate there is: mirrored, brighter or darker; N 3 H W, 0..1."""
    gain = torch.from_numpy(rng.uniform(0.7, 1.3, (len(plate), 1, 1, 1)).astype(np.float32))
    return (plate.flip(3).roll(len(plate) // 2, 0) * gain.to(plate)).clamp(0, 1)


def _moment(clip: FootageClip, index: int) -> tuple[Levels, Levels, Levels, Levels]:
    prior = clip.priors[index]
    there = np.dstack([prior, np.full_like(prior, 255)])
    return clip.frames[index], clip.plates[index], clip.agrees[index] * np.uint8(255), there


def _tensor(pictures: list[Levels], device: str) -> Tensor:
    stacked = np.stack([picture.transpose(2, 0, 1) for picture in pictures])
    return torch.from_numpy(np.ascontiguousarray(stacked)).to(device).float() / 255
