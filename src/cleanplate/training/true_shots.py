"""Shots of which all is known: rendered, or shot before a screen that is lit and taken away.

Their shadows and edges are the world's, not a recipe's. Laid out as a set to evaluate on is
(docs/evaluation.md), with foregrounds; where something of the scene moved after the plate was
shot, `background.png` beside the plate shows the scene of the frame. `rendering/` makes such a set.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.evaluation_set import find_cases, pictures_of
from cleanplate.training import subjects
from cleanplate.training.data import Blob, Item, hash_share, read_colour, read_foreground
from cleanplate.training.disturbances import Picture


class Lit(TypedDict):
    """A subject in the light of its scene, and the scene in its shadow; H W C, see `Sample`."""

    alpha: Picture
    foreground: Picture
    shadow: Picture
    clean_frame: Picture


@dataclass(frozen=True)
class TrueShots:
    """Frame, plate, foreground with alpha, and background of each shot.

    The background is the scene of the frame without the subject. Most often that is the plate.
    """

    items: tuple[tuple[Item, Item, Item, Item], ...]

    def split(self, share: float = 0.06) -> tuple["TrueShots", "TrueShots"]:
        """Part for training and held-out part, by a hash of the name, as `Pool.split`.

        Frames of one plate stay together; where all would be held out, all are in both.
        """
        first: dict[str, str] = {}
        for frame, plate, *_ in self.items:
            first.setdefault(plate.name, frame.name)
        held = [item for item in self.items if hash_share(first[item[1].name]) < share]
        kept = [item for item in self.items if item not in held]
        return TrueShots(tuple(kept) or self.items), TrueShots(tuple(held))

    def draw(self, rng: Generator, size: int) -> tuple[Picture, Picture, Lit]:
        """Draw a square of at least 0.6 of a shot's shorter side, some flipped, its light changed.

        Returns plate, background and the rest, float32, size size C, 0..1. Raises InputError
        where a picture cannot be read or sizes differ.
        """
        frame, plate, background, foreground = self.items[int(rng.integers(len(self.items)))]
        known = [read_colour(frame), read_colour(plate), *read_foreground(foreground)]
        if moved := background != plate:
            known.insert(2, read_colour(background))
        if len({picture.shape[:2] for picture in known}) > 1:
            raise InputError(
                f"{frame.name}: frame, plate, background and foreground are of different "
                "sizes; align them to the frame first."
            )
        cut = _square(rng, known[-1], 0.6)
        *seen, colour, alpha = (subjects.to_float(picture[cut]) for picture in known)
        seen += [colour * alpha, alpha]  # so that colours are not mixed with what has none
        method = cv2.INTER_AREA if len(alpha) > size else cv2.INTER_LINEAR
        flip = slice(None, None, int(rng.choice([1, -1])))
        scene, clean, *others, lit, cover = (
            cv2.resize(picture, (size, size), interpolation=method).reshape(size, size, -1)[:, flip]
            for picture in seen
        )
        empty = others[0] if moved else clean
        straight = np.where(cover > 1e-3, lit / np.maximum(cover, np.float32(1e-3)), scene)
        behind = (scene - lit) / np.maximum(1 - cover, np.float32(1e-3))
        ratio = behind.mean(2, keepdims=True) / np.maximum(empty.mean(2, keepdims=True), 1e-2)
        shadow = np.where(cover < 0.9, ratio.clip(0, 1), 1)
        tint = np.float32(np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.05, 3)))
        order = rng.permutation(3) if rng.random() < 0.1 else [0, 1, 2]
        scene, clean, empty, straight = (
            (picture[..., order] * tint).clip(0, 1).astype(np.float32)
            for picture in (scene, clean, empty, straight)
        )
        return (
            clean,
            empty,
            Lit(
                alpha=np.asarray(cover, np.float32),
                foreground=straight,
                shadow=np.asarray(shadow, np.float32),
                clean_frame=scene,
            ),
        )


def read_true_shots(folder: Path) -> TrueShots:
    """Find the shots of a folder. Raises InputError where one lacks a part."""
    cases, problems = find_cases(folder)
    if problems:
        raise InputError(problems[0])
    items = []
    for case in cases:
        if case.video or len(case.foregrounds) != len(case.frames):
            raise InputError(
                f"{folder / case.name}: a shot to learn from needs frame, plate, alpha and "
                "foreground, each a still; add what is missing or take it out."
            )
        plate = Item(f"{case.name}/plate", Blob(case.plate))
        found = pictures_of(case.plate.parent, "background")
        background = plate
        if found:
            background = Item(f"{case.name}/background", Blob(next(iter(found.values()))))
        for frame, alpha, colour in zip(case.frames, case.alphas, case.foregrounds, strict=True):
            name = f"{case.name}/{frame.stem}"
            subject = Item(f"{case.name}/{colour.stem}", Blob(colour), Blob(alpha))
            items.append((Item(name, Blob(frame)), plate, background, subject))
    return TrueShots(tuple(items))


def _square(rng: Generator, alpha: NDArray[np.uint8], smallest: float) -> tuple[slice, slice]:
    """Choose a square of the picture, of eight the first that shows somebody."""
    for _ in range(8):
        cut = subjects.square(rng, alpha.shape, smallest)
        if alpha[cut].mean() > 0.02 * 255:
            break
    return cut
