"""One room in Blender with a person in it, and the three pictures that a true shot is made of."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from blender_objects import add_plane, add_subject, draw_colour, make_material
from bodies import Mesh
from mathutils import Vector
from numpy.random import Generator
from numpy.typing import NDArray
from strands import Strands, body

Light = NDArray[np.float32]  # linear


@dataclass(frozen=True)
class Passes:
    """What the camera sees, linear light, H W C."""

    plate: Light  # the room alone, 3 channels
    room: Light  # the room of the frame: the plate itself, or something in it moved
    shaded: Light  # that room with what the subject does to its light, without the subject
    subject: Light  # lit by the room: premultiplied colour and alpha, 4 channels


def shoot(
    rng: Generator,
    subjects: list[list[Mesh | Strands]],
    seated: bool,
    pictures: list[Path],
    size: int,
) -> Passes:
    """Build a room around the subjects (the first is what the camera looks at) and render it."""
    _empty(size)
    width, depth, height = rng.uniform(3, 7), rng.uniform(3, 7), rng.uniform(2.3, 3.4)
    room = _shell(rng, width, depth, height, pictures)
    behind = rng.uniform(0.5, min(2.5, depth - 2))
    place = Vector((rng.uniform(-0.2, 0.2) * width, depth / 2 - behind, 0))
    if seated:
        room += _seat(rng, subjects[0], place)
    furniture = _furniture(rng, width, depth, place, pictures)
    room += furniture
    subject: list[bpy.types.Object] = []
    for number, parts in enumerate(subjects):
        beside = Vector((rng.choice([-1, 1]) * rng.uniform(0.6, 0.9) * number, 0, 0))
        turn = rng.uniform(-np.pi, np.pi) if rng.random() < 0.12 else rng.normal(0, 0.5)
        turn = 0.0 if seated else float(turn)
        subject += add_subject(rng, parts, place + beside, turn, pictures)
    _camera(rng, place, subjects[0], depth)
    _lights(rng, width, depth, height, place)
    scene = bpy.context.scene
    _show(subject, False)
    plate = here = _render()[..., :3]
    if furniture and rng.random() < 0.35:
        plate = _with_moved(rng, furniture)[..., :3]
    _show(subject, True)
    for thing in subject:
        thing.visible_camera = False
    shaded = _render()
    for thing in subject:
        thing.visible_camera = True
    for thing in room:
        thing.visible_camera = False
    scene.render.film_transparent = True
    # The share of a pixel that strands and leaves take needs many samples: no filter knows alpha.
    fine = any(isinstance(p, Strands) or p.kind == "scalp" for parts in subjects for p in parts)
    scene.cycles.samples = 32 if fine else 12
    scene.cycles.use_adaptive_sampling = False
    return Passes(plate, here, shaded[..., :3], _render())


def _with_moved(rng: Generator, furniture: list[bpy.types.Object]) -> Light:
    """Render with some of the furniture in other places, turned, or away; then put it back."""
    moved = [thing for thing in furniture if rng.random() < 0.4] or furniture[:1]
    before = [(thing.location.copy(), thing.rotation_euler.copy()) for thing in moved]
    for thing in moved:
        if rng.random() < 0.4:
            thing.hide_render = True
        thing.location += Vector((rng.normal(0, 0.3), rng.uniform(-0.1, 0), 0))
        thing.rotation_euler.z += rng.normal(0, 0.4)
    picture = _render()
    for thing, (location, turn) in zip(moved, before, strict=True):
        thing.hide_render = False
        thing.location, thing.rotation_euler = location, turn
    return picture


def _empty(size: int) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 6
    scene.cycles.adaptive_threshold = 0.03
    scene.cycles.use_light_tree = False
    scene.cycles.use_denoising = True
    scene.cycles.denoising_prefilter = "FAST"
    scene.cycles.max_bounces = 3
    scene.cycles.transparent_max_bounces = 12
    scene.cycles.sample_clamp_indirect = 4
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.use_persistent_data = True
    scene.render.resolution_x = scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.color_depth = "32"
    scene.view_settings.view_transform = "Raw"
    world = bpy.data.worlds.new("world")
    scene.world = world


def _show(things: list[bpy.types.Object], shown: bool) -> None:
    for thing in things:
        thing.hide_render = not shown


def _render() -> Light:
    path = Path(bpy.app.tempdir) / "pass.exr"
    bpy.context.scene.render.filepath = str(path)
    with _silent():
        bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(str(path))
    picture.colorspace_settings.name = "Non-Color"
    width, height = picture.size
    values = np.empty(width * height * 4, np.float32)
    picture.pixels.foreach_get(values)
    bpy.data.images.remove(picture)
    return values.reshape(height, width, 4)[::-1].copy()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Blender writes a line for every tile straight to the terminal."""
    kept = os.dup(1)
    with Path(os.devnull).open("w") as nothing:
        os.dup2(nothing.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)


def _shell(
    rng: Generator, width: float, depth: float, height: float, pictures: list[Path]
) -> list[bpy.types.Object]:
    w, d, h = width / 2, depth / 2, height

    def surface(papered: float) -> bpy.types.Material:
        texture = pictures[int(rng.integers(len(pictures)))] if rng.random() < papered else None
        return make_material(
            rng, draw_colour(rng, 0.15), texture, rough=float(rng.uniform(0.25, 1))
        )

    side = surface(0.1)
    things = [
        add_plane([(-w, d, 0), (w, d, 0), (w, d, h), (-w, d, h)], surface(0.35)),
        add_plane([(-w, -d, 0), (-w, d, 0), (-w, d, h), (-w, -d, h)], side),
        add_plane([(w, d, 0), (w, -d, 0), (w, -d, h), (w, d, h)], side),
        add_plane([(w, -d, 0), (-w, -d, 0), (-w, -d, h), (w, -d, h)], side),
        add_plane([(-w, -d, 0), (w, -d, 0), (w, d, 0), (-w, d, 0)], surface(0.2)),
        add_plane(
            [(-w, d, h), (w, d, h), (w, -d, h), (-w, -d, h)], make_material(rng, (0.8, 0.8, 0.8))
        ),
    ]
    for _ in range(int(rng.integers(0, 4))):  # pictures on the wall
        a, b = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
        x, z = rng.uniform(-w, w - a), rng.uniform(0.6, max(0.7, h - b))
        y = d - 0.02
        texture = pictures[int(rng.integers(len(pictures)))]
        corners = [(x, y, z), (x + a, y, z), (x + a, y, z + b), (x, y, z + b)]
        things.append(add_plane(corners, make_material(rng, (1, 1, 1), texture)))
    return things


def _furniture(
    rng: Generator, width: float, depth: float, place: Vector, pictures: list[Path]
) -> list[bpy.types.Object]:
    things = []
    for _ in range(int(rng.integers(0, 7))):
        size = rng.uniform(0.15, 0.9, 3) * (1, 0.7, rng.choice([0.6, 1.6]))
        x = rng.uniform(-width / 2, width / 2 - size[0])
        y = rng.uniform(max(place.y + 0.35, depth / 2 - 1.5), depth / 2 - 0.05)
        centre = (x + size[0] / 2, y, size[2] / 2 * rng.choice([1, 1, 1.9]))
        if rng.random() < 0.6:
            bpy.ops.mesh.primitive_cube_add(size=1, location=centre)
        elif rng.random() < 0.6:
            bpy.ops.mesh.primitive_cylinder_add(radius=0.5, depth=1, location=centre)
        else:
            bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=0.5, location=centre)
        thing = bpy.context.object
        thing.scale = size
        thing.rotation_euler = (0, 0, rng.uniform(-0.5, 0.5))
        texture = pictures[int(rng.integers(len(pictures)))] if rng.random() < 0.3 else None
        rough = float(rng.uniform(0.15, 0.9))
        thing.data.materials.append(make_material(rng, draw_colour(rng), texture, rough=rough))
        things.append(thing)
    return things


def _seat(rng: Generator, parts: list[Mesh | Strands], place: Vector) -> list[bpy.types.Object]:
    """Put a block under who sits, as high as there is room; nothing for who sits on the floor."""
    points = np.concatenate(
        [part.vertices for part in parts if isinstance(part, Mesh) and part.kind != "hair"]
    )
    middle = np.median(points, 0)
    under = points[(np.abs(points - middle)[:, [0, 2]] < 0.15).all(1), 1].min()
    if under < 0.1:
        return []
    centre = (place.x + middle[0], place.y - middle[2] + 0.05, under / 2)
    bpy.ops.mesh.primitive_cube_add(size=1, location=centre)
    block = bpy.context.object
    block.scale = (rng.uniform(0.35, 0.6), 0.4, under - 0.01)
    block.data.materials.append(make_material(rng, draw_colour(rng)))
    return [block]


def _camera(rng: Generator, place: Vector, parts: list[Mesh | Strands], depth: float) -> None:
    """Look at a head, head and shoulders, half or whole: what is shown decides the lens.

    In a third of the shots it is wide open, and its focus a little off.
    """
    points = body(parts)
    tall = float(points[:, 1].max())
    share = float(rng.choice([0.25, 0.35, 0.6, 1.15], p=[0.12, 0.28, 0.3, 0.3]))
    shown = tall * share * rng.uniform(0.85, 1.3)
    middle = tall - shown * rng.uniform(0.38, 0.5)
    far = rng.uniform(1.2, max(1.4, min(5, place.y + depth / 2 - 0.1)))
    aside = rng.normal(0, 0.25)
    at = Vector((place.x + far * np.sin(aside), place.y - far * np.cos(aside), 0))
    at.z = float(np.clip(middle + rng.normal(0, 0.25), 0.3, 2.1))
    aim = float(points[points[:, 1] > middle, 0].mean()) + rng.uniform(-0.2, 0.2) * shown
    goal = Vector((place.x + aim, place.y, max(middle, shown * 0.4)))
    data = bpy.data.cameras.new("camera")
    data.sensor_width = 36
    data.lens = float(36 * far / shown)
    data.clip_start = 0.05
    if rng.random() < 0.35:
        data.dof.use_dof = True
        data.dof.focus_distance = float((goal - at).length + rng.normal(0, 0.1))
        data.dof.aperture_fstop = float(np.exp(rng.uniform(np.log(1.2), np.log(8))))
        bpy.context.scene.cycles.samples = 12  # each pixel sees many places
    camera = bpy.data.objects.new("camera", data)
    camera.location = at
    camera.rotation_euler = (goal - at).to_track_quat("-Z", "Y").to_euler()
    bpy.context.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def _lights(rng: Generator, width: float, depth: float, height: float, place: Vector) -> None:
    world = bpy.context.scene.world
    world.use_nodes = True
    sky = world.node_tree.nodes["Background"]
    sky.inputs["Strength"].default_value = 0.0
    w, d = width / 2 - 0.1, depth / 2 - 0.1
    chest = Vector((place.x, place.y, 1.1))
    kinds = rng.choice(["window", "ceiling", "bulb", "flash", "soft"], int(rng.integers(1, 4)))
    for kind in kinds:
        strength = float(np.exp(rng.uniform(-0.9, 0.9)))
        warm = rng.uniform(-0.25, 0.25)
        colour = (1 + warm, 1, 1 - warm)
        if kind == "window":
            side = rng.choice([-1, 1])
            at = Vector((side * w, rng.uniform(-d, d), rng.uniform(1.2, 1.8)))
            size, power = rng.uniform(0.8, 2), 120
        elif kind == "ceiling":
            at = Vector((rng.uniform(-w, w), rng.uniform(-d, d), height - 0.05))
            size, power = rng.uniform(0.3, 1.5), 90
        elif kind == "bulb":  # bare: hard shadows
            at = Vector((rng.uniform(-w, w), rng.uniform(-d, place.y + 0.2), rng.uniform(1, 2.2)))
            size, power = rng.uniform(0.02, 0.12), 60
        elif kind == "flash":  # beside the camera
            at = Vector((place.x + rng.uniform(-0.8, 0.8), max(-d, place.y - 2.5), 1.6))
            size, power = rng.uniform(0.03, 0.15), 70
        else:
            at = Vector((rng.uniform(-w, w), rng.uniform(-d, place.y), rng.uniform(1.5, 2.2)))
            size, power = rng.uniform(0.5, 1.2), 80
        bare = kind in ("bulb", "flash")
        data = bpy.data.lights.new(str(kind), "POINT" if bare else "AREA")
        data.energy, data.color = power * strength, colour
        if bare:
            data.shadow_soft_size = size
        else:
            data.size = size
        lamp = bpy.data.objects.new(str(kind), data)
        lamp.location = at
        lamp.rotation_euler = (chest - at).to_track_quat("-Z", "Y").to_euler()
        lamp.visible_camera = False
        bpy.context.collection.objects.link(lamp)
