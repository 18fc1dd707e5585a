"""Supervision from real footage without labels: three things that must hold whatever alpha is."""

from typing import NamedTuple

import torch
from torch import Tensor

from cleanplate.composite import over
from cleanplate.training.networks.compact import CompactNetwork, Prediction

# The teacher's terms keep alpha where it is; these say in which direction it may leave.
WEIGHTS = {"empty": 2.0, "recomposition": 1.0, "cycle_alpha": 2.0, "cycle_foreground": 1.0}
SEEN = 0.05  # alpha above which a foreground colour counts in the swap cycle


class Shot(NamedTuple):
    """Crops of real frames; N C H W, 0..1, height and width multiples of 16."""

    frame: Tensor  # N 3 H W
    plate: Tensor  # N 3 H W, laid on the frame
    agrees: Tensor  # N 1 H W, 1 where plate and frame agree over several frames
    prior: Tensor  # N 2 H W, the soft prior and 1, or all 0: there is none


def empty_loss(alpha: Tensor, agrees: Tensor) -> Tensor:
    """Mean alpha where plate and frame agree over several frames: nobody is there.

    alpha, agrees: N 1 H W, 0..1. Returns a scalar, 0 where nothing agrees.
    """
    loss: Tensor = (alpha * agrees).sum() / (agrees.sum() + 1)
    return loss


def recomposition_loss(prediction: Prediction, frame: Tensor, plate: Tensor) -> Tensor:
    """How far alpha F + (1 - alpha) s B is off the frame; a scalar, 0..1.

    frame, plate: N 3 H W, 0..1. The plate counts only as far as the network says that it shows
    what is behind the subject, and that judgement learns nothing here.
    """
    again = over(prediction.foreground, prediction.alpha, plate * prediction.shadow)
    believed = torch.sigmoid(prediction.valid_logit).detach()
    loss: Tensor = ((again - frame).abs().mean(1, keepdim=True) * believed).mean()
    return loss


def swap_cycle(
    network: CompactNetwork, prediction: Prediction, prior: Tensor, other_plate: Tensor
) -> dict[str, Tensor]:
    """Put what was cut over another plate and cut again: alpha and foreground must come back.

    prediction: of the first cut. prior: what it was given, N 2 H W. other_plate: N 3 H W, 0..1, of
    another place. The first cut is the target and learns nothing: else both could agree on alpha
    0. Returns `cycle_alpha` and `cycle_foreground`, mean absolute differences.
    """
    alpha = prediction.alpha.detach()
    foreground = prediction.foreground.detach().clamp(0, 1)
    composite = over(foreground, alpha, other_plate)
    again = network(composite, other_plate, prior)
    seen = alpha * (alpha > SEEN)
    distance = (again.foreground - foreground).abs() * seen
    return {
        "cycle_alpha": (again.alpha - alpha).abs().mean(),
        "cycle_foreground": distance.sum() / (3 * seen.sum() + 1),
    }


def footage_losses(
    network: CompactNetwork, prediction: Prediction, shot: Shot, other_plate: Tensor
) -> dict[str, Tensor]:
    """Every term of supervision without labels, unweighted (see WEIGHTS)."""
    return {
        "empty": empty_loss(prediction.alpha, shot.agrees),
        "recomposition": recomposition_loss(prediction, shot.frame, shot.plate),
    } | swap_cycle(network, prediction, shot.prior, other_plate)
