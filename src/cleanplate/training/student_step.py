"""One step of the student, and one of the discriminator (section 3.2 of the paper)."""

from dataclasses import dataclass

import torch
from numpy.random import Generator
from torch import Tensor, nn

from cleanplate.composite import over
from cleanplate.training import footage_losses
from cleanplate.training.adversary import (
    compose,
    contour_crops,
    crop,
    discriminator_loss,
    generator_loss,
    through_cameras,
)
from cleanplate.training.footage_losses import Shot
from cleanplate.training.losses import SEEN, sobel, weighted
from cleanplate.training.networks.compact import CompactNetwork, Prediction

TEACHER_WEIGHTS = {"alpha": 2.0, "gradient": 4.0, "foreground": 1.0, "composition": 1.0}


@dataclass(frozen=True)
class Strengths:
    """What each part of the student's loss is worth in this step.

    adversarial: the GAN. teacher: lambda of the paper. footage: supervision without labels;
    cycle: of that, the swap cycle (0 leaves it out).
    """

    adversarial: float
    teacher: float
    footage: float
    cycle: float = 1.0


@dataclass(frozen=True)
class Given:
    """What a step works on: a shot, what the teacher says of it, other places (N 3 H W), a seed."""

    shot: Shot
    target: Prediction
    new_background: Tensor
    other_plate: Tensor
    seed: int


def teacher_losses(prediction: Prediction, target: Prediction, plate: Tensor) -> dict[str, Tensor]:
    """How far the student is off the teacher, unweighted (see TEACHER_WEIGHTS).

    plate: N 3 H W, 0..1: both cutouts are compared over it.
    """
    alpha, wanted = prediction.alpha, target.alpha.detach()
    foreground = target.foreground.detach().clamp(0, 1)
    seen = (wanted > SEEN).float()
    ours, theirs = over(prediction.foreground, alpha, plate), over(foreground, wanted, plate)
    distance = (prediction.foreground - foreground).abs() * seen
    return {
        "alpha": (alpha - wanted).abs().mean(),
        "gradient": (sobel(alpha) - sobel(wanted)).abs().sum(1).mean(),
        "foreground": distance.sum() / (3 * seen.sum() + 1),
        "composition": (ours - theirs).abs().mean(),
    }


def step_student(
    network: CompactNetwork,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    given: Given,
    strengths: Strengths,
    patch: int,
    rng: Generator,
) -> dict[str, float]:
    """One step of the student; the discriminator learns nothing. Returns the terms before it.

    patch: pixels a side of what the discriminator is shown.
    """
    shot = given.shot
    prediction = network(shot.frame, shot.plate, shot.prior)
    terms = teacher_losses(prediction, given.target, shot.plate)
    loss = strengths.teacher * weighted(terms, TEACHER_WEIGHTS)
    if strengths.footage:
        free = footage_losses.footage_losses(network, prediction, shot, given.other_plate)
        weights = {
            name: weight * (strengths.cycle if name.startswith("cycle") else 1)
            for name, weight in footage_losses.WEIGHTS.items()
        }
        loss = loss + strengths.footage * weighted(free, weights)
        terms |= free
    if strengths.adversarial:
        fake = _fake(rng, prediction, given, patch)
        terms["adversarial"] = generator_loss(discriminator.requires_grad_(False), fake)
        loss = loss + strengths.adversarial * terms["adversarial"]
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    discriminator.requires_grad_(True)
    return {name: float(term.detach()) for name, term in terms.items()}


def step_discriminator(
    network: CompactNetwork,
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    given: Given,
    patch: int,
    rng: Generator,
) -> float:
    """One step of the discriminator; the student learns nothing. Returns the loss before it."""
    shot = given.shot
    with torch.no_grad():
        prediction = network(shot.frame, shot.plate, shot.prior)
        fake = _fake(rng, prediction, given, patch)
        places = contour_crops(rng, given.target.alpha, patch)
        real = through_cameras(given.seed, crop(shot.frame, places, patch))
    loss = discriminator_loss(discriminator, real, fake)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimizer.step()
    return float(loss.detach())


def _fake(rng: Generator, prediction: Prediction, given: Given, patch: int) -> Tensor:
    """Make patches of composites along the contour, as a camera would show them."""
    composite, alpha = compose(rng, prediction, given.new_background)
    places = contour_crops(rng, alpha, patch)
    return through_cameras(given.seed, crop(composite, places, patch))
