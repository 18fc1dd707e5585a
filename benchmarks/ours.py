"""What cleanplate does with a frame, step by step."""

import tempfile
from functools import lru_cache
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np

from cleanplate.encoded_plate import EncodedPlate
from cleanplate.foreground import despill
from cleanplate.media.stills import read_still, write_cutout, write_still
from cleanplate.network import BEST, Model, load_model, weights_path
from cleanplate.pipeline import CutOptions, cutout, cutouts
from cleanplate.prior import JOINED
from cleanplate.refine import TILE, RefineOptions, locate, refine, uncertain_tiles
from contestants import Contestant, Setting, Step, batch, in_precision, open_session

ALIGNED = CutOptions(align=False)


def forward(setting: Setting) -> Step:
    """Run the network alone, on inputs that are ready: what comes out is coarse."""
    scene, encoded = setting.scene, _encoded(setting)
    height, width = encoded.plate.shape[2:]
    small = cv2.resize(scene.frame, (width, height), interpolation=cv2.INTER_AREA)
    inputs = {"frame": batch(small)} | dict(encoded.inputs())
    inputs["prior"] = np.zeros((1, 2, height, width), np.float32)
    session = open_session(weights_path(setting.model), setting)
    return lambda: session.run(None, inputs)


def encode_plate(setting: Setting) -> Step:
    """Resize the plate and compute its features."""
    return lambda: list(_encoded(setting).inputs())


def resize_and_forward(setting: Setting) -> Step:
    """Resize the frame and run the network, the plate's features being known."""
    model, scene, encoded = _model(setting), setting.scene, _encoded(setting)
    return lambda: model(scene.frame, encoded, None, guess=JOINED)


def refining(setting: Setting) -> Step:
    """Bring the network's answer to full resolution: projection and tiles."""
    model, scene = _model(setting), setting.scene
    coarse = resize_and_forward(setting)()
    return lambda: refine(
        coarse, scene.frame, scene.plate, None, model.refiner, None, model.threads
    )


def despilling(setting: Setting) -> Step:
    """Take the plate's colour off the edge."""
    alpha, foreground = refining(setting)()
    return lambda: despill(foreground, alpha, setting.scene.plate)


def whole_cached(setting: Setting) -> Step:
    """Cut one more frame of a clip whose plate is aligned and whose plate features are known."""
    scene = setting.scene
    clip = cutouts(repeat(scene.frame), scene.plate, model=_model(setting), options=ALIGNED)
    return lambda: next(clip)


def whole_aligned(setting: Setting) -> Step:
    """Cut a frame with a plate that is aligned but new."""
    model, scene = _for_stills(setting), setting.scene
    return lambda: cutout(scene.frame, scene.plate, model=model, options=ALIGNED)


def whole(setting: Setting) -> Step:
    """Cut a frame with a plate that has yet to be aligned."""
    model, scene = _for_stills(setting), setting.scene
    return lambda: cutout(scene.frame, scene.plate, model=model)


def reading(setting: Setting) -> Step:
    """Read a frame from a JPEG file."""
    file = Path(_folder().name) / f"frame-{setting.size}.jpg"
    write_still(file, setting.scene.frame)
    return lambda: read_still(file)


def writing(setting: Setting) -> Step:
    """Write a cutout as PNG; it is read back and verified, as always."""
    cut, file = whole_aligned(setting)(), Path(_folder().name) / f"cutout-{setting.size}.png"
    return lambda: write_cutout(file, cut)


OURS = {
    "whole-cached": Contestant(
        "**cleanplate, frame of a clip, plate aligned and cached**", "network", whole_cached
    ),
    "forward": Contestant("network at its own size, inputs ready", "step", forward),
    "encode-plate": Contestant("plate encoder, once a plate and window", "step", encode_plate),
    "resize-forward": Contestant("resize and network", "step", resize_and_forward),
    "refine": Contestant("refine: projection and tiles", "step", refining),
    "despill": Contestant("despill", "step", despilling),
    "whole-aligned": Contestant("a still, plate aligned", "whole", whole_aligned),
    "whole": Contestant("a still, plate as it came", "whole", whole),
    "read": Contestant("read a JPEG", "file", reading),
    "write": Contestant("write a cutout as PNG", "file", writing),
}


def count_tiles(setting: Setting) -> tuple[int, int]:
    """How many tiles of the scene are refined, and of how many."""
    coarse = resize_and_forward(setting)()
    height, width = setting.scene.frame.shape[:2]
    down, across = locate(coarse, height, width).inside
    sides = down.stop - down.start, across.stop - across.start
    rows, _ = uncertain_tiles(coarse, *sides, RefineOptions())
    return len(rows), -(-height // TILE) * -(-width // TILE)


@lru_cache(maxsize=1)
def _loaded(name: str, device: str, threads: int, precision: str) -> Model:
    path = weights_path(name)
    parts = (path.with_suffix(ending) for ending in (".plate.onnx", ".refiner.onnx"))
    for part in (part for part in parts if part.is_file()):
        in_precision(part, precision)
    return load_model(in_precision(path, precision), device, threads)


def _encoded(setting: Setting) -> EncodedPlate:
    height, width = setting.scene.frame.shape[:2]
    return _model(setting).encode_plate(setting.scene.plate, height, width)


def _model(setting: Setting) -> Model:
    return _loaded(setting.model, setting.device, setting.threads, setting.precision)


def _for_stills(setting: Setting) -> Model:
    name = BEST.get(setting.model, setting.model)
    return _loaded(name, setting.device, setting.threads, setting.precision)


@lru_cache(maxsize=1)
def _folder() -> "tempfile.TemporaryDirectory[str]":
    """One temporary folder for all files; it goes when the process ends."""
    return tempfile.TemporaryDirectory()
