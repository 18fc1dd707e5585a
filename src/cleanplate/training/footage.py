"""Real footage without labels: clips with their plates, read once and kept small.

A folder of footage holds any of these, side by side:

    walk/0001.jpg, 0002.jpg, ...  and walk/plate.jpg    numbered stills in a folder, with a plate
    talk.mp4                      and talk.plate.jpg    a video, with a plate beside it
    dance.mp4                                           a clip alone: its plate is estimated

A clip that is shown with two plates (the light went on) is two clips. See docs/student.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, PlateError
from cleanplate.media.clip_read import STILL_ENDINGS, VIDEO_ENDINGS, ClipReader
from cleanplate.media.sequences import is_sequence
from cleanplate.media.stills import read_still
from cleanplate.network import weights_path
from cleanplate.people import Segmenter, new_people
from cleanplate.plate import fit_plate, match_color
from cleanplate.plates.clip_estimate import estimate_plate
from cleanplate.prior import differing, join_priors

Picture = NDArray[np.float32]
Levels = NDArray[np.uint8]
Say = Callable[[str], None]

PIXELS = 130_000  # the network's working size
FEWEST = 3  # frames below which nothing can be told of agreement over time
LEVELS = (3.5, 12.0)  # of 255: differences that noise, codec and drift explain, at least and most
HELD_OUT = 0.2  # of each clip, its end


@dataclass(frozen=True)
class FootageClip:
    """Frames of one clip, each with its plate laid on it, at the network's working size.

    frames, plates: T H W 3, 8 bit, RGB. agrees: T H W 1, 1 where plate and frame agree in this
    frame and its neighbours, 0 elsewhere. priors: T H W 1, 8 bit, as the cutter makes them of each
    frame. Height and width are multiples of 16.
    """

    name: str
    frames: Levels
    plates: Levels
    agrees: Levels
    priors: Levels

    def part(self, first: int, last: int) -> "FootageClip":
        """Take the frames from `first` up to before `last`."""
        cut = slice(first, last)
        parts = (self.frames, self.plates, self.agrees, self.priors)
        return FootageClip(self.name, *(each[cut] for each in parts))


def split(clips: list[FootageClip]) -> tuple[list[FootageClip], list[FootageClip]]:
    """Part to train on and held-out part: the last fifth of each clip, at least one frame."""
    ends = [len(clip.frames) - max(1, round(HELD_OUT * len(clip.frames))) for clip in clips]
    pairs = list(zip(clips, ends, strict=True))
    return (
        [clip.part(0, end) for clip, end in pairs],
        [clip.part(end, len(clip.frames)) for clip, end in pairs],
    )


def read_footage(
    folder: Path, most: int = 120, say: Say = print, pixels: int = PIXELS
) -> list[FootageClip]:
    """Read every clip of a folder (layout at the top of this file).

    most: frames of each clip that are kept, evenly over its length.
    Raises InputError where the folder is missing or no clip in it can be used, and says of each
    clip that is left out why.
    """
    clips = []
    for path, plate in find_clips(folder):
        try:
            clips.append(read_clip(path, plate, most, pixels))
        except (InputError, PlateError) as problem:
            say(f"note: {path.name} is left out: {problem}")
    if not clips:
        raise InputError(f"{folder}: no clip there can be used; the notes above say why.")
    return clips


def find_clips(folder: Path) -> list[tuple[Path, Path | None]]:
    """Find each clip of a folder and its plate, or None; nothing is read.

    Raises InputError where the folder is missing or holds no clips.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder of clips with their plates.")
    found = sorted(_find(folder))
    if not found:
        raise InputError(
            f"{folder} holds no clips; put videos (NAME.mp4 with NAME.plate.jpg) or folders of "
            "numbered stills with a plate.jpg into it."
        )
    return found


def read_clip(path: Path, plate: Path | None, most: int = 120, pixels: int = PIXELS) -> FootageClip:
    """Read one clip and lay its plate on every frame that is kept.

    plate: a picture, or None: it is estimated from the clip.
    Raises InputError for what cannot be read or is too short, PlateError where the plate fits
    fewer than half of the frames or cannot be estimated.
    """
    frames = _read_frames(path, most, pixels)
    if len(frames) < FEWEST:
        raise InputError(f"{path} has {len(frames)} frames; at least {FEWEST} are needed.")
    if plate is None:
        scene = estimate_plate(frames).plate
    else:
        scene = _shrink(read_still(plate).picture, pixels)
    laid_on = list(_lay(scene, frames))
    if len(laid_on) < max(FEWEST, len(frames) / 2):
        raise PlateError(
            f"The plate of {path} fits only {len(laid_on)} of {len(frames)} frames; give a plate "
            "of the same place, light and camera."
        )
    kept, plates = (
        np.stack([_levels(each) for each in side]) for side in zip(*laid_on, strict=True)
    )
    segmenter = Segmenter(weights_path("person"))
    priors = np.stack([_levels(guess_prior(*pair, segmenter)) for pair in laid_on])
    return FootageClip(path.stem, kept, plates, find_agreement(kept, plates), priors)


def find_agreement(frames: Levels, plates: Levels, reach: int = 1) -> Levels:
    """Where plate and frame agree over several frames: surely background.

    frames, plates: T H W 3, 8 bit. reach: neighbours on each side that must agree too.
    Returns T H W 1, 0 or 1. A subject that has the plate's colour for a moment moves on, and a
    flat region inside it has an edge around it: differences are averaged over 7 x 7 pixels and
    small islands of agreement do not count. What a clip's codec and light do to a plate is told
    from its median difference, since a subject rarely fills half of the picture.
    """
    differences = [
        cv2.blur(np.abs(frame.astype(np.float32) - plate).max(2), (7, 7))
        for frame, plate in zip(frames, plates, strict=True)
    ]
    threshold = np.clip(2 * np.median(differences), *LEVELS)
    alone = []
    for difference in differences:
        alike = (difference < threshold).astype(np.uint8)
        opened = cv2.morphologyEx(alike, cv2.MORPH_OPEN, np.ones((11, 11), np.uint8))
        alone.append(cv2.erode(np.asarray(opened), np.ones((5, 5), np.uint8)))
    stack = np.stack(alone)
    together = [
        stack[max(0, index - reach) : index + reach + 1].min(0) for index in range(len(stack))
    ]
    return np.stack(together)[..., None]


def guess_prior(frame: Picture, plate: Picture, segmenter: Segmenter) -> Picture:
    """Make the soft prior, H W 1, that the cutter makes: people, and what differs from the plate.

    frame, plate: H W 3, 0..1, the plate laid on the frame.
    """
    people = new_people(segmenter(frame), segmenter(plate))
    return join_priors(people, differing(frame, plate))


def _lay(scene: Picture, frames: list[Picture]) -> Iterator[tuple[Picture, Picture]]:
    """Yield each frame that the plate fits, and the plate laid on it.

    While a camera stands still only the colours are followed.
    """
    aligned, usual = None, 0.0
    for frame in frames:
        if aligned is not None:
            followed = match_color(aligned, frame)
            if float(np.median(np.abs(followed.plate - frame))) <= 1.5 * usual + 1 / 255:
                yield frame, followed.plate
                continue
        try:
            aligned, _ = fit_plate(scene, frame)
        except PlateError:
            continue  # somebody before the lens, a cut, a push of the camera
        usual = float(np.median(np.abs(aligned.plate - frame)))
        yield frame, aligned.plate


def _find(folder: Path) -> Iterator[tuple[Path, Path | None]]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.is_dir() and is_sequence(path):
            yield path, _plate_named(path, "plate")
        elif path.suffix.lower() in VIDEO_ENDINGS:
            yield path, _plate_named(folder, f"{path.stem}.plate")


def _plate_named(folder: Path, stem: str) -> Path | None:
    """Find the picture of that name without its ending."""
    fitting = (path for path in sorted(folder.iterdir()) if path.stem == stem)
    return next((path for path in fitting if path.suffix.lower() in STILL_ENDINGS), None)


def _read_frames(path: Path, most: int, pixels: int) -> list[Picture]:
    """At most `most` frames, evenly: every second is dropped whenever there are too many."""
    kept: list[Picture] = []
    step = 1
    with ClipReader(path) as reader:
        for count, frame in enumerate(reader):
            if count % step:
                continue
            kept.append(_shrink(_picture(frame.picture), pixels))
            if len(kept) > most:
                kept, step = kept[::2], step * 2
    return kept


def _picture(pixels: NDArray[Any]) -> Picture:
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def _shrink(picture: Picture, pixels: int) -> Picture:
    """To about so many pixels, sides that are multiples of 16; never larger than it was."""
    height, width = picture.shape[:2]
    scale = min(1.0, (pixels / (height * width)) ** 0.5)
    size = [max(16, round(side * scale / 16) * 16) for side in (width, height)]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _levels(picture: Picture) -> Levels:
    return np.round(picture.clip(0, 1) * 255).astype(np.uint8)
