"""Trained weights to the ONNX files that ship, with a check that both say the same."""

import subprocess
import warnings
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime
import torch
from torch import Tensor, nn

from cleanplate.errors import OutputError, WeightsError
from cleanplate.jobs.places import make_folder
from cleanplate.media.replacing import replacing
from cleanplate.network import INTEGER
from cleanplate.training import checkpoint
from cleanplate.training.networks.compact import CompactNetwork
from cleanplate.training.networks.refiner import PADDED, TileRefiner
from cleanplate.training.networks.segmenter import PersonSegmenter

TOLERANCE = 2e-3
HALF_TOLERANCE = 0.1  # where norms that were folded into weights became 16 bit
INPUTS = {"frame": 3, "plate": 3, "prior": 2}  # and how many channels each has
FEATURES = tuple(f"plate_features_{index}" for index in range(4))  # at 1/2, 1/4, 1/8, 1/16
MEMORY = {"memory": 5}  # of weights that learned from clips
BESIDE = (".plate", ".memory", ".refiner", INTEGER, f".memory{INTEGER}")  # what goes with weights
OUTPUTS = ("alpha", "foreground", "error", "shadow", "valid")


class _Deployed(nn.Module):
    """The network as it runs: plate features come from outside, logits become shares.

    Without memory there is no input for it, and none of its cost.
    """

    def __init__(self, network: CompactNetwork, memory: bool) -> None:
        super().__init__()
        self.network = network.deployed(memory)
        self.memory = memory

    def forward(
        self, frame: Tensor, plate: Tensor, prior: Tensor, *others: Tensor
    ) -> tuple[Tensor, ...]:
        memory, features = (others[0], others[1:]) if self.memory else (None, others)
        prediction = self.network(frame, plate, prior, memory, list(features))
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


def export_run(run: Path, output: Path) -> list[tuple[Path, float]]:
    """Export what a run holds: its network, its tile refiner, its person segmenter.

    run: folder of a run, or one checkpoint: refiner.pt, segmenter.pt, or a network's of any other
    name. output: path that ends in .onnx; what lies beside it of other weights is removed.
    Returns each written path with the largest difference between torch and ONNX Runtime.
    Raises OutputError, and WeightsError where there is nothing to export, or too much.
    """
    if output.suffix != ".onnx":
        raise OutputError(f"{output} must end in .onnx.")
    makers = {
        "checkpoint.pt": (output, export_network),
        "refiner.pt": (output.with_suffix(".refiner.onnx"), export_refiner),
        "segmenter.pt": (output, export_segmenter),
    }
    if run.is_file():
        path, make = makers.get(run.name, makers["checkpoint.pt"])
        return [(path, make(run, output))]
    found = {name: maker for name, maker in makers.items() if (run / name).is_file()}
    if not found:
        raise WeightsError(f"{run} holds no {', no '.join(makers)}; name a run's folder.")
    if {"checkpoint.pt", "segmenter.pt"} <= found.keys():
        raise WeightsError(
            f"{run} holds checkpoint.pt and segmenter.pt, which cannot both become {output.name}: "
            "name one of these files instead of the folder."
        )
    return [(path, make(run / name, output)) for name, (path, make) in found.items()]


def export_network(path: Path, output: Path) -> float:
    """Write OUTPUT.onnx and OUTPUT.plate.onnx from the averaged weights of a checkpoint.

    Weights that learned from clips also get OUTPUT.memory.onnx: the same network, which takes what
    the last frame left. Weights are kept in half precision; ONNX Runtime computes in single.
    Returns the largest difference between torch and ONNX Runtime over all outputs on random input
    of another size than the traced one, before they were halved; raises WeightsError where it
    exceeds 2e-3.
    """
    state = checkpoint.load(path)
    network = checkpoint.sized(path, state).eval()
    checkpoint.restore(path, state, average=network)
    notes = {"samples": str(state.get("samples", "unknown")), "commit": _commit()}
    memory_output = output.with_suffix(".memory.onnx")
    networks = {output: _Deployed(network, memory=False)}
    if state.get("clips", 0) > 0:
        networks[memory_output] = _Deployed(network, memory=True)
    make_folder(output.parent)
    with ExitStack() as stack:
        encoder = stack.enter_context(replacing(output.with_suffix(".plate.onnx")))
        files = {name: stack.enter_context(replacing(name)) for name in networks}
        plate = torch.rand(1, 3, 96, 128)
        _export(_PlateEncoder(network), (plate,), ["plate"], [*FEATURES], encoder, notes)
        for name, deployed in networks.items():
            pictures = _noise(deployed, 96, 128)
            given = (*pictures.values(), *network.encode_plate(pictures["plate"]))
            _export(deployed, given, [*pictures, *FEATURES], [*OUTPUTS], files[name], notes)
        largest = _compare(networks, files, encoder, TOLERANCE)
        for file in (encoder, *files.values()):
            keep_as_halves(file)
        _compare(networks, files, encoder, HALF_TOLERANCE)
    _remove_others(output, {output.with_suffix(".plate.onnx"), *networks})
    return largest


def _remove_others(output: Path, kept: Collection[Path] = ()) -> None:
    """Remove what lies beside exported weights and is of those that were there before."""
    for part in BESIDE:
        path = output.with_suffix(f"{part}.onnx")
        if path not in kept:
            path.unlink(missing_ok=True)


def _compare(
    networks: dict[Path, _Deployed], files: dict[Path, Path], encoder: Path, tolerance: float
) -> float:
    """Check what was written against the networks, by the names it is going to have.

    Returns the largest difference.
    """
    largest = 0.0
    for name, deployed in networks.items():
        difference = _difference(deployed, files[name], encoder)
        _check(difference, name, tolerance)
        largest = max(largest, difference)
    return largest


def _noise(deployed: _Deployed, height: int, width: int) -> dict[str, Tensor]:
    """Make a random picture for each input but the plate's features."""
    inputs = INPUTS | (MEMORY if deployed.memory else {})
    return {name: torch.rand(1, channels, height, width) for name, channels in inputs.items()}


def _difference(deployed: _Deployed, path: Path, encoder_path: Path) -> float:
    """Largest difference of any output, at another size than the one that was traced."""
    named = _noise(deployed, 64, 160)
    pictures, plate = list(named.values()), named["plate"]
    with torch.no_grad():
        expected = deployed(*pictures, *deployed.network.encode_plate(plate))
    encoded = _run(encoder_path, {"plate": plate.numpy()})
    given = {name: picture.numpy() for name, picture in named.items()}
    actual = _run(path, given | dict(zip(FEATURES, encoded, strict=True)))
    pairs = zip(expected, actual, strict=True)
    return float(np.max([np.abs(ours.numpy() - theirs).max() for ours, theirs in pairs]))


def _check(difference: float, output: Path, tolerance: float) -> None:
    if not difference <= tolerance:  # true of nan as well
        raise WeightsError(
            f"What would be {output} differs from the network by {difference:.2g}, so it was not "
            "kept; try other versions of torch and onnxruntime."
        )


def export_refiner(checkpoint_path: Path, output: Path) -> float:
    """Write OUTPUT.refiner.onnx from a refiner.pt; returns the largest difference."""
    state = checkpoint.load(checkpoint_path)
    refiner = TileRefiner().eval()
    checkpoint.restore(checkpoint_path, state, network=refiner)
    notes = {"steps": str(state.get("step", "unknown")), "commit": _commit()}
    tiles, others = torch.rand(5, PADDED, 22, 22), torch.rand(9, PADDED, 22, 22)
    make_folder(output.parent)
    with replacing(output.with_suffix(".refiner.onnx")) as path:
        axes = {"tiles": {0: "count"}}
        _export(refiner.padded(), (tiles,), ["tiles"], ["correction"], path, notes, axes)
        with torch.no_grad():
            expected = refiner(others).numpy()
        difference = float(np.abs(expected - _run(path, {"tiles": others.numpy()})[0]).max())
        _check(difference, output.with_suffix(".refiner.onnx"), TOLERANCE)
    return difference


def export_segmenter(checkpoint_path: Path, output: Path) -> float:
    """Write OUTPUT.onnx from a segmenter.pt; returns the largest difference of its logits.

    Weights are kept in half precision: what they make is blurred anyway.
    """
    state = checkpoint.load(checkpoint_path)
    network = PersonSegmenter().eval()
    checkpoint.restore(checkpoint_path, state, average=network)
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(value.half())
    notes = {"samples": str(state.get("samples", "unknown")), "commit": _commit()}
    frame, other = torch.rand(1, 3, 96, 128), torch.rand(1, 3, 64, 160)
    make_folder(output.parent)
    with replacing(output) as path:
        _export(network, (frame,), ["frame"], ["logits"], path, notes)
        keep_as_halves(path)
        with torch.no_grad():
            expected = network(other).numpy()
        difference = float(np.abs(expected - _run(path, {"frame": other.numpy()})[0]).max())
        _check(difference, output, HALF_TOLERANCE)
    _remove_others(output)
    return difference


def keep_as_halves(path: Path) -> None:
    """Store large weights in 16 bit; ONNX Runtime makes them 32 bit again when it loads them."""
    model = onnx.load(path)
    graph, casts = model.graph, []
    for weight in graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 1024:
            name = weight.name
            weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), name + "_half"))
            casts.append(onnx.helper.make_node("Cast", [name + "_half"], [name], to=1))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, path)


def _export(
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    inputs: list[str],
    outputs: list[str],
    path: Path,
    notes: dict[str, str],
    axes: dict[str, dict[int, str]] | None = None,
) -> None:
    """One graph, height and width free unless other axes are named; weights inside the file."""
    axes = axes or {name: {2: f"{name}_height", 3: f"{name}_width"} for name in inputs}
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
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return "unknown"
    return asked.stdout.strip() or "unknown"
