"""One case, cut and measured frame by frame; nothing but the frame before is kept."""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cleanplate.errors import InputError
from cleanplate.evaluation_set import Case, matte_path, read_plate, read_truths
from cleanplate.media.stills import ForegroundAndAlpha, read_mask, write_cutout
from cleanplate.scoring import ClipScores, Picture, Scores, score, score_mattes
from cleanplate.truth import Truth, size_sentence

Cuts = Callable[[Iterable[Picture], Picture], Iterable[ForegroundAndAlpha]]


def measure_case(case: Case, cuts: Cuts, folder: Path) -> dict[str, Any]:
    """Cut a case, write its cutouts below `folder`, and measure them: the record of the case.

    cuts: from the frames, one after another, and the plate to as many cutouts.
    Raises InputError where the case cannot be used, and what `cuts` raises.
    """
    plate = read_plate(case)
    scores, seconds = ClipScores(), []
    given: list[tuple[Truth, float]] = []
    height = width = 0
    for index, cutout in enumerate(cuts(_given(case, plate, given), plate)):
        truth, started = given.pop()
        seconds.append(time.perf_counter() - started)
        scores.add(score(cutout, truth), cutout.alpha, truth.alpha)
        path = matte_path(folder, case, index)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_cutout(path, cutout)
        height, width = truth.alpha.shape[:2]
    record = {"case": case.name, "height": height, "width": width, "frames": len(scores.frames)}
    record["worst_frame"] = int(np.argmax([frame["mad"] for frame in scores.frames]))
    return record | {"seconds": round(float(np.median(seconds)), 4)} | scores.means()


def score_others(cases: list[Case], folder: Path, problems: list[str]) -> dict[str, Scores]:
    """Measure another method's mattes below `folder`, by case; those without all are left out.

    What cannot be used is added to `problems`, a sentence each.
    """
    others = {}
    for case in cases:
        try:
            found = score_mattes(_other_mattes(case, folder))
        except FileNotFoundError:
            continue
        except InputError as problem:
            problems.append(str(problem))
        else:
            others[case.name] = found
    if not others:
        problems.append(f"{folder} holds no matte of any case: expected files like CASE.png.")
    return others


def _given(case: Case, plate: Picture, given: list[tuple[Truth, float]]) -> Iterator[Picture]:
    """Read frame after frame as the cutting asks for them; leave what is true and the time."""
    for truth in read_truths(case):
        if plate.shape != truth.frame.shape:
            raise InputError(size_sentence(case.plate, plate, truth.frame))
        given.append((truth, time.perf_counter()))
        yield truth.frame


def _other_mattes(case: Case, folder: Path) -> Iterator[tuple[Picture, Picture]]:
    for index, truth in enumerate(read_truths(case)):
        path = matte_path(folder, case, index)
        if not path.is_file():
            raise FileNotFoundError(path)
        yield read_mask(path, (truth.alpha.shape[0], truth.alpha.shape[1])), truth.alpha
