"""The shot that is timed: the bundled sample at the sizes people work at."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.media.stills import read_still

Picture = NDArray[np.float32]

SIZES = {
    "288p": (288, 512),
    "512": (512, 512),
    "720p": (720, 1280),
    "1080p": (1080, 1920),
    "4k": (2160, 3840),
}


@dataclass(frozen=True)
class Scene:
    """A frame and its plate, H W 3, 0..1, as the sample shows them: content decides some costs."""

    frame: Picture
    plate: Picture


def sample_scene(size: str) -> Scene:
    """Scale the bundled sample into one of SIZES.

    The sample is square. Where the size is wider, both pictures go on as the plate's mirror: the
    subject stays as large in the frame as it is, and stands there once.
    """
    folder = Path(str(resources.files("cleanplate"))) / "sample"
    frame, plate = (read_still(folder / name).picture for name in ("frame.jpg", "plate.jpg"))
    height, width = SIZES[size]
    side = min(height, width)
    method = cv2.INTER_AREA if side < len(frame) else cv2.INTER_CUBIC
    frame, plate = (
        cv2.resize(picture, (side, side), interpolation=method).clip(0, 1)
        for picture in (frame, plate)
    )
    top, left = (height - side) // 2, (width - side) // 2
    margins = (top, height - side - top, left, width - side - left)
    wide_plate = np.asarray(cv2.copyMakeBorder(plate, *margins, cv2.BORDER_REFLECT), np.float32)
    wide_frame = wide_plate.copy()
    wide_frame[top : top + side, left : left + side] = frame
    return Scene(wide_frame, wide_plate)


def commit() -> str:
    """Commit of the code that is measured, marked where it was changed since."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "no commit"


def peak_mib() -> float:
    """Tell the most memory that this process ever held, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage() would count what the parent held when it started this process.
        lines = status.read_text(encoding="utf-8").splitlines()
        (peak,) = (line for line in lines if line.startswith("VmHWM:"))
        return round(int(peak.split()[1]) / 1024, 1)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, 1)


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def origin() -> dict[str, Any]:
    """Where and when numbers are made: what the page of results asks of every report."""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    return {"date": date, "commit": commit(), "processor": processor(), "cores": os.cpu_count()}


def versions() -> dict[str, str]:
    """Versions of what a timing depends on."""
    packages = ("cleanplate", "onnxruntime", "onnxruntime-gpu", "numpy", "opencv-python-headless")
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
