"""A clip before a screen, from files to files: the job of `clips`, with keying as its step."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from cleanplate.clip_state import FrameNote
from cleanplate.errors import InputError
from cleanplate.jobs.clips import run_clip
from cleanplate.jobs.inputs import check_places, given_files, refuse_input_as_output
from cleanplate.jobs.keying import KeyJob, Picture, lay_plate, refuse_blur, screen_colour
from cleanplate.jobs.masks import ClipMasks
from cleanplate.jobs.options import ClipOptions
from cleanplate.jobs.outputs import plan_clip_outputs
from cleanplate.jobs.parts import Arrays
from cleanplate.jobs.step import Step
from cleanplate.jobs.stills import Say, read_opaque
from cleanplate.keying import KeyOptions, Screen, estimate_screen, key_frame
from cleanplate.media.clip_read import inspect_clip
from cleanplate.pipeline import Cutout
from cleanplate.screens.hue import HueAxis


@dataclass(frozen=True)
class ScreenState:
    """The screen as it was seen last. A frame that the subject fills is keyed with it."""

    screen: Screen

    def arrays(self) -> Arrays:
        """Turn it into arrays for `numpy.savez`."""
        screen, axis = self.screen, self.screen.axis
        kept = {f.name: np.asarray(getattr(screen, f.name)) for f in fields(Screen)}
        kept["axis"] = np.concatenate([axis.along, axis.across, [axis.saturation]])
        return kept

    @staticmethod
    def from_arrays(arrays: Arrays) -> "ScreenState":
        """Take what `arrays` gave."""
        along, across, saturation = np.split(arrays["axis"], (3, 6))
        axis = HueAxis(along.astype(np.float32), across.astype(np.float32), float(saturation[0]))
        numbers = {name: float(arrays[name]) for name in ("noise", "level", "share", "unevenness")}
        return ScreenState(Screen(arrays["light"], axis, arrays["sure"], **numbers))


def key_clip(clip: Path, out: str, job: KeyJob, options: ClipOptions, say: Say) -> None:
    """Key every frame of a clip and write what `out` and the options ask for.

    The screen is estimated in every frame, so that its light may change; where it is hidden the
    last one counts, and that is said. The first frame must show it. A still mask holds for all
    frames, a clip of masks frame by frame.
    Resumed and reported as `cut_clip` does. Raises CleanplateError in words.
    """
    refuse_blur(job.over)
    colour = screen_colour(job.screen)
    for path in (clip, job.plate, job.holdout, job.garbage):
        refuse_input_as_output(clip, path or clip, out, options)
    places = [output.place for output in plan_clip_outputs(clip, out, options)]
    places += [options.report] if options.report else []
    for read in (job.plate or clip, job.holdout or clip, job.garbage or clip):
        check_places(clip, read, places, options)
    info = inspect_clip(clip, rate=options.rate)
    size = info.height, info.width
    paths = {"holdout": job.holdout, "garbage": job.garbage}
    given = {name: path for name, path in paths.items() if path is not None}
    masks = ClipMasks(given, size, info.frame_count)
    plate = None if job.plate is None else read_opaque(job.plate, say).picture

    def step(kept: Path) -> Step:
        del kept
        like = np.zeros((*size, 3), np.float32)
        return Step(like, ScreenState.from_arrays, _Keying(job, colour, plate, masks), masks.close)

    run_clip(clip, out, options, (_given(clip, job, options), "keyed"), step, say)


@dataclass(frozen=True)
class _Keying:
    job: KeyJob
    colour: tuple[float, float, float] | None
    plate: Picture | None
    masks: ClipMasks

    def __call__(
        self, frame: Picture, state: ScreenState | None, index: int
    ) -> tuple[Cutout, ScreenState, FrameNote]:
        words, masks = "", self.masks.at(index)
        holdout, garbage = masks.get("holdout"), masks.get("garbage")
        try:
            screen = self._screen(frame, holdout, garbage)
        except InputError as problem:
            if state is None:
                raise
            screen, words = state.screen, f"the screen of an earlier frame was used: {problem}"
        options = KeyOptions(despill=self.job.despill)
        cutout = key_frame(frame, screen, holdout=holdout, garbage=garbage, options=options)
        uncertain = float(((cutout.alpha > 0.02) & (cutout.alpha < 0.98)).mean())
        note = FrameNote(np.nan, (1.0, 1.0, 1.0), screen.share, uncertain, bool(words), words)
        return cutout, ScreenState(screen), note

    def _screen(self, frame: Picture, holdout: Picture | None, garbage: Picture | None) -> Screen:
        plate = self.plate
        if plate is not None:
            plate = lay_plate(plate, frame, holdout, self.job.align)
        return estimate_screen(
            frame, plate=plate, colour=self.colour, holdout=holdout, garbage=garbage
        )


def _given(clip: Path, job: KeyJob, options: ClipOptions) -> dict[str, str]:
    named = {"plate": job.plate, "holdout": job.holdout, "garbage": job.garbage}
    files = {name: path for name, path in named.items() if path is not None}
    asked = {"--screen": str(job.screen), "--despill": str(job.despill)}
    return asked | given_files(clip, files, options)
