"""The networks that cleanplate is timed against, all in ONNX Runtime, on inputs that are ready."""

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from contestants import Contestant, Setting, Step, batch, open_session
from rivals.install import HOME, weights_of
from scenes import SIZES

BASELINE = "bmv2-mobilenetv2"  # what ratios are taken to
BACKBONES = {"bmv2-mobilenetv2": "mobilenetv2", "bmv2-resnet50": "resnet50"}

# What its documentation recommends for a portrait shot.
RVM_RATIOS = {"288p": 1.0, "512": 1.0, "720p": 0.375, "1080p": 0.25, "4k": 0.125}


def exported(name: str, size: str) -> Path:
    """Where an exported rival lies, exported or not; it is made for one size of frame."""
    height, width = SIZES[size]
    return HOME / "exported" / f"{name}-{width}x{height}.onnx"


def background_matting(name: str, setting: Setting) -> Step:
    """BackgroundMattingV2 on a frame and its plate, both as they are."""
    session = open_session(present(exported(name, setting.size), "export_peers.py"), setting)
    inputs = {"frame": batch(setting.scene.frame), "plate": batch(setting.scene.plate)}
    return lambda: session.run(["alpha", "foreground"], inputs)


def robust_video_matting(setting: Setting) -> Step:
    """Robust Video Matting in the midst of a clip: its memory comes from the frame before."""
    path = present(weights_of("rvm_mobilenetv3.onnx"), "rivals/install.py")
    session = open_session(path, setting)
    ratio = np.array([RVM_RATIOS[setting.size]], np.float32)
    inputs = {"src": batch(setting.scene.frame), "downsample_ratio": ratio}
    memory: list[Any] = [np.zeros((1, 1, 1, 1), np.float32)] * 4

    def step() -> Any:
        state = {f"r{number}i": kept for number, kept in enumerate(memory, 1)}
        foreground, alpha, *memory[:] = session.run(None, inputs | state)
        return foreground, alpha

    return step


def paper(setting: Setting) -> Step:
    """Run the network of 2020 at 512 x 512, whatever the frame's size."""
    session = open_session(present(exported("paper", "512"), "export_peers.py"), setting)
    frame, plate = (
        cv2.resize(picture, (512, 512), interpolation=cv2.INTER_AREA)
        for picture in (setting.scene.frame, setting.scene.plate)
    )
    grey = frame.mean(axis=2, keepdims=True)
    inputs = {"frame": batch(frame), "plate": batch(plate)}
    inputs |= {"prior": batch(np.zeros_like(grey)), "motion": batch(grey.repeat(4, axis=2))}
    return lambda: session.run(None, inputs)


PEERS = {
    "bmv2-mobilenetv2": Contestant(
        "BackgroundMattingV2 MobileNetV2",
        "network",
        partial(background_matting, "bmv2-mobilenetv2"),
    ),
    "bmv2-resnet50": Contestant(
        "BackgroundMattingV2 ResNet-50", "network", partial(background_matting, "bmv2-resnet50")
    ),
    "rvm": Contestant("RVM MobileNetV3", "network", robust_video_matting),
    "paper": Contestant(
        "the paper's network of 2020, at 512 x 512", "network", paper, ("512", "1080p")
    ),
}


def present(path: Path, command: str) -> Path:
    """Return the path; raise FileNotFoundError with the command that makes the file."""
    if not path.is_file():
        raise FileNotFoundError(f"{path.name} is not there: run python benchmarks/{command}")
    return path
