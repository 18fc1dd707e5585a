"""The folder of a job that can be stopped at any moment: what was given, which parts are done.

`manifest.json` lists only parts whose files are complete; whatever else lies there is a rest of
work that was cut short, and is dropped when the job goes on.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cleanplate.errors import OutputError
from cleanplate.jobs.lock import LOCK, locked
from cleanplate.media.replacing import PREFIX, replacing

MANIFEST = "manifest.json"
PLATE = "plate.npy"  # made of the clip itself; kept for as long as the job is the same
FORMAT = 1  # of the manifest; another one is not continued
# Ending of the files that tell how the work stood at the end of a part: a picture in HD each.
STATE = ".npz"
# Larger files are hashed by evenly spread pieces: reading all of a feature takes minutes.
WHOLE = 1 << 30
PIECES, PIECE = 256, 1 << 20


@dataclass(frozen=True)
class Part:
    """A stretch of frames that is done.

    first: index of its first frame. after: index of the first frame after it. count: how many
    there are; fewer than the indices say where the input is damaged. files: the SHA-256 of each.
    """

    first: int
    after: int
    count: int
    files: dict[str, str]


@dataclass(frozen=True)
class Manifest:
    """What a job was begun with and how far it is.

    given: what the result depends on, by a name for people ("plate empty.jpg", "--codec"), each
    with a hash or a value. parts: what is done, without gaps from frame 0. complete: the parts
    hold the whole clip.
    """

    given: dict[str, str]
    parts: tuple[Part, ...] = ()
    complete: bool = False

    @property
    def frames(self) -> int:
        """How many frames are done."""
        return sum(part.count for part in self.parts)

    @property
    def after(self) -> int:
        """Index of the frame to go on with."""
        return self.parts[-1].after if self.parts else 0


class Job:
    """A job folder that this process alone works in. Made by `open_job`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest

    def add(self, after: int, count: int, names: Iterable[str]) -> None:
        """List a part of `count` frames as done; it ends before the frame `after`.

        names: its files, or folders of files, in the job's folder; they are on the disk for good
        then. States of parts before the last one are removed.
        """
        files = {}
        for name in names:
            for path in _files(self.folder / name):
                _sync(path)
                files[path.relative_to(self.folder).as_posix()] = hash_file(path)
        part = Part(self.manifest.after, after, count, files)
        before, last = self.manifest.parts[:-1], self.manifest.parts[-1:]
        past = [name for old in before for name in old.files if name.endswith(STATE)]
        lighter = [
            replace(old, files={name: old.files[name] for name in old.files if name not in past})
            for old in before
        ]
        self._write(replace(self.manifest, parts=(*lighter, *last, part)))
        for name in past:
            (self.folder / name).unlink(missing_ok=True)

    def complete(self) -> None:
        """Note that the parts hold the whole clip."""
        self._write(replace(self.manifest, complete=True))

    def remove(self) -> None:
        """Remove all that the job made here; the outputs are in place, or nothing was done."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        _sweep(self.folder, keep={LOCK})

    def _write(self, manifest: Manifest) -> None:
        with replacing(self.folder / MANIFEST) as temporary:
            text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1)
            temporary.write_text(text + "\n", encoding="utf-8")
            _sync(temporary)
        _sync(self.folder)
        self.manifest = manifest


@contextmanager
def open_job(folder: Path, given: Mapping[str, str], *, restart: bool = False) -> Iterator[Job]:
    """Make the folder or go on with the job in it. A job that got no part done leaves nothing.

    Parts that are listed but damaged or gone are dropped, with those after them, and as many before
    them as have no state to go on from.
    restart: drop what is there, whatever it was begun with.
    Raises OutputError where another process works there, where the folder is none of ours, and
    where the job was begun with something else; the sentence names what.
    """
    with locked(folder):
        manifest = None if restart else _read(folder)
        if manifest is None:
            _refuse_foreign(folder)
            (folder / PLATE).unlink(missing_ok=True)
            manifest = Manifest(dict(given))
        _refuse_other(folder, manifest, given)
        intact = _intact(folder, manifest.parts)
        if intact != manifest.parts:
            manifest = replace(manifest, parts=intact, complete=False)
        job = Job(folder, manifest)
        kept = {Path(name).parts[0] for part in manifest.parts for name in part.files}
        _sweep(folder, keep={*kept, MANIFEST, LOCK, PLATE})
        try:
            job._write(manifest)
            yield job
        finally:
            if not job.manifest.parts:
                job.remove()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's size and content; of a file over 1 GiB, of 256 pieces of it."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= WHOLE:
            while block := file.read(PIECE):
                digest.update(block)
        else:
            for index in range(PIECES):
                file.seek(index * (size - PIECE) // (PIECES - 1))
                digest.update(file.read(PIECE))
    return digest.hexdigest()


def hash_files(paths: Iterable[Path]) -> str:
    """SHA-256 of the names and contents of files that belong together, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {hash_file(path)} ".encode())
    return digest.hexdigest()


def _read(folder: Path) -> Manifest | None:
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if read.pop("format") != FORMAT:
            raise ValueError("another format")
        read["parts"] = tuple(Part(**part) for part in read["parts"])
        return Manifest(**read)
    except (ValueError, TypeError, KeyError, AttributeError) as problem:
        raise OutputError(
            f"{path} is no manifest that this version can read: "
            "add --restart to drop that job and start over."
        ) from problem


def _refuse_foreign(folder: Path) -> None:
    """Without a manifest (or with --restart) only files that a job makes may be swept away."""
    for path in folder.iterdir():
        if not _is_ours(path.name):
            raise OutputError(
                f"{folder} is wanted as the folder of the job, but it holds {path.name}: "
                "move that away or choose another output."
            )


def _refuse_other(folder: Path, manifest: Manifest, given: Mapping[str, str]) -> None:
    before = manifest.given
    changed = [_change(name, before.get(name), given.get(name)) for name in {**before, **given}]
    changed = [sentence for sentence in changed if sentence]
    if changed:
        raise OutputError(
            f"{folder} holds a job of {manifest.frames} frames that was begun otherwise: "
            f"{'; '.join(changed)}. Give what it was begun with to go on, "
            "or add --restart to drop it and start over."
        )


def _change(name: str, before: str | None, now: str | None) -> str:
    if before == now:
        return ""
    if name.startswith("-"):
        return f"{name} was {before or 'not given'}, now {now or 'not given'}"
    if before is None or now is None:
        return f"{name} was {'not ' if before is None else ''}part of it"
    return f"{name} has changed"


def _intact(folder: Path, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    for index, part in enumerate(parts):
        for name, hashed in part.files.items():
            path = folder / name
            if not path.is_file() or hash_file(path) != hashed:
                return _with_state(parts[:index])
    return parts


def _with_state(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Leave out what no work can go on after: parts at the end whose state is removed."""
    while parts and not any(name.endswith(STATE) for name in parts[-1].files):
        parts = parts[:-1]
    return parts


def _is_ours(name: str) -> bool:
    return name in (MANIFEST, LOCK, PLATE) or name.startswith(("part-", "whole-", PREFIX))


def _sweep(folder: Path, keep: set[str]) -> None:
    for path in folder.iterdir():
        if path.name in keep or not _is_ours(path.name):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _sync(path: Path) -> None:
    """Ask the system to put a file or folder on the disk, where it lets us."""
    with suppress(PermissionError):  # Windows opens no folders and syncs no read-only files
        number = os.open(path, os.O_RDONLY)
        try:
            with suppress(OSError):
                os.fsync(number)
        finally:
            os.close(number)
