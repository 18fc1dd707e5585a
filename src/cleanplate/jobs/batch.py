"""Many clips with one command, on this machine or on a Ray cluster, from files or buckets.

Each clip is a task of its own: what is there already is left alone, so that the same command
goes on after a stop, and a clip that cannot be cut does not hold up the others.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cleanplate.devices import limit_threads, usable_cores
from cleanplate.errors import CleanplateError, InputError, OutputError, renamed
from cleanplate.jobs.clips import cut_clip
from cleanplate.jobs.inputs import files_besides, places_read
from cleanplate.jobs.memory import share_one_arena
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.jobs.outputs import is_filled, job_folder, plan_clip_outputs
from cleanplate.jobs.places import make_folder, refuse_overwriting
from cleanplate.jobs.progress import frames_progress
from cleanplate.jobs.stills import Say
from cleanplate.media.clip_codecs import choose_codec
from cleanplate.media.clip_read import clips_in, is_clip
from cleanplate.media.remote import deliver, fetch, is_there, is_url, list_urls
from cleanplate.media.sequences import is_sequence, sequence_name
from cleanplate.spread import spread

NAME = "{name}"


@dataclass(frozen=True)
class ClipTask:
    """One clip of many. clip, plate, out: paths or URLs.

    further: where "matte", "foreground" and "report" go, those that are wanted, as paths or URLs.
    """

    clip: str
    plate: str | PlateFrom
    out: str
    options: ClipOptions
    further: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What was said about a clip, and whether it was cut."""

    lines: tuple[str, ...]
    done: bool


def list_clips(inputs: Sequence[str]) -> list[str]:
    """List the clips that are meant: folders stand for the clips in them, URLs may hold `*`.

    Raises InputError for a folder or pattern without any.
    """
    clips: list[str] = []
    for given in inputs:
        if is_url(given):
            clips += list_urls(given)
        elif os.path.isdir(given) and not is_clip(given):  # and no numbered stills
            found = clips_in(Path(given))
            if not found:
                raise InputError(f"The folder {given} holds no clip: name one that does.")
            clips += map(str, found)
        else:
            clips.append(given)
    return clips


def plan_tasks(
    clips: Sequence[str],
    plate: str | PlateFrom,
    out: str,
    options: ClipOptions,
    further: Mapping[str, str] | None = None,
) -> list[ClipTask]:
    """Make a task of every clip. `{name}` in plate, out and further becomes the clip's name.

    further: as in `ClipTask`; these fields of `options` do not count.
    Raises OutputError where two clips would be written to one file, or what is to go to a store
    is no file.
    """
    further = further or {}
    places = {"-o": out, **{f"--{role}": place for role, place in further.items()}}
    for flag, place in places.items():
        if len(clips) > 1 and NAME not in place:
            raise OutputError(
                f"{flag} {place} is one place for {len(clips)} clips: put {NAME} where the name of "
                f"the clip should stand, like cuts/{NAME}.mov."
            )
        if is_url(place) and not is_url(out):
            raise OutputError(
                f"{flag} {place} is in a store and -o {out} is not: write both there, or both here."
            )
    if is_url(out) and _is_many_files(out, options):
        raise OutputError(
            f"{out} would be numbered stills, and only clips go to a store: "
            f"name one, like {NAME}.mov."
        )
    tasks: list[ClipTask] = []
    taken: dict[str, str] = {}  # by place the clip that is written there
    for clip in clips:
        name = _name_of(clip)
        own = plate.replace(NAME, name) if isinstance(plate, str) else plate
        named = {role: place.replace(NAME, name) for role, place in further.items()}
        task = ClipTask(clip, own, out.replace(NAME, name), replace(options, bar=False), named)
        for place in dict.fromkeys((task.out, *named.values())):
            if place in taken:
                raise OutputError(
                    f"{taken[place]} and {clip} would both be {place}: cut them one by one."
                )
            taken[place] = clip
        tasks.append(task)
    _refuse_inputs(tasks)
    return tasks


def _name_of(clip: str) -> str:
    """Find what `{name}` stands for: the name without its ending and the place of a number."""
    if not is_url(clip) and is_sequence(Path(clip)):
        return sequence_name(Path(clip))
    return clip.rstrip("/").rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _refuse_inputs(tasks: Sequence[ClipTask]) -> None:
    """Raise OutputError where something is written over what any of the tasks reads."""
    read: list[Path] = []
    for task in tasks:
        plate = Path(task.plate) if isinstance(task.plate, str) else task.plate
        files = files_besides(plate, task.options).values()
        read += places_read(Path(task.clip), files, task.options)
    written = (place for task in tasks for place in (task.out, *task.further.values()))
    refuse_overwriting(read, written)


def _is_many_files(out: str, options: ClipOptions) -> bool:
    name = out.rsplit("/", 1)[1]
    if "." not in name:
        return True
    return choose_codec(name, options.codec, alpha=options.over is None).is_sequence


def cut_clips(
    tasks: Sequence[ClipTask], say: Say, *, cluster: str | None = None, workers: int = 1
) -> int:
    """Cut the clips whose output is not there yet; returns how many could not be cut.

    cluster, workers: as in `spread`; with several workers each takes its share of the cores.
    Raises MissingExtraError, DeviceError; what is wrong with a clip is said instead.
    """
    there = [task.out for task in tasks if not task.options.restart and _is_there(task)]
    left = [task for task in tasks if task.out not in there]
    if there:
        say(
            f"{len(there)} of {len(tasks)} clips are there already and left as is: "
            f"{', '.join(there)}"
        )
    cores = max(1, usable_cores() // workers) if cluster is None else 1
    left = [
        replace(task, options=replace(task.options, threads=task.options.threads or cores))
        for task in left
    ]
    failed = 0
    with frames_progress("clips", len(left)) as advance:
        for task, outcome in spread(cut_task, left, cluster=cluster, workers=workers):
            for line in outcome.lines:
                say(line if task.clip in line else f"{task.clip}: {line}")
            failed += not outcome.done
            advance()
    return failed


def cut_task(task: ClipTask) -> Outcome:
    """Cut one clip, with what is in a bucket fetched before and delivered after."""
    share_one_arena()
    limit_threads(task.options.threads)
    lines: list[str] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            _cut(task, Path(folder), lines.append)
    except CleanplateError as problem:
        return Outcome((*lines, f"not cut: {problem}"), done=False)
    return Outcome(tuple(lines), done=True)


def _cut(task: ClipTask, folder: Path, say: Say) -> None:
    clip, plate = _local(task.clip, folder / "clip"), task.plate
    of = _local(plate, folder / "plate") if isinstance(plate, str) else plate
    # The main output comes last: where it is, the others are, too.
    asked = {**task.further, "out": task.out}
    here = {role: _written(place, folder / f"new-{role}") for role, place in asked.items()}
    for file in here.values():
        make_folder(file.parent)
    out = str(here["out"]) if is_url(task.out) else task.out  # which may end in a slash
    further: dict[str, Any] = {role: here[role] for role in task.further}
    names = {here[role]: place for role, place in asked.items() if is_url(place)}
    for local, place in ((clip, task.clip), (of, plate)):
        if isinstance(local, Path) and isinstance(place, str) and is_url(place):
            names[local] = place
    try:
        cut_clip(
            clip,
            of,
            out,
            replace(task.options, **further),
            lambda line: say(renamed(line, names)),
        )
    except CleanplateError as problem:
        raise type(problem)(renamed(str(problem), names)) from problem
    for role, place in asked.items():
        if is_url(place):
            deliver(here[role], place)
            say(f"{place} was written")


def _written(place: str, folder: Path) -> Path:
    """Where an output is written on this machine; one for a store into a folder of its own."""
    return folder / place.rsplit("/", 1)[1] if is_url(place) else Path(place)


def _local(place: str, folder: Path) -> Path:
    """Where the file lies on this machine; one in a store is fetched into a folder of its own."""
    if not is_url(place):
        return Path(place)
    folder.mkdir()
    return fetch(place, folder)


def _is_there(task: ClipTask) -> bool:
    """Whether all that a task writes is there, and no job of it is left."""
    if is_url(task.out):
        asked = (task.out, *task.further.values())
        return all(is_there(place) if is_url(place) else is_filled(Path(place)) for place in asked)
    if os.path.isdir(job_folder(task.out)):
        return False
    further: dict[str, Any] = {role: Path(place) for role, place in task.further.items()}
    options = replace(task.options, **further)
    try:
        outputs = plan_clip_outputs(Path(task.clip), task.out, options)
        there = all(output.is_there() for output in outputs)
    except CleanplateError:
        return False  # what is wrong with it is said where it is cut
    return there and (options.report is None or is_filled(options.report))
