"""Subjects that are no people: plants, animals in fur, yarn, nets, heaps. No Blender here."""

from dataclasses import replace

import numpy as np
from bodies import Mesh
from numpy.random import Generator
from numpy.typing import NDArray
from strands import Strands, Style, draw_any_colour, draw_fur, draw_hair_colour, grow

Points = NDArray[np.float64]
Part = Mesh | Strands


def draw(rng: Generator) -> list[Part]:
    """Draw one thing of half a metre to one and a half, standing on the ground."""
    makers = (_plant, _animal, _yarn, _net, _heap)
    parts = makers[int(rng.choice(len(makers), p=[0.3, 0.3, 0.12, 0.13, 0.15]))](rng)
    low = min(_points(part)[:, 1].min() for part in parts)
    return [_moved(part, np.array([0, -low, 0])) for part in parts]


def _plant(rng: Generator) -> list[Part]:
    """Stems with leaves or petals, most of them in a pot."""
    tall, parts = float(rng.uniform(0.5, 1.4)), list[Part]()
    base = 0.0
    if rng.random() < 0.7:
        base = tall * float(rng.uniform(0.2, 0.35))
        parts.append(_tube(base, base * rng.uniform(0.35, 0.5), base * rng.uniform(0.45, 0.7)))
    count = int(rng.integers(3, 14))
    spread = float(rng.uniform(0.1, 0.6))
    shape = rng.uniform(0.05, 0.35) * tall, rng.uniform(0.1, 0.6)  # length, width for length
    stems, leaves = [], []
    for _ in range(count):
        lean = np.array([rng.normal(0, spread), 1, rng.normal(0, spread)])
        along = np.linspace(0, 1, 12)[:, None]
        bend = rng.normal(0, 0.15, 3)
        stem = np.array([0, base, 0]) + along * lean * (tall - base) + along**2 * bend * tall
        stems.append(stem)
        for _ in range(int(rng.integers(4, 28))):
            at = stem[int(rng.integers(2, 12))]
            out = np.array([rng.normal(), rng.normal(0.2, 0.6), rng.normal()])
            leaves.append(_leaf(rng, at, out, shape[0] * rng.uniform(0.5, 1.3), shape[1]))
    green = (rng.uniform(0.01, 0.25), rng.uniform(0.05, 0.4), rng.uniform(0.01, 0.15))
    parts.append(Strands(np.array(stems), tall * float(rng.uniform(0.003, 0.012)), green))
    for group in np.array_split(np.array(leaves), int(rng.integers(1, 4))):  # colours of its own
        parts.append(_sheet(group))
    return parts


def _leaf(rng: Generator, at: Points, out: Points, length: float, width: float) -> Points:
    """Points of a bent leaf: 6 along, 2 across."""
    out = out / np.linalg.norm(out)
    side = np.cross(out, rng.normal(0, 1, 3))
    side /= np.linalg.norm(side)
    along = np.linspace(0, 1, 6)[:, None]
    middle = at + along * out * length - along**2 * np.array([0, rng.uniform(0, 0.6), 0]) * length
    half = np.sin(np.pi * (0.08 + 0.9 * along**0.8)) * width * length / 2
    return np.stack([middle - half * side, middle + half * side], 1)


def _sheet(leaves: Points) -> Mesh:
    """One mesh of leaves, N 6 2 3."""
    corners = np.array([[0, 1, 3, 2]]) + 2 * np.arange(5)[:, None]
    faces = (corners + 12 * np.arange(len(leaves))[:, None, None]).reshape(-1, 4)
    return _thing("leaves", leaves.reshape(-1, 3), faces)


def _animal(rng: Generator) -> list[Part]:
    """Balls in a row on legs, with head, ears and tail, all in fur of two colours."""
    long, round_ = float(rng.uniform(0.5, 1)), float(rng.uniform(0.2, 0.35))
    legs = float(rng.uniform(0.1, 0.5)) * long
    side = rng.random() < 0.5  # seen from the side, or from the front
    ahead = np.array([1.0, 0, 0]) if side else np.array([0, 0, 1.0])
    across = ahead[[2, 1, 0]]
    back = np.array([0, legs + round_, 0])
    head = back + ahead * long * 0.55 + np.array([0, rng.uniform(0, 0.4), 0])
    size = round_ * float(rng.uniform(0.5, 0.9))
    balls = [_ball(back, np.abs(ahead) * (long / 2 - round_) + round_), _ball(head, size)]
    for one in (-1, 1):
        ear = head + one * across * size * 0.6 + np.array([0, size, 0])
        balls.append(_ball(ear, size * rng.uniform(0.25, 0.6, 3)))
        for end in (-0.35, 0.35):
            foot = ahead * end * long + one * across * round_ * 0.5
            balls.append(_ball(foot + np.array([0, legs / 2, 0]), (0.07, legs / 2 + 0.05, 0.07)))
    tail = back - ahead * long * 0.55 + np.array([0, rng.uniform(-0.2, 0.3), 0])
    balls.append(_ball(tail, np.abs(ahead) * rng.uniform(0.05, 0.25) + 0.05))
    fur = draw_fur(rng, long)
    colours = [draw_hair_colour(rng), draw_hair_colour(rng)]
    parts = list[Part](balls)
    for ball in balls:
        area = float(np.prod(np.sort(np.ptp(ball.vertices, axis=0))[1:]))
        count = int(np.clip(60000 * area / long**2, 300, 14000))
        parts.append(grow(rng, ball, count, fur, colours[int(rng.random() < 0.3)]))
    if rng.random() < 0.5:  # whiskers
        snout = _ball(head + ahead * size * 0.7, size * 0.3)
        whiskers = Style(size * 1.5, 0.9, 0.2, 0.4, 0, 0, 0, 0.0006)
        parts.append(grow(rng, snout, 16, whiskers, (0.8, 0.8, 0.8)))
    return parts


def _yarn(rng: Generator) -> list[Part]:
    """Threads that hang from a bar, in bundles of one colour."""
    wide, tall = float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.5, 1))
    parts: list[Part] = [_box(np.array([0, tall + 0.05, 0]), np.array([wide / 2, 0.06, 0.06]))]
    thick = wide * float(np.exp(rng.uniform(np.log(0.003), np.log(0.02))))
    for _ in range(int(rng.integers(1, 7))):
        count = int(rng.integers(6, 40))
        across = rng.uniform(-wide / 2, wide / 2, count)
        top = np.column_stack([across, np.full(count, tall), rng.normal(0, 0.04, count)])
        along = np.linspace(0, 1, 12)
        sway = rng.normal(0, 0.02 * wide, (count, 12, 3)).cumsum(1)
        drop = along * tall * rng.uniform(0.5, 1, (count, 1))
        points = top[:, None] + sway - drop[..., None] * np.array([0, 1, 0])
        parts.append(Strands(points, thick, draw_any_colour(rng)))
    return parts


def _net(rng: Generator) -> list[Part]:
    """Wires, upright and around, that make a basket, with rods in it."""
    tall, wide = float(rng.uniform(0.5, 1)), float(rng.uniform(0.15, 0.4))
    flare = float(rng.uniform(0.8, 1.4))
    upright, around = int(rng.integers(8, 40)), int(rng.integers(4, 30))
    skew = float(rng.choice([0, rng.uniform(0.5, 2)]))  # slanting wires make diamonds

    def wire(angle: Points, share: Points) -> Points:
        """Points at an angle (radians) and a share of the height."""
        radius = wide * (1 + (flare - 1) * share)
        return np.stack([np.sin(angle) * radius, share * tall, np.cos(angle) * radius], 1)

    along, full = np.linspace(0, 1, 16), np.linspace(0, 2 * np.pi, 16)
    wires = [
        wire(start + direction * skew * along, along)
        for direction in ((-1, 1) if skew else (1,))
        for start in np.linspace(0, 2 * np.pi, upright, endpoint=False)
    ]
    heights = np.linspace(0, 1, 2 if skew else around)
    wires += [wire(full, np.full(16, share)) for share in heights]
    value = float(rng.uniform(0.02, 0.7))
    thick = wide * float(rng.uniform(0.005, 0.03))
    parts: list[Part] = [Strands(np.array(wires), thick, (value, value, value))]
    for _ in range(int(rng.integers(0, 5))):
        ends = rng.normal(0, wide / 3, (2, 3)) * (1, 0, 1)
        ends[1, 1] = tall * rng.uniform(0.8, 1.5)
        rod = ends[0] + np.linspace(0, 1, 4)[:, None] * (ends[1] - ends[0])
        colour = draw_any_colour(rng)
        parts.append(Strands(rod[None], wide * rng.uniform(0.03, 0.1), colour))
    return parts


def _heap(rng: Generator) -> list[Part]:
    """Boxes, balls and tubes upon one another, some with a fuzz."""
    parts, at = list[Part](), 0.0
    for _ in range(int(rng.integers(1, 5))):
        half = rng.uniform(0.08, 0.35, 3)
        centre = np.array([rng.normal(0, 0.08), at + half[1], rng.normal(0, 0.08)])
        kind = rng.random()
        if kind < 0.4:
            parts.append(_box(centre, half))
        elif kind < 0.75:
            parts.append(_ball(centre, half))
            if rng.random() < 0.5:
                fuzz = draw_fur(rng, float(half.max()))
                parts.append(grow(rng, parts[-1], 8000, fuzz, draw_hair_colour(rng)))
        else:
            tube = _tube(2 * half[1], half[0], half[2])
            parts.append(_moved(tube, np.array([centre[0], at, centre[2]])))
        at += 2 * half[1]
    return parts


def _ball(centre: Points, half: float | tuple[float, ...] | Points) -> Mesh:
    rows, columns = np.meshgrid(
        np.linspace(0, np.pi, 13), np.linspace(0, 2 * np.pi, 25), indexing="ij"
    )
    points = np.stack(
        [np.sin(rows) * np.sin(columns), np.cos(rows), np.sin(rows) * np.cos(columns)], -1
    )
    return _thing("ball", (points * half + centre).reshape(-1, 3), _grid(13, 25))


def _tube(tall: float, low: float, high: float) -> Mesh:
    """Make a tube that stands on the ground, closed, wider or narrower at the top."""
    profile = np.array([[0, 0], [low, 0], [high, tall], [high * 0.9, tall], [0, tall * 0.9]])
    angle = np.linspace(0, 2 * np.pi, 25)
    radius, height = profile[:, :1], np.repeat(profile[:, 1:], 25, 1)
    points = np.stack([radius * np.sin(angle), height, radius * np.cos(angle)], -1)
    return _thing("tube", points.reshape(-1, 3), _grid(5, 25))


def _box(centre: Points, half: Points) -> Mesh:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    # fmt: off
    faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    # fmt: on
    points = corners[np.array(faces)].reshape(-1, 3) * half + centre
    return _thing("box", points, np.arange(24).reshape(6, 4))


def _grid(rows: int, columns: int) -> NDArray[np.int64]:
    """Faces between the points of a rows x columns grid."""
    number = np.arange(rows * columns).reshape(rows, columns)
    corners = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    return np.stack(corners, -1).reshape(-1, 4)


def _thing(name: str, points: Points, faces: NDArray[np.int64]) -> Mesh:
    coordinates = np.tile([[0.0, 0], [1, 0], [1, 1], [0, 1]], (len(faces), 1, 1))
    return Mesh(name, "thing", points, faces, coordinates, None)


def _points(part: Part) -> Points:
    return part.vertices if isinstance(part, Mesh) else part.points.reshape(-1, 3)


def _moved(part: Part, move: Points) -> Part:
    if isinstance(part, Strands):
        return replace(part, points=part.points + move)
    return replace(part, vertices=part.vertices + move)
