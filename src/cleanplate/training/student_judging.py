"""How the student does on held-out footage, which has no labels: numbers, and a sheet."""

from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
import torch
from torch import Tensor

from cleanplate.composite import over
from cleanplate.errors import OutputError
from cleanplate.media.replacing import replacing
from cleanplate.training.footage_losses import WEIGHTS, Shot, footage_losses
from cleanplate.training.losses import weighted
from cleanplate.training.networks.compact import CompactNetwork
from cleanplate.training.shots import other_sides

SHOWN = 8  # crops on the sheet


class Judgement(TypedDict):
    """On held-out crops, x 1e3.

    disagreement: mean |alpha - the teacher's|. footage: weighted losses without labels.
    """

    step: int
    disagreement: float
    footage: float


@torch.no_grad()
def judge(
    student: CompactNetwork, teacher: CompactNetwork, held_out: list[Shot], step: int
) -> Judgement:
    """Compare student and teacher on held-out crops; both in evaluation mode, no learning."""
    disagreements, losses = [], []
    for shot in held_out:
        prediction = student(shot.frame, shot.plate, shot.prior)
        wanted = teacher(shot.frame, shot.plate, shot.prior).alpha
        other = other_sides(np.random.default_rng(0), shot.plate)
        terms = footage_losses(student, prediction, shot, other)
        disagreements.append(float((prediction.alpha - wanted).abs().mean()))
        losses.append(float(weighted(terms, WEIGHTS)))
    return Judgement(
        step=step,
        disagreement=1e3 * float(np.mean(disagreements)),
        footage=1e3 * float(np.mean(losses)),
    )


def rises(history: list[Judgement], limit: float, patience: int) -> bool:
    """Whether to stop: disagreement rose `patience` times in a row and is above `limit`.

    A student that starts as the teacher departs from it at once, which is wanted; one that goes
    on departing beyond the limit follows the discriminator to where it can be fooled.
    """
    last = [judgement["disagreement"] for judgement in history[-patience - 1 :]]
    if len(last) <= patience or last[-1] <= limit:
        return False
    return all(later > earlier for earlier, later in pairwise(last))


def better(new: Judgement, old: Judgement, limit: float) -> bool:
    """Whether `new` is to be kept: nearer to the limit from above, then the lower footage loss."""
    return _rank(new, limit) < _rank(old, limit)


@torch.no_grad()
def write_sheet(
    path: Path, student: CompactNetwork, teacher: CompactNetwork, held_out: list[Shot]
) -> None:
    """Write frame, plate, agreement, the teacher's alpha, the student's, its cutout over green."""
    rows = []
    for shot in held_out[:SHOWN]:
        prediction = student(shot.frame, shot.plate, shot.prior)
        wanted = teacher(shot.frame, shot.plate, shot.prior).alpha
        green = torch.tensor([0.1, 0.6, 0.2]).to(shot.frame)[None, :, None, None]
        composite = over(prediction.foreground.clamp(0, 1), prediction.alpha, green)
        grey = [part.expand(-1, 3, -1, -1) for part in (shot.agrees, wanted, prediction.alpha)]
        rows.append(torch.cat([shot.frame, shot.plate, *grey, composite], 3)[0].float().cpu())
    _write(path, torch.cat(rows, 1))


def _write(path: Path, sheet: Tensor) -> None:
    pixels = np.round(sheet.permute(1, 2, 0).numpy()[..., ::-1] * 255).astype(np.uint8)
    with replacing(path) as temporary:
        if not cv2.imwrite(str(temporary), pixels):
            raise OutputError(f"{path} cannot be written; is the disk full?")


def _rank(judgement: Judgement, limit: float) -> tuple[float, float]:
    return max(judgement["disagreement"] - limit, 0.0), judgement["footage"]
