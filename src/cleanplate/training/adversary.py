"""The least-squares GAN of the student: real frames against composites, patch by patch.

What could give a composite away without being a fault of the cutout is made alike on both sides:
both meet the same camera (noise, codec), and both are shown only along the subject's contour.
"""

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from cleanplate.composite import over
from cleanplate.training import cameras
from cleanplate.training.networks.compact import Prediction
from cleanplate.training.networks.discriminator import PatchDiscriminator

SHIFT = 0.1  # of the width: how far a cutout moves over its new background at most


def make_discriminator() -> PatchDiscriminator:
    """Make the discriminator of the paper, its convolutions held by spectral normalisation.

    Without it the discriminator wins within a few hundred steps and its gradient says nothing.
    """
    discriminator = PatchDiscriminator()
    for part in discriminator.modules():
        if isinstance(part, nn.Conv2d):
            parametrizations.spectral_norm(part)
    return discriminator


def shift_along(rng: Generator, picture: Tensor, fill: float | None = None) -> tuple[Tensor, int]:
    """Move N C H W sideways by a random number of pixels; returns how many, too.

    fill: value of what comes in from the side; None: the border's own, repeated.
    """
    reach = max(1, int(SHIFT * picture.shape[3]))
    return moved(picture, offset := int(rng.integers(-reach, reach + 1)), fill), offset


def moved(picture: Tensor, offset: int, fill: float | None = None) -> Tensor:
    """Move N C H W by `offset` pixels to the right (left where negative)."""
    width = picture.shape[3]
    place = torch.arange(width, device=picture.device) - offset
    result = picture[..., place.clamp(0, width - 1)]
    if fill is not None:
        outside = (place < 0) | (place >= width)
        result = torch.where(outside, torch.full_like(result, fill), result)
    return result


def compose(
    rng: Generator, prediction: Prediction, new_background: Tensor
) -> tuple[Tensor, Tensor]:
    """Put the cutouts over new backgrounds, moved sideways; keeps the gradient.

    new_background: N 3 H W, 0..1. Returns the composites N 3 H W, 0..1, and alpha there, N 1 H W.
    """
    alpha, offset = shift_along(rng, prediction.alpha, fill=0.0)
    foreground = moved(prediction.foreground, offset).clamp(0, 1)
    return over(foreground, alpha, new_background), alpha.detach()


def contour_crops(rng: Generator, alpha: Tensor, side: int) -> list[tuple[int, int]]:
    """Where a crop of `side` pixels shows the contour: top and left for each picture.

    alpha: N 1 H W. Without a contour the place is anywhere.
    """
    height, width = alpha.shape[2:]
    places = []
    for matte in alpha[:, 0].detach().float().cpu().numpy():
        solid = (matte > 0.5).astype(np.uint8)
        edge = cv2.morphologyEx(solid, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        rows, columns = np.nonzero(edge)
        if len(rows):
            pick = int(rng.integers(len(rows)))
            y, x = int(rows[pick]) - side // 2, int(columns[pick]) - side // 2
        else:
            y, x = int(rng.integers(height)), int(rng.integers(width))
        places.append((min(max(y, 0), height - side), min(max(x, 0), width - side)))
    return places


def crop(pictures: Tensor, places: list[tuple[int, int]], side: int) -> Tensor:
    """Cut a square of `side` pixels out of each of N C H W."""
    pieces = [
        picture[:, y : y + side, x : x + side]
        for picture, (y, x) in zip(pictures, places, strict=True)
    ]
    return torch.stack(pieces)


def through_cameras(seed: int, pictures: Tensor) -> Tensor:
    """Noise and codec on N 3 H W, 0..1; the same seed draws the same cameras for another batch.

    The gradient passes as if nothing had happened: a codec has none of its own.
    """
    shots = []
    for index, picture in enumerate(pictures.detach().float().cpu()):
        rng = np.random.default_rng([seed, index])
        camera = cameras.draw(rng)
        planes = np.ascontiguousarray(picture.clamp(0, 1).permute(1, 2, 0).numpy())
        shot = cameras.shoot(rng, planes, camera)
        shots.append(torch.from_numpy(np.ascontiguousarray(shot.transpose(2, 0, 1))))
    taken = torch.stack(shots).to(pictures)
    return pictures + (taken - pictures).detach()


def discriminator_loss(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    """Half the squared distance of real scores from 1 and of fake ones from 0 (LS-GAN)."""
    on_real, on_fake = discriminator(real), discriminator(fake.detach())
    loss: Tensor = 0.5 * ((on_real - 1).square().mean() + on_fake.square().mean())
    return loss


def generator_loss(discriminator: nn.Module, fake: Tensor) -> Tensor:
    """Half the squared distance of the composites' scores from 1 (LS-GAN)."""
    loss: Tensor = 0.5 * (discriminator(fake) - 1).square().mean()
    return loss
