"""The manifest of a data set: what is in it, from where, in which split, and each file's hash."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cleanplate.errors import InputError
from cleanplate.media.replacing import replacing

MANIFEST = "manifest.json"
REPORT = "report.html"
FORMAT = 1
SPLITS = ("train", "held-out")
ROLES = ("composite", "plate", "foreground", "alpha")


@dataclass(frozen=True)
class Entry:
    """A foreground or background of the set.

    name: below the folder it came from. key: its name in the shards, None if it was left out.
    near: the earlier pictures that it nearly repeats. problems: why it was left out, if it was.
    height, width: pixels; 0 where it could not be read. size: bytes.
    """

    name: str
    key: str | None
    kind: str
    split: str
    subject: str
    source: str
    licence: str
    height: int
    width: int
    size: int
    sha256: str
    near: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shard:
    """A tar of the set. path: below its folder. samples: how many are in it. size: bytes."""

    path: str
    samples: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything about a data set. made_with: version, options and seed."""

    made_with: dict[str, Any]
    entries: tuple[Entry, ...]
    shards: tuple[Shard, ...] = ()
    complete: bool = False
    format: int = field(default=FORMAT)

    def kept(self, kind: str, split: str) -> list[Entry]:
        """Entries of one kind ("foreground", "background") that are in one split."""
        return [e for e in self.entries if e.key and e.kind == kind and e.split == split]

    def left_out(self) -> list[Entry]:
        """Entries that are in no shard."""
        return [entry for entry in self.entries if entry.key is None]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `folder`/manifest.json, whole or not at all. Raises OutputError."""
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read `folder`/manifest.json. Raises InputError where it is missing or cannot be used."""
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} holds no {MANIFEST}: build it with `cleanplate dataset build`.")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        if read["format"] != FORMAT:
            raise ValueError(f"format {read['format']}")
        entries = tuple(
            Entry(**{**entry, "near": tuple(entry["near"]), "problems": tuple(entry["problems"])})
            for entry in read.pop("entries")
        )
        shards = tuple(Shard(**shard) for shard in read.pop("shards"))
        return Manifest(entries=entries, shards=shards, **read)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise InputError(
            f"{path} is no manifest that this version can read ({problem}): build the set anew."
        ) from problem
