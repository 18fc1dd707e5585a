"""Endless batches of synthetic samples: stills, and clips of a few frames."""

import os
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cleanplate.motion import find_motion
from cleanplate.people import Segmenter
from cleanplate.training import priors
from cleanplate.training.data import Pool, told_plainly
from cleanplate.training.disturbances import Picture
from cleanplate.training.synthesis import Recipe, Sample, synthesize_clip
from cleanplate.training.true_shots import TrueShots

SPOILT = 0.2  # of the clips, whose memory is wrong: a network must not believe it for ever


class Synthesis(Dataset[dict[str, Tensor]]):
    """Sample number `index` with so many frames: the same on every machine, in every order.

    clips: share of the batches that hold clips. A clip's sample is that of its last frame, with
    `frames_before` (m 3 H W), `alphas_before` (m 1 H W), `flows` (m 2 H W, pixels, from each
    following frame back to this one), `spoilt` (1 H W, a wrong memory) and `is_spoilt` (1 1 1).
    person: exported weights of a person segmenter that makes some of the priors, or None.
    shots: of which all is known, for some of the stills, or None.
    """

    def __init__(
        self,
        foregrounds: Pool,
        backgrounds: Pool,
        recipe: Recipe,
        seed: int,
        clips: float = 0.0,
        person: Path | None = None,
        shots: TrueShots | None = None,
    ) -> None:
        self.foregrounds, self.backgrounds = foregrounds, backgrounds
        self.recipe, self.seed, self.clips = recipe, seed, clips
        self.person, self.shots = person, shots

    @cached_property
    def segment(self) -> Segmenter | None:
        """Loaded by the process that needs it: sessions cannot be sent to another."""
        return Segmenter(self.person) if self.person else None

    def moments(self, first: int) -> int:
        """How many frames the samples of the batch have that begins with number `first`."""
        rng = np.random.default_rng([self.seed, first, 1])
        return int(rng.integers(2, 4)) if rng.random() < self.clips else 1

    def __getitem__(self, which: tuple[int, int]) -> dict[str, Tensor]:
        index, moments = which
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        pools = self.foregrounds, self.backgrounds
        *before, last = synthesize_clip(rng, *pools, self.recipe, moments, self.segment, self.shots)
        planes = {
            name: _planes(picture)
            for name, picture in last.items()
            if isinstance(picture, np.ndarray)
        }
        return planes | _past(rng, before, last) if before else planes


def _past(rng: np.random.Generator, before: list[Sample], last: Sample) -> dict[str, Tensor]:
    frames = [sample["frame"] for sample in (*before, last)]
    pairs = zip(frames[1:], frames, strict=False)
    is_spoilt = np.full((1, 1, 1), rng.random() < SPOILT, np.float32)
    return {
        "frames_before": torch.stack([_planes(frame) for frame in frames[:-1]]),
        "priors_before": torch.stack([_planes(sample["prior"]) for sample in before]),
        "alphas_before": torch.stack([_planes(sample["alpha"]) for sample in before]),
        "flows": torch.stack([_planes(find_motion(now, then)) for now, then in pairs]),
        "spoilt": _planes(priors.spoil(rng, before[-1]["alpha"])),
        "is_spoilt": _planes(is_spoilt),
    }


def _planes(picture: Picture) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, -1, 0)))


def batches(
    data: Synthesis,
    first: int,
    size: int,
    step: int,
    workers: int,
    halved: Sequence[str] = (),
) -> Iterator[dict[str, Tensor]]:
    """Endless batches of `size` samples, beginning with numbers `first`, `first + step`, ...

    halved: names of pictures to pass on, alone and in half precision: less for processes to move.
    """
    order = range(first, 2**40, step)
    samples = (
        [(index, data.moments(start)) for index in range(start, start + size)] for start in order
    )
    collate = partial(_halve, halved) if halved else None
    loader = DataLoader(
        data,
        batch_sampler=_Once(samples),
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_give_way,
    )
    return told_plainly(loader)


def _give_way(_: int) -> None:
    """Let the process that trains go first: where all cores make samples a GPU waits for it."""
    if hasattr(os, "nice"):
        os.nice(10)


def _halve(names: Sequence[str], samples: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([sample[name].half() for sample in samples]) for name in names}


class _Once:
    """An iterator that DataLoader takes as a batch sampler."""

    def __init__(self, samples: Iterator[list[tuple[int, int]]]) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return self.samples
