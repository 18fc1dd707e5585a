"""What rendering knows without Blender: turns of bones, poses, and colours beyond an edge."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "rendering"))

import things
from bodies import Mesh, _faces
from lay_out import extend
from poses import Pose, Skeleton, between, draw, turn_of
from strands import body

# Shoulder, elbow and hand of a left arm that hangs down, a spine below it.
JOINTS = np.array([[0.0, 0, 0], [0, 5, 0], [1, 5, 0], [1, 3, 0], [1, 1, 0]])
BONES = {
    "lowerarm01.L": ("upperarm01.L", 3),
    "wrist.L": ("lowerarm01.L", 4),
    "upperarm01.L": ("spine", 2),
    "root": (None, 0),
    "spine": ("root", 1),
}


@pytest.fixture
def skeleton():
    bones = {
        name: {"head": f"{name}-head", "parent": parent} for name, (parent, _) in BONES.items()
    }
    return Skeleton(
        {"bones": bones, "joints": {f"{name}-head": [k] for name, (_, k) in BONES.items()}}
    )


def placed(skeleton, pose):
    joints = skeleton.joints(JOINTS)
    turns, moves = skeleton.pose(pose, joints)
    return {name: turns[k] @ joints[k] + moves[k] for k, name in enumerate(skeleton.names)}, turns


def test_a_turn_is_a_rotation():
    turn = turn_of([0, 0, np.sin(np.pi / 4), np.cos(np.pi / 4)])
    assert np.allclose(turn @ [1, 0, 0], [0, 1, 0])
    rng = np.random.default_rng(0)
    for _ in range(20):
        source, target = rng.normal(size=(2, 3))
        turn = between(source, target)
        assert np.allclose(turn @ turn.T, np.eye(3))
        assert np.linalg.det(turn) > 0
        assert np.allclose(turn @ source / np.linalg.norm(source), target / np.linalg.norm(target))
    assert np.allclose(
        between(np.array([0, 1.0, 0]), np.array([0, -1.0, 0])) @ [0, 1, 0], [0, -1, 0]
    )


def test_rest_stays_and_children_go_along(skeleton):
    at, _ = placed(skeleton, Pose({}))
    assert all(np.allclose(at[name], JOINTS[k]) for name, (_, k) in BONES.items())
    quarter = [0, 0, np.sin(np.pi / 4), np.cos(np.pi / 4)]
    at, turns = placed(skeleton, Pose({"root": quarter}))
    assert np.allclose(at["wrist.L"], [-1, 1, 0])
    assert all(np.allclose(turn, turn_of(quarter)) for turn in turns)


def test_arms_go_where_they_are_sent(skeleton):
    upper, lower = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    lean = {"spine": [0, 0, np.sin(0.2), np.cos(0.2)]}
    at, _ = placed(skeleton, Pose(lean, arms={"L": (upper, lower)}))
    assert np.allclose(at["lowerarm01.L"] - at["upperarm01.L"], [2, 0, 0])
    assert np.allclose(at["wrist.L"] - at["lowerarm01.L"], [0, 2, 0])


def test_many_poses_hold_an_arm_away():
    from poses import SEATED, WHOLE

    rng = np.random.default_rng(0)
    drawn = [draw(rng, {name: {} for name in (*WHOLE, *SEATED)}) for _ in range(300)]
    assert 0.1 < np.mean([pose.seated for pose in drawn]) < 0.3
    away = [max((abs(u[0]) for u, _ in pose.arms.values()), default=0) > 0.7 for pose in drawn]
    assert 0.2 < np.mean(away) < 0.8
    for pose in drawn:
        for directions in pose.arms.values():
            assert np.allclose([np.linalg.norm(d) for d in directions], 1)


def test_faces_of_three_and_four_corners():
    """Format 3 of three.js: 11 is four corners with material and coordinates, 10 is three."""
    uvs = [[0, 0, 1, 0, 1, 1, 0, 1]]
    mesh = {"faces": [11, 0, 1, 2, 3, 5, 0, 1, 2, 3, 10, 4, 5, 6, 7, 3, 2, 1], "uvs": uvs}
    corners, materials, coordinates = _faces(mesh)
    assert corners.tolist() == [[0, 1, 2, 3], [4, 5, 6, 6]]
    assert materials.tolist() == [5, 7]
    assert coordinates[1].tolist() == [[0, 1], [1, 1], [1, 0], [1, 0]]


def test_colours_go_beyond_the_edge():
    alpha = np.zeros((64, 64, 3), np.uint8)
    alpha[20:44, 20:44] = 255
    foreground = np.where(alpha > 0, np.uint8(200), np.uint8(0))
    extended = extend(foreground, alpha)
    assert (extended[20:44, 20:44] == 200).all()
    assert abs(int(extended[18, 30, 0]) - 200) < 3
    assert abs(int(extended[8, 30, 0]) - 200) < 20


def test_the_camera_finds_every_thing_even_where_it_is_wire_alone():
    wire_alone = 0
    for seed in range(60):
        parts = things.draw(np.random.default_rng(seed))
        wire_alone += not any(isinstance(part, Mesh) for part in parts)
        points = body(parts)
        assert points.shape[1] == 3
        assert 0.05 < np.ptp(points[:, 1]) < 4
        assert points[:, 1].min() > -1e-6
    assert wire_alone > 2
