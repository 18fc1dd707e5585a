"""A set to evaluate on: which cases a folder holds, and the pictures of one case.

The layout is described in docs/evaluation.md.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.media.stills import ENDINGS, read_mask, read_still

Picture = NDArray[np.float32]

UNNAMED = "unnamed"


@dataclass(frozen=True)
class Case:
    """One case: a still, or a clip of several frames over one plate.

    frames, alphas: as many files as the case has frames, in order; foregrounds: as many, or none.
    """

    name: str
    kind: str
    condition: str
    plate: Path
    frames: tuple[Path, ...]
    alphas: tuple[Path, ...]
    foregrounds: tuple[Path, ...]

    def fingerprint(self) -> str:
        """Hash of everything in the case's files: another picture, another fingerprint."""
        digest = hashlib.sha256()
        for path in (self.plate, *self.frames, *self.alphas, *self.foregrounds):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Truth:
    """One frame of a case: frame and foreground H W 3 (or None), alpha H W 1, float32, 0..1."""

    frame: Picture
    alpha: Picture
    foreground: Picture | None


def find_cases(set_folder: Path) -> tuple[list[Case], list[str]]:
    """List every usable case of a set in the order of its index, and a sentence for each other one.

    Raises InputError where the folder or its index.json cannot be used at all.
    """
    if not set_folder.is_dir():
        raise InputError(f"{set_folder} is not a folder: give the folder that holds the cases.")
    cases, problems = [], []
    for entry in _entries(set_folder):
        try:
            cases.append(_case(set_folder, entry))
        except InputError as problem:
            problems.append(str(problem))
    if not cases and not problems:
        raise InputError(
            f"{set_folder} holds no case: expected folders with frame, plate and alpha pictures."
        )
    return cases, problems


def read_plate(case: Case) -> Picture:
    """Read the plate of a case, H W 3. Raises InputError where it cannot be read."""
    return read_still(case.plate).picture


def read_truth(case: Case, index: int) -> Truth:
    """Read one frame of a case and what is known of it.

    Raises InputError where a picture cannot be read, the alpha is not grey or sizes differ.
    """
    frame = read_still(case.frames[index]).picture
    alpha = _read_alpha(case.alphas[index], frame.shape[:2])
    foreground = read_still(case.foregrounds[index]).picture if case.foregrounds else None
    if foreground is not None and foreground.shape != frame.shape:
        raise InputError(size_sentence(case.foregrounds[index], foreground, frame))
    return Truth(frame, alpha, foreground)


def matte_path(folder: Path, case: Case, index: int) -> Path:
    """Where the matte or cutout of one frame lies below `folder`: CASE.png or CASE/frameNNN.png."""
    if len(case.frames) == 1:
        return folder / f"{case.name}.png"
    return folder / case.name / f"{case.frames[index].stem}.png"


def size_sentence(path: Path, picture: Picture, frame: Picture) -> str:
    """Say that a picture (read from `path`) is not of its frame's size."""
    height, width = picture.shape[:2]
    return (
        f"{path} is {width} x {height} pixels and its frame {frame.shape[1]} x {frame.shape[0]}: "
        "they must be of one size."
    )


def _entries(set_folder: Path) -> list[dict[str, Any]]:
    index = set_folder / "index.json"
    if not index.is_file():
        folders = (path for path in set_folder.iterdir() if path.is_dir())
        return [{"case": path.name} for path in sorted(folders) if not path.name.startswith(".")]
    try:
        entries = json.loads(index.read_text(encoding="utf-8"))
    except (ValueError, OSError) as problem:
        raise InputError(
            f"{index} cannot be read as JSON ({problem}): mend or remove it."
        ) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{index} must be a list of objects, one a case: mend or remove it.")
    return entries


def _case(set_folder: Path, entry: dict[str, Any]) -> Case:
    name = entry.get("case", entry.get("clip"))
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise InputError(f'An entry of index.json names no folder as "case" or "clip": {entry}.')
    folder = set_folder / name
    if not folder.is_dir():
        raise InputError(f"{name}: index.json names it and {folder} is not a folder.")
    plate = _pictures(folder, "plate")
    frames, alphas = _pictures(folder, "frame"), _pictures(folder, "alpha")
    foregrounds = _pictures(folder, "foreground")
    for what, found in (("frame", frames), ("plate", plate), ("alpha", alphas)):
        if not found:
            raise InputError(f"{name}: {what} is missing in {folder}.")
    if len(plate) > 1:
        raise InputError(f"{name}: several plates in {folder}, expected one.")
    for what, found in (("alpha", alphas), ("foreground", foregrounds)):
        if found and found.keys() != frames.keys():
            numbers = sorted(found.keys() ^ frames.keys())
            raise InputError(
                f"{name}: frame and {what} do not pair up (at {numbers[0] or what!r})."
            )
    return Case(
        name,
        str(entry.get("kind") or UNNAMED),
        str(entry.get("condition") or UNNAMED),
        next(iter(plate.values())),
        *(tuple(found.values()) for found in (frames, alphas, foregrounds)),
    )


def _pictures(folder: Path, what: str) -> dict[str, Path]:
    """Files named WHAT.ending or WHAT and a number, by that number, in order."""
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        named = re.fullmatch(rf"{what}[-_]?(\d*)", path.stem)
        if named and path.suffix.lower() in (*ENDINGS, ".heic"):
            if named[1] in found:
                raise InputError(f"{folder.name}: {found[named[1]].name} and {path.name} compete.")
            found[named[1]] = path
    return dict(sorted(found.items(), key=lambda item: int(item[0] or 0)))


def _read_alpha(path: Path, size: tuple[int, ...]) -> Picture:
    still = read_still(path)
    picture = still.picture
    if np.ptp(picture, axis=2).max() > 0:
        raise InputError(f"{path} is not grey: an alpha is one grey channel, white the subject.")
    if still.alpha is not None and still.alpha.min() < 1:
        raise InputError(
            f"{path} has transparency itself: save the alpha as an opaque grey picture."
        )
    if picture.shape[:2] != size:
        raise InputError(size_sentence(path, picture, np.empty((*size, 3), np.float32)))
    return read_mask(path, (size[0], size[1]))
