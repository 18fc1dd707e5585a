"""Everybody on the same set, scored by cleanplate.metrics: a table and the numbers behind it.

    python benchmarks/rivals/install.py
    python benchmarks/quality.py SET

SET: laid out as docs/evaluation.md says. Mattes are kept (benchmarks/rivals/.environments/mattes):
of the rivals a second run only does what is missing, ours are cut anew. `cleanplate evaluate
--compare` takes such a folder.
With --methods, the rows of the others stay as the table has them, and it says from when they are.
Each rival is a process of its own with one thread. Plate methods get cleanplate's aligned plate.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.errors import CleanplateError
from cleanplate.evaluation_set import (
    Case,
    find_cases,
    matte_path,
    read_plate,
    read_truth,
    read_truths,
)
from cleanplate.media.stills import read_mask, write_still
from cleanplate.scoring import LABELS, METRICS, Picture, grouped, means, score_mattes
from rivals.install import HOME, python_of, weights_of
from scenes import origin

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Rival:
    """A method, its adapter (a module of benchmarks/rivals) and what it needs."""

    title: str
    adapter: str
    environment: str
    needs: str
    weights: str = ""


RIVALS = {
    "rvm": Rival("RVM MobileNetV3", "networks", "networks", "-", "rvm_mobilenetv3.onnx"),
    "modnet": Rival("MODNet", "networks", "networks", "-", "modnet.onnx"),
    "selfie": Rival("MediaPipe selfie", "selfie", "selfie", "-", "selfie_segmentation.tflite"),
    "u2net-small": Rival("U2-Net small", "networks", "networks", "-", "u2netp.onnx"),
    "difference": Rival("Colour difference, threshold", "plates", "plates", "plate"),
    "grabcut": Rival("GrabCut, trimap from plate", "plates", "plates", "plate"),
    "knn": Rival("KNN matting, trimap from plate", "plates", "plates", "plate"),
    "closed-form": Rival("Closed-form matting, trimap from plate", "plates", "plates", "plate"),
}
OURS = "cleanplate"


def main() -> int:
    arguments = _arguments()
    found, problems = find_cases(arguments.set)
    cases = [case for case in found if not case.video]
    problems += [
        f"{case.name}: give numbered pictures, not a video." for case in found if case.video
    ]
    for problem in problems:
        print(problem, file=sys.stderr)
    home = HOME / "mattes" / arguments.set.resolve().name
    rows = {}
    for name in arguments.methods:
        print(name, flush=True)
        folder = home / name
        try:
            if name == OURS:
                _cut_ours(cases, folder, arguments.model)
            else:
                run_rival(RIVALS[name], name, cases, folder, home / "plates")
            rows[name] = score_set(cases, folder)
        except (CleanplateError, OSError, subprocess.CalledProcessError) as problem:
            rows[name] = {"missing": str(problem)}
    _publish(arguments, rows, len(cases))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everybody = [OURS, *RIVALS]
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("--methods", nargs="+", choices=everybody, default=everybody)
    parser.add_argument("--model", default="default", help="name or path of our weights")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder of the tables")
    return parser.parse_args()


def _cut_ours(cases: list[Case], folder: Path, model: str) -> None:
    """Cut all, always anew: weights or code may have changed."""
    from cleanplate.network import load_model
    from cleanplate.pipeline import cutout

    loaded = load_model(model, threads=1)
    for case in cases:
        plate = read_plate(case)
        for index in range(len(case.frames)):
            path = matte_path(folder, case, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            alpha = cutout(read_truth(case, index).frame, plate, model=loaded).alpha
            write_still(path, alpha)


def run_rival(rival: Rival, name: str, cases: list[Case], folder: Path, plates: Path) -> None:
    """Let a rival make the mattes that are missing below `folder`; OSError where it cannot run."""
    python = python_of(rival.environment)
    weights = [str(weights_of(rival.weights))] if rival.weights else []
    if not python.parent.parent.joinpath("complete").is_file():
        raise OSError(f"its environment is not installed ({rival.environment})")
    if not all(Path(file).is_file() for file in weights):
        raise OSError(f"its weights could not be fetched ({rival.weights})")
    jobs = list(_jobs(cases, folder, plates if rival.needs == "plate" else None))
    if not jobs:
        return
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / "jobs.json"
        file.write_text(json.dumps(jobs), encoding="utf-8")
        command = [str(python), "-m", f"rivals.{rival.adapter}", name, str(file), *weights]
        command = ["nice", "-n", "15", *command] if shutil.which("nice") else command
        threads = ("OMP", "OPENBLAS", "MKL", "NUMBA")
        given = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
        given |= {f"{library}_NUM_THREADS": "1" for library in threads}
        subprocess.run(command, env=given, check=True, stdout=subprocess.DEVNULL)


def _jobs(cases: list[Case], folder: Path, plates: Path | None) -> Iterable[dict[str, Any]]:
    for case in cases:
        paths = [matte_path(folder, case, index) for index in range(len(case.frames))]
        # A clip is done whole: a network with a memory cannot start in its middle.
        if all(path.is_file() for path in paths):
            continue
        for index, path in enumerate(paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            plate = _aligned(case, index, plates) if plates else case.plate
            job = {"frame": case.frames[index], "plate": plate, "matte": path}
            place = "later" if index else "first" if len(paths) > 1 else "still"
            yield {key: str(value.resolve()) for key, value in job.items()} | {"place": place}


def _aligned(case: Case, index: int, plates: Path) -> Path:
    from cleanplate.plate import align_plate

    path = matte_path(plates, case, index)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        frame, plate = read_truth(case, index).frame, read_plate(case)
        try:
            aligned = align_plate(plate, frame)
            # Where the plate shows nothing, the frame stands in: no difference, no subject.
            plate = np.where(aligned.valid > 0, aligned.plate, frame)
        except CleanplateError as problem:
            print(f"{case.name}: the plate stays as it came: {problem}", file=sys.stderr)
        write_still(path, plate)
    return path


def score_set(cases: list[Case], folder: Path) -> dict[str, Any]:
    """Score the mattes of a folder: averages, by kind and condition, and case by case."""
    records = []
    for case in cases:
        about = {"case": case.name, "kind": case.kind, "condition": case.condition}
        records.append(about | score_mattes(_mattes(case, folder)))
    return {
        "overall": means(records),
        "by_kind": grouped(records, "kind"),
        "by_condition": grouped(records, "condition"),
        "cases": records,
    }


def _mattes(case: Case, folder: Path) -> Iterable[tuple[Picture, Picture]]:
    for index, truth in enumerate(read_truths(case)):
        size = truth.alpha.shape[0], truth.alpha.shape[1]
        yield read_mask(matte_path(folder, case, index), size), truth.alpha


def _published(file: Path, cases: int) -> dict[str, Any]:
    """Rows that an earlier run has written about as many cases, each with its commit and date."""
    if not file.is_file():
        return {}
    earlier = json.loads(file.read_text(encoding="utf-8"))
    if earlier["cases"] != cases:
        return {}
    when = {key: earlier[key] for key in ("commit", "date")}
    return {name: when | row for name, row in earlier["methods"].items()}


def _from_before(rows: dict[str, Any], titles: dict[str, str], now: dict[str, Any]) -> list[str]:
    """Say which rows are of other commits, or nothing."""
    others: dict[tuple[str, str], list[str]] = {}
    for name, row in rows.items():
        if row["commit"] != now["commit"]:
            others.setdefault((row["commit"], row["date"]), []).append(titles[name])
    return [
        line
        for (at, date), names in others.items()
        for line in (f"Measured at {at}, {date}: {'; '.join(names)}.", "")
    ]


def _publish(arguments: argparse.Namespace, rows: dict[str, Any], cases: int) -> None:
    name = arguments.set.resolve().name
    about = {"set": name, "cases": cases} | origin()
    arguments.output.mkdir(parents=True, exist_ok=True)
    target = arguments.output / f"quality-{name}"
    when = {key: about[key] for key in ("commit", "date")}
    every = _published(target.with_suffix(".json"), cases)
    every |= {method: row | when for method, row in rows.items()}
    rows = {method: every[method] for method in (OURS, *RIVALS) if method in every}
    titles = {OURS: "**cleanplate**"} | {key: rival.title for key, rival in RIVALS.items()}
    text = "\n".join(
        [
            f"# Quality on {name}: {cases} cases",
            "",
            f"`python benchmarks/quality.py SET` at {about['commit']}, {about['date']}, on "
            f"{about['processor']} with {about['cores']} cores, one thread a method.",
            "",
            *_from_before(rows, titles, about),
            "Whole frame, lower is better. MAD, MSE: mean x 1000; SAD, Grad, Conn: sum / 1000; "
            "dtSSD x 100; MESSDdt x 1000.",
            "",
            *columns(rows, titles, "by_kind", [metric for metric in METRICS if metric != "mad"]),
            "",
            "MAD by condition:",
            "",
            *columns(rows, titles, "by_condition", []),
            "",
        ]
    )
    target.with_suffix(".md").write_text(text, encoding="utf-8")
    content = json.dumps(about | {"methods": rows}, indent=1)
    target.with_suffix(".json").write_text(content + "\n", encoding="utf-8")
    print(text)


def columns(
    rows: dict[str, Any], titles: dict[str, str], key: str, extra: list[str]
) -> Iterable[str]:
    """Lay out a markdown table: MAD of each group and of all, then the averages of `extra`."""
    good = [row for row in rows.values() if "overall" in row]
    groups = list(good[0][key]) if good else []
    extra = [metric for metric in extra if any(metric in row["overall"] for row in good)]
    head = ["method", "needs", *(f"MAD {group}" for group in groups), "MAD all"]
    head += [LABELS[metric] for metric in extra]
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * 2}{'---:|' * (len(head) - 2)}"
    for name, row in rows.items():
        cells = [titles[name], "plate" if name == OURS else RIVALS[name].needs]
        if "missing" in row:
            yield f"| {' | '.join(cells)} | not measured: {row['missing']} |"
            continue
        cells += [f"{row[key][group]['mad']:.1f}" for group in groups]
        cells += [f"{row['overall'][metric]:.1f}" for metric in ("mad", *extra)]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
