"""One camera that takes two shots, frame and plate, some seconds and some hand movement apart."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cleanplate.training import disturbances as part
from cleanplate.training.disturbances import Picture


@dataclass(frozen=True)
class Camera:
    """What both shots share: noise in 8-bit levels, its grain in pixels, look, JPEG quality."""

    noise: float
    grain: float
    look: float  # below 0.15 it denoises, below 0.35 it sharpens
    quality: int


def draw(rng: Generator) -> Camera:
    """Draw a camera."""
    look, grain = rng.random(), rng.uniform(0, 0.8)
    noise = rng.uniform(0.2, 4) if rng.random() < 0.7 else rng.uniform(0, 1)
    return Camera(float(noise), float(grain), look, int(rng.integers(40, 97)))


def shoot(rng: Generator, picture: Picture, camera: Camera, averaged: float = 1.0) -> Picture:
    """Sensor and codec: what the camera makes of a picture; `averaged` scales its noise."""
    shot = part.sensor_noise(rng, picture, camera.noise * averaged, camera.grain)
    if camera.look < 0.15:
        shot = part.denoise(shot)
    elif camera.look < 0.35:
        shot = part.sharpen(shot, 0.4)
    if rng.random() < 0.6:
        shot = part.jpeg(shot, int(np.clip(camera.quality + rng.integers(-12, 13), 40, 97)))
    return shot.astype(np.float32)


def disturb_plate(rng: Generator, plate: Picture, exposure: float, paper_noise: float) -> Picture:
    """Part a plate from the frame's background although both show one scene.

    exposure, paper_noise: share of the plates that are exposed anew, and that meet the paper's
    noise. Displacements are in pixels of a picture of about 0.13 megapixel: a quarter of what an
    HD picture shows.
    """
    amount = rng.random()
    sigma = 0.12 if amount < 0.6 else rng.uniform(0.3, 1.0) if amount < 0.88 else rng.uniform(1, 3)
    plate = part.misalign(rng, plate, sigma, local=0.05 + 0.1 * sigma)
    if rng.random() < 0.1:
        plate = part.blur(plate, rng.uniform(0.3, 1.2))  # focus breathing
    if rng.random() < exposure:
        tail = rng.random() < 0.1
        plate = part.expose(rng, plate, 0.12 if tail else 0.05, 0.02)
    if rng.random() < 0.15:
        plate = part.vignette(rng, plate, rng.uniform(0, 0.15))
    if rng.random() < paper_noise:
        plate = part.paper_noise(rng, plate)
    return plate
