"""What a contestant in the speed benchmark is: a thing that is prepared once and timed often."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate import devices
from rivals.install import HOME
from scenes import SIZES, Scene

Step = Callable[[], Any]

PRECISIONS = ("fp32", "fp16")  # ONNX Runtime has no converter to bf16


@dataclass(frozen=True)
class Setting:
    """What all contestants at one size share."""

    size: str
    scene: Scene
    threads: int
    device: str
    model: str  # name or path of cleanplate's weights
    precision: str = "fp32"


@dataclass(frozen=True)
class Contestant:
    """Something that is timed. `make` prepares it and returns the step that counts.

    Rivals that are not at hand raise FileNotFoundError with the command that fetches them.
    """

    title: str
    group: str  # network, step, whole or file
    make: Callable[[Setting], Step]
    sizes: tuple[str, ...] = tuple(SIZES)


def open_session(path: Path, setting: Setting) -> Any:
    """ONNX Runtime session as ours has it, with the threads, device and precision that all get."""
    weights = in_precision(path, setting.precision)
    return devices.open_session(weights, setting.device, setting.threads)


def in_precision(path: Path, precision: str) -> Path:
    """Find the weights, or a copy that computes in half precision but takes the same inputs.

    Copies are kept beside the rivals. Making one needs the package onnx, of the extra [train].
    """
    if precision == "fp32":
        return path
    copy = HOME / precision / path.name
    if not copy.is_file() or copy.stat().st_mtime < path.stat().st_mtime:
        import onnx
        from onnxruntime.transformers.float16 import convert_float_to_float16

        copy.parent.mkdir(parents=True, exist_ok=True)
        network = onnx.load(path)
        # The casts of inputs would take equal names of sides for equal sizes; RVM's are not.
        for given in network.graph.input:
            for side in given.type.tensor_type.shape.dim:
                side.ClearField("dim_param")
        onnx.save(convert_float_to_float16(network, keep_io_types=True), copy)
    return copy


def batch(picture: NDArray[Any]) -> NDArray[np.float32]:
    """H W C to 1 C H W."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
