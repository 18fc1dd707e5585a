"""A set to evaluate on: which cases a folder holds, and the pictures or clips of one case.

The layout is described in docs/evaluation.md.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.media.clip_read import is_clip
from cleanplate.media.stills import ENDINGS, read_still
from cleanplate.truth import Truth, read_truth_clips, read_truth_stills

Picture = NDArray[np.float32]

UNNAMED = "unnamed"


@dataclass(frozen=True)
class Case:
    """One case: a still, or a clip over one plate, as numbered stills or as a video.

    frames, alphas: as many files as the case has frames, in order; foregrounds: as many, or none.
    video: each of them is one clip that holds all frames.
    """

    name: str
    kind: str
    condition: str
    plate: Path
    frames: tuple[Path, ...]
    alphas: tuple[Path, ...]
    foregrounds: tuple[Path, ...]
    video: bool = False

    @property
    def is_still(self) -> bool:
        """Whether it is one frame and no clip."""
        return len(self.frames) == 1 and not self.video

    def fingerprint(self) -> str:
        """Hash of everything in the case's files: another picture, another fingerprint."""
        digest = hashlib.sha256()
        for path in (self.plate, *self.frames, *self.alphas, *self.foregrounds):
            inside = filter(Path.is_file, path.iterdir()) if path.is_dir() else [path]
            for file in sorted(inside):
                with file.open("rb") as content:
                    while block := content.read(1 << 20):
                        digest.update(block)
        return digest.hexdigest()[:16]


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
        is_case = any(set_folder.glob("plate.*"))
        hint = ": this looks like a case itself, name the folder above it" if is_case else ""
        raise InputError(f"{set_folder} holds no case, folders with frame, plate and alpha{hint}.")
    return cases, problems


def read_plate(case: Case) -> Picture:
    """Read the plate of a case, H W 3. Raises InputError where it cannot be read."""
    return read_still(case.plate).picture


def read_truths(case: Case) -> Iterator[Truth]:
    """Read a case frame by frame, with what is known of each; one at a time is held.

    Raises InputError where a file cannot be read, an alpha is not grey, or sizes or numbers of
    frames differ.
    """
    if case.video:
        yield from read_truth_clips(*_clips(case))
    else:
        for index in range(len(case.frames)):
            yield read_truth(case, index)


def read_truth(case: Case, index: int) -> Truth:
    """Read one frame of a case and what is known of it.

    Raises InputError as `read_truths`.
    """
    if case.video:
        return next(read_truth_clips(*_clips(case), first=index))
    foreground = case.foregrounds[index] if case.foregrounds else None
    return read_truth_stills(case.frames[index], case.alphas[index], foreground)


def matte_path(folder: Path, case: Case, index: int) -> Path:
    """Where the matte or cutout of one frame lies below `folder`: CASE.png or CASE/frameNNN.png.

    The frames of a video count from frame00000.png.
    """
    if case.video:
        return folder / case.name / f"frame{index:05}.png"
    if case.is_still:
        return folder / f"{case.name}.png"
    return folder / case.name / f"{case.frames[index].stem}.png"


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
    plate = pictures_of(folder, "plate")
    if len(plate) > 1:
        raise InputError(f"{name}: several plates in {folder}, expected one.")
    video = _clip(folder, "clip")
    parts = _clip_parts(folder, video) if video else _still_parts(folder)
    for what, found in (("frame", parts[0]), ("plate", plate), ("alpha", parts[1])):
        if not found:
            raise InputError(f"{name}: {what} is missing in {folder}.")
    return Case(
        name,
        str(entry.get("kind") or UNNAMED),
        str(entry.get("condition") or UNNAMED),
        next(iter(plate.values())),
        *parts,
        video is not None,
    )


def _still_parts(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...], tuple[Path, ...]]:
    """Frames, alphas and foregrounds of a case, the latter two of the same numbers or none."""
    frames = pictures_of(folder, "frame")
    alphas, foregrounds = pictures_of(folder, "alpha"), pictures_of(folder, "foreground")
    for what, found in (("alpha", alphas), ("foreground", foregrounds)):
        if frames and found and found.keys() != frames.keys():
            numbers = sorted(found.keys() ^ frames.keys())
            raise InputError(
                f"{folder.name}: frame and {what} do not pair up (at {numbers[0] or what!r})."
            )
    return tuple(frames.values()), tuple(alphas.values()), tuple(foregrounds.values())


def _clip_parts(
    folder: Path, clip: Path
) -> tuple[tuple[Path, ...], tuple[Path, ...], tuple[Path, ...]]:
    """Clip, alpha clip and foreground clip of a case, a file each."""
    if pictures_of(folder, "frame"):
        raise InputError(f"{folder.name}: {clip.name} and frame pictures compete.")
    alpha, foreground = _clip(folder, "alpha"), _clip(folder, "foreground")
    if alpha is None:
        raise InputError(
            f"{folder.name}: {clip.name} needs an alpha clip, alpha.mkv or the like, in {folder}."
        )
    return (clip,), (alpha,), (foreground,) if foreground else ()


def _clip(folder: Path, what: str) -> Path | None:
    """Find the video WHAT.ending, or the folder WHAT of numbered stills; None without one."""
    found = sorted(path for path in folder.iterdir() if path.stem == what and is_clip(path))
    if len(found) > 1:
        raise InputError(f"{folder.name}: {found[0].name} and {found[1].name} compete.")
    return found[0] if found else None


def _clips(case: Case) -> tuple[Path, Path, Path | None]:
    return case.frames[0], case.alphas[0], case.foregrounds[0] if case.foregrounds else None


def pictures_of(folder: Path, what: str) -> dict[str, Path]:
    """List the files of a case named WHAT.ending or WHAT and a number, by that number, in order.

    Raises InputError where two of them are of one number.
    """
    found: dict[str, Path] = {}
    for path in folder.iterdir():
        named = re.fullmatch(rf"{what}[-_]?(\d*)", path.stem)
        if named and path.suffix.lower() in (*ENDINGS, ".heic"):
            if named[1] in found:
                raise InputError(f"{folder.name}: {found[named[1]].name} and {path.name} compete.")
            found[named[1]] = path
    return dict(sorted(found.items(), key=lambda item: int(item[0] or 0)))
