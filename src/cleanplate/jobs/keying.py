"""Keyed stills, from files to files: one or a batch before a screen, or one before two backings."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from cleanplate.errors import InputError
from cleanplate.jobs.places import refuse_overwriting
from cleanplate.jobs.stills import (
    NewBackground,
    Outputs,
    Say,
    each_frame,
    plan_outputs,
    read_mask_of,
    read_opaque,
    tell,
    write_outputs,
)
from cleanplate.keying import KeyOptions, estimate_screen, key_frame
from cleanplate.new_background import read_new_background
from cleanplate.pipeline import check_sizes
from cleanplate.plate import fit_plate
from cleanplate.screens.backings import key_two_backings

Picture = NDArray[np.float32]

# sRGB of the cloth and paint that is sold under these names; only the hue matters.
SCREENS = {"green": (0.0, 0.69, 0.25), "blue": (0.0, 0.28, 0.73)}


@dataclass(frozen=True)
class KeyJob:
    """What `cleanplate key` was asked for, besides inputs and output.

    screen: green, blue, #rrggbb, or None to find it. plate: the empty screen. over: a picture's
    path or a colour, or None for no composite. linear: mix in linear light. holdout, garbage:
    paths of masks. despill: 0 to 1. align: whether plates are aligned.
    """

    screen: str | None = None
    plate: Path | None = None
    over: str | None = None
    linear: bool = False
    holdout: Path | None = None
    garbage: Path | None = None
    despill: float = 1.0
    align: bool = True

    def inputs(self) -> list[Path]:
        """Every file these options read."""
        named = [self.plate, self.holdout, self.garbage, Path(self.over) if self.over else None]
        return [path for path in named if path is not None]


def key_stills(frames: Sequence[Path], out: str, job: KeyJob, say: Say) -> int:
    """Key every frame and write what `out` asks for: a file or a folder, as `cut_stills` does.

    say: takes notes, warnings and, in a batch, the errors of single frames, a line each.
    Returns how many frames failed. Raises CleanplateError for what concerns the whole batch, and
    for the frame where there is only one.
    """
    outputs = plan_outputs(frames, out, composite=job.over is not None)
    written = (path for output in outputs for path in output.paths())
    refuse_overwriting([*frames, *job.inputs()], written)
    colour = screen_colour(job.screen)
    plate = None if job.plate is None else read_opaque(job.plate, say).picture
    new_background = read_over(job.over)
    shared = colour, plate, new_background
    return each_frame(
        frames,
        outputs,
        lambda frame, output: _key_one(frame, output, job, shared, say),
        "keyed",
        say,
    )


def key_backings(
    frames: tuple[Path, Path], plates: tuple[Path, Path], out: str, job: KeyJob, say: Say
) -> None:
    """Solve two shots before two backings and write what `out` asks for, named by the first shot.

    Of `job` count over, linear, holdout, garbage and align. Raises CleanplateError.
    """
    output = plan_outputs(frames[:1], out, composite=job.over is not None)[0]
    refuse_overwriting([*frames, *plates, *job.inputs()], output.paths())
    new_background = read_over(job.over)
    stills = [read_opaque(path, say) for path in (*frames, *plates)]
    pictures = [still.picture for still in stills]
    started = time.perf_counter()
    result = key_two_backings(
        (pictures[0], pictures[1]),
        (pictures[2], pictures[3]),
        align=job.align,
        warn=lambda sentence: say(f"warning: {sentence}"),
    )
    size = pictures[0].shape[:2]
    cutout = result.cutout.masked(
        pictures[0], read_mask_of(job.holdout, size), read_mask_of(job.garbage, size)
    )
    seconds = time.perf_counter() - started
    write_outputs(cutout, output, stills[0].bit_depth, new_background, job.linear)
    tell(frames[0], output, size, seconds, say)


def screen_colour(name: str | None) -> tuple[float, float, float] | None:
    """Colour that `--screen` names, R G B 0..1; None stays None.

    Raises InputError where it is no colour.
    """
    if name is None or name in SCREENS:
        return None if name is None else SCREENS[name]
    try:
        red, green, blue = (value / 255 for value in ImageColor.getrgb(name)[:3])
    except ValueError as problem:
        raise InputError(
            f"{name} is no colour of a screen: give green, blue or #rrggbb, or leave it out."
        ) from problem
    return red, green, blue


def _key_one(
    frame: Path,
    output: Outputs,
    job: KeyJob,
    shared: tuple[tuple[float, float, float] | None, Picture | None, NewBackground],
    say: Say,
) -> None:
    colour, plate, new_background = shared
    still = read_opaque(frame, say)
    size = still.picture.shape[:2]
    holdout, garbage = read_mask_of(job.holdout, size), read_mask_of(job.garbage, size)
    started = time.perf_counter()
    if plate is not None:
        plate = lay_plate(plate, still.picture, holdout, job.align)
    screen = estimate_screen(
        still.picture, plate=plate, colour=colour, holdout=holdout, garbage=garbage
    )
    cutout = key_frame(
        still.picture,
        screen,
        holdout=holdout,
        garbage=garbage,
        options=KeyOptions(despill=job.despill),
    )
    seconds = time.perf_counter() - started
    write_outputs(cutout, output, still.bit_depth, new_background, job.linear)
    tell(frame, output, size, seconds, say)


def lay_plate(plate: Picture, frame: Picture, holdout: Picture | None, align: bool) -> Picture:
    """Lay a plate of the screen on the frame. Its light is fitted later, on the screen alone."""
    if align:
        # A plain cloth has nothing to recognise, so that is no reason to refuse it.
        aligned, _ = fit_plate(plate, frame, holdout=holdout, refuse=False)
        return aligned.plate if aligned.warped is None else aligned.warped
    check_sizes(plate, frame)
    return plate


def refuse_blur(over: str | None) -> None:
    """Raise InputError where the new background would be the screen itself, blurred."""
    if over == "blur":
        raise InputError(
            "A blurred screen is no new background: give --over a picture or a colour."
        )


def read_over(over: str | None) -> NewBackground:
    """Read the new background; None stays None. Raises InputError, also for `blur`."""
    refuse_blur(over)
    return None if over is None else read_new_background(over)
