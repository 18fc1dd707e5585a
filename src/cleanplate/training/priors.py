"""Soft priors for training: the paper's recipe with random strength, and its usual failures."""

import cv2
import numpy as np
from numpy.random import Generator

from cleanplate.people import new_people
from cleanplate.training import shapes
from cleanplate.training.disturbances import Picture, blur


def soft_prior(rng: Generator, alpha: Picture) -> Picture:
    """Prior from the true alpha: erode, dilate, blur in random amounts, 0 to 2 square holes.

    alpha H W 1 in, H W 1 in 0..1 out. Erosion and dilation are those of the paper (5 x 5, 10 to 20
    and 15 to 30 times at 512), scaled with the picture; blur sigma 3.5 to 6.5 at 512.
    """
    height, width = alpha.shape[:2]
    unit = max(height, width) / 512
    mask = (alpha[..., 0] > 0.5).astype(np.uint8)
    for operation, low, high in ((cv2.erode, 4, 12), (cv2.dilate, 6, 22)):
        reach = round(rng.uniform(low, high) * 2 * unit)
        kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        mask = np.asarray(operation(mask, kernel), np.uint8)
    for _ in range(int(rng.integers(0, 3))):
        side = int(rng.uniform(0.03, 0.15) * height)
        y, x = int(rng.integers(height - side)), int(rng.integers(width - side))
        mask[y : y + side, x : x + side] = 0
    return blur(mask.astype(np.float32)[..., None], rng.uniform(3.5, 6.5) * unit)


def spoil(rng: Generator, prior: Picture) -> Picture:
    """Do what segmentations do wrong: a shift, a missing limb, a thing merged with the subject."""
    size = prior.shape[0]
    kind = rng.integers(3)
    if kind == 0:
        return _shift(rng, prior)
    patch = _move(_blob(rng, prior), 0.5, rng.uniform(0, 0.5) * size, rng.uniform(0, 0.5) * size)
    return prior * (1 - patch) if kind == 1 else np.maximum(prior, patch)


def _blob(rng: Generator, prior: Picture) -> Picture:
    """Draw a blob as large as the prior, H W 1."""
    whole = cv2.resize(shapes.blob(rng, 64), prior.shape[1::-1])
    return np.asarray(whole, np.float32)[..., None]


def _move(prior: Picture, zoom: float, x: float, y: float) -> Picture:
    matrix = np.array([[zoom, 0, x], [0, zoom, y]], np.float32)
    moved = cv2.warpAffine(prior, matrix, prior.shape[1::-1])
    return np.asarray(moved, np.float32)[..., None]


def draw(rng: Generator, alpha: Picture, given: float) -> Picture:
    """Prior and whether there is one, H W 2; given with probability `given`, often spoilt."""
    if rng.random() >= given:
        return np.zeros((*alpha.shape[:2], 2), np.float32)
    prior = soft_prior(rng, alpha)
    if rng.random() < 0.3:
        prior = spoil(rng, prior)
    return np.concatenate([prior, np.ones_like(prior)], 2)


def from_people(rng: Generator, share: Picture, before: Picture) -> Picture:
    """Prior of a person segmenter's answers and that there is one: H W 2.

    share, before: what it says of the frame and of the plate, H W 1, 0..1. It knows the people
    of the pool better than it will know others, so its sureness is varied, a third lack a part of
    somebody, and a few are shifted. What it takes for people wrongly it does so by itself.
    """
    logits = np.log(np.clip(share, 1e-4, 1 - 1e-4) / np.clip(1 - share, 1e-4, 1))
    logits = logits * np.float32(rng.uniform(0.7, 1.4)) + np.float32(rng.normal(0, 0.5))
    prior = new_people(np.asarray(1 / (1 + np.exp(-logits)), np.float32), before)
    if rng.random() < 0.35:
        prior = _lack(rng, prior)
    elif rng.random() < 0.1:
        prior = _shift(rng, prior)
    return np.concatenate([prior, np.ones_like(prior)], 2)


def _lack(rng: Generator, prior: Picture) -> Picture:
    """Take a part of somebody out, as a segmenter does with a raised arm or what a hand holds."""
    place = shapes.extremity(rng, prior)
    if place is None:
        return prior
    size = prior.shape[0]
    zoom = rng.uniform(0.15, 0.7)
    patch = blur(_blob(rng, prior), 0.02 * size)
    corner = (at - zoom * size / 2 for at in place)
    return prior * (1 - _move(patch, zoom, *corner))


def _shift(rng: Generator, prior: Picture) -> Picture:
    size = prior.shape[0]
    return _move(prior, 1, rng.normal(0, 0.03) * size, rng.normal(0, 0.03) * size)
