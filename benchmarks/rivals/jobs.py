"""What every adapter does: read pictures, call one function, write mattes.

Run as `python -m rivals.ADAPTER METHOD JOBS.json [WEIGHTS]` with benchmarks/ on PYTHONPATH, in the
rival's environment. JOBS.json: a list of {"frame", "plate", "matte": paths, "place": "still", or
"first" or "later" in a clip}.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
Matte = NDArray[Any]
# frame and plate (H W 3, RGB), the place -> alpha H W, 0..1
Method = Callable[[Picture, Picture, str], Matte]


def run(methods: dict[str, Callable[[Path | None], Method]]) -> None:
    """Do the jobs of the command line with one of the methods, made from its weights."""
    name, jobs, *weights = sys.argv[1:]
    method = methods[name](Path(weights[0]) if weights else None)
    for job in json.loads(Path(jobs).read_text(encoding="utf-8")):
        frame, plate = _read(job["frame"]), _read(job["plate"])
        alpha = method(frame, plate, job["place"])
        samples = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8)
        if samples.shape != frame.shape[:2]:
            samples = np.asarray(
                Image.fromarray(samples).resize(frame.shape[1::-1], Image.Resampling.BILINEAR)
            )
        # Whole or not at all: a matte that is there is not made again.
        partial = Path(job["matte"]).with_suffix(".part")
        Image.fromarray(samples).save(partial, "PNG")
        partial.replace(job["matte"])


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Scale to a size, averaging where it shrinks."""
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _read(path: str) -> Picture:
    return np.asarray(Image.open(path).convert("RGB"))
