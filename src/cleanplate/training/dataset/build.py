"""From pools to a data set: judge, divide, write the pools' shards, then those of composites."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from cleanplate.errors import InputError, OutputError
from cleanplate.jobs.lock import locked
from cleanplate.jobs.progress import frames_progress
from cleanplate.media.replacing import remove_half_written
from cleanplate.spread import spread
from cleanplate.training.data import read_colour, read_foreground
from cleanplate.training.dataset.manifest import (
    MANIFEST,
    REPORT,
    SPLITS,
    Manifest,
    Shard,
    write_manifest,
)
from cleanplate.training.dataset.page import write_page
from cleanplate.training.dataset.plan import Judged, divide, judge_backgrounds, judge_foregrounds
from cleanplate.training.dataset.shards import (
    CompositeTask,
    File,
    done_shard,
    drop_notes,
    encoded,
    make_composites,
    write_shard,
)
from cleanplate.training.dataset.sources import (
    Origin,
    Subjects,
    find_backgrounds,
    find_foregrounds,
)

Say = Callable[[str], None]
PLAN = "plan.json"


@dataclass(frozen=True)
class BuildOptions:
    """How a data set is made.

    count: composites for training; a share of `held_out` more is made of what is held out.
    size: of a composite, pixels a side. shard: samples in one. every: use each n-th foreground
    only (frames of a clip are nearly alike). keep: kinds of defects that are let pass.
    """

    count: int = 0
    size: int = 256
    shard: int = 1000
    held_out: float = 0.1
    seed: int = 0
    every: int = 1
    subjects: Subjects = "name"
    keep: frozenset[str] = frozenset()
    origin: Origin = field(default_factory=Origin)


def build_dataset(
    foregrounds: Path,
    backgrounds: Path,
    out: Path,
    options: BuildOptions,
    say: Say,
    *,
    cluster: str | None = None,
    workers: int = 1,
) -> Manifest:
    """Build the data set `out`, or go on where an earlier call was stopped.

    foregrounds, backgrounds: see `find_foregrounds`. cluster, workers: as in `spread`; all
    machines must see `out` under the same name.
    A shard that is whole is not made again. Raises CleanplateError in words.
    """
    with locked(out):
        judged = _judged(foregrounds, backgrounds, options)
        made_with = _made_with(judged, options)
        if not _begin(out, made_with):
            say(f"{out}: going on; shards that are whole stay.")
            remove_half_written(out)
        shards = [_pool_shard(out, task) for task in _pool_tasks(judged, options.shard)]
        entries = tuple(one.entry for one in judged)
        write_page(out / REPORT, out.name, judged)
        shards += _composites(out, options, cluster, workers)
        manifest = Manifest(made_with, entries, tuple(shards), complete=True)
        write_manifest(out, manifest)
        drop_notes(out, shards)
        (out / PLAN).unlink(missing_ok=True)
    _tell(out, manifest, say)
    return manifest


def _judged(foregrounds: Path, backgrounds: Path, options: BuildOptions) -> list[Judged]:
    people = find_foregrounds(foregrounds, options.subjects, options.origin)[:: options.every]
    places = find_backgrounds(backgrounds, options.origin)
    with frames_progress("foregrounds", len(people)) as advance:
        judged = judge_foregrounds(people, options.keep, advance)
    with frames_progress("backgrounds", len(places)) as advance:
        behind = judge_backgrounds(places, advance)
    return [
        *divide(judged, options.held_out, options.seed),
        *divide(behind, options.held_out, options.seed),
    ]


def _made_with(judged: Sequence[Judged], options: BuildOptions) -> dict[str, object]:
    said = asdict(options)
    said |= {"keep": sorted(options.keep), "cleanplate": version("cleanplate")}
    digest = hashlib.sha256()
    for one in judged:
        digest.update(f"{one.entry.name} {one.entry.sha256} {one.entry.split} ".encode())
    return {**said, "pictures": digest.hexdigest()}


def _begin(out: Path, made_with: dict[str, object]) -> bool:
    """Note what the build is begun with; False where one like it is to go on.

    Raises OutputError where something else is there.
    """
    plan = out / PLAN
    text = json.dumps(made_with, sort_keys=True)
    if (out / MANIFEST).exists():
        raise OutputError(f"{out} holds a finished data set: choose another folder.")
    if plan.exists():
        if plan.read_text(encoding="utf-8") != text:
            raise OutputError(
                f"{out} was begun with other pictures or options: give the same ones to go on, "
                "or choose another folder."
            )
        return False
    others = [path.name for path in out.iterdir() if path.name in (*SPLITS, REPORT)]
    if others:
        raise OutputError(f"{out} holds {others[0]} already: choose another folder.")
    plan.write_text(text, encoding="utf-8")
    return True


@dataclass(frozen=True)
class _PoolTask:
    path: str
    judged: tuple[Judged, ...]


def _pool_tasks(judged: Sequence[Judged], shard: int) -> Iterator[_PoolTask]:
    for split in SPLITS:
        for kind in ("foreground", "background"):
            kept = [one for one in judged if (one.entry.kind, one.entry.split) == (kind, split)]
            for first in range(0, len(kept), shard):
                path = f"{split}/{kind}s/{first // shard:06d}.tar"
                yield _PoolTask(path, tuple(kept[first : first + shard]))


def _pool_shard(out: Path, task: _PoolTask) -> Shard:
    done = done_shard(out, task.path)
    files = (file for one in task.judged for file in _files_of(one))
    return done or write_shard(out, task.path, files, len(task.judged))


def _files_of(one: Judged) -> Iterator[File]:
    """Straight colour as JPEG and alpha as PNG: what `read_pool` takes from a shard."""
    if one.entry.kind == "background":
        yield f"{one.entry.key}.jpg", encoded(read_colour.__wrapped__(one.picture.item), ".jpg")
        return
    foreground, alpha = read_foreground.__wrapped__(one.picture.item)
    yield f"{one.entry.key}.jpg", encoded(foreground, ".jpg")
    yield f"{one.entry.key}.png", encoded(alpha, ".png")


def _composites(out: Path, options: BuildOptions, cluster: str | None, workers: int) -> list[Shard]:
    tasks = composite_tasks(out.resolve(), options)
    done = {task: shard for task in tasks if (shard := done_shard(out, task.path))}
    left = [task for task in tasks if task not in done]
    made = sum(task.count for task in done)
    with frames_progress("composites", sum(task.count for task in tasks), made) as advance:
        for task, shard in spread(make_composites, left, cluster=cluster, workers=workers):
            done[task] = shard
            for _ in range(task.count):
                advance()
    return [done[task] for task in tasks]


def composite_tasks(folder: Path, options: BuildOptions) -> list[CompositeTask]:
    """Divide the composites into shards."""
    counts = {"train": options.count, "held-out": round(options.count * options.held_out)}
    tasks = []
    for split in SPLITS:
        make = partial(CompositeTask, folder, split, size=options.size, seed=options.seed)
        for index, first in enumerate(range(0, counts[split], options.shard)):
            count = min(options.shard, counts[split] - first)
            tasks.append(make(index=index, first=first, count=count))
    return tasks


def _tell(out: Path, manifest: Manifest, say: Say) -> None:
    for split in SPLITS:
        people, places = (manifest.kept(kind, split) for kind in ("foreground", "background"))
        subjects = len({entry.subject for entry in people})
        samples = sum(s.samples for s in manifest.shards if s.path.startswith(f"{split}/comp"))
        say(
            f"{split}: {len(people)} foregrounds of {subjects} subjects, {len(places)} "
            f"backgrounds, {samples} composites"
        )
    left, near = manifest.left_out(), [e for e in manifest.entries if e.near and e.key]
    if left or near:
        say(
            f"{len(left)} pictures were left out and {len(near)} nearly repeat another: "
            f"see {out / REPORT}"
        )
    if unstated := sum(entry.licence == "not stated" for entry in manifest.entries):
        say(f"warning: {unstated} pictures state no licence: write SOURCE.json or use --licence.")


def parse_keep(kinds: Sequence[str], known: Sequence[str]) -> frozenset[str]:
    """Read `--keep`. Raises InputError for what is no kind of defect."""
    for kind in kinds:
        if kind not in known:
            raise InputError(f"--keep {kind} is not known: use {', '.join(known)}.")
    return frozenset(kinds)
