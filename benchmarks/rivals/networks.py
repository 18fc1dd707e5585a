"""Adapters of networks that run in ONNX Runtime: RVM, MODNet, U2-Net small. None uses the plate."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from rivals.jobs import Matte, Method, Picture, resized, run

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def rvm(weights: Path | None) -> Method:
    """Robust Video Matting, MobileNetV3: recurrent; its longer side at 512 inside, as advised."""
    session = _session(weights)
    nothing = [np.zeros((1, 1, 1, 1), np.float32)] * 4
    state: list[Any] = list(nothing)

    def method(frame: Picture, plate: Picture, place: str) -> Matte:
        state[:] = state if place == "later" else nothing
        ratio = np.array([min(512 / max(frame.shape[:2]), 1)], np.float32)
        inputs = {"src": _batch(frame / np.float32(255)), "downsample_ratio": ratio}
        # Made for clips, it needs some frames to make up its mind: a still stands still for four.
        for _ in range(4 if place == "still" else 1):
            memory = {f"r{number}i": kept for number, kept in enumerate(state, 1)}
            _, alpha, *state[:] = session.run(None, inputs | memory)
        return np.array(alpha[0, 0])

    return method


def modnet(weights: Path | None) -> Method:
    """MODNet: the shorter side at 512 unless 512 lies between both, multiples of 32, -1..1."""
    session = _session(weights)

    def method(frame: Picture, plate: Picture, place: str) -> Matte:
        height, width = frame.shape[:2]
        fits = min(height, width) <= 512 <= max(height, width)
        scale = 1 if fits else 512 / min(height, width)
        size = [round(side * scale) // 32 * 32 for side in (width, height)]
        small = resized(frame, *size).astype(np.float32) / 127.5 - 1
        (alpha,) = session.run(None, {"input": _batch(small)})
        return np.array(alpha[0, 0])

    return method


def u2net_small(weights: Path | None) -> Method:
    """U2-Net small (salient object): 320 x 320, its answer stretched to 0..1 as its authors do."""
    session = _session(weights)
    name = session.get_inputs()[0].name

    def method(frame: Picture, plate: Picture, place: str) -> Matte:
        small = resized(frame, 320, 320).astype(np.float32)
        normalised = (small / max(small.max(), 1) - MEAN) / DEVIATION
        alpha = np.array(session.run(None, {name: _batch(normalised)})[0][0, 0])
        return np.array((alpha - alpha.min()) / max(float(np.ptp(alpha)), 1e-6))

    return method


def _session(weights: Path | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(weights), options, ["CPUExecutionProvider"])


def _batch(picture: Any) -> Any:
    return np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32)


if __name__ == "__main__":
    run({"rvm": rvm, "modnet": modnet, "u2net-small": u2net_small})
