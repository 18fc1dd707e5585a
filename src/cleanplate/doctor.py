"""What is installed and what it can do, in lines to read or to paste into a report."""

import hashlib
import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from cleanplate.devices import PROVIDERS, choose_device, has_integer_products, usable_cores

LIBRARIES = (
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "av",
    "pillow",
    "OpenEXR",
    "typer",
    "rich",
)
OPTIONAL = ("onnxruntime-gpu", "pillow-heif", "pyvirtualcam", "torch")


def report() -> Iterator[str]:
    """Yield the lines of `cleanplate doctor`. Raises nothing: what is missing is said."""
    yield _line("cleanplate", _version("cleanplate"))
    yield _line("python", f"{platform.python_version()} on {platform.platform()}")
    for name in LIBRARIES:
        yield _line(name, _version(name))
    for name in OPTIONAL:
        yield _line(name, f"{_version(name)} (optional)")
    yield _line("CPU threads", str(usable_cores()))
    integers = "quick, used for clips" if has_integer_products() else "not quicker, not used"
    yield _line("8-bit integers", integers)
    sends = os.environ.get("ORT_DISABLE_TELEMETRY", "0") == "0"
    yield _line("ONNX Runtime's reports", "sent to its makers" if sends else "switched off")
    yield from _devices()
    yield from _weights()


def _line(name: str, value: str) -> str:
    return f"{name:<24}{value}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _devices() -> Iterator[str]:
    try:
        import onnxruntime
    except ImportError as problem:  # a damaged installation is what one calls a doctor for
        yield _line("ONNX Runtime", f"cannot be loaded ({problem})")
        return
    offered, taken = onnxruntime.get_available_providers(), choose_device("auto")
    yield _line("ONNX Runtime offers", ", ".join(offered))
    failing = taken == "cpu" and PROVIDERS["cuda"] in offered
    yield _line("--device auto takes", taken + (", for CUDA cannot be started" if failing else ""))


def _weights() -> Iterator[str]:
    folder = files("cleanplate") / "weights"
    found = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".onnx")),
        key=lambda entry: entry.name,
    )
    if not found:
        yield _line("weights", "none: install the package again")
    for entry in found:
        data = entry.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        yield _line("weights", f"{entry.name}  {len(data) / 1e6:.2f} MB  sha256 {digest}")
