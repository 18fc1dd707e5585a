"""Which pictures are used, and in which split: judged, compared, and divided by subject."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, renamed
from cleanplate.training.data import read_colour, read_foreground
from cleanplate.training.dataset.likeness import Thumbnail, joined, near_duplicates, thumbnail
from cleanplate.training.dataset.manifest import Entry
from cleanplate.training.dataset.mattes import Defect, find_defects
from cleanplate.training.dataset.sources import Picture

Pixels = NDArray[np.uint8]
SMALLEST = 64  # pixels a side of a foreground's subject: less teaches nothing about edges


@dataclass(frozen=True)
class Judged:
    """A picture that was looked at. entry: for the manifest. defects: of a matte."""

    picture: Picture
    entry: Entry
    defects: tuple[Defect, ...] = ()


def judge_foregrounds(
    pictures: Sequence[Picture], keep: frozenset[str], advance: Callable[[], None]
) -> list[Judged]:
    """Look at each cut-out for defects and for what it nearly repeats.

    keep: kinds of defects that are let pass. advance: called after each picture.
    """
    judged, thumbnails = [], []
    for picture in pictures:
        try:
            foreground, alpha = read_foreground.__wrapped__(picture.item)
        except InputError as problem:
            judged.append(_entry(picture, "foreground", (0, 0), (_said(picture, problem),)))
        else:
            defects = tuple(d for d in find_defects(foreground, alpha) if d.kind not in keep)
            problems = tuple(defect.kind for defect in defects)
            if min(alpha.shape[:2]) < SMALLEST:
                problems += ("small",)
            thumbnails.append((len(judged), thumbnail(foreground, alpha)))
            one = _entry(picture, "foreground", alpha.shape[:2], problems)
            judged.append(replace(one, defects=defects))
        advance()
    return _compared(judged, thumbnails)


def judge_backgrounds(pictures: Sequence[Picture], advance: Callable[[], None]) -> list[Judged]:
    """Read each background and find those that nearly repeat another."""
    judged, thumbnails = [], []
    for picture in pictures:
        try:
            colour = read_colour.__wrapped__(picture.item)
        except InputError as problem:
            judged.append(_entry(picture, "background", (0, 0), (_said(picture, problem),)))
        else:
            thumbnails.append((len(judged), thumbnail(colour)))
            judged.append(_entry(picture, "background", colour.shape[:2], ()))
        advance()
    return _compared(judged, thumbnails)


def divide(judged: Sequence[Judged], held_out: float, seed: int) -> list[Judged]:
    """Put each picture into a split, whole subjects at a time, with what it nearly repeats.

    held_out: share of the subjects that are kept out of training, at least one of them.
    Raises InputError where there are not two subjects to divide.
    """
    usable = [one for one in judged if not one.entry.problems]
    groups = _groups(usable)
    names = sorted(set(groups.values()), key=lambda name: _drawn(name, seed))
    if len(names) < 2:
        raise InputError(_too_few(judged, len(usable), len(names)))
    count = min(len(names) - 1, max(1, round(held_out * len(names))))
    out = set(names[:count])
    divided, used = [], Counter[str]()
    for one in judged:
        entry = one.entry
        if not entry.problems:
            split = "held-out" if groups[entry.name] in out else "train"
            key = f"{used[split]:06d}"
            used[split] += 1
            entry = replace(entry, split=split, key=key)
        divided.append(replace(one, entry=entry))
    return divided


def _too_few(judged: Sequence[Judged], usable: int, subjects: int) -> str:
    left_out = [one.entry for one in judged if one.entry.problems]
    why = "".join(f" Left out, among others: {e.name} ({e.problems[0]})." for e in left_out[:1])
    if judged[0].entry.kind == "background":
        return (
            f"{usable} of the backgrounds can be used and {subjects} of them differ, and one at "
            f"least is kept out of training: add others.{why}"
        )
    return (
        f"{usable} usable foregrounds are of {subjects} subject{'' if subjects == 1 else 's'}, and "
        "no subject may be in two splits: add others, or say with --subjects how to tell them "
        f"apart (name, folder, each).{why}"
    )


def _groups(usable: Sequence[Judged]) -> dict[str, str]:
    """Name for each picture the group of subjects that must stay together."""
    places = {one.entry.name: index for index, one in enumerate(usable)}
    first: dict[str, int] = {}
    pairs = []
    for index, one in enumerate(usable):
        pairs.append((first.setdefault(one.entry.subject, index), index))
        pairs += [(places[name], index) for name in one.entry.near if name in places]
    roots = joined(len(usable), pairs)
    return {name: usable[roots[index]].entry.subject for name, index in places.items()}


def _compared(judged: list[Judged], thumbnails: list[tuple[int, Thumbnail]]) -> list[Judged]:
    """Note what repeats what; of pictures with the same bytes only the first is used."""
    near: dict[int, list[str]] = {}
    for earlier, later in near_duplicates([each for _, each in thumbnails]):
        place = thumbnails[later][0]
        near.setdefault(place, []).append(judged[thumbnails[earlier][0]].entry.name)
    seen: dict[str, str] = {}
    compared = []
    for index, one in enumerate(judged):
        entry = replace(one.entry, near=tuple(near.get(index, ())))
        if seen.setdefault(entry.sha256, entry.name) != entry.name:
            entry = replace(entry, problems=(*entry.problems, "copy"))
        compared.append(replace(one, entry=entry))
    return compared


def _said(picture: Picture, problem: InputError) -> str:
    """In a data set, places on this machine say nothing."""
    return renamed(str(problem), {picture.item.place: picture.name})


def _entry(picture: Picture, kind: str, size: tuple[int, ...], problems: tuple[str, ...]) -> Judged:
    entry = Entry(
        name=picture.name,
        key=None,
        kind=kind,
        split="",
        subject=picture.subject,
        source=picture.origin.source,
        licence=picture.origin.licence,
        height=size[0],
        width=size[1],
        size=picture.size,
        sha256=picture.sha256,
        problems=problems,
    )
    return Judged(picture, entry)


def _drawn(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
