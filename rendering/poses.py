"""A skeleton whose bones turn about axes that are the world's, and poses drawn for it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Those of the package in which a person stands, sits or kneels before a camera.
# fmt: off
WHOLE = [
    "Harvey_StandingFashion1", "Harvey_StandingFashion2", "Harvey_StandingFashion3",
    "Harvey_IDunno", "Harvey_FashionCloseup1", "Harvey_FashionCloseup2", "Harvey_Fightpose1",
    "Harvey_Fightpose2", "run01", "Harvey_Super1", "Harvey_Super2", "Harvey_selfie1", "fight01",
    "fight02", "fight03", "fight04", "standing01", "standing02", "standing03", "standing04",
    "standing05", "standing06", "akimbo01", "genuflect01", "tpose",
]
# fmt: on
SEATED = ("sit01", "sitting", "Harvey_sittingfashion1", "Harvey_SittingFashion2")


@dataclass
class Pose:
    """Turns of some bones against their parents (quaternions x y z w); arms by direction.

    arms: for `L` and `R`, the directions of upper and lower arm in the world (x to the
    person's left, y up, z to the front).
    """

    turns: dict[str, list[float]]
    seated: bool = False
    arms: dict[str, tuple[Points, Points]] = field(default_factory=dict)


class Skeleton:
    """The bones of a MakeHuman rig: parents before children."""

    def __init__(self, rig: dict[str, Any]) -> None:
        self.rig = rig
        self.names: list[str] = []
        left = dict(rig["bones"])
        while left:
            for name in list(left):
                parent = left[name]["parent"]
                if parent is None or parent in self.names:
                    self.names.append(name)
                    del left[name]
        self.number = {name: index for index, name in enumerate(self.names)}
        parents = [rig["bones"][name]["parent"] for name in self.names]
        self.parents = [-1 if parent is None else self.number[parent] for parent in parents]

    def joints(self, body: Points) -> Points:
        """Where each bone begins in a body that is morphed but not posed."""
        ends = [self.rig["joints"][self.rig["bones"][name]["head"]] for name in self.names]
        return np.array([body[end].mean(0) for end in ends])

    def pose(self, pose: Pose, joints: Points) -> tuple[Points, Points]:
        """For each bone the rotation and the translation that take its part of the body along."""
        turns = np.zeros((len(self.names), 3, 3))
        moves = np.zeros((len(self.names), 3))
        for index, name in enumerate(self.names):
            parent = self.parents[index]
            before = turns[parent] if parent >= 0 else np.eye(3)
            turn = before @ turn_of(pose.turns.get(name, [0, 0, 0, 1]))
            side = name[-1]
            if side in pose.arms and name in (f"upperarm01.{side}", f"lowerarm01.{side}"):
                upper = name.startswith("upper")
                end = self.number[f"{'lowerarm01' if upper else 'wrist'}.{side}"]
                turn = between(before @ (joints[end] - joints[index]), pose.arms[side][not upper])
                turn = turn @ before
            at = before @ joints[index] + moves[parent] if parent >= 0 else joints[index]
            turns[index], moves[index] = turn, at - turn @ joints[index]
        return turns, moves


def draw(rng: Generator, poses: dict[str, dict[str, list[float]]]) -> Pose:
    """One pose: of the package, or standing with arms of its own; the head looks about."""
    seated = rng.random() < 0.2
    name = str(rng.choice(SEATED if seated else WHOLE))
    turns = {bone: list(map(float, turn)) for bone, turn in poses[name].items()}
    arms: dict[str, tuple[Points, Points]] = {}
    if seated or rng.random() < 0.7:
        arms = {side: _arm(rng, 1 if side == "L" else -1) for side in "LR" if rng.random() < 0.8}
        if not seated and rng.random() < 0.5:
            turns = {b: t for b, t in turns.items() if b.startswith(("finger", "metacarpal"))}
    for bone, reach in (("head", 0.25), ("neck01", 0.15), ("spine02", 0.12), ("spine04", 0.1)):
        turns[bone] = _joined(turns.get(bone, [0, 0, 0, 1]), rng.normal(0, reach, 3))
    return Pose(turns, seated, arms)


def _arm(rng: Generator, side: int) -> tuple[Points, Points]:
    """Directions of upper and lower arm; an elbow bends to the front and to the middle."""
    kind = rng.random()
    if kind < 0.25:  # hanging
        upper = np.array([side * rng.uniform(0.1, 0.4), -1, rng.uniform(-0.3, 0.3)])
    elif kind < 0.55:  # held out to the side
        upper = np.array([side, rng.uniform(-0.5, 0.5), rng.uniform(-0.3, 0.5)])
    elif kind < 0.8:  # raised
        upper = np.array([side * rng.uniform(0.2, 0.9), rng.uniform(0.4, 1), rng.uniform(0, 0.5)])
    else:  # to the front
        upper = np.array([side * rng.uniform(0.1, 0.6), rng.uniform(-0.6, 0.4), 1])
    upper = upper / np.linalg.norm(upper)
    bend = np.array([-side * rng.uniform(-0.2, 1), rng.uniform(-0.4, 1), rng.uniform(0, 1)])
    lower = upper + rng.uniform(0, 1.3) * bend / np.linalg.norm(bend)
    return upper, lower / np.linalg.norm(lower)


def turn_of(quaternion: list[float]) -> Points:
    """Rotation matrix of a quaternion x y z w."""
    x, y, z, w = np.array(quaternion) / max(np.linalg.norm(quaternion), 1e-9)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def between(source: Points, target: Points) -> Points:
    """Shortest rotation that takes one direction to another."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -0.9999:
        axis = np.cross(a, [0.3, 0.5, 0.8])
        return turn_of([*(axis / np.linalg.norm(axis)), 0])
    return turn_of([*axis, 1 + cosine])


def _joined(quaternion: list[float], angles: Points) -> list[float]:
    """Turn a quaternion further by small angles about x, y and z (radians)."""
    x, y, z, w = quaternion
    a, b, c = angles / 2
    d = 1.0
    return [
        w * a + x * d + y * c - z * b,
        w * b - x * c + y * d + z * a,
        w * c + x * b - y * a + z * d,
        w * d - x * a - y * b - z * c,
    ]
