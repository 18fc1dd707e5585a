"""What stands in a room of Blender: surfaces, planes, strands, subjects."""

from pathlib import Path

import bpy
import numpy as np
from bodies import Mesh
from mathutils import Vector
from numpy.random import Generator
from strands import Strands, draw_hair, draw_hair_colour, grow

UPRIGHT = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # y up, z to the front: Blender's z up


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
    points = mesh.vertices @ UPRIGHT
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
    return _add(made, place, turn)


def add_strands(rng: Generator, strands: Strands, place: Vector, turn: float) -> bpy.types.Object:
    """Put strands into the scene, thin at their tips."""
    count, steps = strands.points.shape[:2]
    made = bpy.data.hair_curves.new("strands")
    made.add_curves([steps] * count)
    points = strands.points @ UPRIGHT
    made.position_data.foreach_set("vector", points.astype(np.float32).ravel())
    radius = np.broadcast_to(np.linspace(1, 0.4, steps) * strands.radius, (count, steps))
    thickness = made.attributes.new("radius", "FLOAT", "POINT")
    thickness.data.foreach_set("value", radius.astype(np.float32).ravel())
    made.materials.append(make_material(rng, strands.colour, rough=float(rng.uniform(0.3, 0.7))))
    return _add(made, place, turn)


def add_subject(
    rng: Generator, parts: list[Mesh | Strands], place: Vector, turn: float, pictures: list[Path]
) -> list[bpy.types.Object]:
    """Put a person or a thing into the scene: one object for each garment, fur or part."""
    things = []
    dyed = bool(rng.random() < 0.6)
    for part in parts:
        if isinstance(part, Strands):
            things.append(add_strands(rng, part, place, turn))
        elif part.kind == "scalp":
            style = draw_hair(rng)
            count = int(rng.integers(7000, 16000) * np.clip(0.00015 / style.radius, 1, 2))
            hair = grow(rng, part, count, style, draw_hair_colour(rng))
            things.append(add_strands(rng, hair, place, turn))
        else:
            texture = part.texture
            if part.kind == "thing" and rng.random() < 0.3:
                texture = pictures[int(rng.integers(len(pictures)))]
            surface = make_material(
                rng,
                draw_colour(rng) if part.kind == "thing" else (0.5, 0.4, 0.35),
                texture,
                alpha=part.kind not in ("skin", "thing"),
                rough=float(rng.uniform(0.4, 0.9)),
                tint=part.kind == "cloth" or (part.kind == "hair" and dyed),
            )
            things.append(add_mesh(part, surface, place, turn))
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
    return _add(made, Vector(), 0)


def _add(data: bpy.types.ID, place: Vector, turn: float) -> bpy.types.Object:
    thing = bpy.data.objects.new(data.name, data)
    thing.location, thing.rotation_euler = place, (0, 0, turn)
    bpy.context.collection.objects.link(thing)
    return thing
