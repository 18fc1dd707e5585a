"""Numbered stills: found by a pattern or in a folder, described, and read one by one."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_info import ClipInfo
from cleanplate.media.decode import decode
from cleanplate.media.stills import read_still

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".webp", ".bmp")
DEFAULT_RATE = Fraction(24)
_PLACE = re.compile(r"%0?(\d*)d|(#+)")
_NUMBERED = re.compile(r"^(.*?)(\d+)(\D*)$")


@dataclass(frozen=True)
class Sequence:
    """Numbered stills in order: the pattern that names them, their paths, their numbers."""

    pattern: str
    paths: tuple[Path, ...]
    numbers: tuple[int, ...]

    def ticks(self) -> tuple[int, ...]:
        """When each is shown: one tick a frame; a number left out leaves its time empty.

        Every n-th number only (0, 3, 6...) counts as complete.
        """
        step = gcd(*(two - one for one, two in pairwise(self.numbers))) or 1
        return tuple((number - self.numbers[0]) // step for number in self.numbers)


@dataclass(frozen=True)
class NumberedStill:
    """picture: H W 3 uint8 or uint16, RGB, straight; alpha: H W 1 of the same type or None."""

    picture: NDArray[Any]
    alpha: NDArray[Any] | None
    notes: tuple[str, ...]


def is_sequence(path: Path) -> bool:
    """Whether the path is a pattern (shot.%04d.png, shot.####.exr) or a folder of such stills.

    Raises InputError for a folder that cannot be read.
    """
    if os.path.isdir(path):
        return any(_groups(path))
    return _PLACE.search(path.name) is not None and not os.path.exists(path)


def sequence_name(path: Path) -> str:
    """Name of a clip without its ending and the place of a number: shot.%04d.png gives shot."""
    name = path.name if os.path.isdir(path) else path.stem
    return re.sub(rf"[._-]*({_PLACE.pattern})", "", name) or "frame"


def find_sequence(path: Path) -> Sequence:
    """Find the stills of a pattern or folder, by ascending number.

    Raises InputError where there are none, or a folder holds more than one sequence.
    """
    if os.path.isdir(path):
        return _in_folder(path)
    found = stills_of(path)
    if not found:
        raise InputError(f"No file fits {path}: check the folder, the name and the digits.")
    return _sequence(path.parent, path.name, found)


def numbers_of(path: Path) -> tuple[int, ...] | None:
    """Find the numbers of a clip's frames that are numbered stills; None where they are none."""
    return find_sequence(path).numbers if is_sequence(path) else None


def stills_of(path: Path) -> list[tuple[int, str]]:
    """List the stills that fit a pattern, number and name, by ascending number.

    Raises InputError where it is no pattern, or its folder cannot be read.
    """
    place = _PLACE.search(path.name)
    if place is None or _PLACE.search(path.name, place.end()):
        raise InputError(
            f"{path} is no pattern of numbered stills: write one %04d or one #### for the number."
        )
    digits = int(place[1] or 0) if place[2] is None else len(place[2])
    before, after = path.name[: place.start()], path.name[place.end() :]
    number = rf"(\d{{{max(digits, 1)},}})"
    named = re.compile(re.escape(before) + number + re.escape(after) + "$")
    names = _names_in(path.parent) if os.path.isdir(path.parent) else []
    return sorted((int(match[1]), match[0]) for match in map(named.match, names) if match)


def read_numbered(path: Path) -> NumberedStill:
    """Read one of the stills; EXR (linear, premultiplied) comes out sRGB-encoded and straight.

    uint8 for files of 8 bits, uint16 for others. Raises InputError as `read_still`.
    """
    if path.suffix.lower() != ".exr":
        samples = decode(path)
        if samples.pixels.dtype != np.float32:
            pixels = np.ascontiguousarray(samples.pixels[..., :3])
            alpha = samples.pixels[..., 3:] if samples.pixels.shape[2] == 4 else None
            return NumberedStill(
                pixels, None if alpha is None else np.ascontiguousarray(alpha), samples.notes
            )
    still = read_still(path)
    alpha = None if still.alpha is None else _deep(still.alpha)
    return NumberedStill(_deep(still.picture), alpha, still.notes)


def read_sequence(sequence: Sequence, first: int) -> Iterator[NumberedStill]:
    """Read the stills from the index `first` on.

    Raises InputError at one that cannot be read, or of another size, depth or without the alpha
    of the sequence's first.
    """
    model = read_numbered(sequence.paths[0])
    for path in sequence.paths[first:]:
        still = read_numbered(path)
        kind, expected = _kind(still), _kind(model)
        if kind != expected:
            raise InputError(
                f"{path} is {kind}, and the first of its sequence {expected}: "
                "export all in the same way."
            )
        yield still


def describe_sequence(path: Path, rate: Fraction | None) -> tuple[ClipInfo, Sequence]:
    """Describe numbered stills by the first of them; rate: frames a second, 24 where None.

    Raises InputError as `find_sequence`, and where the first cannot be read.
    """
    sequence = find_sequence(path)
    still = read_numbered(sequence.paths[0])
    height, width = still.picture.shape[:2]
    ticks, ending = sequence.ticks(), sequence.paths[0].suffix.lower()
    bits, per_second = still.picture.dtype.itemsize * 8, rate or DEFAULT_RATE
    notes = list(still.notes)
    if rate is None:
        notes.append(f"stills say no rate: {DEFAULT_RATE} a second assumed")
    missing = ticks[-1] + 1 - len(ticks)
    if missing:
        notes.append(f"{missing} numbers are missing between the first and the last: gaps in time")
    alpha = None
    if still.alpha is not None:
        alpha = "premultiplied" if ending == ".exr" else "straight"
    info = ClipInfo(
        path=path,
        format="numbered stills",
        codec=ending[1:],
        pixel_format=("rgb" if still.alpha is None else "rgba") + str(bits),
        height=height,
        width=width,
        pixel_aspect=Fraction(1),
        rate=None if missing else per_second,
        time_base=1 / per_second,
        start=Fraction(0),
        duration=(ticks[-1] + 1) / per_second,
        frame_count=len(ticks),
        bit_depth=bits,
        interlaced=False,
        rotation=0,
        colour=ColourTags("bt709", "iec61966-2-1", "gbr", "pc"),
        hdr=False,
        alpha=alpha,
        sounds=(),
        notes=tuple(notes),
    )
    return info, sequence


def _kind(still: NumberedStill) -> str:
    height, width = still.picture.shape[:2]
    alpha = "without alpha" if still.alpha is None else "with alpha"
    return f"{width} x {height} pixels of {still.picture.dtype.itemsize * 8} bits {alpha}"


def _deep(pixels: NDArray[np.float32]) -> NDArray[np.uint16]:
    return np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16)


def _groups(folder: Path) -> dict[tuple[str, str], list[tuple[int, str]]]:
    groups = defaultdict(list)
    for name in _names_in(folder):
        stem, ending = os.path.splitext(name)
        match = _NUMBERED.match(stem)
        if match and ending.lower() in ENDINGS and not name.startswith("."):
            groups[match[1], match[3] + ending].append((int(match[2]), name))
    return dict(groups)


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as problem:
        raise InputError(f"{folder} cannot be read ({problem.strerror}).") from problem


def _in_folder(folder: Path) -> Sequence:
    groups = _groups(folder)
    if not groups:
        raise InputError(f"{folder} holds no numbered stills: files like shot.0001.png are needed.")
    patterns = sorted(f"{before}####{after}" for before, after in groups)
    if len(groups) > 1:
        shown = ", ".join(patterns[:3]) + (", ..." if len(patterns) > 3 else "")
        raise InputError(
            f"{folder} holds {len(groups)} sequences ({shown}): give the pattern of one of them."
        )
    return _sequence(folder, patterns[0], sorted(next(iter(groups.values()))))


def _sequence(folder: Path, pattern: str, found: list[tuple[int, str]]) -> Sequence:
    numbers = tuple(number for number, _ in found)
    for one, two in pairwise(found):
        if one[0] == two[0]:
            raise InputError(
                f"{folder} holds {one[1]} and {two[1]}, the same number twice: remove one of them."
            )
    return Sequence(pattern, tuple(folder / name for _, name in found), numbers)
