"""Trained weights to the ONNX files that ship, with a check that both say the same."""

import subprocess
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from cleanplate.errors import WeightsError
from cleanplate.training import checkpoint
from cleanplate.training.networks.compact import CompactNetwork

TOLERANCE = 2e-3
OUTPUTS = ("alpha", "foreground", "error", "shadow", "valid")


class _Deployed(nn.Module):
    """The network as it runs: plate features come from outside, logits become shares."""

    def __init__(self, network: CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, frame: Tensor, plate: Tensor, prior: Tensor, *plate_features: Tensor
    ) -> tuple[Tensor, ...]:
        prediction = self.network(frame, plate, prior, list(plate_features))
        return (
            prediction.alpha,
            prediction.foreground.clamp(0, 1),
            torch.sigmoid(prediction.error),
            prediction.shadow,
            torch.sigmoid(prediction.valid_logit),
        )


class _PlateEncoder(nn.Module):
    def __init__(self, network: CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, plate: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.encode_plate(plate))


def export_network(run: Path, output: Path) -> float:
    """Write OUTPUT.onnx and OUTPUT.plate.onnx from a run's averaged weights.

    run: a checkpoint file, or the folder of a run. output: path that ends in .onnx.
    Returns the largest difference between torch and ONNX Runtime over all outputs on random input
    of another size than the traced one; raises WeightsError where it exceeds 2e-3.
    """
    state = checkpoint.load(run / "checkpoint.pt" if run.is_dir() else run)
    network = CompactNetwork().eval()
    network.load_state_dict({name: value.float() for name, value in state["average"].items()})
    output.parent.mkdir(parents=True, exist_ok=True)
    notes = {"samples": str(state["samples"]), "commit": _commit()}

    frame, plate, prior = (torch.rand(1, channels, 96, 128) for channels in (3, 3, 2))
    features = network.encode_plate(plate)
    names = [f"plate_features_{index}" for index in range(len(features))]
    _export(_PlateEncoder(network), (plate,), ["plate"], names, output.with_suffix(".plate.onnx"), notes)
    inputs = ["frame", "plate", "prior", *names]
    _export(_Deployed(network), (frame, plate, prior, *features), inputs, [*OUTPUTS], output, notes)

    frame, plate, prior = (torch.rand(1, channels, 64, 160) for channels in (3, 3, 2))
    with torch.no_grad():
        expected = _Deployed(network)(frame, plate, prior, *network.encode_plate(plate))
    encoded = _run(output.with_suffix(".plate.onnx"), {"plate": plate.numpy()})
    given = dict(zip(inputs, [frame.numpy(), plate.numpy(), prior.numpy(), *encoded], strict=True))
    actual = _run(output, given)
    difference = max(
        float(np.abs(ours.numpy() - theirs).max())
        for ours, theirs in zip(expected, actual, strict=True)
    )
    if difference > TOLERANCE:
        raise WeightsError(f"{output} differs from the network by {difference:.2g}; not usable.")
    return difference


def _export(
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    path: Path,
    notes: dict[str, str],
) -> None:
    """One graph with free height and width; weights inside the file."""
    axes = {name: {2: f"{name}_height", 3: f"{name}_width"} for name in inputs}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            arguments,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    graph = onnx.load(path)
    onnx.helper.set_model_props(graph, notes)
    onnx.save(graph, path)


def _run(path: Path, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = session.run(None, inputs)
    return outputs


def _commit() -> str:
    """Commit of the code that exports, where there is one."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"
