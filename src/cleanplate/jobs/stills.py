"""One still or a batch of them, from files to files."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cleanplate.errors import CleanplateError, InputError, OutputError
from cleanplate.jobs.places import make_folder, means_folder, refuse_overwriting
from cleanplate.media.clip_read import VIDEO_ENDINGS
from cleanplate.media.encode import LOSSY_ENDINGS
from cleanplate.media.replacing import check_writable
from cleanplate.media.sequences import is_sequence
from cleanplate.media.stills import ENDINGS, Still, read_mask, read_still, write_stills
from cleanplate.network import Model, load_model
from cleanplate.new_background import fit_new_background, read_new_background
from cleanplate.pipeline import CutOptions, Cutout, cutout

Say = Callable[[str], None]
NewBackground = Still | tuple[float, float, float] | None


@dataclass(frozen=True)
class StillsOptions:
    """What `cleanplate cut` was asked for, besides the files.

    over: a picture's path, a colour, `blur`, or None for no composite.
    linear: mix in linear light. holdout, garbage, prior: paths of masks.
    difference_prior: make the prior of the plate's difference; person_prior: else, where none is
    given, ask the person segmenter.
    align: whether the plate is aligned to each frame.
    model, quality, device, threads: as in `load_model`.
    """

    over: str | None = None
    linear: bool = False
    holdout: Path | None = None
    garbage: Path | None = None
    prior: Path | None = None
    difference_prior: bool = False
    person_prior: bool = True
    align: bool = True
    model: str = "default"
    quality: str | None = None
    device: str = "auto"
    threads: int | None = None

    def inputs(self) -> list[Path]:
        """Every file these options read."""
        masks = [mask for mask in (self.holdout, self.garbage, self.prior) if mask is not None]
        return [*masks, *([] if self.over is None else [Path(self.over)])]


@dataclass(frozen=True)
class Outputs:
    """Where the pictures of one frame go; None: not wanted. `cutout` holds foreground and alpha."""

    cutout: Path | None = None
    alpha: Path | None = None
    composite: Path | None = None

    def paths(self) -> list[Path]:
        """Every file that will be written."""
        return [path for path in (self.cutout, self.alpha, self.composite) if path is not None]


@dataclass(frozen=True)
class _Job:
    """What all frames of a batch share."""

    plate: Still
    new_background: NewBackground
    model: Model
    options: StillsOptions = field(default_factory=StillsOptions)


def cut_stills(
    frames: Sequence[Path],
    plate: Path,
    out: str,
    options: StillsOptions,
    say: Say,
    model: Model | None = None,
) -> int:
    """Cut every frame against one plate and write what `out` asks for.

    out: a file (one frame: the cutout, or the composite where `options.over` is given) or a
    folder (NAME.alpha.png, NAME.foreground.png as straight RGBA, NAME.composite.png).
    say: takes notes, warnings and, in a batch, the errors of single frames, a line each.
    model: one that is loaded already, instead of the one that the options name.
    Returns how many frames failed. Raises CleanplateError for what concerns the whole batch, and
    for the frame where there is only one.
    """
    outputs = plan_outputs(frames, out, composite=options.over is not None)
    written = (path for output in outputs for path in output.paths())
    refuse_overwriting([*frames, plate, *options.inputs()], written)
    job = _Job(
        plate=read_opaque(plate, say),
        new_background=None if options.over is None else read_new_background(options.over),
        model=model or load_model(options.model, options.device, options.threads, options.quality),
        options=options,
    )
    return each_frame(
        frames, outputs, lambda frame, output: _cut_one(frame, output, job, say), "cut", say
    )


def plan_outputs(frames: Sequence[Path], out: str, composite: bool) -> list[Outputs]:
    """Decide the files for each frame from `-o`. Nothing is written yet.

    Raises OutputError where `out` does not fit the number of frames, names no format that can be
    written or a place that cannot, and where two frames would share a file.
    """
    path = Path(out)
    ending = path.suffix.lower()
    if not means_folder(out, ENDINGS):
        if ending in VIDEO_ENDINGS:
            raise OutputError(
                f"{out} is a clip, and the input are stills: for a clip of numbered stills name "
                "their folder (frames/) or their pattern ('frames/shot.%04d.png')."
            )
        if is_sequence(path):
            raise OutputError(
                f"{out} is a pattern for the frames of a clip, and the input are stills: "
                "give a file, or a folder (cuts/)."
            )
        if ending not in ENDINGS:
            raise OutputError(
                f"{out} has an ending that cannot be written: use {', '.join(ENDINGS)}, "
                "or end a folder's name with /."
            )
        if len(frames) > 1:
            raise OutputError(f"{out} is one file for {len(frames)} frames: give a folder.")
        if ending in LOSSY_ENDINGS and not composite:
            raise OutputError(
                f"{out} is a JPEG, which holds no transparency: "
                "use .png, or give a new background with --over."
            )
        check_writable(path)
        return [Outputs(composite=path) if composite else Outputs(cutout=path)]
    seen: dict[str, Path] = {}
    for frame in frames:
        other = seen.setdefault(frame.stem.casefold(), frame)
        if other is not frame:
            raise OutputError(
                f"{other} and {frame} would be written to the same files in {out}: "
                "rename one or cut them into two folders."
            )
    return [
        Outputs(
            cutout=path / f"{frame.stem}.foreground.png",
            alpha=path / f"{frame.stem}.alpha.png",
            composite=path / f"{frame.stem}.composite.png" if composite else None,
        )
        for frame in frames
    ]


def each_frame(
    frames: Sequence[Path],
    outputs: Sequence[Outputs],
    work: Callable[[Path, Outputs], None],
    done: str,
    say: Say,
) -> int:
    """Work on each frame, with a bar on the terminal; a frame that fails does not stop a batch.

    done: what frames are after it, like "cut". Returns how many failed.
    Raises the CleanplateError of the frame where there is only one.
    """
    if len(frames) == 1:
        work(frames[0], outputs[0])
        return 0
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("frames", total=len(frames))
        for frame, output in zip(frames, outputs, strict=True):
            progress.update(task, description=frame.name)
            try:
                work(frame, output)
            except CleanplateError as problem:
                failed += 1
                say(f"cleanplate: {name_frame(frame, str(problem))}")
            progress.advance(task)
    if failed:
        say(f"cleanplate: {failed} of {len(frames)} frames could not be {done}.")
    return failed


def _cut_one(frame: Path, output: Outputs, job: _Job, say: Say) -> None:
    still = read_opaque(frame, say)
    size = still.picture.shape[:2]
    started = time.perf_counter()
    result = cutout(
        still.picture,
        job.plate.picture,
        model=job.model,
        prior=read_mask_of(job.options.prior, size),
        holdout=read_mask_of(job.options.holdout, size),
        garbage=read_mask_of(job.options.garbage, size),
        options=CutOptions(
            align=job.options.align,
            difference_prior=job.options.difference_prior,
            person_prior=job.options.person_prior,
        ),
        warn=lambda sentence: say(f"warning: {name_frame(frame, sentence)}"),
    )
    seconds = time.perf_counter() - started
    like, linear = job.plate.picture, job.options.linear
    write_outputs(result, output, still.bit_depth, job.new_background, linear, like)
    tell(frame, output, size, seconds, say)


def write_outputs(
    result: Cutout,
    output: Outputs,
    bit_depth: int,
    new_background: NewBackground,
    linear: bool,
    like: NDArray[np.float32] | None = None,
) -> None:
    """Write the pictures of one frame, all of them or none.

    like: H W 3, what a new background is made like, by default the foreground.
    """
    files: dict[Path, tuple[NDArray[np.float32], NDArray[np.float32] | None]] = {}
    if output.cutout is not None:
        files[output.cutout] = (result.foreground, result.alpha)
    if output.alpha is not None:
        files[output.alpha] = (result.alpha, None)
        make_folder(output.alpha.parent)
    if output.composite is not None:
        like = result.foreground if like is None else like
        background = fit_new_background(new_background, like, result.foreground.shape[:2])
        files[output.composite] = (result.over(background, linear=linear), None)
    write_stills(files, bit_depth)


def tell(frame: Path, output: Outputs, size: tuple[int, ...], seconds: float, say: Say) -> None:
    """Say what was written of a frame of this height and width."""
    written = ", ".join(str(path) for path in output.paths())
    say(f"{frame} -> {written} ({size[1]} x {size[0]}, {seconds:.1f} s)")


def read_opaque(path: Path, say: Say) -> Still:
    """Read a frame or a plate; a channel of alpha that is 1 everywhere is nothing to speak of."""
    still = read_still(path)
    for note in still.notes:
        say(f"note: {path}: {note}")
    if still.alpha is not None and still.alpha.min() < 0.999:
        raise InputError(
            f"{path} is transparent in places, as if it were cut out already: "
            "give the untouched picture."
        )
    return still


def read_mask_of(path: Path | None, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Read a mask for a frame of this height and width; None where none was given."""
    return None if path is None else read_mask(path, size)


def name_frame(frame: Path, sentence: str) -> str:
    """Say which frame a sentence is about, unless it does already."""
    return sentence if str(frame) in sentence else f"{frame}: {sentence}"
