"""One training sample: a subject over a true background, and a plate that parted from it.

The order is that of the world: light (shadows, spill), lens (blur), sensor, codec. See
docs/training.md for the table of recipes and design decisions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np
from numpy.random import Generator

from cleanplate.composite import over
from cleanplate.prior import differing, join_priors
from cleanplate.training import cameras, priors, shapes, subjects
from cleanplate.training import disturbances as part
from cleanplate.training.data import Pool, read_colour
from cleanplate.training.disturbances import Picture
from cleanplate.training.true_shots import Lit, TrueShots

Segment = Callable[[Picture], Picture]  # frame H W 3 to the share of people, H W 1

MOVED = 0.06  # what differs by more between plate and background of a true shot has moved
DARKEST = 0.2  # a bare lamp leaves little more than this of the light of a room


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
    plain_wall: float = 0.4
    cast_shadow: float = 0.45
    contact_shadow: float = 0.3
    ambient_shadow: float = 0.15
    light_change: float = 0.15
    spill: float = 0.3
    bounce: float = 0.2
    reflection: float = 0.08
    coincidence: float = 0.5
    changed_scene: float = 0.2
    held: float = 0.25
    uncovered: float = 0.1
    motion_blur: float = 0.2
    defocus: float = 0.2
    exposure: float = 0.6
    paper_noise: float = 0.2
    wrong_plate: float = 0.05
    blank_plate: float = 0.08
    person_prior: float = 0.85  # of a person segmenter, where there is one
    joined: float = 0.8  # of those, the ones joined with what differs from the plate
    strange: float = 0.35  # of those, the ones in which it does worse than with its own pool
    prior: float = 0.3  # of the rest
    true_shot: float = 0.35  # of the stills, where there are shots of which all is known


def synthesize(
    rng: Generator, foregrounds: Pool, backgrounds: Pool, recipe: Recipe | None = None
) -> Sample:
    """Make one sample; the same generator state gives the same sample."""
    return synthesize_clip(rng, foregrounds, backgrounds, recipe, moments=1)[0]


def synthesize_clip(
    rng: Generator,
    foregrounds: Pool,
    backgrounds: Pool,
    recipe: Recipe | None = None,
    moments: int = 3,
    segment: Segment | None = None,
    shots: TrueShots | None = None,
) -> list[Sample]:
    """Make successive frames of a camera that stands still before a subject that moves.

    Scene, light, plate and camera are drawn once; motion, noise and codec differ in every frame.
    segment: makes some of the priors, as it will later.
    shots: some of the stills are these instead of composites; plate, camera and prior are as ever.
    """
    recipe = recipe or Recipe()
    true = None
    if shots and moments == 1 and rng.random() < recipe.true_shot:
        true = shots.draw(rng, recipe.size)
    plate_kind = rng.random()
    no_plate = plate_kind < recipe.wrong_plate + recipe.blank_plate
    subject, background, plate, valid = (
        _known(*true) if true else _staged(rng, foregrounds, backgrounds, recipe, no_plate)
    )
    covered: Picture | None = None
    if plate_kind < recipe.blank_plate:
        plate, valid = np.full_like(plate, 0.5), np.zeros_like(valid)
    elif no_plate:
        plate, valid = _background(rng, backgrounds, recipe), np.zeros_like(valid)
    if not no_plate and rng.random() < recipe.uncovered:
        plate, covered = part.uncover(rng, plate)
        valid = valid * covered
    camera = cameras.draw(rng)
    if plate_kind >= recipe.blank_plate:
        plate = cameras.disturb_plate(rng, plate, recipe.exposure, recipe.paper_noise)
    plate = cameras.shoot(rng, plate, camera, averaged=rng.choice([1.0, 1.0, 0.25]))
    light = int(rng.integers(2**62))  # the same draws in every frame: shadows follow the subject
    samples: list[Sample] = []
    by_people = rng.random() < recipe.person_prior
    people_before = np.zeros_like(valid)
    if segment and by_people and plate_kind >= recipe.blank_plate:
        people_before = segment(plate)
    for foreground, alpha in subjects.walk(rng, *subject, moments):
        lit = (
            true[-1]
            if true
            else _compose(np.random.default_rng(light), foreground, alpha, background, recipe)
        )
        shot = lit["clean_frame"]
        if rng.random() < recipe.paper_noise:
            reach = int(rng.uniform(0.05, 0.4) * 100)
            shot = part.paper_noise(rng, shot, part.ring(alpha, reach))
        given = 0.5 if no_plate else recipe.prior
        frame = cameras.shoot(rng, shot, camera)
        if segment and by_people:
            # In another light it knows people less well, as it will know others.
            seen = part.expose(rng, frame, 0.5, 0.3) if rng.random() < recipe.strange else frame
            prior = priors.from_people(rng, segment(seen), people_before)
            if plate_kind >= recipe.blank_plate and rng.random() < recipe.joined:
                prior[..., :1] = join_priors(prior[..., :1], differing(frame, plate, covered))
        else:
            prior = priors.draw(rng, alpha, given)
        samples.append(
            Sample(
                frame=frame,
                plate=plate,
                prior=prior,
                background=background,
                valid=valid,
                **lit,
            )
        )
    return samples


# A subject, and around it: true background, plate, and where the plate shows that background.
_Stage = tuple[subjects.Subject, Picture, Picture, Picture]


def _staged(
    rng: Generator, foregrounds: Pool, backgrounds: Pool, recipe: Recipe, no_plate: bool
) -> _Stage:
    # A new thing can be told from the subject only where the subject is of another kind.
    changed = rng.random() < recipe.changed_scene
    background = _background(rng, backgrounds, recipe)
    subject = subjects.draw(rng, foregrounds, backgrounds, recipe.size, no_plate or changed)
    if not no_plate and rng.random() < recipe.held:
        subject = subjects.hold(rng, subject, backgrounds)
    if rng.random() < recipe.motion_blur:
        subject = _blur_motion(rng, *subject)
    plate, valid = background, np.ones_like(subject[1])
    if changed:
        background, valid = _change_scene(rng, background, backgrounds)
    if rng.random() < recipe.coincidence and subject[1].sum() > 1:
        subject = coincide(rng, *subject, background), subject[1]
    return subject, background, plate, valid


def _known(plate: Picture, background: Picture, lit: Lit) -> _Stage:
    apart = np.abs(plate - background).max(2, keepdims=True)
    same = np.asarray(apart < MOVED, np.float32)
    return (lit["foreground"], lit["alpha"]), background, plate, same


def _compose(
    rng: Generator, foreground: Picture, alpha: Picture, background: Picture, recipe: Recipe
) -> Lit:
    """Put the subject into the light of the scene, and the scene into its shadow."""
    foreground = _light_subject(rng, foreground, alpha, background, recipe)
    shadow = cast_shadows(rng, alpha, recipe)
    shaded = background * shadow
    if rng.random() < recipe.bounce:
        bounce = part.blur(foreground * alpha, 0.08 * recipe.size)
        shaded = shaded * (1 + np.float32(rng.uniform(0.1, 0.5)) * (bounce - bounce.mean()))
    if rng.random() < recipe.reflection:
        shaded = part.reflection(rng, foreground, alpha, shaded)
    clean_frame = over(foreground, alpha, shaded.clip(0, 1), linear=bool(rng.random() < 0.5))
    return Lit(
        alpha=alpha,
        foreground=foreground,
        shadow=shadow,
        clean_frame=clean_frame.astype(np.float32),
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
    rng: Generator, background: Picture, backgrounds: Pool
) -> tuple[Picture, Picture]:
    """Something of the scene moved or is new: part of the background, not of the subject."""
    size = len(background)
    region = (shapes.polygons if rng.random() < 0.6 else shapes.blob)(rng, size)
    zoom = rng.uniform(0.15, 0.6)
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
    if rng.random() < recipe.spill:
        edge = part.blur(1 - alpha, rng.uniform(0.005, 0.03) * recipe.size)
        light = part.blur(background, 0.1 * recipe.size)
        share = np.float32(rng.uniform(0.1, 0.5)) * edge
        foreground = foreground * (1 - share) + light * share
    return foreground.clip(0, 1).astype(np.float32)


def coincide(rng: Generator, foreground: Picture, alpha: Picture, background: Picture) -> Picture:
    """Recolour the subject, or one garment of it, toward what is behind, lit or in shadow.

    A grey shirt before a grey wall; a dark suit that could be the wall's own shadow.
    """
    garment = alpha
    rows, columns = np.nonzero(alpha[..., 0] > 0.9)
    if len(rows) and rng.random() < 0.75:
        pick = int(rng.integers(len(rows)))
        distance = np.abs(foreground - foreground[rows[pick], columns[pick]]).max(2, keepdims=True)
        garment = part.blur(np.clip(2 - distance / np.float32(0.12), 0, 1), 1.0) * alpha
    weight = garment.sum() + np.float32(1e-3)
    shade = np.float32(np.exp(rng.uniform(np.log(0.12), np.log(1.15))))
    behind = (background * garment).sum((0, 1)) / weight
    if rng.random() < 0.5:  # the wall right there, not on the average
        behind = part.blur(background, rng.uniform(0.02, 0.1) * alpha.shape[0])
    own = (foreground * garment).sum((0, 1)) / weight
    strength = np.float32(rng.uniform(0.4, 1)) * (garment if garment is not alpha else 1)
    detail = (foreground - own) * np.float32(rng.uniform(0.1, 1))
    recoloured = foreground + strength * (behind * shade + detail - foreground)
    return np.asarray(recoloured.clip(0, 1), np.float32)


def cast_shadows(rng: Generator, alpha: Picture, recipe: Recipe) -> Picture:
    """Every shadow that a subject of this alpha throws, as one factor: H W 1, 1 is unshadowed."""
    height, width = alpha.shape[:2]
    shadow = np.ones_like(alpha)
    if rng.random() < recipe.cast_shadow:
        shadow = shadow * part.cast_shadow(rng, alpha, 0.05 + 0.75 * rng.beta(1.5, 2.4))
    if rng.random() < recipe.contact_shadow:
        shadow = shadow * part.contact_shadow(rng, alpha, rng.uniform(0.2, 0.65))
    if rng.random() < recipe.ambient_shadow:
        shadow = shadow * part.ambient_shadow(rng, alpha, rng.uniform(0.05, 0.35))
    if rng.random() < recipe.light_change:
        shadow = shadow * part.light_patch(rng, height, width, rng.uniform(0.02, 0.1))
    return np.maximum(shadow, np.float32(DARKEST))
