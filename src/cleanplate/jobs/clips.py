"""One clip, from files to files: read ahead, cut, write behind; go on where a job stopped."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from cleanplate.clip_plate import FollowOptions, PlateClip
from cleanplate.clip_state import ClipState
from cleanplate.errors import InputError
from cleanplate.jobs.background import ClipBackground, StillBackground
from cleanplate.jobs.inputs import (
    check_places,
    files_besides,
    given_to,
    is_over_clip,
    opaque,
    places_read,
    refuse_input_as_output,
)
from cleanplate.jobs.lookahead import HeldBack
from cleanplate.jobs.manifest import PLATE, Job, open_job
from cleanplate.jobs.masks import ClipMasks
from cleanplate.jobs.notes import Note
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.jobs.outputs import (
    ClipOutput,
    Written,
    deliver,
    job_folder,
    open_files,
    output_notes,
    plan_clip_outputs,
    refuse_other_takes,
)
from cleanplate.jobs.parts import (
    Background,
    CutFrame,
    PartEnd,
    PartWriter,
    read_notes,
    read_place,
    read_state,
)
from cleanplate.jobs.places import disk_full_explained, make_folder
from cleanplate.jobs.plate import read_plate
from cleanplate.jobs.progress import frames_progress
from cleanplate.jobs.report import ClipFacts, clock, doubts, rate_words, write_clip_report
from cleanplate.jobs.step import Masks, State, Step
from cleanplate.jobs.stills import Say
from cleanplate.jobs.threads import reading_ahead, writing_behind
from cleanplate.media.clip_headers import Timing
from cleanplate.media.clip_read import ClipFrame, ClipInfo, ClipReader
from cleanplate.media.sequences import is_sequence, numbers_of
from cleanplate.media.stills import ForegroundAndAlpha
from cleanplate.network import Model, load_model
from cleanplate.new_background import fit_new_background, read_new_background
from cleanplate.pictures import to_picture
from cleanplate.pipeline import CutOptions, cut_next

# Frames that wait between two threads. Those that were cut are floating point, many times the size
# of those that were read: they go from hand to hand, as writing one takes less time than cutting.
AHEAD, BEHIND = 1, 0


@dataclass(frozen=True)
class _Clip:
    """What the parts of a job share."""

    info: ClipInfo
    timing: Timing
    step: Step
    options: ClipOptions
    outputs: tuple[ClipOutput, ...]


def cut_clip(clip: Path, plate: Path | PlateFrom, out: str, options: ClipOptions, say: Say) -> None:
    """Cut every frame of a clip and write what `out` and the options ask for.

    clip: a file, or a numbered sequence. plate: a picture, or what to make it of. out: a clip, or
    a sequence of stills. say: takes notes and warnings, a line each.
    The work is kept in OUT.job until the outputs are whole: stopped at any moment, the same call
    goes on, and writes what an uninterrupted one would have written.
    Raises CleanplateError in words; KeyboardInterrupt after saying what is kept.
    """
    read = places_read(clip, files_besides(plate, options).values(), options)
    refuse_input_as_output(read, out)
    # What cannot be written is said before all else.
    (info, _), outputs = _opened(clip, out, options)
    check_places(read, outputs, options.report)
    model = load_model(options.model, options.device, options.threads, options.quality)

    def step(kept: Path) -> Step:
        size, numbers = (info.height, info.width), numbers_of(clip)
        masks = ClipMasks(options.masks(), size, info.frame_count, numbers)
        read = read_plate(clip, plate, model, options, kept, say)
        following = FollowOptions(camera=options.camera, own_plate=isinstance(plate, PlateFrom))
        return _cutting(read, following, masks, model, options)

    made_by = f"weights {options.model}"
    run_clip(clip, out, options, (given_to(clip, plate, model, options), made_by), step, say)


def run_clip(
    clip: Path,
    out: str,
    options: ClipOptions,
    begun_with: tuple[dict[str, str], str],
    make_step: Callable[[Path], Step],
    say: Say,
) -> None:
    """Do the job that `cut_clip` describes, with any step.

    begun_with: what the pictures depend on (see `Manifest`), and a phrase about it for the report.
    make_step: makes the step once the job is open; what it wants to keep for a job that goes on it
    writes to the file it is given.
    """
    (info, timing), outputs = _opened(clip, out, options)
    for note in (*info.notes, *output_notes(outputs, info, options)):
        say(f"note: {clip}: {note}")
    refuse_other_takes(outputs, numbers_of(clip), info.frame_count)
    folder = job_folder(out)
    make_folder(folder.parent)  # of numbered stills; files were checked
    given, made_by = begun_with
    with disk_full_explained(folder), open_job(folder, given, restart=options.restart) as job:
        if job.manifest.frames:
            say(f"{clip}: going on after {job.manifest.frames} frames")
        try:
            if not job.manifest.complete and job.manifest.after != info.frame_count:
                step = make_step(job.folder / PLATE)
                _cut_parts(job, _Clip(info, timing, step, options, outputs))
        except KeyboardInterrupt:
            if job.manifest.frames:
                say(f"{job.manifest.frames} frames are kept in {folder}: the same command goes on.")
            raise
        _finish(job, (info, timing), outputs, (options, made_by), say)


def _opened(
    clip: Path, out: str, options: ClipOptions
) -> tuple[tuple[ClipInfo, Timing], tuple[ClipOutput, ...]]:
    if options.rate is not None and not is_sequence(clip):
        raise InputError(
            f"--rate is for numbered stills, and {clip} says itself how fast it is: leave it out."
        )
    with ClipReader(clip, **options.reading()) as reader:
        info = reader.info
        first = round(info.start / info.time_base)
        colour, aspect = reader.colour, info.pixel_aspect
        timing = Timing(info.time_base, info.rate, colour, aspect, first, info.said)
    return (info, timing), plan_clip_outputs(clip, out, options)


def _cutting(
    plate: NDArray[Any] | PlateClip,
    following: FollowOptions,
    masks: ClipMasks,
    model: Model,
    options: ClipOptions,
) -> Step:
    """Make the step of `cleanplate cut`."""
    cut_options = CutOptions(
        align=options.align,
        difference_prior=options.difference_prior,
        person_prior=options.person_prior,
        follow=following,
        temporal={"off": False, "causal": True}.get(options.temporal),
    )

    def follow(
        frame: NDArray[Any], state: Any, given: Masks
    ) -> tuple[ForegroundAndAlpha, State, Note]:
        return cut_next(
            frame, plate, state, model=model, options=cut_options, **cast(dict[str, Any], given)
        )

    like = plate.read(0) if isinstance(plate, PlateClip) else plate
    return Step(like, ClipState.from_arrays, masks.at, follow, masks.close)


def _cut_parts(job: Job, clip: _Clip) -> None:
    """Cut from where the job stands to the end of the clip."""
    info, options = clip.info, clip.options
    first = job.manifest.after
    with ExitStack() as stack:
        reader = stack.enter_context(ClipReader(info.path, first=first, **options.reading()))
        stack.callback(clip.step.close)
        background = _open_background(job, clip, stack)
        written = Written(
            info.height,
            info.width,
            clip.timing,
            info.bit_depth,
            options.linear,
            numbers_of(info.path),
        )
        writer = PartWriter(
            job, lambda at: open_files(job.folder, at, clip.outputs, written), background
        )
        stack.callback(writer.abort)
        advance = stack.enter_context(
            frames_progress(info.path.name, info.frame_count, first, options.bar)
        )
        frames = stack.enter_context(reading_ahead(opaque(reader), AHEAD))
        put = stack.enter_context(writing_behind(writer.take, BEHIND))
        _cut(frames, put, job, clip, advance)
    if not job.manifest.frames:
        raise InputError(f"{info.path} holds no frames: check that the file is complete.")
    job.complete()


def _cut(
    frames: Iterator[ClipFrame],
    put: Callable[[CutFrame | PartEnd], None],
    job: Job,
    clip: _Clip,
    advance: Callable[[], None],
) -> None:
    """Run the pipeline over the frames and hand them on; after each part its end, with the state.

    Nothing of a frame is kept here while the next one is cut (a frame of HD takes 60 MB), but for
    those that wait for the ones after them where alpha is held steady.
    """
    step = clip.step
    arrays = read_state(job)
    state = None if arrays is None else step.restore(arrays)
    held = HeldBack(*clip.options.held_steady(), arrays)
    del arrays
    count = after = 0
    for given in frames:
        masks = step.masks(given.index)
        cutout, state, note = step.follow(given.picture, state, masks)
        seconds = given.pts * clip.info.time_base - clip.info.start
        for ready in held.put(CutFrame(given, seconds, cutout, note, masks)):
            put(ready)
            del ready
        del cutout, masks
        advance()
        count, after = count + 1, given.index + 1
        if count % clip.options.part_frames == 0:
            arrays = state.arrays()
            for ready in held.put(PartEnd(after, arrays | held.arrays())):
                put(ready)
                del ready
            # Through the arrays, as if the job had been stopped here: both ways are one.
            state = step.restore(arrays)
            del arrays
    for ready in held.finish():
        put(ready)
    if state is not None and count % clip.options.part_frames:
        put(PartEnd(after, state.arrays() | held.arrays()))


def _open_background(job: Job, clip: _Clip, stack: ExitStack) -> Background | None:
    """Open what composites are placed over, where the job stands; closed by the stack."""
    over, size = clip.options.over, (clip.info.height, clip.info.width)
    if over is None:
        return None
    if is_over_clip(over):
        place = read_place(job)
        return stack.enter_context(
            ClipBackground(Path(over), size, place, tone_map=clip.options.tone_map)
        )
    like = to_picture(clip.step.like, "plate")
    return StillBackground(fit_new_background(read_new_background(over), like, size))


def _finish(
    job: Job,
    read: tuple[ClipInfo, Timing],
    outputs: tuple[ClipOutput, ...],
    asked: tuple[ClipOptions, str],
    say: Say,
) -> None:
    """Put the outputs in their places, report, and remove the job's folder."""
    (info, timing), (options, made_by) = read, asked
    records, looks = read_notes(job)
    sound = options.sound and bool(info.sounds)
    refuse_other_takes(outputs, numbers_of(info.path), job.manifest.after)
    deliver(job, outputs, timing, info.path if sound else None)
    for sentence in doubts(records):
        say(f"warning: {info.path}: {sentence}")
    if options.report is not None:
        lines = (
            f"{len(records)} frames, {info.width} x {info.height}, {rate_words(info.rate)}, "
            f"{clock(float(info.duration or 0))}",
            f"cleanplate {version('cleanplate')}, {made_by}; "
            + ", ".join(f"{name} {value}" for name, value in options.result_flags().items()),
        )
        facts = ClipFacts(options.shown_name or info.path.name, lines)
        write_clip_report(options.report, facts, records, looks)
    job.remove()
    written = [path for output in outputs for path in output.patterns]
    written += [options.report] if options.report else []
    say(f"{info.path} -> {', '.join(map(str, written))} ({len(records)} frames)")
