"""What stands in a room of Blender: surfaces, planes, people."""

from pathlib import Path

import bpy
import numpy as np
from bodies import Mesh
from mathutils import Vector
from numpy.random import Generator


def make_material(
    rng: Generator,
    colour: tuple[float, ...],
    texture: Path | None = None,
    alpha: bool = False,
    rough: float = 0.6,
    tint: bool = False,
) -> bpy.types.Material:
    """Make a surface of one colour or of a texture, whose alpha and a random tint may count."""
    material = bpy.data.materials.new("m")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour[:3], 1)
    shader.inputs["Roughness"].default_value = rough
    if texture is None:
        return material
    image = nodes.new("ShaderNodeTexImage")
    image.image = bpy.data.images.load(str(texture), check_existing=True)
    out = image.outputs["Color"]
    if tint:
        change = nodes.new("ShaderNodeHueSaturation")
        change.inputs["Hue"].default_value = rng.uniform(0, 1)
        change.inputs["Saturation"].default_value = rng.uniform(0, 1.6)
        change.inputs["Value"].default_value = np.exp(rng.uniform(-1.2, 0.5))
        links.new(out, change.inputs["Color"])
        mix = nodes.new("ShaderNodeMix")
        mix.data_type, mix.blend_type = "RGBA", "MIX"
        mix.inputs["Factor"].default_value = rng.choice([0, rng.uniform(0.2, 0.9)])
        links.new(change.outputs["Color"], mix.inputs["A"])
        mix.inputs["B"].default_value = (*rng.uniform(0.01, 0.8, 3), 1)
        out = mix.outputs["Result"]
    links.new(out, shader.inputs["Base Color"])
    if alpha:
        links.new(image.outputs["Alpha"], shader.inputs["Alpha"])
    return material


def add_mesh(
    mesh: Mesh, material: bpy.types.Material, place: Vector, turn: float
) -> bpy.types.Object:
    """Put triangles into the scene, turned about the vertical (radians)."""
    made = bpy.data.meshes.new(mesh.name)
    points = mesh.vertices[:, [0, 2, 1]] * (1, -1, 1)
    faces = [list(dict.fromkeys(face)) for face in mesh.faces.tolist()]
    made.from_pydata(points.tolist(), [], faces)
    layer = made.uv_layers.new()
    corners = [
        corner
        for face, places in zip(faces, mesh.coordinates, strict=True)
        for corner in places[: len(face)]
    ]
    layer.data.foreach_set("uv", np.array(corners, np.float32).ravel())
    made.shade_smooth()
    made.materials.append(material)
    thing = bpy.data.objects.new(mesh.name, made)
    thing.location, thing.rotation_euler = place, (0, 0, turn)
    bpy.context.collection.objects.link(thing)
    return thing


def add_person(
    rng: Generator, meshes: list[Mesh], place: Vector, turn: float
) -> list[bpy.types.Object]:
    """Put a person into the scene: one object for each garment."""
    things = []
    hair = bool(rng.random() < 0.6)
    for mesh in meshes:
        cloth = mesh.kind == "cloth"
        surface = make_material(
            rng,
            (0.5, 0.4, 0.35),
            mesh.texture,
            alpha=mesh.kind != "skin",
            rough=float(rng.uniform(0.4, 0.9)),
            tint=cloth or (mesh.kind == "hair" and hair),
        )
        things.append(add_mesh(mesh, surface, place, turn))
    return things


def draw_colour(rng: Generator, least: float = 0.05, most: float = 0.85) -> tuple[float, ...]:
    """Draw a colour, mostly greyish, as walls are."""
    value = rng.uniform(least, most)
    return tuple(np.clip(value * (1 + rng.normal(0, rng.choice([0.05, 0.35]), 3)), 0.01, 0.9))


def add_plane(
    corners: list[tuple[float, float, float]], material: bpy.types.Material
) -> bpy.types.Object:
    """Put a surface of four corners into the scene, its texture upright."""
    made = bpy.data.meshes.new("plane")
    made.from_pydata(corners, [], [[0, 1, 2, 3]])
    layer = made.uv_layers.new()
    layer.data.foreach_set("uv", [0.0, 0, 1, 0, 1, 1, 0, 1])
    made.materials.append(material)
    thing = bpy.data.objects.new("plane", made)
    bpy.context.collection.objects.link(thing)
    return thing
