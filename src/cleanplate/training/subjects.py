"""Subjects for synthesis: cut-outs from a pool, procedural shapes, several at once; placed."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.training import disturbances, hair, shapes
from cleanplate.training.data import Pool, read_colour, read_foreground
from cleanplate.training.disturbances import Picture

Subject = tuple[Picture, Picture]  # straight foreground size size 3, alpha size size 1


def place(
    rng: Generator,
    foreground: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    size: int,
    closest: float = 1.1,
) -> Subject:
    """Scale (0.35 to 1.5 of the picture, tall ones often to a close-up), turn, flip, put somewhere.

    A subject that was cut off at the bottom of its own picture stays cut off there.
    closest: how wide a tall one is in a close-up at most, of the picture's width.
    """
    left, top, width, height = cv2.boundingRect((alpha > 12).view(np.uint8))
    if not width:
        return np.zeros((size, size, 3), np.float32), np.zeros((size, size, 1), np.float32)
    cut_off = alpha[-1].mean() > 20
    box = np.s_[top : top + height, left : left + width]
    foreground, alpha = foreground[box], alpha[box]
    scale = np.exp(rng.uniform(np.log(0.35), np.log(1.5))) * size / max(height, width)
    if height > 1.8 * width and rng.random() < 0.6:  # as portraits and video calls show people
        scale = rng.uniform(0.3, closest) * size / width
    shrunk = (max(2, round(width * scale)), max(2, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    colour = cv2.resize(foreground, shrunk, interpolation=method)
    coverage = cv2.resize(alpha, shrunk, interpolation=method)
    matrix = _placement(rng, shrunk, size, cut_off)
    colour = cv2.warpAffine(
        colour, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    coverage = cv2.warpAffine(coverage, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return to_float(colour), to_float(coverage[..., None])


def _placement(
    rng: Generator, shape: tuple[int, int], size: int, cut_off: bool
) -> NDArray[np.float64]:
    """2 x 3 matrix that turns and moves a width x height picture onto the canvas."""
    width, height = shape
    angle = 0.0 if cut_off else rng.normal(0, 6)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    mirror = np.array([[flip, 0, width * (flip < 0)], [0, 1, 0], [0, 0, 1]])
    around = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    turn: NDArray[np.float64] = np.asarray(around, np.float64) @ mirror
    turn[0, 2] += rng.uniform(0.2, 0.8) * size - width / 2
    if cut_off and rng.random() < 0.85:
        turn[1, 2] += size - height + rng.uniform(0, 0.1) * size
    elif height > size:  # a close-up mostly shows the head
        turn[1, 2] += (
            rng.uniform(0, 0.3) * size if rng.random() < 0.7 else -rng.uniform(0, height - size)
        )
    else:
        turn[1, 2] += rng.uniform(-0.15, 1.15) * (size - height)
    return turn


def shape_with_texture(rng: Generator, backgrounds: Pool, size: int) -> Subject:
    """Any alpha filled with any photo or procedural texture; some with a furry edge."""
    alpha = shapes.shape(rng, size)
    colour = photo_or_texture(rng, backgrounds, size)
    zoom = np.exp(rng.uniform(np.log(0.5), np.log(1.7)))
    centre = rng.uniform(0.25, 0.75, 2) * size
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(0, 360), zoom)
    matrix = np.asarray(turn, np.float64)
    matrix[:, 2] += centre - size / 2
    turned = cv2.warpAffine(alpha, matrix, (size, size), flags=cv2.INTER_AREA)
    alpha = np.asarray(turned, np.float32)[..., None]
    if rng.random() < 0.25:
        colour, alpha = hair.add_strands(rng, colour, alpha, 300, 1.0, rng.uniform(0.02, 0.08), 0.2)
    return colour, alpha


def photo_or_texture(rng: Generator, backgrounds: Pool, size: int) -> Picture:
    """Colour to fill a shape with: a crop of a photo, or a procedural texture."""
    if rng.random() < 0.65:
        return crop(rng, read_colour(backgrounds.pick(rng)), size, 0.2)
    return shapes.texture(rng, size)


def to_float(picture: NDArray[Any]) -> Picture:
    """8 bit to float32 in 0..1."""
    return picture.astype(np.float32) / np.float32(255)


def square(rng: Generator, shape: tuple[int, ...], smallest: float) -> tuple[slice, slice]:
    """Choose a square of a picture of this shape, at least `smallest` of its shorter side."""
    height, width = shape[:2]
    side = int(min(height, width) * rng.uniform(smallest, 1))
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    return np.s_[y : y + side, x : x + side]


def crop(rng: Generator, picture: NDArray[np.uint8], size: int, smallest: float = 0.45) -> Picture:
    """Random square crop of at least `smallest` of the shorter side, half of them mirrored."""
    piece = picture[square(rng, picture.shape, smallest)][:, :: int(rng.choice([1, -1]))]
    method = cv2.INTER_AREA if len(piece) > size else cv2.INTER_CUBIC
    return to_float(cv2.resize(piece, (size, size), interpolation=method))


def from_pool(rng: Generator, foregrounds: Pool, size: int, closest: float = 1.1) -> Subject:
    """Take a cut-out of the pool, recoloured a little, sometimes with painted hair; see `place`."""
    foreground, alpha = place(rng, *read_foreground(foregrounds.pick(rng)), size, closest)
    foreground = disturbances.expose(rng, foreground, 0.15, 0.06)
    if rng.random() < 0.1:
        foreground = foreground[..., rng.permutation(3)]
    painted = rng.random()
    if painted < 0.15:
        count, length = int(rng.integers(80, 400)), rng.uniform(0.02, 0.15)
        foreground, alpha = hair.add_strands(rng, foreground, alpha, count, 0.25, length)
    elif painted < 0.25:  # a mane: dense at its roots, loose at its ends
        count, length = int(rng.integers(600, 2500)), rng.uniform(0.02, 0.1)
        shape = (count, 0.35, length, rng.uniform(0, 0.6), hair.FINE)
        foreground, alpha = hair.add_strands(rng, foreground, alpha, *shape)
    return foreground, alpha


def join(front: Subject, behind: Subject) -> Subject:
    """One cut-out over another, as one straight foreground and alpha."""
    front_part = front[1]
    behind_part = behind[1] * (1 - front[1])
    alpha = front_part + behind_part
    mixed = (front[0] * front_part + behind[0] * behind_part) / np.maximum(alpha, 1e-4)
    return np.where(alpha > 1e-3, mixed, front[0]).astype(np.float32), alpha


def draw(rng: Generator, foregrounds: Pool, backgrounds: Pool, size: int, people: bool) -> Subject:
    """Draw the subject of one sample; `people`: of the pool alone (no plate could tell a shape)."""
    kind = rng.random()
    if not people and kind < 0.04:  # nobody there
        return shapes.texture(rng, size), np.zeros((size, size, 1), np.float32)
    if not people and kind < 0.24:
        subject = shape_with_texture(rng, backgrounds, size)
    elif not people and kind < 0.36:  # a silhouette from the pool, any colour
        _, alpha = from_pool(rng, foregrounds, size)
        subject = photo_or_texture(rng, backgrounds, size), alpha
    else:
        subject = from_pool(rng, foregrounds, size)
    if rng.random() < 0.12:
        subject = join(subject, from_pool(rng, foregrounds, size))
    if not people and rng.random() < 0.08:
        subject = join(shape_with_texture(rng, backgrounds, size), subject)
    return subject


def hold(rng: Generator, subject: Subject, backgrounds: Pool) -> Subject:
    """Put a small thing of any look before somebody, where hands, feet and head are."""
    place = shapes.extremity(rng, subject[1])
    if place is None:
        return subject
    size = len(subject[1])
    zoom = np.exp(rng.uniform(np.log(0.12), np.log(0.6)))
    narrow = rng.uniform(0.25, 1)  # a pen, a bottle, a bag
    turned = np.asarray(cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(0, 360), zoom))
    move = np.asarray(turned @ np.diag([narrow, 1, 1]), np.float64)
    middle = move[:, :2] @ (size / 2, size / 2) + move[:, 2]
    move[:, 2] += np.array(place) + rng.normal(0, 0.03 * size, 2) - middle
    shape = shapes.shape(rng, size)
    moved = cv2.warpAffine(shape, move, (size, size), flags=cv2.INTER_AREA)
    alpha = np.asarray(moved, np.float32).reshape(size, size, 1)
    return join((photo_or_texture(rng, backgrounds, size), alpha), subject)


def walk(rng: Generator, foreground: Picture, alpha: Picture, moments: int) -> Iterator[Subject]:
    """Yield the subject as it was placed, then moved on and bent a little more in every moment.

    Steps are up to some 5 % of the picture, turns some degrees; one in six stands still.
    """
    yield foreground, alpha
    size = alpha.shape[0]
    speed = 0.0 if rng.random() < 1 / 6 else np.exp(rng.uniform(np.log(0.002), np.log(0.05)))
    heading = rng.uniform(0, 2 * np.pi)
    step = speed * size * np.array([np.cos(heading), np.sin(heading)])
    turn, zoom = rng.normal(0, 40 * speed), 1 + rng.normal(0, 0.4 * speed)
    bend = [disturbances.smooth_field(rng, size, size, 4) * speed * size * 0.3 for _ in range(2)]
    centre = np.array([size / 2, size / 2])
    y, x = np.mgrid[:size, :size].astype(np.float32)
    for moment in range(1, moments):
        matrix = np.asarray(cv2.getRotationMatrix2D((0, 0), turn * moment, zoom**moment))
        inverse = np.linalg.inv(matrix[:, :2])
        origin = centre - inverse @ (centre + step * moment)
        there = [
            np.float32(row[0]) * x + np.float32(row[1]) * y + np.float32(begin)
            for row, begin in zip(inverse, origin, strict=True)
        ]
        map_x, map_y = (
            np.asarray(line + field * np.float32(moment), np.float32)
            for line, field in zip(there, bend, strict=True)
        )
        colour, coverage = (
            cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for picture in (foreground, alpha)
        )
        yield np.asarray(colour, np.float32), np.asarray(coverage, np.float32)[..., None]
