"""Networks in 8-bit integers, for processors that multiply them faster (see `devices`)."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from cleanplate.devices import has_integer_products, open_session
from cleanplate.errors import DeviceError, WeightsError
from cleanplate.media.replacing import replacing
from cleanplate.network import INTEGER, Model, load_model
from cleanplate.pipeline import CutOptions, cutouts
from cleanplate.training.data import Pool, read_pool
from cleanplate.training.synthesis import Recipe, synthesize_clip

Inputs = dict[str, NDArray[Any]]

SEEN = ["Conv", "Relu", "Concat", "Resize"]  # what computes in integers
# What takes pictures and what makes alpha stays in floating point: a fifth of the gain is lost,
# and a third of the error.
SPARED = ("encoder/stages.0", "decode1/Conv_1", "smooth", "sharp")
SEED, SIZE = 11, 384  # of the samples; about the height of HD at working size
TOLERANCE = 0.01  # mean difference of alpha, 0..1


def make_integers(
    weights: Path, foregrounds: Path, backgrounds: Path, count: int = 30
) -> list[tuple[Path, float]]:
    """Write NAME.integer.onnx beside NAME.onnx, and the same of its network for clips.

    foregrounds, backgrounds: pools, as for the teacher; `count` short clips made of them tell how
    large the values become. Returns each path with the mean difference of alpha (0..1) on samples
    of the held-out part. Raises WeightsError where one is too large, and DeviceError on a processor
    without such products: there others overflow, and nothing could be checked.
    """
    if not has_integer_products():
        raise DeviceError(
            "This processor has no products of 8-bit integers (VNNI, see `cleanplate doctor`), so "
            "what is made could not be checked; make it on one that has them."
        )
    if weights.suffix != ".onnx":  # a name stands for what is shipped
        raise WeightsError(f"{weights} is no .onnx file; name an exported network of your own.")
    shown, held = zip(
        read_pool(foregrounds, foregrounds=True).split(),
        read_pool(backgrounds, foregrounds=False).split(),
        strict=True,
    )
    inputs = _inputs(weights, shown, count), _inputs(weights, held, max(1, count // 4))
    written = []
    for part, given in inputs[0].items():
        source = weights.with_suffix(f"{part}.onnx")
        with replacing(weights.with_suffix(f"{part}{INTEGER}.onnx")) as path:
            _quantize(source, path, given)
            difference = _difference(source, path, inputs[1][part])
            if not difference <= TOLERANCE:  # true of nan as well
                raise WeightsError(
                    f"{source} says something else in 8-bit integers: alpha differs by "
                    f"{difference:.2g} in the mean. That was not kept; use it as it is."
                )
        written.append((weights.with_suffix(f"{part}{INTEGER}.onnx"), difference))
    return written


class _Recorder:
    """Stands for a session and keeps what it is given."""

    def __init__(self, session: Any) -> None:
        self._session, self.given = session, list[Inputs]()

    def run(self, outputs: None, inputs: Inputs) -> Any:
        """Run the session."""
        self.given.append({name: np.array(value) for name, value in inputs.items()})
        return self._session.run(outputs, inputs)


def _inputs(weights: Path, pools: tuple[Pool, Pool], count: int) -> dict[str, list[Inputs]]:
    """Cut synthetic clips, with memory and without, and keep what the networks are given."""
    model = load_model(weights, "cpu", quality="normal", integers=False)
    recorders = {"": _Recorder(model._network)}
    model._network = recorders[""]
    if model.remembers:
        recorders[".memory"] = _Recorder(model._with_memory)
        model.__dict__["_with_memory"] = recorders[".memory"]
    for frames, plate in _clips(pools, count):
        _cut(model, frames[:1], plate, False)
        if model.remembers:
            _cut(model, frames, plate, True)
    return {part: recorder.given for part, recorder in recorders.items()}


def _clips(
    pools: tuple[Pool, Pool], count: int
) -> Iterator[tuple[list[NDArray[np.float32]], NDArray[np.float32]]]:
    for index in range(count):
        rng = np.random.default_rng([SEED, index])
        samples = synthesize_clip(rng, *pools, Recipe(size=SIZE))
        yield [sample["frame"] for sample in samples], samples[0]["plate"]


def _cut(
    model: Model, frames: list[NDArray[np.float32]], plate: NDArray[np.float32], temporal: bool
) -> None:
    for _ in cutouts(
        frames, plate, model=model, options=CutOptions(align=False, temporal=temporal)
    ):
        pass


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, given: list[Inputs]) -> None:
        self._given = iter(given)

    def get_next(self) -> Inputs | None:
        return next(self._given, None)


def _quantize(source: Path, path: Path, given: list[Inputs]) -> None:
    logging.getLogger().setLevel(logging.ERROR)  # of advice that is followed already
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        nodes = onnx.load(prepared).graph.node
        spared = [node.name for node in nodes if any(part in node.name for part in SPARED)]
        quantize_static(
            prepared,
            path,
            _Reader(given),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=SEEN,
            nodes_to_exclude=spared,
        )


def _difference(source: Path, path: Path, given: list[Inputs]) -> float:
    sessions = [open_session(each, "cpu", 0) for each in (source, path)]
    apart = []
    for inputs in given:
        one, other = (session.run(["alpha"], inputs)[0] for session in sessions)
        apart.append(np.abs(one - other).mean())
    return float(np.mean(apart))
