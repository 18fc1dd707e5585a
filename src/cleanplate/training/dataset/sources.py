"""What a data set is made of: foregrounds and backgrounds with subject, source and licence."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cleanplate.errors import InputError
from cleanplate.training.bill import NAME, source_of, speaker
from cleanplate.training.data import Item, read_pool

Subjects = Literal["name", "folder", "each"]

NOT_STATED = "not stated"
# What `cleanplate key` and `cut` write beside the cutout itself.
_BESIDE = re.compile(r"(\.alpha|\.composite|(^|_)(Matte|Comp)[._-]*\d+)$")
_CUTOUT = re.compile(r"(\.foreground|(^|_)FG[._-]*\d+)$")
_COUNTED = re.compile(r"(_FG)?[ ._-]*\d*(\.foreground)?$")


@dataclass(frozen=True)
class Origin:
    """Where pictures come from and what may be done with them, in words."""

    source: str = NOT_STATED
    licence: str = NOT_STATED


@dataclass(frozen=True)
class Picture:
    """One picture of a data set to be.

    name: its path below the folder that was given. subject: whom it shows; of a background the
    picture itself. sha256: of its file or files. size: of those, bytes.
    """

    item: Item
    subject: str
    origin: Origin
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """Name of its item."""
        return self.item.name


def find_foregrounds(folder: Path, subjects: Subjects, origin: Origin) -> list[Picture]:
    """Find cut-outs: NAME.jpg with NAME.png as alpha, RGBA files, and what `key` and `cut` write.

    folder: pictures or tar shards, sorted into folders as one likes. subjects: how to tell whom a
    picture shows; "name": by its name without the last number (anna-01 and anna-02 are anna),
    "folder": by its folder, "each": every picture is a subject of its own.
    origin: of pictures in whose folder (or one above) no SOURCE.json says another.
    Raises InputError where nothing is there, or a SOURCE.json cannot be read.
    """
    found = _pairs([item for group in read_pool(folder, False).groups for item in group])
    if not found:
        raise InputError(
            f"{folder} holds no foregrounds: give NAME.jpg with NAME.png as alpha, RGBA files, or "
            "the output folder of `cleanplate key`."
        )
    return [_described(item, subject_of(item.name, subjects), folder, origin) for item in found]


def find_backgrounds(folder: Path, origin: Origin) -> list[Picture]:
    """Find pictures without subjects. Raises InputError as `find_foregrounds`."""
    items = [item for group in read_pool(folder, False).groups for item in group]
    return [_described(item, item.name, folder, origin) for item in items]


def subject_of(name: str, subjects: Subjects) -> str:
    """Say whom a picture shows, from its path below the pool; see `find_foregrounds`."""
    path = Path(name)
    folder = path.parent.as_posix()
    if subjects == "each":
        return name
    if subjects == "folder":
        return folder
    stem = _COUNTED.sub("", path.stem)
    return f"{folder}/{stem}" if folder != "." and stem else stem or folder


def _pairs(items: list[Item]) -> list[Item]:
    """Pair colours and alphas, and leave out what lies beside a cutout that has its alpha."""
    beside: dict[tuple[Path, str], dict[str, Item]] = defaultdict(dict)
    for item in items:
        path = Path(item.name)
        if any(part.startswith(".") or part.endswith(".job") for part in path.parts):
            continue  # what a job that is not finished has made so far
        key = (item.colour.path.parent, path.with_suffix("").as_posix())
        beside[key][path.suffix.lower()] = item
    cut = {folder for folder, stem in beside if _CUTOUT.search(Path(stem).name)}
    found = []
    for (folder, stem), files in beside.items():
        if folder in cut and _BESIDE.search(Path(stem).name):
            continue
        colour = files.get(".jpg") or files.get(".jpeg")
        if colour is not None and ".png" in files:
            found.append(Item(colour.name, colour.colour, files[".png"].colour))
        else:
            found.append(next(iter(files.values())))
    return sorted(found, key=lambda item: item.name)


def _described(item: Item, subject: str, folder: Path, origin: Origin) -> Picture:
    digest, size = hashlib.sha256(), 0
    for blob in (item.colour, item.alpha):
        if blob is not None:
            content = blob.read()
            digest.update(content)
            size += len(content)
    place = speaker(item.colour.path.parent, folder)
    if (place / NAME).is_file():
        read = source_of(place)
        origin = Origin(read["source"], read["licence"])
    return Picture(item, subject, origin, digest.hexdigest(), size)
