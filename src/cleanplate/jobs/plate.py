"""The plate of a clip: a picture, or made of frames of the clip itself."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.clip_plate import EstimatedPlate, EstimateOptions, PlateClip, estimate_plate
from cleanplate.errors import InputError, PlateError
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.jobs.plate_frames import keep, open_plate_clip, read_kept
from cleanplate.jobs.progress import frames_progress
from cleanplate.jobs.stills import Say
from cleanplate.jobs.threads import reading_ahead
from cleanplate.looks import WIDE
from cleanplate.media.clip_planes import at_depth
from cleanplate.media.clip_read import ClipReader, is_moving
from cleanplate.media.stills import read_still
from cleanplate.network import Model
from cleanplate.pipeline import cutout

Picture = NDArray[np.float32]

AHEAD = 2


def read_plate(
    clip: Path, plate: Path | PlateFrom, model: Model, options: ClipOptions, kept: Path, say: Say
) -> NDArray[Any] | PlateClip:
    """Get the plate of a clip: H W 3 as `cutout` takes it, or for a moving camera a clip of plates.

    plate: a picture (given back in the numbers of its file, which take less memory), a clip of the
    empty scene (summed up to one picture where the camera is fixed, matched frame to frame where it
    moves), or what to make it of.
    kept: file (.npy) in which an estimate is kept, so that a job that goes on has the same one.
    Raises InputError, PlateError.
    """
    if isinstance(plate, Path) and not is_moving(plate):
        return _read_still(plate, say)
    if isinstance(plate, Path) and options.camera == "handheld":
        return open_plate_clip(plate, options, kept)
    estimated = read_kept(kept)
    if estimated is not None:
        return estimated
    if isinstance(plate, Path):
        source, estimate = plate, _estimate(plate, None, True, options)
    else:
        source, estimate = clip, _estimate_from(clip, plate, model, options)
    for sentence in estimate.warnings:
        say(f"warning: {source}: {sentence}")
    keep(kept, estimate.plate)
    return estimate.plate


def _read_still(path: Path, say: Say) -> NDArray[Any]:
    still = read_still(path)
    for note in still.notes:
        say(f"note: {path}: {note}")
    if still.alpha is not None and still.alpha.min() < 0.999:
        raise InputError(f"{path} is transparent in places: give a picture of the empty scene.")
    return still.picture if still.bit_depth > 16 else at_depth(still.picture, still.bit_depth)


def _estimate_from(
    clip: Path, source: PlateFrom, model: Model, options: ClipOptions
) -> EstimatedPlate:
    def find_subject(frame: Picture) -> Picture:
        return cutout(frame, None, model=model.looking(WIDE)).alpha

    if source.seconds is not None:
        return _estimate(clip, source.seconds, True, options)
    try:
        return _estimate(clip, None, False, options)
    except PlateError:
        # What the network takes for a subject without a plate may be part of the scene, so it is
        # asked only where the frames alone do not tell.
        return _estimate(clip, None, False, options, find_subject)


def _estimate(
    clip: Path,
    seconds: Fraction | None,
    empty: bool,
    options: ClipOptions,
    find_subject: Callable[[Picture], Picture] | None = None,
) -> EstimatedPlate:
    """Estimate from all frames, or those before `seconds`; empty: nobody is in them."""
    with ExitStack() as stack:
        reader = stack.enter_context(ClipReader(clip, **options.reading()))
        total = reader.info.frame_count if seconds is None else None
        advance = stack.enter_context(
            frames_progress("looking for the plate", total, shown=options.bar)
        )
        frames = stack.enter_context(reading_ahead(_pictures(reader, seconds), AHEAD))
        return estimate_plate(
            _counted(frames, advance),
            empty=empty,
            find_subject=find_subject,
            options=EstimateOptions(camera=options.camera),
        )


def _pictures(reader: ClipReader, until: Fraction | None) -> Iterator[NDArray[Any]]:
    info = reader.info
    for frame in reader:
        seconds = frame.pts * info.time_base - info.start
        if until is not None and seconds >= until:
            return
        yield frame.picture


def _counted(frames: Iterator[Any], advance: Callable[[], None]) -> Iterator[Any]:
    for frame in frames:
        yield frame
        advance()
