"""Whether 8-bit integers pay, and what 16-bit floats in the file cost: time and error of variants.

    python benchmarks/precision.py SET FOREGROUNDS BACKGROUNDS -o precision.md

SET: stills laid out as docs/evaluation.md says; they are measured, never used to calibrate.
FOREGROUNDS, BACKGROUNDS: pools (docs/training.md) whose synthetic samples tell the range of every
activation to the 8-bit variant. The network's forward at HD's working size is timed in turns
A B C A B C; the ratio is that of the medians.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from cleanplate.errors import CleanplateError
from cleanplate.evaluation_set import Case, find_cases, read_plate, read_truth
from cleanplate.metrics import mad
from cleanplate.network import Model, load_model, weights_path
from cleanplate.pipeline import cutout
from cleanplate.training.data import read_pool
from cleanplate.training.synthesis import Recipe, synthesize
from scenes import commit, processor, sample_scene, versions

Inputs = dict[str, np.ndarray]
SHIPPED = "as shipped: 16-bit floats in the file"
CALIBRATED = (288, 480)  # about the working size of HD


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """What the network is given, of synthetic samples, one after the other."""

    def __init__(self, model: Model, foregrounds: Path, backgrounds: Path, count: int) -> None:
        self._inputs = _synthetic_inputs(model, foregrounds, backgrounds, count)

    def get_next(self) -> Inputs | None:
        """Return inputs by name, or None after the last sample."""
        return next(self._inputs, None)


def main() -> int:
    asked = _arguments()
    try:
        cases = find_cases(asked.set)[0][: asked.cases]
        with tempfile.TemporaryDirectory() as folder:
            paths = _variants(asked, Path(folder))
            models = {
                name: load_model(path, "cpu", asked.threads, "best") for name, path in paths.items()
            }
            seconds = _times(models, asked.turns)
            errors = {name: _error(model, cases) for name, model in models.items()}
            sizes = {name: path.stat().st_size / 2**20 for name, path in paths.items()}
    except CleanplateError as problem:
        print(problem, file=sys.stderr)
        return 2
    text = "\n".join(_page(asked, len(cases), seconds, errors, sizes)) + "\n"
    print(text)
    if asked.output:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def _variants(asked: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """Write the variants, each with the plate encoder and refiner of the original beside it."""
    source = weights_path(asked.model)
    makers: dict[str, Callable[[Path], object]] = {
        SHIPPED: lambda path: path.write_bytes(source.read_bytes()),
        "8-bit integers": lambda path: _quantize(source, path, asked),
        "32-bit floats in the file": lambda path: _widen(source, path),
    }
    paths = {}
    for name, make in makers.items():
        path = folder / f"{name.replace(' ', '-')}.onnx"
        make(path)
        for ending in (".plate.onnx", ".refiner.onnx"):
            shutil.copy(source.with_suffix(ending), path.with_suffix(ending))
        paths[name] = path
    return paths


def _quantize(source: Path, path: Path, asked: argparse.Namespace) -> None:
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    model = load_model(source, "cpu", asked.threads, "best")
    samples = _Samples(model, asked.foregrounds, asked.backgrounds, asked.calibration)
    quantize_static(
        prepared,
        path,
        samples,
        per_channel=True,
        reduce_range=True,  # without VNNI, products of full 8 bits overflow
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
    )


def _widen(source: Path, path: Path) -> None:
    """Store weights in 32 bit that are stored in 16."""
    model = onnx.load(source)
    casts = [node for node in model.graph.node if node.input and node.input[0].endswith("_half")]
    halves = {weight.name: weight for weight in model.graph.initializer}
    for cast in casts:
        half = halves[cast.input[0]]
        values = onnx.numpy_helper.to_array(half).astype(np.float32)
        half.CopyFrom(onnx.numpy_helper.from_array(values, cast.output[0]))
        model.graph.node.remove(cast)
    onnx.save(model, path)


def _synthetic_inputs(
    model: Model, foregrounds: Path, backgrounds: Path, count: int
) -> Iterator[Inputs]:
    pools = read_pool(foregrounds, True).split()[0], read_pool(backgrounds, False).split()[0]
    for index in range(count):
        rng = np.random.default_rng([11, index])
        sample = synthesize(rng, *pools, Recipe(size=max(CALIBRATED)))
        rows = slice(None, CALIBRATED[0])
        yield _inputs(model, sample["frame"][rows], sample["plate"][rows], sample["prior"][rows])


def _inputs(model: Model, frame: Any, plate: Any, prior: Any) -> Inputs:
    encoded = model.encode_plate(plate, *frame.shape[:2])
    height, width = encoded.plate.shape[2:]
    given = {"frame": frame[:height, :width], "prior": prior[:height, :width]}
    inputs = {name: picture.transpose(2, 0, 1)[None].copy() for name, picture in given.items()}
    return inputs | dict(encoded.inputs())


def _times(models: dict[str, Model], turns: int) -> dict[str, list[float]]:
    """Seconds of the network alone, in turns."""
    scene = sample_scene("288p")
    prior = np.zeros((*scene.frame.shape[:2], 2), np.float32)
    inputs = _inputs(models[SHIPPED], scene.frame, scene.plate, prior)
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(turns + 1):
        for name, model in models.items():
            begun = time.perf_counter()
            model._network.run(None, inputs)
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def _error(model: Model, cases: list[Case]) -> float:
    """Mean absolute difference of alpha x 1000 over the stills of a set."""
    differences = []
    for case in cases:
        truth = read_truth(case, 0)
        alpha = cutout(truth.frame, read_plate(case), model=model).alpha
        differences.append(mad(alpha, truth.alpha))
    return float(np.mean(differences))


def _page(
    asked: argparse.Namespace,
    count: int,
    seconds: dict[str, list[float]],
    errors: dict[str, float],
    sizes: dict[str, float],
) -> list[str]:
    of_shipped = median(seconds[SHIPPED])
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    lines = [
        "# Precision of the network's weights",
        "",
        f"`python benchmarks/precision.py {asked.set.resolve().name} FOREGROUNDS BACKGROUNDS "
        f"--cases {asked.cases} --threads {asked.threads}` at {commit()}, "
        f"{datetime.now(UTC):%Y-%m-%d}, on {processor()}, {asked.threads} threads; {installed}.",
        "",
        f"| variant | MiB | forward, ms | ratio | MAD x 1e3 of {count} stills |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, taken in seconds.items():
        lines.append(
            f"| {name} | {sizes[name]:.1f} | {1e3 * median(taken):.1f} | "
            f"{median(taken) / of_shipped:.2f} | {errors[name]:.1f} |"
        )
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("foregrounds", type=Path)
    parser.add_argument("backgrounds", type=Path)
    parser.add_argument("--model", default="default", help="name or path of our weights")
    parser.add_argument("--cases", type=int, default=50, help="so many of the set's stills")
    parser.add_argument("--calibration", type=int, default=24, help="synthetic samples")
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
