"""Clips: how right and how steady the mattes are, and frames a second from file to file.

    python benchmarks/rivals/install.py
    python benchmarks/export_peers.py --sizes 1080p
    python benchmarks/video.py SET --json video.json -o video.md

SET: clips as numbered pictures (docs/evaluation.md). RVM keeps its memory through a clip, MODNet
sees each frame by itself, and so does cleanplate with `--temporal off`; the plate methods are left
to benchmarks/quality.py. The time is that of a clip made from the bundled sample, from the first
byte read to the verified file, networks being loaded included, in turns A B C A B C; the median
counts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from cleanplate.devices import choose_device
from cleanplate.errors import CleanplateError
from cleanplate.evaluation_set import Case, find_cases, read_plate, read_truths
from cleanplate.jobs.options import ClipOptions
from cleanplate.network import load_model
from cleanplate.pipeline import CutOptions, cutouts
from cleanplate.scoring import ClipScores, Picture, grouped, means, score_alpha
from cleanplate.temporal import Steadier, moment_of
from cleanplate.truth import Truth
from quality import RIVALS, run_rival, score_set
from rivals.install import HOME
from scenes import SIZES, origin, versions
from video_pipelines import PIPELINES, RATE, ClipJob, write_sample_clip

OURS = {
    "causal": "**cleanplate**",
    "off": "cleanplate, `--temporal off`",
    "lookahead": "cleanplate, `--temporal lookahead`",
    "best": "cleanplate, `--quality best`",
}
METHODS = (*OURS, "rvm", "modnet")
ENDING = ".mov"  # ProRes 4444


def main() -> int:
    arguments = _arguments()
    report: dict[str, Any] = {
        "command": "python benchmarks/video.py " + _flags(arguments),
        **origin(),
        "versions": versions(),
    }
    try:
        arguments.device = choose_device(arguments.device)
        if arguments.set is not None:
            report["quality"] = _quality(arguments)
        if arguments.turns:
            report["speed"] = _speed(arguments)
    except CleanplateError as problem:
        print(problem, file=sys.stderr)
        return 2
    text = "\n".join(_page(report)) + "\n"
    print(text)
    for path, content in ((arguments.output, text), (arguments.json, json.dumps(report, indent=1))):
        if path:
            path.write_text(content.rstrip("\n") + "\n", encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, metavar="SET", nargs="?", help="none: only the time")
    parser.add_argument(
        "--first", type=int, help="so many frames (2 or more) of each clip; all if left out"
    )
    parser.add_argument("--turns", type=int, default=3, help="of each pipeline; 0: only quality")
    parser.add_argument("--frames", type=int, default=72, help="of the clip that is timed")
    parser.add_argument("--size", choices=SIZES, default="1080p", help="of the clip that is timed")
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime and OpenCV")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--model", default="default", help="name or path of our weights")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("-o", "--output", type=Path, help="write the tables to this file")
    return parser.parse_args()


def _flags(arguments: argparse.Namespace) -> str:
    names = ("first", "turns", "frames", "size", "threads", "device", "model")
    flags = [f"--{name} {getattr(arguments, name)}" for name in names if getattr(arguments, name)]
    return " ".join((["SET"] if arguments.set else []) + flags)


def _quality(arguments: argparse.Namespace) -> dict[str, Any]:
    found, problems = find_cases(arguments.set)
    for problem in problems:
        print(problem, file=sys.stderr)
    count = arguments.first
    cases = [_shortened(case, count) for case in found if len(case.frames) > 1]
    home = HOME / "mattes" / (arguments.set.resolve().name + (f"-first{count}" if count else ""))
    rows: dict[str, Any] = {}
    for name in METHODS:
        print(name, file=sys.stderr, flush=True)
        try:
            if name in OURS:
                rows[name] = _ours(cases, name, arguments)
            else:
                run_rival(RIVALS[name], name, cases, home / name, home / "plates")
                rows[name] = score_set(cases, home / name)
        except (OSError, subprocess.CalledProcessError) as problem:
            rows[name] = {"missing": str(problem)}
    return {"set": arguments.set.resolve().name, "clips": len(cases), "methods": rows}


def _ours(cases: list[Case], way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Cut every clip as `cleanplate cut` does; always anew, since the code may have changed."""
    quality = "best" if way == "best" else "normal"
    model = load_model(arguments.model, arguments.device, arguments.threads, quality)
    options = CutOptions(temporal=way != "off")
    records = []
    for case in cases:
        scores, truths = ClipScores(), list(read_truths(case))
        frames = (truth.frame for truth in truths)
        cut = cutouts(frames, read_plate(case), model=model, options=options)
        alphas: Iterable[Picture] = (cutout.alpha for cutout in cut)
        if way == "lookahead":
            alphas = _held_steady(alphas, truths)
        for alpha, truth in zip(alphas, truths, strict=True):
            scores.add(score_alpha(alpha, truth.alpha), alpha, truth.alpha)
        about = {"case": case.name, "kind": case.kind, "condition": case.condition}
        records.append(about | scores.means())
    return {"overall": means(records), "by_kind": grouped(records, "kind"), "cases": records}


def _held_steady(alphas: Iterable[Picture], truths: list[Truth]) -> Iterable[Picture]:
    """Do what `--temporal lookahead` does to a clip."""
    steadier = Steadier(*ClipOptions(temporal="lookahead").held_steady())
    for alpha, truth in zip(alphas, truths, strict=True):
        steady = steadier.push(moment_of(truth.frame, alpha))
        if steady is not None:
            yield steady
    yield from steadier.finish()


def _shortened(case: Case, count: int | None) -> Case:
    parts = (case.frames, case.alphas, case.foregrounds)
    frames, alphas, foregrounds = (files[:count] for files in parts)
    return replace(case, frames=frames, alphas=alphas, foregrounds=foregrounds)


def _speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time every pipeline, each turn in a process of its own."""
    rows: dict[str, dict[str, Any]] = {name: {"seconds": []} for name in PIPELINES}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clip, plate = write_sample_clip(folder, arguments.size, arguments.frames)
        out, file = folder / f"cutout{ENDING}", folder / "job.json"
        shared = (arguments.size, arguments.threads, arguments.device, arguments.model)
        file.write_text(json.dumps(asdict(ClipJob(str(clip), str(plate), str(out), *shared))))
        for turn in range(arguments.turns):
            for name, row in rows.items():
                if "missing" not in row:
                    print(f"{name}, turn {turn + 1}", file=sys.stderr, flush=True)
                    _take_turn(name, row, file)
    for row in rows.values():
        if row["seconds"]:
            row["frames_per_second"] = round(arguments.frames / median(row["seconds"]), 3)
    return {"size": arguments.size, "frames": arguments.frames, "pipelines": rows}


def _take_turn(name: str, row: dict[str, Any], job: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("video_pipelines.py")), name, str(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        row["missing"] = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        return
    result = json.loads(done.stdout.splitlines()[-1])
    if "missing" in result:
        row["missing"] = result["missing"]
        return
    row["seconds"].append(result["seconds"])
    row["peak_mib"] = max(result["peak_mib"], row.get("peak_mib", 0.0))


def _page(report: dict[str, Any]) -> list[str]:
    """Lay the report out as markdown."""
    listed = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = ["# Video", "", f"`{report['command']}` at {report['commit']}, {report['date']}, on "]
    lines[-1] += f"{report['processor']}, {report['cores']} cores; {listed}."
    if "quality" in report:
        lines += ["", *_quality_table(report["quality"])]
    if "speed" in report:
        lines += ["", *_speed_table(report["speed"])]
    return lines


def _quality_table(quality: dict[str, Any]) -> Iterable[str]:
    rows = quality["methods"]
    good = [row for row in rows.values() if "overall" in row]
    kinds = list(good[0]["by_kind"]) if good else []
    yield f"## Quality on {quality['set']}: {quality['clips']} clips"
    yield ""
    yield "Whole frame, lower is better. MAD x 1000, dtSSD (flicker) x 100, MESSDdt x 1000."
    yield ""
    heads = [f"{metric} {kind}" for metric in ("MAD", "dtSSD") for kind in (*kinds, "all")]
    yield f"| method | {' | '.join(heads)} | MESSDdt |"
    yield f"|---|{'---:|' * (len(heads) + 1)}"
    for name, row in rows.items():
        title = OURS[name] if name in OURS else RIVALS[name].title
        if "missing" in row:
            yield f"| {title} | not measured: {row['missing']} |"
            continue
        groups = [*(row["by_kind"][kind] for kind in kinds), row["overall"]]
        cells = [f"{group[metric]:.2f}" for metric in ("mad", "dtssd") for group in groups]
        yield f"| {title} | {' | '.join(cells)} | {row['overall']['messddt']:.2f} |"


def _speed_table(speed: dict[str, Any]) -> Iterable[str]:
    height, width = SIZES[speed["size"]]
    seconds = speed["frames"] / RATE
    yield f"## From file to file: {width} x {height}"
    yield ""
    yield (
        f"H.264 to ProRes 4444 with alpha, {speed['frames']} frames ({seconds:.3g} s of clip). "
        "The rivals take the plate as it is and write what the network says; ours also "
        "follows the plate, refines at full resolution, and keeps its work so that it can go on."
    )
    yield ""
    yield "| | frames a second | fastest | peak MiB | turns |"
    yield f"|---|{'---:|' * 4}"
    for name, row in speed["pipelines"].items():
        title = PIPELINES[name][0]
        if "missing" in row or not row["seconds"]:
            yield f"| {title} | not measured: {row.get('missing', '')} | | | |"
            continue
        fastest = speed["frames"] / min(row["seconds"])
        numbers = f"{row['frames_per_second']:.2f} | {fastest:.2f} | {row['peak_mib']:.0f}"
        yield f"| {title} | {numbers} | {len(row['seconds'])} |"


if __name__ == "__main__":
    sys.exit(main())
