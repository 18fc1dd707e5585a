"""How the error grows as plate and shot get worse: curves for ours and the rivals, one picture.

    python benchmarks/robustness.py SET [--cases 8] [--methods cleanplate rvm modnet difference]

Takes clean cases of SET (docs/evaluation.md), spoils frame or plate step by step, scores everybody
with benchmarks/quality.py, and draws results/robustness.svg. Without a plate,
ours stands beside the rivals that need none.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import curves
import quality
from cleanplate.evaluation_set import Case, find_cases, read_plate, read_truth
from cleanplate.media.stills import write_still
from cleanplate.metrics import mad
from cleanplate.network import load_model
from cleanplate.pipeline import CutOptions, cutout
from cleanplate.prior import estimate_prior, soften
from curves import Panel
from rivals.install import HOME

Picture = NDArray[np.float32]
Pair = tuple[Picture, Picture]
METHODS = ["cleanplate", "rvm", "modnet", "difference"]


def shift(frame: Picture, plate: Picture, pixels: float) -> Pair:
    """Move and slightly turn the plate, as a hand does; its border repeats."""
    height, width = plate.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), pixels / 40, 1)
    matrix[0, 2] += 0.8 * pixels
    matrix[1, 2] += 0.6 * pixels
    moved = cv2.warpAffine(
        plate, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return frame, np.clip(moved, 0, 1)


def exposure(frame: Picture, plate: Picture, gain: float) -> Pair:
    """Expose the plate by another factor; what is too bright clips."""
    return frame, np.clip(plate * np.float32(gain), 0, 1)


def noise(frame: Picture, plate: Picture, levels: float) -> Pair:
    """Gaussian noise of so many 8-bit levels on both, not the same."""
    rng = np.random.default_rng(0)
    both = (p + rng.normal(0, levels / 255, p.shape) for p in (frame, plate))
    first, second = (np.clip(p, 0, 1).astype(np.float32) for p in both)
    return first, second


def jpeg(frame: Picture, plate: Picture, quality_level: float) -> Pair:
    """Both through JPEG of a quality."""
    return _coded(frame, int(quality_level)), _coded(plate, int(quality_level))


CURVES: dict[str, tuple[Callable[[Picture, Picture, float], Pair], tuple[float, ...], str]] = {
    "shift": (shift, (0, 2, 5, 10, 20, 40), "plate shift, pixels"),
    "exposure": (exposure, (0.5, 0.7, 0.85, 1, 1.2, 1.5, 2), "plate exposure, factor"),
    "noise": (noise, (0, 2, 4, 8, 16), "noise, 8-bit levels"),
    "jpeg": (jpeg, (95, 80, 60, 40, 20), "JPEG quality"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--model", default="default")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("-o", "--output", type=Path, default=quality.RESULTS)
    arguments = parser.parse_args()
    clean = [case for case in find_cases(arguments.set)[0] if case.condition == "clean"]
    cases = clean[:: max(1, len(clean) // arguments.cases)][: arguments.cases]
    spoilt = HOME / "robustness" / arguments.set.resolve().name
    _write_set(cases, spoilt)
    command = [str(spoilt), "--methods", *arguments.methods, "--model", arguments.model]
    sys.argv = ["quality.py", *command, "-o", str(spoilt / "results")]
    quality.main()
    scored = json.loads((spoilt / "results" / f"quality-{spoilt.name}.json").read_text())
    extremes = _extremes(cases, arguments.model)
    about = {key: scored[key] for key in ("commit", "date", "processor", "cores")}
    flags = f"--cases {arguments.cases} --methods {' '.join(arguments.methods)}"
    about["command"] = f"python benchmarks/robustness.py SET {flags}"
    content: dict[str, Any] = about | {"cases": [case.name for case in cases]}
    content |= {"curves": _curves(scored["methods"]), "ours": extremes}
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "robustness.json").write_text(json.dumps(content, indent=1) + "\n")
    (arguments.output / "robustness.svg").write_text(draw(content))
    (arguments.output / "robustness.md").write_text(_table(content))
    return 0


def _write_set(cases: list[Case], folder: Path) -> None:
    """Write a set in which each condition is one step of one curve."""
    index = []
    for name, (spoil, steps, _) in CURVES.items():
        for step in steps:
            for case in cases:
                truth, plate = read_truth(case, 0), read_plate(case)
                target = folder / f"{case.name}-{name}-{step:g}".replace(".", "_")
                about = {"case": target.name, "kind": case.kind, "condition": f"{name} {step:g}"}
                height, width = truth.frame.shape[:2]
                index.append(about | {"height": height, "width": width})
                if (target / "alpha.png").is_file():
                    continue
                target.mkdir(parents=True, exist_ok=True)
                frame, spoilt = spoil(truth.frame, plate, step)
                write_still(target / "frame.png", frame)
                write_still(target / "plate.png", spoilt)
                write_still(target / "alpha.png", truth.alpha)
    (folder / "index.json").write_text(json.dumps(index))


def _extremes(cases: list[Case], model: str) -> dict[str, float]:
    """Ours where there is no plate, or one of another scene, and with priors."""
    loaded = load_model(model)
    sums: dict[str, list[float]] = {}
    for number, case in enumerate(cases):
        truth, plate = read_truth(case, 0), read_plate(case)
        other = read_plate(cases[(number + 1) % len(cases)])
        height, width = truth.frame.shape[:2]
        other = np.asarray(cv2.resize(other, (width, height)), np.float32)
        rough = soften((truth.alpha > 0.5).astype(np.float32))
        different = estimate_prior(truth.frame, plate)
        ways: dict[str, tuple[Picture | None, Picture | None, bool]] = {
            "plate": (plate, None, True),
            "plate, no prior": (plate, None, False),
            "plate, prior from the plate difference": (plate, different, False),
            "plate, prior from the true mask, softened": (plate, rough, False),
            "no plate": (None, None, True),
            "no plate, no prior": (None, None, False),
            "no plate, prior from the true mask, softened": (None, rough, False),
            "wrong plate forced (--no-align)": (other, None, True),
        }
        for way, (given, prior, guesses) in ways.items():
            options = CutOptions(align=False, person_prior=guesses)
            cut = cutout(truth.frame, given, model=loaded, prior=prior, options=options)
            sums.setdefault(way, []).append(mad(cut.alpha, truth.alpha))
    return {way: float(np.mean(errors)) for way, errors in sums.items()}


def _curves(methods: dict[str, Any]) -> dict[str, dict[str, list[float | None]]]:
    """Curve -> method -> MAD at each step."""
    found: dict[str, dict[str, list[float | None]]] = {}
    for name, (_, steps, _) in CURVES.items():
        for method, row in methods.items():
            by_condition = row.get("by_condition", {})
            values = [by_condition.get(f"{name} {step:g}", {}).get("mad") for step in steps]
            found.setdefault(name, {})[method] = values
    return found


def draw(content: dict[str, Any]) -> str:
    """One SVG with a panel for each curve; MAD x 1e3 upward."""
    panels = []
    for name, (_, steps, label) in CURVES.items():
        lines = content["curves"][name]
        known = [value for values in lines.values() for value in values if value is not None]
        places = [place / (len(steps) - 1) for place in range(len(steps))]
        ticks = [(place, f"{step:g}") for place, step in zip(places, steps, strict=True)]
        points = {
            method: [each for each in zip(places, values, strict=True) if each[1] is not None]
            for method, values in lines.items()
        }
        panels.append(Panel(label, ticks, points, max([10.0, *known]) * 1.08))
    return curves.draw("MAD x 1000", panels)


def _table(content: dict[str, Any]) -> str:
    lines = [
        "# Robustness",
        "",
        f"`{content['command']}` at {content['commit']}, {content['date']}, on "
        f"{content['processor']} with {content['cores']} cores; {len(content['cases'])} clean "
        "cases. MAD x 1000, lower is better.",
        "",
        "![Curves](robustness.svg)",
        "",
        "With less or other things to go by, the same cases unspoilt:",
        "",
        "| given | MAD |",
        "|---|---:|",
        *(f"| {way} | {error:.1f} |" for way, error in content["ours"].items()),
        *_without_plate(content["curves"]["shift"]),
        "",
    ]
    return "\n".join(lines)


def _without_plate(curve: dict[str, list[float | None]]) -> list[str]:
    """Lines of the rivals that never see the plate: their error on the unspoilt frames."""
    return [
        f"| {quality.RIVALS[name].title}, which needs no plate | {values[0]:.1f} |"
        for name, values in curve.items()
        if name in quality.RIVALS and quality.RIVALS[name].needs == "-" and values[0] is not None
    ]


def _coded(picture: Picture, level: int) -> Picture:
    pixels = np.rint(picture[..., ::-1] * 255).astype(np.uint8)
    code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, level])[1]
    decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
    return decoded[..., ::-1].astype(np.float32) / np.float32(255)


if __name__ == "__main__":
    sys.exit(main())
