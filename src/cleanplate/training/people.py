"""Samples for the person segmenter: people in all kinds of scenes, and what covers what.

Two kinds: cut-outs composed over backgrounds, and whole labelled pictures (a frame with a mask of
the people in it), which have the light and the edges of the world.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import Dataset

from cleanplate.composite import over
from cleanplate.training import cameras, shapes, subjects
from cleanplate.training import disturbances as part
from cleanplate.training.data import Pool, read_colour, read_foreground
from cleanplate.training.disturbances import Picture
from cleanplate.training.networks.segmenter import STRIDE
from cleanplate.training.synthesis import Recipe, cast_shadows, coincide


@dataclass(frozen=True)
class PeopleRecipe:
    """Share of the samples that meet each thing (0..1)."""

    size: int = 160
    labelled: float = 0.3  # of a pool of labelled pictures, where there is one
    closest: float = 2.2  # width of somebody in a close-up at most, of the picture's: a head
    nobody: float = 0.06
    second: float = 0.2
    thing_behind: float = 0.25
    thing_before: float = 0.12
    plain_wall: float = 0.35
    coincidence: float = 0.35
    grey: float = 0.04
    soft: float = 0.15
    hidden: float = 0.15  # a face made unknown, a bag, a sheet of paper


class People(Dataset[tuple[Tensor, Tensor]]):
    """Sample number `index`: frame 3 H W, and coverage of people 1 H/4 W/4; always the same.

    labelled: pictures with a mask of the people in them, as a pool of foregrounds is laid out.
    """

    def __init__(
        self,
        people: Pool,
        backgrounds: Pool,
        labelled: Pool | None,
        recipe: PeopleRecipe,
        seed: int,
    ) -> None:
        self.people, self.backgrounds, self.labelled = people, backgrounds, labelled
        self.recipe, self.seed = recipe, seed

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index, 3])
        if self.labelled is not None and rng.random() < self.recipe.labelled:
            frame, coverage = labelled_sample(rng, self.labelled, self.recipe.size)
        else:
            frame, coverage = people_sample(rng, self.people, self.backgrounds, self.recipe)
        frame = _look(rng, frame, self.recipe)
        side = self.recipe.size // STRIDE
        small = cv2.resize(coverage, (side, side), interpolation=cv2.INTER_AREA)
        return torch.from_numpy(np.moveaxis(frame, -1, 0).copy()), torch.from_numpy(small[None])


def people_sample(
    rng: Generator, people: Pool, backgrounds: Pool, recipe: PeopleRecipe
) -> tuple[Picture, Picture]:
    """Compose people into a scene: frame H W 3, and their coverage H W 1.

    Things (shapes filled with photos or textures) lie behind and before them and are no people.
    """
    size = recipe.size
    scene = _scene(rng, backgrounds, recipe)
    if rng.random() < recipe.thing_behind:
        scene = over(*subjects.shape_with_texture(rng, backgrounds, size), scene)
    coverage = np.zeros((size, size, 1), np.float32)
    if rng.random() >= recipe.nobody:
        foreground, coverage = subjects.from_pool(rng, people, size, recipe.closest)
        if rng.random() < recipe.second:
            another = subjects.from_pool(rng, people, size, recipe.closest)
            foreground, coverage = subjects.join((foreground, coverage), another)
        if rng.random() < recipe.hidden:
            foreground = hide(rng, foreground, coverage)
        if rng.random() < recipe.coincidence and coverage.sum() > 1:
            foreground = coincide(rng, foreground, coverage, scene)
        scene = (scene * cast_shadows(rng, coverage, Recipe(cast_shadow=0.5))).clip(0, 1)
        scene = over(foreground, coverage, scene, linear=bool(rng.random() < 0.5))
    if rng.random() < recipe.thing_before:
        colour, alpha = subjects.shape_with_texture(rng, backgrounds, size)
        scene, coverage = over(colour, alpha, scene), coverage * (1 - alpha)
    return np.asarray(scene, np.float32), np.asarray(coverage, np.float32)


def hide(rng: Generator, foreground: Picture, coverage: Picture) -> Picture:
    """Blur or paint over an ellipse somewhere on somebody: no single part shall be needed.

    foreground: H W 3; coverage: H W 1. Returns the foreground, H W 3.
    """
    rows, columns = np.nonzero(coverage[..., 0] > 0.5)
    if not len(rows):
        return foreground
    size, at = len(foreground), int(rng.integers(len(rows)))
    axes = [max(1, round(side)) for side in rng.uniform(0.04, 0.16, 2) * size]
    spot = np.zeros(foreground.shape[:2], np.float32)
    centre = int(columns[at]), int(rows[at])
    cv2.ellipse(spot, centre, axes, rng.uniform(0, 180), 0, 360, (1.0,), -1)
    spot = part.blur(spot, 1.0)[..., None]
    blurred = part.blur(foreground, rng.uniform(0.03, 0.1) * size)
    painted = rng.random(3, np.float32) if rng.random() < 0.3 else blurred
    return np.asarray(foreground + spot * (painted - foreground), np.float32)


def labelled_sample(rng: Generator, labelled: Pool, size: int) -> tuple[Picture, Picture]:
    """Cut a random square from a labelled picture: frame H W 3 and its mask H W 1."""
    colour, mask = read_foreground(labelled.pick(rng))
    cut = subjects.square(rng, colour.shape, 0.5)
    flip = slice(None, None, int(rng.choice([1, -1])))
    frame, cover = (
        cv2.resize(
            picture[cut],
            (size, size),
            interpolation=cv2.INTER_AREA,
        )[:, flip]
        for picture in (colour, mask)
    )
    exposed = part.expose(rng, subjects.to_float(frame), 0.15, 0.05)
    return exposed, subjects.to_float(cover)[..., None]


def _scene(rng: Generator, backgrounds: Pool, recipe: PeopleRecipe) -> Picture:
    if rng.random() < recipe.plain_wall:
        scene = shapes.wall(rng, recipe.size)
    else:
        scene = subjects.crop(rng, read_colour(backgrounds.pick(rng)), recipe.size)
    if rng.random() < 0.3:
        scene = part.blur(scene, rng.uniform(0.4, 3))
    return part.expose(rng, scene, 0.15, 0.04)


def _look(rng: Generator, frame: Picture, recipe: PeopleRecipe) -> Picture:
    """Camera and codec: composites must not be known by their crisp edges."""
    if rng.random() < recipe.grey:
        frame = np.repeat(frame.mean(2, keepdims=True), 3, 2)
    if rng.random() < recipe.soft:
        frame = part.blur(frame, rng.uniform(0.3, 1.2))
    return cameras.shoot(rng, part.expose(rng, frame, 0.1, 0.03), cameras.draw(rng))
