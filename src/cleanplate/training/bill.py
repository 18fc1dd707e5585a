"""The data bill: of every picture that trains, where it comes from and what its licence allows.

Each folder of a pool that holds pictures, or one above it inside the pool, carries a SOURCE.json:

    {"source": "Kodak suite", "licence": "unrestricted", "commercial": true, "note": "..."}

`commercial` says whether weights trained on it may be sold: true, false, or null for unknown, as
it is where it is left out.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cleanplate.errors import InputError, OutputError
from cleanplate.media.replacing import replacing
from cleanplate.training.data import Pool, read_pool
from cleanplate.training.footage import find_clips
from cleanplate.training.true_shots import read_true_shots

NAME = "SOURCE.json"


@dataclass(frozen=True)
class Entry:
    """One source: how many pictures (clips, of footage) it gives, and what its file says."""

    pool: str
    folder: str
    count: int
    source: str
    licence: str
    commercial: bool | None
    note: str = ""


def read_bill(pools: dict[str, Path]) -> list[Entry]:
    """List the sources of pools.

    pools: folder by what it is for (foregrounds, backgrounds, footage, shots). A folder without a
    SOURCE.json is listed as of unknown source.
    Raises InputError for folders that are no pool and for SOURCE.json
    files that cannot be read.
    """
    return [entry for kind, folder in pools.items() for entry in _entries(kind, folder)]


def with_earlier(bill: Sequence[Entry], path: Path) -> list[Entry]:
    """Join a bill with the one at `path`, if it is there: of what the weights have seen before.

    A source that is in both has the larger count. Raises InputError where `path` is no bill.
    """
    try:
        earlier = [Entry(**said) for said in json.loads(path.read_text())] if path.exists() else []
    except (OSError, TypeError, ValueError) as problem:
        raise InputError(
            f"{path} cannot be read as a bill ({problem}): write it again with `cleanplate train "
            "bill`, or remove it."
        ) from problem
    joined: dict[Entry, Entry] = {}
    for entry in (*earlier, *bill):
        source = replace(entry, count=0)
        joined[source] = max(entry, joined.get(source, entry), key=lambda one: one.count)
    return list(joined.values())


def forbid_unshippable(bill: list[Entry]) -> None:
    """Refuse sources that weights to be shipped must not see.

    Raises InputError that names every source whose licence forbids commercial use or is unknown.
    """
    bad = [entry for entry in bill if entry.commercial is not True]
    if bad:
        named = "; ".join(
            f"{entry.folder} ({entry.count}, {entry.licence}: commercial use "
            f"{'forbidden' if entry.commercial is False else 'unknown'})"
            for entry in bad
        )
        raise InputError(
            f"Weights that are to ship must not be trained on: {named}. Take these folders out of "
            "the pools (what weights have seen before stays in their bill.json), say what their "
            f"licence allows in {NAME}, or train without --ship."
        )


def write_bill(bill: list[Entry], path: Path) -> None:
    """Write the bill as JSON (NAME.json) or as a table in Markdown (NAME.md).

    Raises OutputError, also for another ending and for what pools say of themselves.
    """
    if path.suffix not in (".json", ".md") or path.name == NAME:
        raise OutputError(f"{path} is no place for a bill: name it .md or .json, and not {NAME}.")
    text = json.dumps([asdict(entry) for entry in bill], indent=1)
    if path.suffix != ".json":
        text = "\n".join(table(bill))
    with replacing(path) as temporary:
        temporary.write_text(text + "\n")


def table(bill: list[Entry]) -> list[str]:
    """Lines of a Markdown table, with the sum of each pool at its end."""
    says = {True: "allowed", False: "forbidden", None: "unknown"}
    lines = ["| pool | folder | count | source | licence | commercial use | note |"]
    lines.append("|---|---|--:|---|---|---|---|")
    for entry in bill:
        cells = [entry.pool, entry.folder, f"{entry.count:,}", entry.source, entry.licence]
        cells += [says[entry.commercial], entry.note]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    for pool in dict.fromkeys(entry.pool for entry in bill):
        count = sum(entry.count for entry in bill if entry.pool == pool)
        lines.append(f"| **{pool}** | | **{count:,}** | | | | |")
    return lines


def _entries(kind: str, folder: Path) -> list[Entry]:
    if kind == "footage":
        counts = Counter(speaker(_home(path), folder) for path, _ in find_clips(folder))
    elif kind == "shots":
        homes = (frame.colour.path.parent for frame, *_ in read_true_shots(folder).items)
        places = (speaker(home, folder) for home in homes)
        counts = Counter(place if (place / NAME).is_file() else folder for place in places)
    else:
        counts = _count(read_pool(folder, foregrounds=kind == "foregrounds"), folder)
    entries = []
    for place, count in sorted(counts.items()):
        said = source_of(place)
        entries.append(Entry(pool=kind, folder=_shown(place, folder), count=count, **said))
    return entries


def _count(pool: Pool, root: Path) -> Counter[Path]:
    """Pictures by the folder whose SOURCE.json speaks for them."""
    counts: Counter[Path] = Counter()
    for group in pool.groups:
        for item in group:
            counts[speaker(item.colour.path.parent, root)] += 1
    return counts


def _home(clip: Path) -> Path:
    return clip if clip.is_dir() else clip.parent


def speaker(folder: Path, root: Path) -> Path:
    """Find the folder, this one or one above it inside `root`, whose SOURCE.json speaks for it."""
    place = folder
    while not (place / NAME).is_file():
        if place in (root, place.parent):
            return folder
        place = place.parent
    return place


def source_of(place: Path) -> dict[str, Any]:
    """Read what the SOURCE.json of a folder says. Raises InputError where it says it wrongly."""
    path = place / NAME
    if not path.is_file():
        return {"source": "not stated", "licence": "not stated", "commercial": None}
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise InputError(f"{path} cannot be read as JSON ({problem}); write it again.") from problem
    texts = ("source", "licence")
    fits = isinstance(said, dict) and all(isinstance(said.get(name), str) for name in texts)
    if not fits or said.get("commercial") not in (True, False, None):
        raise InputError(
            f'{path} must say "source" and "licence" in words, and "commercial" as true, false or '
            "null (unknown)."
        )
    kept = {name: said.get(name) for name in (*texts, "commercial")}
    return kept | {"note": str(said.get("note", ""))}


def _shown(place: Path, root: Path) -> str:
    return (Path(root.name) / place.relative_to(root)).as_posix()
