"""What 8-bit integers gain and cost, and what 16-bit floats in the file cost.

    python benchmarks/precision.py SET FOREGROUNDS BACKGROUNDS --clips CLIPS -o precision.md

SET, CLIPS: stills and clips laid out as docs/evaluation.md says; they are measured, never used to
calibrate. FOREGROUNDS, BACKGROUNDS: pools (docs/training.md) whose synthetic samples tell the range
of every activation to the variant in integers, which is made as `cleanplate train integers` makes
it; it needs a processor that has products of 8-bit integers. The network's forward at HD's working
size is timed in turns A B C A B C; the ratio is that of the medians.
"""

import argparse
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper

from cleanplate.errors import CleanplateError
from cleanplate.evaluation_set import Case, find_cases, read_plate, read_truth, read_truths
from cleanplate.metrics import mad
from cleanplate.network import INTEGER, Model, load_model, weights_path
from cleanplate.pipeline import cutout, cutouts
from cleanplate.scoring import score_mattes
from cleanplate.training.integers import make_integers
from scenes import commit, processor, sample_scene, versions

SHIPPED, INTEGERS, WIDE = "16-bit floats in the file", "8-bit integers", "32-bit floats in the file"
PARTS = ("", ".memory")


def main() -> int:
    asked = _arguments()
    try:
        stills = [case for case in find_cases(asked.set)[0] if len(case.frames) == 1]
        clips = [case for case in find_cases(asked.clips)[0] if len(case.frames) > 1]
        stills = stills[: asked.cases]
        with tempfile.TemporaryDirectory() as folder:
            paths = _variants(asked, Path(folder))
            models = {
                name: load_model(path, "cpu", asked.threads, "normal", integers=name == INTEGERS)
                for name, path in paths.items()
            }
            seconds = _times(models, asked.turns)
            errors = {
                name: (_still_error(model, stills), *_clip_errors(model, clips))
                for name, model in models.items()
            }
            sizes = {name: _size(path, name == INTEGERS) for name, path in paths.items()}
    except CleanplateError as problem:
        print(problem, file=sys.stderr)
        return 2
    text = "\n".join(_page(asked, (len(stills), len(clips)), seconds, errors, sizes)) + "\n"
    print(text)
    if asked.output:
        asked.output.write_text(text, encoding="utf-8")
    return 0


def _variants(asked: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """Write the variants, each with all that lies beside the original."""
    source = weights_path(asked.model)
    endings = (*(f"{part}.onnx" for part in PARTS), ".plate.onnx", ".refiner.onnx")
    paths = {}
    for name in (SHIPPED, INTEGERS, WIDE):
        path = folder / f"{name.replace(' ', '-')}.onnx"
        for ending in endings:
            shutil.copy(source.with_suffix(ending), path.with_suffix(ending))
        paths[name] = path
    for part in PARTS:
        _widen(paths[WIDE].with_suffix(f"{part}.onnx"))
    make_integers(paths[INTEGERS], asked.foregrounds, asked.backgrounds)
    return paths


def _widen(path: Path) -> None:
    """Store weights in 32 bit that are stored in 16."""
    model = onnx.load(path)
    casts = [node for node in model.graph.node if node.input and node.input[0].endswith("_half")]
    halves = {weight.name: weight for weight in model.graph.initializer}
    for cast in casts:
        half = halves[cast.input[0]]
        values = onnx.numpy_helper.to_array(half).astype(np.float32)
        half.CopyFrom(onnx.numpy_helper.from_array(values, cast.output[0]))
        model.graph.node.remove(cast)
    onnx.save(model, path)


def _size(path: Path, integers: bool) -> float:
    """MiB of the network for stills."""
    return (path.with_suffix(f"{INTEGER}.onnx") if integers else path).stat().st_size / 2**20


def _times(models: dict[str, Model], turns: int) -> dict[str, list[float]]:
    """Seconds of the network alone, in turns."""
    scene = sample_scene("288p")
    encoded = models[SHIPPED].encode_plate(scene.plate, *scene.frame.shape[:2])
    height, width = encoded.plate.shape[2:]
    inputs: dict[str, Any] = {
        "frame": scene.frame[:height, :width].transpose(2, 0, 1)[None].copy(),
        "prior": np.zeros((1, 2, height, width), np.float32),
    } | dict(encoded.inputs())
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(turns + 1):
        for name, model in models.items():
            begun = time.perf_counter()
            model._network.run(None, inputs)
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - begun)
    return seconds


def _still_error(model: Model, cases: list[Case]) -> float:
    """Mean absolute difference of alpha x 1000 over the stills of a set."""
    differences = []
    for case in cases:
        truth = read_truth(case, 0)
        alpha = cutout(truth.frame, read_plate(case), model=model).alpha
        differences.append(mad(alpha, truth.alpha))
    return float(np.mean(differences))


def _clip_errors(model: Model, cases: list[Case]) -> tuple[float, float]:
    """Mean of MAD and of dtSSD over the clips of a set."""
    rows = []
    for case in cases:
        truths = list(read_truths(case))
        made = cutouts((truth.frame for truth in truths), read_plate(case), model=model)
        pairs = zip(made, truths, strict=True)
        means = score_mattes((cut.alpha, truth.alpha) for cut, truth in pairs)
        rows.append((means["mad"], means["dtssd"]))
    return tuple(np.mean(rows, axis=0))


def _page(
    asked: argparse.Namespace,
    counts: tuple[int, int],
    seconds: dict[str, list[float]],
    errors: dict[str, tuple[float, float, float]],
    sizes: dict[str, float],
) -> list[str]:
    of_shipped = median(seconds[SHIPPED])
    installed = ", ".join(f"{name} {version}" for name, version in versions().items())
    lines = [
        "# Precision of the network's weights",
        "",
        f"`python benchmarks/precision.py {asked.set.resolve().name} FOREGROUNDS BACKGROUNDS "
        f"--clips {asked.clips.resolve().name} --cases {asked.cases} --threads {asked.threads}` at "
        f"{commit()}, {datetime.now(UTC):%Y-%m-%d}, on {processor()}, {asked.threads} threads; "
        f"{installed}. Quality normal, as for the frames of clips.",
        "",
        f"| variant | MiB | forward, ms | ratio | MAD x 1e3 of {counts[0]} stills | "
        f"of {counts[1]} clips | their dtSSD x 1e2 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, taken in seconds.items():
        still, clip, flicker = errors[name]
        lines.append(
            f"| {name} | {sizes[name]:.1f} | {1e3 * median(taken):.1f} | "
            f"{median(taken) / of_shipped:.2f} | {still:.2f} | {clip:.2f} | {flicker:.2f} |"
        )
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("foregrounds", type=Path)
    parser.add_argument("backgrounds", type=Path)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--model", default="default", help="name or path of our weights")
    parser.add_argument("--cases", type=int, default=50, help="so many of the set's stills")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=20, help="of each variant's forward")
    parser.add_argument("-o", "--output", type=Path, help="write the table to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
