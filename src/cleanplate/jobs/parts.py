"""Cut frames into the files of a job's parts, and back what a part holds besides pictures."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cleanplate.jobs.background import Place
from cleanplate.jobs.manifest import STATE, Job, Part
from cleanplate.jobs.memory import give_back
from cleanplate.jobs.notes import FrameRecord, Look, Note, PartNotes
from cleanplate.media.clip_read import ClipFrame
from cleanplate.media.stills import ForegroundAndAlpha

Picture = NDArray[np.float32]
Arrays = dict[str, NDArray[Any]]

TRIMMED = 20  # frames after which memory that lies free is given back
PREVIOUS = "previous alpha"  # among the arrays of a part, besides the pipeline's own


@dataclass(frozen=True)
class CutFrame:
    """A frame after the pipeline: what was read, seconds since the clip's start, what was made.

    masks: that it was made with, by their names.
    """

    given: ClipFrame
    seconds: Fraction
    cutout: ForegroundAndAlpha
    note: Note
    masks: Mapping[str, Picture] = field(default_factory=dict)


@dataclass(frozen=True)
class PartEnd:
    """The end of a part: index of the frame after it, and the pipeline's state there."""

    after: int
    state: Arrays


class Writer(Protocol):
    """What writes one file, or folder of stills, of a part."""

    def write(self, cut: CutFrame, new_background: Picture | None) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    def abort(self) -> None: ...  # noqa: D102


class Background(Protocol):
    """A new background that changes with time; see `ClipBackground`."""

    place: Place

    def at(self, seconds: Fraction) -> Picture: ...  # noqa: D102


class PartWriter:
    """Takes frames and ends of parts, in order, and lists each part once its files are complete.

    open_files: opens the files of the part that begins at a frame: writers by names.
    background: what composites are placed over, or None.
    """

    def __init__(
        self,
        job: Job,
        open_files: Callable[[int], dict[str, Writer]],
        background: Background | None,
    ) -> None:
        self._job, self._open_files, self._background = job, open_files, background
        arrays = read_state(job)
        self._notes = PartNotes(arrays.get(PREVIOUS) if arrays else None)
        self._first = job.manifest.after
        self._writers: dict[str, Writer] = {}

    def take(self, item: CutFrame | PartEnd) -> None:
        """Write a frame, or end the part."""
        if isinstance(item, PartEnd):
            self._end(item)
            return
        if not self._writers:
            self._writers = self._open_files(self._first)
        new_background = self._background.at(item.seconds) if self._background else None
        for writer in self._writers.values():
            writer.write(item, new_background)
        given = item.given
        self._notes.add(given.index, float(item.seconds), item.note, given.picture, item.cutout)
        if len(self._notes.records) % TRIMMED == 0:
            give_back()

    def abort(self) -> None:
        """Drop what is not listed yet."""
        for writer in self._writers.values():
            writer.abort()
        self._writers = {}

    def _end(self, end: PartEnd) -> None:
        for writer in self._writers.values():
            writer.close()
        name, notes = part_name(self._first), self._notes
        kept = {**end.state}
        if notes.previous is not None:
            kept[PREVIOUS] = notes.previous
        np.savez(self._job.folder / f"{name}{STATE}", **kept)  # type: ignore[arg-type]
        place = self._background.place if self._background else Place()
        written = {
            "background": [place.index, str(place.began)],
            "records": [asdict(record) for record in notes.records],
            "looks": [asdict(look) for look in notes.looks()],
        }
        text = json.dumps(written)
        (self._job.folder / f"{name}.json").write_text(text, encoding="utf-8")
        files = [f"{name}{STATE}", f"{name}.json", *self._writers]
        self._job.add(end.after, len(notes.records), files)
        self._first, self._writers = end.after, {}
        self._notes = PartNotes(notes.previous)


def part_name(first: int) -> str:
    """Return the beginning of the names of a part's files, by its first frame."""
    return f"part-{first:08d}"


def read_state(job: Job) -> Arrays | None:
    """Read the arrays at the end of the last part; None where there is no part."""
    if not job.manifest.parts:
        return None
    name = part_name(job.manifest.parts[-1].first)
    with np.load(job.folder / f"{name}{STATE}", allow_pickle=False) as kept:
        return {key: kept[key] for key in kept.files}


def read_place(job: Job) -> Place:
    """Read where the new background stood at the end of the last part."""
    if not job.manifest.parts:
        return Place()
    index, began = _read(job, job.manifest.parts[-1])["background"]
    return Place(int(index), Fraction(began))


def read_notes(job: Job) -> tuple[list[FrameRecord], list[Look]]:
    """Read what all parts noted, in the order of the clip."""
    records, looks = [], []
    for part in job.manifest.parts:
        read = _read(job, part)
        for record in read["records"]:
            records.append(FrameRecord(**{**record, "gain": tuple(record["gain"])}))
        looks += [Look(**look) for look in read["looks"]]
    return records, looks


def _read(job: Job, part: Part) -> dict[str, Any]:
    text = (job.folder / f"{part_name(part.first)}.json").read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return read
