"""Hair and fur, strand by strand, as curves through points. No Blender here."""

from dataclasses import dataclass

import numpy as np
from bodies import Mesh
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Strands:
    """Curves of equally many points, in metres, y up and z to the front."""

    points: Points  # N P 3, root first
    radius: float  # at the root; tips are thin
    colour: tuple[float, float, float]


@dataclass(frozen=True)
class Style:
    """How strands grow from a skin."""

    length: float  # metres
    lift: float  # 1 stands away from the skin, 0 lies on it
    weight: float  # how soon a strand falls
    mess: float  # how far directions part from one another
    curl: float  # radius of curls in metres
    turns: float  # curls along a strand
    clumps: int  # how many locks the strands gather in; 0 for none
    radius: float


def body(parts: list[Mesh | Strands]) -> Points:
    """Points (N 3) of what the camera aims at: skin or things; strands where all is strands."""
    solid = [p.vertices for p in parts if isinstance(p, Mesh) and p.kind in ("skin", "thing")]
    wires = [p.points.reshape(-1, 3) for p in parts if isinstance(p, Strands)]
    return np.concatenate(solid or wires)


def draw_hair(rng: Generator) -> Style:
    """Cropped, short, curly as a cloud, wavy, or long and straight."""
    kind = str(
        rng.choice(["cropped", "short", "cloud", "wavy", "long"], p=[0.1, 0.2, 0.25, 0.25, 0.2])
    )
    thin = float(np.exp(rng.uniform(np.log(0.00004), np.log(0.0003))))  # true hair, to wool
    mess = float(rng.uniform(0.05, 0.45))
    clumps = int(rng.choice([0, 60, 250]))
    if kind == "cropped":
        return Style(rng.uniform(0.01, 0.03), 0.7, 0, 0.2, 0, 0, 0, thin)
    if kind == "short":
        return Style(rng.uniform(0.04, 0.1), rng.uniform(0.2, 0.9), 0.3, mess, 0, 0, clumps, thin)
    if kind == "cloud":
        curl = rng.uniform(0.004, 0.015)
        length = rng.uniform(0.07, 0.22)
        return Style(length, 1, rng.uniform(0, 0.3), mess, curl, length * 25, clumps, thin)
    if kind == "wavy":
        curl = rng.uniform(0.005, 0.02)
        length = rng.uniform(0.15, 0.4)
        return Style(length, rng.uniform(0.2, 0.8), 2, mess, curl, length * 12, clumps, thin)
    return Style(rng.uniform(0.2, 0.5), rng.uniform(0.05, 0.5), 4, mess / 2, 0, 0, clumps, thin)


def draw_fur(rng: Generator, size: float) -> Style:
    """Fur of an animal of this size in metres."""
    length = size * float(np.exp(rng.uniform(np.log(0.02), np.log(0.15))))
    return Style(
        length=length,
        lift=rng.uniform(0.3, 1),
        weight=rng.uniform(0, 0.6),
        mess=rng.uniform(0.1, 0.5),
        curl=float(rng.choice([0, 0.05])) * length,
        turns=3,
        clumps=int(rng.choice([0, 400])),
        radius=size * float(rng.uniform(0.0004, 0.001)),
    )


def draw_hair_colour(rng: Generator) -> tuple[float, float, float]:
    """Draw black to blond, red or grey; now and then dyed."""
    light = float(np.exp(rng.uniform(np.log(0.01), np.log(0.6))))
    warm = rng.uniform(0, 1)
    if rng.random() < 0.1:
        return draw_any_colour(rng)
    return light, light * (1 - 0.45 * warm), light * (1 - 0.75 * warm)


def draw_any_colour(rng: Generator) -> tuple[float, float, float]:
    """Draw a colour of any hue, as of yarn."""
    red, green, blue = rng.uniform(0.02, 0.8, 3)
    return float(red), float(green), float(blue)


def scatter(rng: Generator, mesh: Mesh, count: int) -> tuple[Points, Points]:
    """Choose points evenly on a mesh, and the normals there."""
    a, b, c, d = (mesh.vertices[mesh.faces[:, corner]] for corner in range(4))
    first, second = np.concatenate([a, a]), np.concatenate([b, c])
    third = np.concatenate([c, d])
    normals = np.cross(second - first, third - first)
    areas = np.linalg.norm(normals, axis=1)
    chosen = rng.choice(len(areas), count, p=areas / areas.sum())
    u, v = rng.random((2, count, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
    roots = first[chosen] + u * (second - first)[chosen] + v * (third - first)[chosen]
    return roots, normals[chosen] / np.maximum(areas[chosen, None], 1e-12)


def grow(
    rng: Generator, mesh: Mesh, count: int, style: Style, colour: tuple[float, float, float]
) -> Strands:
    """Let strands grow from a mesh, whose middle they do not enter."""
    roots, normals = scatter(rng, mesh, count)
    steps = 6 if style.length < 0.05 else 14
    middle, extent = mesh.vertices.mean(0), np.ptp(mesh.vertices, axis=0) / 2
    comb = _unit(rng.normal(0, 1, 3) * (1, 0.3, 0.6) + (0, 0.2, -0.6))
    lengths = style.length * np.exp(rng.normal(0, 0.15 + style.mess / 2, (count, 1)))
    lock = _locks(rng, roots, style.clumps)
    loose = rng.normal(0, 1, (count, 3)) * style.mess
    if style.clumps:  # who is of one lock goes one way, but for flyaways
        flyaway = rng.random((count, 1)) < 0.12
        loose = np.where(flyaway, loose * 1.5, 0.35 * loose + loose[lock])
    direction = _unit(normals * (0.15 + style.lift) + (1 - style.lift) * comb + loose)
    points = [roots]
    for step in range(1, steps):
        fall = style.weight * 3 / steps * np.array([0, -1.0, 0])
        wander = rng.normal(0, 0.12 + 0.3 * style.mess, (count, 3)) / np.sqrt(steps)
        direction = _unit(direction + fall * (0.3 + step / steps) + wander)
        place = points[-1] + direction * lengths / (steps - 1)
        points.append(_outside(place, middle, extent * 1.02))
    path = np.stack(points, 1)
    if style.curl:
        path = path + _curls(rng, path, lock, style)
    return Strands(path, style.radius, colour)


def _locks(rng: Generator, roots: Points, clumps: int) -> NDArray[np.int64]:
    """For each strand the one that leads its lock."""
    if not clumps:
        return np.arange(len(roots))
    leaders = rng.choice(len(roots), min(clumps, len(roots)), replace=False)
    distance = ((roots[:, None] - roots[leaders]) ** 2).sum(2)
    return leaders[distance.argmin(1)]


def _curls(rng: Generator, path: Points, lock: NDArray[np.int64], style: Style) -> Points:
    along = np.linspace(0, 1, path.shape[1])
    phase = rng.uniform(0, 2 * np.pi, len(path))[lock, None] + rng.normal(0, 0.5, (len(path), 1))
    pace = style.turns * np.exp(rng.normal(0, 0.3, (len(path), 1)))
    angle = phase + 2 * np.pi * pace * along
    across = _unit(np.cross(path[:, -1] - path[:, 0], rng.normal(0, 1, 3)))
    over = _unit(np.cross(path[:, -1] - path[:, 0], across))
    grown = style.curl * np.minimum(along * 4, 1)[:, None]
    return grown * (
        np.sin(angle)[..., None] * across[:, None] + np.cos(angle)[..., None] * over[:, None]
    )


def _outside(points: Points, middle: Points, extent: Points) -> Points:
    """Push out of an ellipsoid what fell into it."""
    apart = (points - middle) / extent
    far = np.linalg.norm(apart, axis=1, keepdims=True)
    return np.where(far < 1, middle + (points - middle) / np.maximum(far, 1e-3), points)


def _unit(vectors: Points) -> Points:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9), np.float64)
