"""What a contestant in the speed benchmark is: a thing that is prepared once and timed often."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from cleanplate.network import PROVIDERS
from scenes import Scene

Step = Callable[[], Any]


@dataclass(frozen=True)
class Setting:
    """What all contestants at one size share."""

    size: str
    scene: Scene
    threads: int
    device: str
    model: str  # name or path of cleanplate's weights


@dataclass(frozen=True)
class Contestant:
    """Something that is timed. `make` prepares it and returns the step that counts.

    Rivals that are not at hand raise FileNotFoundError with the command that fetches them.
    """

    title: str
    group: str  # network, step, whole or file
    make: Callable[[Setting], Step]
    sizes: tuple[str, ...] = ("512", "720p", "1080p", "4k")


def open_session(path: Path, setting: Setting) -> Any:
    """ONNX Runtime session with the threads and the device that all get."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setting.threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, [PROVIDERS[setting.device]])


def batch(picture: NDArray[Any]) -> NDArray[np.float32]:
    """H W C to 1 C H W."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)
