"""Pools of foregrounds and backgrounds, read from folders or tar shards.

A pool is a list of groups (the folders below the one that is named), so that a large folder does
not drown a small one: a group is drawn with a weight of the square root of its size.
A foreground is a pair NAME.jpg (straight colour) and NAME.png (alpha), or one file with an alpha
channel. A tar shard holds the same names.
"""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cleanplate.errors import CleanplateError, InputError

Batch = TypeVar("Batch")

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


@dataclass(frozen=True)
class Blob:
    """Where the bytes of one file lie: a file, or a piece of a tar shard."""

    path: Path
    offset: int = 0
    size: int = -1

    def read(self) -> bytes:
        """Read the bytes themselves."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class Item:
    """One picture of a pool: its name, its colour and, for a foreground, its alpha."""

    name: str
    colour: Blob
    alpha: Blob | None = None

    @property
    def place(self) -> Path:
        """Where its colour lies, for sentences; of a tar shard with the name inside."""
        path = self.colour.path
        return path if self.colour.size < 0 else path.parent / self.name


@dataclass(frozen=True)
class Pool:
    """Groups of items; `pick` draws a group by the square root of its size, then an item."""

    groups: tuple[tuple[Item, ...], ...]

    def __len__(self) -> int:
        return sum(len(group) for group in self.groups)

    def files(self) -> list[Path]:
        """Every file that is read."""
        items = chain(*self.groups)
        blobs = (blob for item in items for blob in (item.colour, item.alpha) if blob)
        return list({blob.path for blob in blobs})

    def pick(self, rng: Generator) -> Item:
        """Draw one item."""
        weights = np.sqrt([len(group) for group in self.groups])
        group = self.groups[int(rng.choice(len(self.groups), p=weights / weights.sum()))]
        return group[int(rng.integers(len(group)))]

    def split(self, share: float = 0.06) -> tuple["Pool", "Pool"]:
        """Part for training and held-out part, by a hash of the name: always the same.

        Neither is empty: the only item of a pool is in both.
        """
        items = sorted(chain(*self.groups), key=lambda item: hash_share(item.name))
        held = {item for item in items[:-1] if hash_share(item.name) < share} or {items[0]}
        return self._part(set(items) - held or held), self._part(held)

    def _part(self, chosen: set[Item]) -> "Pool":
        groups = (tuple(item for item in group if item in chosen) for group in self.groups)
        return Pool(tuple(group for group in groups if group))


def read_pool(folder: Path, foregrounds: bool) -> Pool:
    """Find the pictures below a folder (or in the tar shards there).

    Raises InputError where the folder is missing, holds nothing usable or a damaged shard.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder of pictures or tar shards.")
    groups: dict[Path, dict[str, Blob]] = {}
    for path in sorted(_walk(folder)):
        if path.suffix == ".tar":
            groups.setdefault(path.parent, {}).update(_members(path))
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


def _members(path: Path) -> dict[str, Blob]:
    """Every file of a tar shard, by its name."""
    try:
        with tarfile.open(path, "r:") as shard:  # only without compression a piece can be read
            return {
                f"{path.name}/{member.name}": Blob(path, member.offset_data, member.size)
                for member in shard.getmembers()
                if member.isfile()
            }
    except tarfile.TarError as error:
        raise InputError(
            f"{path} cannot be read as a tar shard ({error}); make it again, without compression."
        ) from error


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
    endings: dict[str, dict[str, Blob]] = {}
    for name, blob in files.items():
        stem, suffix = os.path.splitext(name)
        endings.setdefault(stem, {})[suffix.lower()] = blob
    for name, blob in files.items():
        stem, suffix = os.path.splitext(name)
        beside = endings[stem]
        if suffix.lower() in (".jpg", ".jpeg") and ".png" in beside:
            items.append(Item(name, blob, beside[".png"]))
        elif suffix.lower() in PICTURES and not {".jpg", ".jpeg"} & set(beside):
            items.append(Item(name, blob))
    return tuple(items)


@lru_cache(maxsize=2048)
def read_colour(item: Item) -> NDArray[np.uint8]:
    """RGB, H W 3, 8 bit: it becomes float when it has been cut to size."""
    colour = cv2.cvtColor(_decode(item.colour, item.place, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return np.asarray(colour, np.uint8)


@lru_cache(maxsize=2048)
def read_foreground(item: Item) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Straight foreground H W 3 and alpha H W 1, 8 bit, of the same size."""
    if item.alpha is not None:
        alpha = _decode(item.alpha, f"{item.place}: its alpha", cv2.IMREAD_GRAYSCALE)
        colour = read_colour.__wrapped__(item)
        if alpha.shape != colour.shape[:2]:
            raise InputError(
                f"{item.place}: colour is {colour.shape[1]} x {colour.shape[0]}, alpha is "
                f"{alpha.shape[1]} x {alpha.shape[0]}; both must have one size."
            )
        return colour, alpha[..., None]
    whole = _decode(item.colour, item.place, cv2.IMREAD_UNCHANGED)
    if whole.ndim != 3 or whole.shape[2] != 4:
        raise InputError(f"{item.place} has no alpha; put its alpha beside it as NAME.png.")
    if whole.dtype == np.uint16:
        whole = (whole // 257).astype(np.uint8)
    if whole.dtype != np.uint8:
        raise InputError(f"{item.place} is {whole.dtype}; export it again with 8 or 16 bit.")
    return np.asarray(cv2.cvtColor(whole, cv2.COLOR_BGRA2RGB), np.uint8), whole[..., 3:]


def _decode(blob: Blob, name: Path | str, flags: int) -> NDArray[Any]:
    content = np.frombuffer(blob.read(), np.uint8)
    decoded = cv2.imdecode(content, flags) if len(content) else None
    if decoded is None:
        raise InputError(f"{name} cannot be read as a picture; remove it or export it again.")
    return np.asarray(decoded)


def told_plainly(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Pass on what a DataLoader yields; a worker's error keeps its own sentence.

    torch hands such an error on with the worker's whole traceback as its message.
    """
    try:
        yield from batches
    except CleanplateError as error:
        kind = type(error)
        raise kind(str(error).rstrip().rsplit(f"{kind.__name__}: ", 1)[-1]) from error


def hash_share(name: str) -> float:
    """Turn a name into a number in 0..1 that depends on the name alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
