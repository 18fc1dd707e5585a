"""Pools of foregrounds and backgrounds, read from folders or tar shards.

A pool is a list of groups (the folders below the one that is named), so that a large folder does
not drown a small one: a group is drawn with a weight of the square root of its size.
A foreground is a pair NAME.jpg (straight colour) and NAME.png (alpha), or one file with an alpha
channel. A tar shard holds the same names.
"""

import hashlib
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.errors import InputError

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Blob:
    """Where the bytes of one file lie: a file, or a piece of a tar shard."""

    path: Path
    offset: int = 0
    size: int = -1

    def read(self) -> bytes:
        """The bytes themselves."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class Item:
    """One picture of a pool: its name, its colour and, for a foreground, its alpha."""

    name: str
    colour: Blob
    alpha: Blob | None = None


@dataclass(frozen=True)
class Pool:
    """Groups of items; `pick` draws a group by the square root of its size, then an item."""

    groups: tuple[tuple[Item, ...], ...]

    def __len__(self) -> int:
        return sum(len(group) for group in self.groups)

    def pick(self, rng: Generator) -> Item:
        """Draw one item."""
        weights = np.sqrt([len(group) for group in self.groups])
        group = self.groups[int(rng.choice(len(self.groups), p=weights / weights.sum()))]
        return group[int(rng.integers(len(group)))]

    def split(self, share: float = 0.06) -> tuple["Pool", "Pool"]:
        """Part for training and held-out part, by a hash of the name: always the same."""
        kept, held = [], []
        for group in self.groups:
            out = tuple(item for item in group if _hash_share(item.name) < share)
            # A group of a handful keeps one item out all the same, and never loses all.
            held.append(out if 0 < len(out) < len(group) else group[:1])
            kept.append(tuple(item for item in group if item not in set(held[-1])) or group)
        return Pool(tuple(kept)), Pool(tuple(held))


def read_pool(folder: Path, foregrounds: bool) -> Pool:
    """Find the pictures below a folder (or in the tar shards there).

    Raises InputError where the folder is missing or holds nothing usable.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder of pictures or tar shards.")
    groups: dict[Path, dict[str, Blob]] = {}
    for path in sorted(_walk(folder)):
        if path.suffix == ".tar":
            with tarfile.open(path) as shard:
                for member in shard.getmembers():
                    blob = Blob(path, member.offset_data, member.size)
                    groups.setdefault(path.parent, {})[f"{path.name}/{member.name}"] = blob
        elif path.suffix.lower() in PICTURES:
            groups.setdefault(path.parent, {})[str(path.relative_to(folder))] = Blob(path)
    pair = _foregrounds if foregrounds else _pictures
    found = tuple(items for files in groups.values() if (items := pair(files)))
    if not found:
        kind = "foregrounds (NAME.jpg with NAME.png as alpha, or RGBA files)" if foregrounds else ""
        raise InputError(
            f"{folder} holds no {kind or 'pictures'}; add some or name another folder."
        )
    return Pool(found)


def _walk(folder: Path) -> list[Path]:
    found = []
    for path in folder.iterdir():
        found += _walk(path) if path.is_dir() else [path]
    return found


def _pictures(files: dict[str, Blob]) -> tuple[Item, ...]:
    return tuple(
        Item(name, blob) for name, blob in files.items() if Path(name).suffix.lower() in PICTURES
    )


def _foregrounds(files: dict[str, Blob]) -> tuple[Item, ...]:
    items = []
    for name, blob in files.items():
        stem, suffix = name.rsplit(".", 1)
        matte = files.get(f"{stem}.png")
        if suffix.lower() in ("jpg", "jpeg") and matte is not None:
            items.append(Item(name, blob, matte))
        elif f".{suffix.lower()}" in PICTURES and not {f"{stem}.jpg", f"{stem}.jpeg"} & set(files):
            items.append(Item(name, blob))
    return tuple(items)


@lru_cache(maxsize=2048)
def read_colour(item: Item) -> NDArray[np.uint8]:
    """RGB, H W 3, 8 bit: it becomes float when it has been cut to size."""
    return cv2.cvtColor(_decode(item.colour, item.name, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@lru_cache(maxsize=2048)
def read_foreground(item: Item) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Straight foreground H W 3 and alpha H W 1, 8 bit, of the same size."""
    if item.alpha is not None:
        alpha = _decode(item.alpha, item.name, cv2.IMREAD_GRAYSCALE)
        colour = read_colour.__wrapped__(item)
        if alpha.shape != colour.shape[:2]:
            raise InputError(
                f"{item.name}: colour is {colour.shape[1]} x {colour.shape[0]}, alpha is "
                f"{alpha.shape[1]} x {alpha.shape[0]}; both must have one size."
            )
        return colour, alpha[..., None]
    whole = _decode(item.colour, item.name, cv2.IMREAD_UNCHANGED)
    if whole.ndim != 3 or whole.shape[2] != 4:
        raise InputError(f"{item.name} has no alpha; put its alpha beside it as NAME.png.")
    if whole.dtype == np.uint16:
        whole = (whole // 257).astype(np.uint8)
    return cv2.cvtColor(whole, cv2.COLOR_BGRA2RGB), whole[..., 3:]


def _decode(blob: Blob, name: str, flags: int) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(blob.read(), np.uint8), flags)
    if decoded is None:
        raise InputError(f"{name} cannot be read as a picture; remove it or export it again.")
    return decoded


def _hash_share(name: str) -> float:
    """Number in 0..1 that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
