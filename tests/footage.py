"""Tiny footage for tests of the student: a patterned disc that moves before a room."""

import cv2
import numpy as np
import torch

import pools
from cleanplate.training import checkpoint
from cleanplate.training.footage import FootageClip, find_agreement
from cleanplate.training.networks.compact import CompactNetwork


def disc(height, width, x, radius):
    rows, columns = np.mgrid[:height, :width]
    return ((rows - height / 2) ** 2 + (columns - x) ** 2 < radius**2)[..., None]


def frames_and_plate(count=6, height=96, width=128, seed=0, speed=4):
    """count frames and their plate, 8 bit, RGB; the disc starts at a quarter of the width."""
    rng = np.random.default_rng(seed)
    plate = pools.room(seed, height, width)
    skin = pools.room(50 + seed, height, width)[::-1]
    frames = []
    for index in range(count):
        inside = disc(height, width, width / 4 + speed * index, height / 4)
        noise = rng.normal(0, 1, plate.shape)
        frames.append(np.where(inside, 255 - skin // 2, plate) + noise)
    return np.stack(frames).clip(0, 255).astype(np.uint8), plate


def clip(count=6, seed=0):
    frames, plate = frames_and_plate(count, seed=seed)
    plates = np.repeat(plate[None], count, 0)
    agrees = find_agreement(frames, plates)
    return FootageClip(f"clip-{seed}", frames, plates, agrees, 255 - 255 * agrees)


def write_clip(folder, count=6, seed=0, with_plate=True):
    folder.mkdir(parents=True)
    frames, plate = frames_and_plate(count, seed=seed)
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{index:04d}.png"), frame[..., ::-1])
    if with_plate:
        cv2.imwrite(str(folder / "plate.png"), plate[..., ::-1])


def write_teacher(path):
    """Random weights as `train teacher` writes them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = CompactNetwork()
    said = {"samples": 0, "seconds": 0.0, "clips": 0.5}
    checkpoint.save(path, {"average": network.state_dict()} | said)
    return path
