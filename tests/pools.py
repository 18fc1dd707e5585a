"""Tiny pools of cut-outs and rooms for tests of the training side."""

import tarfile
from pathlib import Path

import cv2
import numpy as np

from cleanplate.training.data import Pool, read_pool


def cut_out(seed=0, height=72, width=48):
    """Straight colour H W 3 (RGB) and alpha H W, 8 bit: a patterned ellipse with a soft edge."""
    rng = np.random.default_rng([1, seed])
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    inside = ((rows / height - 0.5) / 0.42) ** 2 + ((columns / width - 0.5) / 0.36) ** 2
    alpha = np.clip((1 - inside) * 5 + 0.5, 0, 1)
    coarse = rng.uniform(0.1, 0.9, (4, 3, 3)).astype(np.float32)
    colour = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.round(colour * 255).astype(np.uint8), np.round(alpha * 255).astype(np.uint8)


def room(seed=0, height=80, width=100):
    """A background H W 3 (RGB), 8 bit: soft colours with a few straight edges."""
    rng = np.random.default_rng([2, seed])
    coarse = rng.uniform(0, 1, (3, 4, 3)).astype(np.float32)
    colour = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    for row, column in rng.integers(0, 60, (3, 2)):
        colour[row : row + 20, column : column + 30] *= rng.uniform(0.3, 1)
    return np.round(colour * 255).astype(np.uint8)


def write_pair(folder, name, seed=0, ending="jpg"):
    """NAME.jpg and NAME.png, as a foreground."""
    folder.mkdir(parents=True, exist_ok=True)
    colour, alpha = cut_out(seed)
    cv2.imwrite(str(folder / f"{name}.{ending}"), colour[..., ::-1])
    cv2.imwrite(str(folder / f"{name}.png"), alpha)


def write_whole(path, seed=0, depth=np.uint8):
    """One RGBA file, with 8 or 16 bit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour, alpha = cut_out(seed)
    whole = np.dstack([colour[..., ::-1], alpha]).astype(depth)
    cv2.imwrite(str(path), whole * 257 if depth == np.uint16 else whole)


def write_room(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), room(seed)[..., ::-1])


def write_tar(path, folder):
    """A shard of every file in the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as shard:
        for file in sorted(folder.iterdir()):
            shard.add(file, arcname=file.name)


def write_pools(folder: Path) -> tuple[Path, Path]:
    """Folders of a few foregrounds (pairs and RGBA files) and backgrounds."""
    foregrounds, backgrounds = folder / "foregrounds", folder / "backgrounds"
    for seed in range(4):
        write_pair(foregrounds / "people", f"person-{seed}", seed)
        write_whole(foregrounds / "things" / f"thing-{seed}.png", 10 + seed)
        write_room(backgrounds / "rooms" / f"room-{seed}.jpg", seed)
    return foregrounds, backgrounds


def read_pools(folders: tuple[Path, Path]) -> tuple[Pool, Pool]:
    """Read what `write_pools` wrote: foregrounds and backgrounds."""
    return read_pool(folders[0], foregrounds=True), read_pool(folders[1], foregrounds=False)
