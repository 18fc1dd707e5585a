"""What each part of the cut is worth: the shipped weights with one thing left out.

    python benchmarks/left_out.py SET

SET: stills laid out as docs/evaluation.md says. Writes results/left-out-SET.md and .json; the
picture of it is made by docs/make_pictures.py. What the training is worth is measured by
ablations.py, the memory of clips by video.py.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.evaluation_set import find_cases, read_plate, read_truth
from cleanplate.looks import LOOKS
from cleanplate.network import Model, load_model
from cleanplate.pipeline import CutOptions, cutout
from cleanplate.refine import RefineOptions
from cleanplate.scoring import grouped, means, score_alpha
from quality import RESULTS
from scenes import origin

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """One way to cut. zooms: whether the network comes closer to what is small."""

    says: str
    options: CutOptions = field(default_factory=CutOptions)
    plate: bool = True
    zooms: bool = True
    weights: str = "default"


NO_WORK = RefineOptions(project=False, tiles=False)
WAYS = {
    "all": Way("nothing left out"),
    "plate": Way("without the plate", plate=False),
    "alignment": Way("plate taken as it is", CutOptions(align=False)),
    "prior": Way("without a prior", CutOptions(person_prior=False)),
    "zooms": Way("the whole picture seen, always", zooms=False),
    "projection": Way("no plate projection", CutOptions(refine=RefineOptions(project=False))),
    "tiles": Way("no tile refiner", CutOptions(refine=RefineOptions(tiles=False))),
    "both": Way("neither of the two", CutOptions(refine=NO_WORK)),
    "large": Way("compact weights", weights="compact"),
}


def main() -> None:
    """Cut every still in every way, score, and write table and numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path, metavar="SET")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder of the tables")
    arguments = parser.parse_args()
    cases = [case for case in find_cases(arguments.set)[0] if case.is_still]
    rows: dict[str, Any] = {}
    for name, way in WAYS.items():
        print(name, flush=True)
        cut, records = cutter(way), []
        for case in cases:
            truth = read_truth(case, 0)
            scores = score_alpha(cut(truth.frame, read_plate(case)), truth.alpha)
            records.append({"kind": case.kind, "condition": case.condition} | scores)
        rows[name] = {"overall": means(records), "by_kind": grouped(records, "kind")}
    about = {"set": arguments.set.resolve().name, "cases": len(cases)} | origin()
    target = arguments.output / f"left-out-{about['set']}"
    target.with_suffix(".json").write_text(json.dumps(about | {"ways": rows}, indent=1) + "\n")
    target.with_suffix(".md").write_text("\n".join(_table(about, rows)) + "\n")


def cutter(way: Way) -> Callable[[Picture, Picture], Picture]:
    """Make what gives alpha, H W 1, of frame and plate."""
    model: Model = load_model(way.weights).for_stills
    if not way.zooms:
        model = model.looking(replace(LOOKS["best"], zooms=(1.0,)))
    return lambda frame, plate: (
        cutout(frame, plate if way.plate else None, model=model, options=way.options).alpha
    )


def _table(about: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    kinds = list(rows["all"]["by_kind"])
    head = ["", *(f"MAD {kind}" for kind in kinds), "MAD all", "Grad all"]
    lines = [
        f"# One thing left out, on {about['set']}: {about['cases']} stills",
        "",
        f"`python benchmarks/left_out.py SET` at {about['commit']}, {about['date']}, on "
        f"{about['processor']}. Shipped weights; whole frame, lower is better, MAD x 1000.",
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
    ]
    for name, row in rows.items():
        cells = [WAYS[name].says, *(f"{row['by_kind'][kind]['mad']:.1f}" for kind in kinds)]
        cells += [f"{row['overall'][metric]:.1f}" for metric in ("mad", "gradient_error")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
