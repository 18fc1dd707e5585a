"""Known composites before made-up screens: uneven light, wrinkles, spill, noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb, srgb_to_linear
from cleanplate.media.stills import read_mask, read_still

Picture = NDArray[np.float32]

SIZE = (720, 720)
COLOURS = {"green": (0.18, 0.68, 0.26), "blue": (0.14, 0.30, 0.75)}  # sRGB-encoded
CONDITIONS = ("even", "uneven", "wrinkled", "spill", "motion", "veil")


@dataclass(frozen=True)
class Shot:
    """A frame before a screen and what it was made of; all sRGB-encoded, H W 3, alpha H W 1.

    plate: the empty screen. other_frame, other_plate: the same subject before a second screen.
    """

    name: str
    condition: str
    frame: Picture
    plate: Picture
    other_frame: Picture
    other_plate: Picture
    alpha: Picture
    foreground: Picture


def shots(folder: Path, count: int, seed: int = 0) -> Iterator[Shot]:
    """Compose `count` subjects of a folder (NAME.jpg, NAME.png) before a screen each condition."""
    paths = sorted(folder.glob("*.jpg"))
    chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    for number, index in enumerate(chosen):
        path = paths[index]
        foreground = read_still(path).picture
        alpha = read_mask(path.with_suffix(".png"), foreground.shape[:2])
        colour = ("green", "blue")[number % 2]
        for place, condition in enumerate(CONDITIONS):
            random = np.random.default_rng([seed, number, place])
            yield _shot(f"{path.stem}-{colour}", condition, foreground, alpha, colour, random)


def _shot(
    name: str, condition: str, foreground: Picture, alpha: Picture, colour: str, random: Generator
) -> Shot:
    foreground, alpha = _placed(foreground, alpha)
    second = "blue" if colour == "green" else "green"
    lights = [screen_light(SIZE, name, condition, random) for name in (colour, second)]
    subject = np.asarray(srgb_to_linear(foreground), np.float32)
    if condition == "motion":
        subject, alpha, foreground = _moved(subject, alpha)
    if condition == "veil":
        rows = np.linspace(0, 1, SIZE[0], dtype=np.float32)[:, None, None]
        alpha = alpha * np.clip(1.6 - 1.4 * rows, 0.25, 1)
    taken = []
    for light in lights:
        lit = _spilled(subject, alpha, light) if condition == "spill" else subject
        taken.append(_taken(alpha * lit + (1 - alpha) * light, random))
        taken.append(_taken(light * np.float32(random.normal(1, 0.02)), random))
    return Shot(name, condition, taken[0], taken[1], taken[2], taken[3], alpha, foreground)


def _spilled(subject: Picture, alpha: Picture, light: Picture) -> Picture:
    """Add the screen's light on the subject: grey takes the screen's hue, black a little of it."""
    near = np.asarray(cv2.GaussianBlur((1 - alpha) * light, (0, 0), 30), np.float32)
    return np.asarray(subject * (1 + near / 2) + 0.03 * near, np.float32)


def screen_light(size: tuple[int, int], colour: str, condition: str, random: Generator) -> Picture:
    """Light of a made-up screen, light-linear, H W 3."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    base = np.asarray(srgb_to_linear(np.array(COLOURS[colour], np.float32)))
    brightness = np.ones(size, np.float32)
    if condition != "even":
        centre = random.uniform(-0.6, 0.6, 2)
        away = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
        brightness = (0.55 + 0.6 * np.exp(-away / 0.9)) * (1 + random.uniform(-0.25, 0.25) * x)
    if condition == "wrinkled":
        brightness = brightness * (1 + _wrinkles(x, y, random))
    tint = 1 + random.normal(0, 0.03, 3) * y[..., None]
    return np.asarray(brightness[..., None] * base * tint, np.float32)


def _wrinkles(x: Picture, y: Picture, random: Generator) -> Picture:
    """Folds in a few directions, sharp on one side as cloth has them; about +-15 %."""
    folds = np.zeros_like(x)
    for _ in range(7):
        angle = random.uniform(0, np.pi)
        along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
        bent = across + 0.1 * np.sin(random.uniform(2, 5) * along + random.uniform(0, 6))
        width = random.uniform(0.015, 0.06)
        fold = (bent - random.uniform(-0.9, 0.9)) / width
        length = np.exp(-(((along - random.uniform(-0.7, 0.7)) / 0.6) ** 2))
        folds += random.uniform(0.1, 0.25) * length * fold * np.exp(-(fold**2))
    return folds


def _placed(foreground: Picture, alpha: Picture) -> tuple[Picture, Picture]:
    """Put a cut-out into the frame at its foot, as large as it fits with some room above."""
    height, width = SIZE
    scale = min(0.92 * height / alpha.shape[0], 0.92 * width / alpha.shape[1])
    place = np.array([[scale, 0, 0], [0, scale, 0]], np.float32)
    place[0, 2] = (width - scale * alpha.shape[1]) / 2
    place[1, 2] = height - scale * alpha.shape[0]
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    layers = [foreground * alpha, foreground, alpha]
    moved = [cv2.warpAffine(layer, place, (width, height), flags=flags) for layer in layers]
    matte = np.clip(moved[2], 0, 1)[..., None]
    colour = np.where(matte > 1e-3, moved[0] / np.maximum(matte, 1e-3), moved[1])
    return np.clip(colour, 0, 1).astype(np.float32), matte.astype(np.float32)


def _moved(subject: Picture, alpha: Picture) -> tuple[Picture, Picture, Picture]:
    """Blur along a line, premultiplied, in linear light."""
    kernel = np.zeros((31, 31), np.float32)
    cv2.line(kernel, (1, 11), (29, 19), 1.0, 1, cv2.LINE_AA)
    kernel /= kernel.sum()
    light = cv2.filter2D(subject * alpha, -1, kernel)
    matte = np.clip(cv2.filter2D(alpha, -1, kernel), 0, 1)[..., None]
    straight = np.asarray(np.clip(light / np.maximum(matte, 1e-4), 0, 1), np.float32)
    encoded = np.asarray(linear_to_srgb(straight), np.float32)
    return straight, np.asarray(matte, np.float32), encoded


def _taken(light: Picture, random: Generator) -> Picture:
    """Expose as a camera does: photon and read noise, 8 bit, JPEG of quality 95 in 4:2:0."""
    noise = random.normal(size=light.shape) * np.sqrt(2e-5 * np.maximum(light, 0) + 1e-6)
    encoded = linear_to_srgb(np.clip(light + noise, 0, 1))
    samples = np.rint(encoded * 255).astype(np.uint8)
    _, packed = cv2.imencode(".jpg", samples[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(unpacked[..., ::-1], np.float32) / np.float32(255)
