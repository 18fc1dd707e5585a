"""A clip before a screen, from files to files: the job of `clips`, with keying as its step."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.clip_plate import FollowOptions, follow_plate
from cleanplate.clip_state import ClipState, FrameNote, known_subject, note_on
from cleanplate.errors import InputError
from cleanplate.jobs.clips import run_clip
from cleanplate.jobs.inputs import (
    check_places,
    given_files,
    places_read,
    refuse_input_as_output,
)
from cleanplate.jobs.keying import KeyJob, Picture, refuse_blur, screen_colour
from cleanplate.jobs.masks import ClipMasks
from cleanplate.jobs.options import ClipOptions
from cleanplate.jobs.outputs import plan_clip_outputs
from cleanplate.jobs.parts import Arrays
from cleanplate.jobs.step import Masks, Step
from cleanplate.jobs.stills import Say, read_opaque
from cleanplate.keying import KeyOptions, Screen, estimate_screen, key_frame
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.sequences import numbers_of
from cleanplate.pictures import to_picture
from cleanplate.pipeline import Cutout, check_sizes
from cleanplate.screens.hue import HueAxis

SLIVER = 0.015  # share of the longer side; hair is thinner, but near the subject
FOLLOW = FollowOptions(camera="handheld", exposure=False, update=False, refuse=False, textured=True)


@dataclass(frozen=True)
class ScreenState:
    """What a frame leaves for the next; never changed in place.

    screen: as it was seen last; a frame that the subject fills is keyed with it. clip: where its
    plate lies, and alpha of the frame; empty without a plate, and where it is taken as it is.
    """

    screen: Screen
    clip: ClipState = field(default_factory=ClipState)

    def arrays(self) -> Arrays:
        """Turn it into arrays for `numpy.savez`."""
        screen, axis = self.screen, self.screen.axis
        kept = {f.name: np.asarray(getattr(screen, f.name)) for f in fields(Screen)}
        kept["axis"] = np.concatenate([axis.along, axis.across, [axis.saturation]])
        return kept | self.clip.arrays()

    @staticmethod
    def from_arrays(arrays: Arrays) -> "ScreenState":
        """Take what `arrays` gave."""
        along, across, saturation = np.split(arrays["axis"], (3, 6))
        axis = HueAxis(along.astype(np.float32), across.astype(np.float32), float(saturation[0]))
        numbers = {name: float(arrays[name]) for name in ("noise", "level", "share", "unevenness")}
        clip = {name: arrays[name] for name in arrays if name == "alpha" or "." in name}
        screen = Screen(arrays["light"], axis, arrays["sure"], **numbers)
        return ScreenState(screen, ClipState.from_arrays(clip))


def key_clip(clip: Path, out: str, job: KeyJob, options: ClipOptions, say: Say) -> None:
    """Key every frame of a clip and write what `out` and the options ask for.

    The screen is estimated in every frame, so that its light may change; where it is hidden the
    last one counts, and that is said. The first frame must show it. A still mask holds for all
    frames, a clip of masks frame by frame.
    Resumed and reported as `cut_clip` does. Raises CleanplateError in words.
    """
    refuse_blur(job.over)
    colour = screen_colour(job.screen)
    read = places_read(clip, _files(job).values(), options)
    refuse_input_as_output(read, out)
    check_places(read, plan_clip_outputs(clip, out, options), options.report)
    info = inspect_clip(clip, rate=options.rate)
    size = info.height, info.width
    given = {name: path for name, path in _files(job).items() if name != "plate"}
    masks = ClipMasks(given, size, info.frame_count, numbers_of(clip))
    plate = None if job.plate is None else read_opaque(job.plate, say).picture

    def step(kept: Path) -> Step:
        del kept
        like = np.zeros((*size, 3), np.float32)
        return Step(
            like, ScreenState.from_arrays, masks.at, _Keying(job, colour, plate), masks.close
        )

    run_clip(clip, out, options, (_given(clip, job, options), "keyed"), step, say)


@dataclass(frozen=True)
class _Keying:
    job: KeyJob
    colour: tuple[float, float, float] | None
    plate: Picture | None

    def __call__(
        self, given: NDArray[Any], state: ScreenState | None, masks: Masks
    ) -> tuple[Cutout, ScreenState, FrameNote]:
        frame = to_picture(given, "frame")
        holdout, garbage = masks.get("holdout"), masks.get("garbage")
        plate, clip = self._laid(frame, state, holdout, garbage)
        problem = ""
        try:
            screen = estimate_screen(
                frame, plate=plate, colour=self.colour, holdout=holdout, garbage=garbage
            )
        except InputError as refusal:
            if state is None:
                raise
            screen, problem = state.screen, f"the screen of an earlier frame was used: {refusal}"
        options = KeyOptions(despill=self.job.despill)
        cutout = key_frame(frame, screen, holdout=holdout, garbage=garbage, options=options)
        if clip.plate is not None:
            clip = replace(clip, alpha=cutout.alpha)
        note = note_on(clip.plate, cutout.alpha)
        note = replace(
            note,
            gain=(1.0, 1.0, 1.0),
            agreement=screen.share,
            lost=note.lost or bool(problem),
            words=" ".join(filter(None, (note.words, problem))),
        )
        return cutout, ScreenState(screen, clip), note

    def _laid(
        self,
        frame: Picture,
        state: ScreenState | None,
        holdout: Picture | None,
        garbage: Picture | None,
    ) -> tuple[Picture | None, ClipState]:
        """Lay the plate on the next frame. Its light is fitted later, on the screen alone."""
        if self.plate is None:
            return None, ClipState()
        if not self.job.align:
            check_sizes(self.plate, frame)
            return self.plate, ClipState()
        clip = (state.clip if state else ClipState()).restored(self.plate, frame, FOLLOW)
        alpha = None if clip.alpha is None else _without_slivers(clip.alpha)
        known = known_subject(alpha, (frame.shape[0], frame.shape[1]), holdout, garbage)
        aligned, followed = follow_plate(
            self.plate, frame, clip.plate, alpha_before=known, options=FOLLOW
        )
        if clip.plate is None:
            # One hue is too little to speak of white balance, and a plain cloth of another scene.
            followed = replace(followed, note="")
        return aligned.plate, ClipState(followed)


def _without_slivers(alpha: Picture) -> Picture:
    """Drop what is thin from alpha (H W 1): rims of marks on the cloth, by which it is tracked."""
    side = 2 * max(1, round(SLIVER * max(alpha.shape) / 2)) + 1
    opened = cv2.morphologyEx(alpha, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened, np.float32).reshape(alpha.shape)


def _given(clip: Path, job: KeyJob, options: ClipOptions) -> dict[str, str]:
    asked = {"--screen": str(job.screen), "--despill": str(job.despill)}
    return asked | given_files(clip, _files(job), options)


def _files(job: KeyJob) -> dict[str, Path]:
    named = {"plate": job.plate, "holdout": job.holdout, "garbage": job.garbage}
    return {name: path for name, path in named.items() if path is not None}
