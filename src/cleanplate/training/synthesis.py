"""One training sample: a subject over a true background, and a plate that parted from it.

The order is that of the world: light (shadows, spill), lens (blur), sensor, codec. See
docs/training.md for the table of recipes and design decisions.
"""

from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np
from numpy.random import Generator

from cleanplate.composite import over
from cleanplate.training import disturbances as part
from cleanplate.training import priors, shapes, subjects
from cleanplate.training.data import Pool, read_colour
from cleanplate.training.disturbances import Picture


class Sample(TypedDict):
    """What a training step needs; float32, H W C, 0..1."""

    frame: Picture
    plate: Picture
    prior: Picture  # H W 2: the prior, and whether there is one
    alpha: Picture
    foreground: Picture
    background: Picture  # true background of the frame, before shadows
    clean_frame: Picture  # the composite before sensor and codec
    shadow: Picture  # s in I = alpha F + (1 - alpha) s B
    valid: Picture  # 1 where the plate shows what is behind the subject


@dataclass(frozen=True)
class Recipe:
    """Share of the samples that meet each disturbance (0..1)."""

    size: int = 256
    plain_wall: float = 0.3
    cast_shadow: float = 0.5
    contact_shadow: float = 0.3
    ambient_shadow: float = 0.15
    light_change: float = 0.15
    spill: float = 0.3
    bounce: float = 0.2
    coincidence: float = 0.3
    changed_scene: float = 0.2
    motion_blur: float = 0.2
    defocus: float = 0.2
    exposure: float = 0.6
    paper_noise: float = 0.2
    wrong_plate: float = 0.04
    blank_plate: float = 0.05
    prior: float = 0.4


def synthesize(
    rng: Generator, foregrounds: Pool, backgrounds: Pool, recipe: Recipe | None = None
) -> Sample:
    """Make one sample; the same generator state gives the same sample."""
    recipe = recipe or Recipe()
    plate_kind = rng.random()
    no_plate = plate_kind < recipe.wrong_plate + recipe.blank_plate
    background = _background(rng, backgrounds, recipe)
    foreground, alpha = subjects.draw(rng, foregrounds, backgrounds, recipe.size, no_plate)
    if rng.random() < recipe.motion_blur:
        foreground, alpha = _blur_motion(rng, foreground, alpha)
    plate = background
    background, valid = _change_scene(rng, background, backgrounds, alpha, recipe)
    foreground = _light_subject(rng, foreground, alpha, background, recipe)
    shadow = _shadows(rng, alpha, recipe)
    shaded = background * shadow
    if rng.random() < recipe.bounce:
        bounce = part.blur(foreground * alpha, 0.08 * recipe.size)
        shaded = shaded * (1 + np.float32(rng.uniform(0.1, 0.5)) * (bounce - bounce.mean()))
    shaded = shaded.clip(0, 1)
    clean_frame = over(foreground, alpha, shaded, linear=bool(rng.random() < 0.5))
    clean_frame = clean_frame.astype(np.float32)
    if plate_kind < recipe.blank_plate:
        plate, valid = np.full_like(plate, 0.5), np.zeros_like(valid)
    elif no_plate:
        plate, valid = _background(rng, backgrounds, recipe), np.zeros_like(valid)
    frame, plate = _two_shots(
        rng, clean_frame, plate, alpha, recipe, plate_kind < recipe.blank_plate
    )
    return Sample(
        frame=frame,
        plate=plate,
        prior=priors.draw(rng, alpha, 0.7 if no_plate else recipe.prior),
        alpha=alpha,
        foreground=foreground,
        background=background,
        clean_frame=clean_frame,
        shadow=shadow,
        valid=valid,
    )


def _background(rng: Generator, backgrounds: Pool, recipe: Recipe) -> Picture:
    if rng.random() < recipe.plain_wall:
        picture = shapes.wall(rng, recipe.size)
    else:
        picture = subjects.crop(rng, read_colour(backgrounds.pick(rng)), recipe.size)
    if rng.random() < recipe.defocus:
        picture = part.blur(picture, rng.uniform(0.5, 4))
    return part.expose(rng, picture, 0.12, 0.03)


def _blur_motion(rng: Generator, foreground: Picture, alpha: Picture) -> tuple[Picture, Picture]:
    """Premultiplied foreground and alpha smear together; the straight colour follows."""
    kernel = part.motion_kernel(rng, rng.uniform(2, 12))
    smeared = cv2.filter2D(foreground * alpha, -1, kernel)
    coverage = cv2.filter2D(alpha, -1, kernel)[..., None].clip(0, 1)
    straight = smeared / np.maximum(coverage, 1e-4)
    return np.where(coverage > 1e-3, straight, foreground).clip(0, 1), coverage


def _change_scene(
    rng: Generator, background: Picture, backgrounds: Pool, alpha: Picture, recipe: Recipe
) -> tuple[Picture, Picture]:
    """Something of the scene moved or is new: part of the background, not of the subject."""
    valid = np.ones_like(alpha)
    if rng.random() >= recipe.changed_scene:
        return background, valid
    size = recipe.size
    region = (shapes.polygons if rng.random() < 0.6 else shapes.blob)(rng, size)
    zoom = rng.uniform(0.2, 0.7)
    move = np.array([[zoom, 0, 0], [0, zoom, 0]], np.float32)
    move[:, 2] = rng.uniform(-0.1, 1.1 - zoom, 2) * size
    placed = cv2.warpAffine(region, move, (size, size), flags=cv2.INTER_AREA)
    region = np.asarray(placed, np.float32)[..., None]
    if rng.random() < 0.5:
        other = np.roll(background, tuple(int(v) for v in rng.integers(-40, 41, 2)), (0, 1))
    else:
        other = subjects.photo_or_texture(rng, backgrounds, size)
    return over(other, region, background), 1 - region


def _light_subject(
    rng: Generator, foreground: Picture, alpha: Picture, background: Picture, recipe: Recipe
) -> Picture:
    """Colours that the scene lends to the subject."""
    if rng.random() < recipe.coincidence and alpha.sum() > 1:
        # The wall's own colour, or the wall's colour in shadow: a grey suit before a grey wall.
        behind = (background * alpha).sum((0, 1)) / alpha.sum() * np.float32(rng.uniform(0.3, 1.1))
        own = (foreground * alpha).sum((0, 1)) / alpha.sum()
        strength = np.float32(rng.uniform(0.4, 1))
        foreground = own + (foreground - own) * np.float32(rng.uniform(0.6, 1))
        foreground = foreground + strength * (behind - own)
    if rng.random() < recipe.spill:
        edge = part.blur(1 - alpha, rng.uniform(0.005, 0.03) * recipe.size)
        light = part.blur(background, 0.1 * recipe.size)
        share = np.float32(rng.uniform(0.1, 0.5)) * edge
        foreground = foreground * (1 - share) + light * share
    return foreground.clip(0, 1).astype(np.float32)


def _shadows(rng: Generator, alpha: Picture, recipe: Recipe) -> Picture:
    height, width = alpha.shape[:2]
    shadow = np.ones_like(alpha)
    if rng.random() < recipe.cast_shadow:
        shadow = shadow * part.cast_shadow(rng, alpha, 0.05 + 0.6 * rng.beta(2, 3))
    if rng.random() < recipe.contact_shadow:
        shadow = shadow * part.contact_shadow(rng, alpha, rng.uniform(0.2, 0.65))
    if rng.random() < recipe.ambient_shadow:
        shadow = shadow * part.ambient_shadow(rng, alpha, rng.uniform(0.05, 0.35))
    if rng.random() < recipe.light_change:
        shadow = shadow * part.light_patch(rng, height, width, rng.uniform(0.02, 0.1))
    return shadow.astype(np.float32)


def _two_shots(
    rng: Generator, frame: Picture, plate: Picture, alpha: Picture, recipe: Recipe, blank: bool
) -> tuple[Picture, Picture]:
    """Frame and plate as two shots of one camera, some seconds and some hand movement apart."""
    amount = rng.random()
    # Pixels of a picture of about 0.13 megapixel: a quarter of what an HD picture shows.
    sigma = 0.12 if amount < 0.6 else rng.uniform(0.3, 1.0) if amount < 0.88 else rng.uniform(1, 3)
    if not blank:
        plate = part.misalign(rng, plate, sigma, local=0.05 + 0.1 * sigma)
        if rng.random() < 0.1:
            plate = part.blur(plate, rng.uniform(0.3, 1.2))  # focus breathing
        if rng.random() < recipe.exposure:
            tail = rng.random() < 0.1
            plate = part.expose(rng, plate, 0.12 if tail else 0.05, 0.02)
        if rng.random() < 0.15:
            plate = part.vignette(rng, plate, rng.uniform(0, 0.15))
        if rng.random() < recipe.paper_noise:
            plate = part.paper_noise(rng, plate)
    if rng.random() < recipe.paper_noise:
        frame = part.paper_noise(rng, frame, part.ring(alpha, int(rng.uniform(0.05, 0.4) * 100)))
    look, grain = rng.random(), rng.uniform(0, 0.8)
    strength = rng.uniform(0.2, 4) if rng.random() < 0.7 else rng.uniform(0, 1)
    quality = int(rng.integers(40, 97))
    shots = []
    for shot, averaged in ((frame, 1.0), (plate, rng.choice([1.0, 1.0, 0.25]))):
        shot = part.sensor_noise(rng, shot, float(strength * averaged), grain)
        if look < 0.15:
            shot = part.denoise(shot)
        elif look < 0.35:
            shot = part.sharpen(shot, 0.4)
        if rng.random() < 0.6:
            shot = part.jpeg(shot, int(np.clip(quality + rng.integers(-12, 13), 40, 97)))
        shots.append(shot.astype(np.float32))
    return shots[0], shots[1]
