"""What each part is worth: short equal runs of the teacher with one thing left out.

    python benchmarks/ablations.py FOREGROUNDS BACKGROUNDS -o OUT --minutes 10 [--arms whole ...]

Trains on the pools without their held-out part, measures on samples of the held-out part, and
writes OUT/ablations.md, OUT/ablations.json and OUT/ablations.png. Arms of the student (GAN, swap
cycle) need --footage. What can be left out of a cut without training is measured by left_out.py.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cleanplate.metrics import gradient_error, mad
from cleanplate.network import weights_path
from cleanplate.people import Segmenter
from cleanplate.training import checkpoint, disturbances, hair, teacher
from cleanplate.training.data import read_pool
from cleanplate.training.footage import read_footage
from cleanplate.training.networks.blocks import conv
from cleanplate.training.networks.compact import CompactNetwork
from cleanplate.training.student import train_student
from cleanplate.training.student_state import StudentOptions
from cleanplate.training.synthesis import Recipe, Sample, synthesize_clip
from scenes import origin

Picture = NDArray[np.float32]
SEED = 2**31 + 7  # of the samples that are measured: not those that a run judges itself on
SHOWN = 6


class Concatenation(nn.Module):
    """All cues of one scale through one convolution: what context switching is measured against."""

    def __init__(self, channels: int, prior_channels: int) -> None:
        super().__init__()
        self.join = conv(2 * channels + 2 * prior_channels, channels)

    def forward(self, *given: Tensor) -> Tensor:
        """Take and give what `blocks.Switch` does; no memory is nought."""
        frame, plate, prior, memory, _ = given
        memory = torch.zeros_like(prior) if memory is None else memory
        joined: Tensor = self.join(torch.cat([frame, plate, prior, memory], 1))
        return joined


def concatenating() -> CompactNetwork:
    """Make the compact network with every switch replaced by a plain concatenation."""
    network = CompactNetwork()
    pairs = zip(network.widths.channels, network.widths.prior_channels, strict=True)
    network.switches = nn.ModuleList(Concatenation(*pair) for pair in pairs)
    return network


@dataclass(frozen=True)
class Arm:
    """One thing left out. recipe: of training; measured: of the samples it is measured on."""

    says: str
    recipe: dict[str, float] | None = None
    measured: dict[str, float] | None = None
    concatenates: bool = False
    without: str = ""  # strands, misalignment
    student: dict[str, float] | None = None


NO_PLATE = {"blank_plate": 1.0}
NO_PRIOR = {"prior": 0.0, "person_prior": 0.0}
ARMS = {
    "whole": Arm("nothing left out"),
    "no-plate": Arm("without plate", NO_PLATE, NO_PLATE),
    "no-prior": Arm("without prior", NO_PRIOR, NO_PRIOR),
    "concatenation": Arm("concatenation instead of context switching", concatenates=True),
    "no-shadows": Arm(
        "trained without shadows",
        {"cast_shadow": 0.0, "contact_shadow": 0.0, "ambient_shadow": 0.0, "light_change": 0.0},
    ),
    "no-strands": Arm("trained without painted strands", without="strands"),
    "no-misalignment": Arm("trained with plates that lie exactly", without="misalignment"),
    "student": Arm("student on footage, from the whole teacher", student={}),
    "no-gan": Arm("student without GAN", student={"adversarial": 0.0}),
    "no-cycle": Arm("student without swap cycle", student={"cycle": 0.0}),
}


def main() -> None:
    """Run the arms that were asked for, one after the other, and write the table."""
    asked = _arguments()
    asked.out.mkdir(parents=True, exist_ok=True)
    names = [name for name in asked.arms if ARMS[name].student is None or asked.footage]
    rows: list[dict[str, Any]] = []
    pictures = []
    for name in names:
        arm = ARMS[name]
        samples = _held_out(asked, arm)
        path = _train(name, arm, asked)
        cuts = _predict(path, arm, samples)
        row = {"arm": name, "says": arm.says, "seen": _seen(path)} | _measure(cuts, samples)
        if name in names[1:] and not arm.measured:
            row |= _compared(row, rows[0])
        rows.append(row)
        pictures.append(cuts[:SHOWN])
        print(json.dumps(rows[-1]), flush=True)
    _write(asked, rows, pictures, _held_out(asked, ARMS["whole"]))


def _train(name: str, arm: Arm, asked: argparse.Namespace) -> Path:
    """Train one arm, or go on with it; returns its checkpoint."""
    run = asked.out / name
    done: Path = run / "checkpoint.pt"
    if arm.student is None and asked.samples and done.exists() and _seen(done) >= asked.samples:
        return done
    if arm.student is not None:
        start = asked.out / "whole" / "checkpoint.pt"
        options = replace(
            StudentOptions(minutes=asked.minutes, size=asked.size, batch=4, seed=asked.seed),
            steps_limit=asked.student_steps,
            patch=min(96, asked.size),
            **arm.student,  # type: ignore[arg-type]
        )
        pool = read_pool(asked.backgrounds, foregrounds=False).split()[0]
        clips = read_footage(asked.footage)
        return train_student(run, clips, pool, start, options, done.exists())
    limits = teacher.TeacherOptions(
        minutes=asked.minutes,
        size=asked.size,
        planned_samples=asked.samples or 100_000,
        samples_limit=asked.samples,
        workers=asked.workers,
        seed=asked.seed,
        clips=0.0,
        held_out=2,
    )
    with _left_out(arm):
        return teacher.train_teacher(
            asked.foregrounds, asked.backgrounds, run, limits, done.exists()
        )


@contextmanager
def _left_out(arm: Arm) -> Iterator[None]:
    """Leave out one thing of the teacher's run, and put it back."""
    with ExitStack() as stack:

        def put(target: Any, name: str, instead: Any) -> None:
            stack.enter_context(mock.patch.object(target, name, instead))

        if arm.recipe:
            put(teacher, "Recipe", partial(Recipe, **arm.recipe))  # type: ignore[arg-type]
        if arm.concatenates:
            put(checkpoint, "sized", lambda *_: concatenating())
        if arm.without == "strands":
            put(hair, "add_strands", lambda rng, foreground, alpha, *_: (foreground, alpha))
        if arm.without == "misalignment":
            put(disturbances, "misalign", lambda rng, plate, *_, **__: plate)
        yield


def _held_out(asked: argparse.Namespace, arm: Arm) -> list[Sample]:
    """Draw samples of the held-out pools, the same for every arm but for what it never sees."""
    pools = (
        read_pool(asked.foregrounds, foregrounds=True).split()[1],
        read_pool(asked.backgrounds, foregrounds=False).split()[1],
    )
    recipe = replace(Recipe(size=asked.size), **(arm.measured or {}))  # type: ignore[arg-type]
    segmenter = Segmenter(weights_path("person"))
    return [
        synthesize_clip(np.random.default_rng([SEED, index]), *pools, recipe, 1, segmenter)[0]
        for index in range(asked.measured)
    ]


@torch.no_grad()
def _predict(path: Path, arm: Arm, samples: list[Sample]) -> list[Picture]:
    content = checkpoint.load(path)
    network = (concatenating() if arm.concatenates else CompactNetwork()).eval()
    checkpoint.restore(path, content, average=network)
    alphas = []
    for sample in samples:
        planes = (
            torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
            for picture in (sample["frame"], sample["plate"], sample["prior"])
        )
        alphas.append(network(*planes).alpha[0, 0].numpy()[..., None])
    return alphas


def _measure(alphas: list[Picture], samples: list[Sample]) -> dict[str, Any]:
    pairs = [(alpha, sample["alpha"]) for alpha, sample in zip(alphas, samples, strict=True)]
    mads = [mad(*pair) for pair in pairs]
    return {
        "mads": mads,
        "mad": float(np.mean(mads)),
        "mad_median": float(np.median(mads)),
        "gradient": float(np.mean([gradient_error(*pair) for pair in pairs])),
    }


def _compared(row: dict[str, Any], first: dict[str, Any]) -> dict[str, float]:
    """How much more it errs than the first arm on the same samples, and how sure that is."""
    apart = np.subtract(row["mads"], first["mads"])
    return {"more": float(apart.mean()), "give_or_take": float(apart.std() / len(apart) ** 0.5)}


def _seen(path: Path) -> int:
    content = checkpoint.load(path)
    return int(content.get("samples", content.get("steps", 0)))


def _write(
    asked: argparse.Namespace,
    rows: list[dict[str, Any]],
    pictures: list[list[Picture]],
    samples: list[Sample],
) -> None:
    (asked.out / "ablations.json").write_text(json.dumps(rows, indent=1) + "\n")
    (asked.out / "ablations.md").write_text("\n".join(page(asked, rows)) + "\n")
    columns = [[sample["frame"], _grey(sample["alpha"])] for sample in samples[:SHOWN]]
    for cuts in pictures:
        for column, alpha in zip(columns, cuts, strict=True):
            column.append(_grey(alpha))
    sheet = np.concatenate([np.concatenate(column, 1) for column in columns])
    cv2.imwrite(str(asked.out / "ablations.png"), np.round(sheet[..., ::-1] * 255).astype(np.uint8))


def page(asked: argparse.Namespace, rows: list[dict[str, Any]]) -> list[str]:
    """Lay out the table, with what made it."""
    about, footage = origin(), " --footage FOOTAGE" if asked.footage else ""
    limits = "".join(
        f" --{name.replace('_', '-')} {value:g}"
        for name in ("minutes", "samples", "student_steps", "size", "measured", "seed")
        if (value := getattr(asked, name))
    )
    lines = [
        "# What each part is worth, in short training runs",
        "",
        f"`python benchmarks/ablations.py FOREGROUNDS BACKGROUNDS{footage}{limits}` at "
        f"{about['commit']}, {about['date']}, on {about['processor']}. Arms of the teacher from "
        "random weights, those of the student from the first arm's, "
        f"{asked.size} pixels; {asked.measured} samples of the held-out part of the "
        "pools, the same for all but what an arm never sees (without plate, without prior). ± one "
        "standard error of the difference. Seen: samples, or steps of the student.",
        "",
        "| arm | seen | MAD x 1e3 | median | gradient | MAD more than the first arm's |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        more = f"{row['more']:+.1f} ± {row['give_or_take']:.1f}" if "more" in row else ""
        lines.append(
            f"| {row['says']} | {row['seen']:,} | {row['mad']:.1f} | {row['mad_median']:.1f} | "
            f"{row['gradient']:.2f} | {more} |"
        )
    return lines


def _grey(alpha: Picture) -> Picture:
    return np.repeat(alpha, 3, 2).clip(0, 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("foregrounds", type=Path)
    parser.add_argument("backgrounds", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--footage", type=Path, help="clips with plates, for arms of the student")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each arm that trains")
    parser.add_argument("--samples", type=int, help="stop each arm here as well: equal runs")
    parser.add_argument("--student-steps", type=int, help="stop arms of the student here as well")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--measured", type=int, default=100, help="held-out samples")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=[*ARMS])
    return parser.parse_args()


if __name__ == "__main__":
    main()
