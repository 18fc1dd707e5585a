"""The way of a frame: align the plate, guess a prior, run the network, refine, despill."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.clip_plate import FollowOptions, PlateClip, follow_plate
from cleanplate.clip_state import ClipState, FrameNote, known_subject, note_on
from cleanplate.composite import over
from cleanplate.encoded_plate import EncodedPlate
from cleanplate.errors import InputError, WeightsError
from cleanplate.foreground import despill
from cleanplate.motion import Memory, remember
from cleanplate.network import Model, load_model
from cleanplate.pictures import size_of, to_masks, to_picture
from cleanplate.plate import fit_plate
from cleanplate.prediction import Coarse
from cleanplate.prior import JOINED, estimate_prior
from cleanplate.refine import RefineOptions, refine, stretched

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Cutout:
    """A subject without its background: alpha H W 1 and straight foreground H W 3, both 0..1."""

    alpha: Picture
    foreground: Picture

    def over(self, new_background: Picture, linear: bool = False) -> Picture:
        """Composite over a new background of the same height and width (H W 3, 0..1)."""
        new_background = to_picture(new_background, "new background")
        if new_background.shape != self.foreground.shape:
            raise InputError(
                f"The new background is {size_of(new_background)}, the cutout "
                f"{size_of(self.foreground)}; resize the background first."
            )
        composite: Picture = over(self.foreground, self.alpha, new_background, linear)
        return composite.astype(np.float32)

    def masked(self, frame: Picture, holdout: Picture | None, garbage: Picture | None) -> "Cutout":
        """Make alpha 1 and the foreground the frame in the holdout, alpha 0 in the garbage.

        frame: H W 3, holdout, garbage: H W 1 or None, all 0..1. What garbage takes away wholly is
        black in the foreground, too: files are not to carry it along.
        """
        alpha, foreground = self.alpha, self.foreground
        if holdout is not None:
            alpha = np.maximum(alpha, holdout)
            foreground = foreground + holdout * (frame - foreground)
        if garbage is not None:
            alpha = np.minimum(alpha, 1 - garbage)
            foreground = np.where(alpha > 0, foreground, np.float32(0))
        return Cutout(alpha, foreground)


@dataclass(frozen=True)
class CutOptions:
    """What is done on the way; every step can be left out."""

    align: bool = True
    # Without a prior, make one of the plate's difference: closes holes in the subject, but what
    # moved in the scene, or throws a strong shadow, is more easily kept.
    difference_prior: bool = False
    # Without another prior, ask where people are, and join that with what differs from the plate:
    # closes holes where clothes have the plate's colour, and tells the subject without a plate.
    person_prior: bool = True
    despill: float = 1.0  # 0 (off) to 1
    refine: RefineOptions = field(default_factory=RefineOptions)
    follow: FollowOptions = field(default_factory=FollowOptions)  # the plate through a clip
    # In a clip, tell the network what it said of the frame before. None: where the weights have
    # learned from clips; others refuse it.
    temporal: bool | None = None

    def __post_init__(self) -> None:
        check_strength(self.despill, "despill")


def cutout(
    frame: NDArray[Any],
    plate: NDArray[Any] | None = None,
    *,
    model: Model | None = None,
    prior: NDArray[Any] | None = None,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
    options: CutOptions | None = None,
    align: bool = True,
    warn: Callable[[str], None] | None = None,
) -> Cutout:
    """Cut the subject out of one frame.

    frame, plate: H W 3 RGB, uint8, uint16 or float 0..1, sRGB-encoded; the plate may have another
    size and is aligned to the frame unless `align` is False. Without a plate the network must
    guess, at less quality. prior: soft guess of the subject. holdout, garbage: masks of what surely
    is subject and surely is not. All three are H W or H W 1, bool, float 0..1, or uint8 or uint16,
    which are divided by the greatest value of their type: 255 is 1, and 1 is next to nothing.
    model: of `load_model`, the default if left out. options: the steps in detail (`align` is then
    taken from there). warn: called with one sentence for each doubt about the plate.
    Raises InputError, PlateError, WeightsError.
    """
    options = options or CutOptions(align=align)
    model = _usable(model).for_stills
    frame = to_picture(frame, "frame")
    height, width = frame.shape[:2]
    prior, holdout, garbage = to_masks(height, width, prior=prior, holdout=holdout, garbage=garbage)
    valid = None
    if plate is not None:
        plate = to_picture(plate, "plate")
        plate, valid = _fit(plate, frame, (holdout, garbage), options, warn)
    encoded = model.encode_plate(plate, height, width, valid)
    coarse = predict(frame, plate, valid, encoded, prior, model, options)
    made = _finish(coarse, frame, plate, valid, model, options)
    return made.masked(frame, holdout, garbage)


def cutouts(
    frames: Iterable[NDArray[Any]],
    plate: NDArray[Any],
    *,
    model: Model | None = None,
    options: CutOptions | None = None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[Cutout]:
    """Cut the frames of a clip, in their order; the plate follows them (see `cut_next`).

    frames, plate: as in `cutout`; all frames have one size. warn: called with one sentence for
    each doubt about the plate. Nothing is done before a cutout is asked for, and a frame is taken
    when its turn comes: the first one raises what is wrong with plate, model or options, each one
    what is wrong with itself (InputError, PlateError, WeightsError).
    """
    state, plate = None, to_picture(plate, "plate")
    for frame in frames:
        cutout, state, note = cut_next(frame, plate, state, model=model, options=options)
        if warn and note.words:
            warn(note.words)
        yield cutout


def cut_next(
    frame: NDArray[Any],
    plate: NDArray[Any] | PlateClip,
    state: ClipState | None,
    *,
    model: Model | None = None,
    prior: NDArray[Any] | None = None,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
    options: CutOptions | None = None,
) -> tuple[Cutout, ClipState, FrameNote]:
    """Cut the next frame of a clip.

    frame, plate and masks: as in `cutout`, the masks of this frame; the same plate for all frames,
    or a clip of the empty scene. state: what the call for the frame before gave, None for the
    first one. Returns the state for the next frame and what is to be said about this one.
    Raises InputError, PlateError, WeightsError.
    """
    options = options or CutOptions()
    model = _usable(model)
    if options.temporal and not model.remembers:
        raise WeightsError(
            f"{model.path.name} has not learned from clips and cannot use the last frame; leave "
            "it out, or train weights with --clips."
        )
    frame = to_picture(frame, "frame")
    state, given = state or ClipState(), None
    if not isinstance(plate, PlateClip):
        known = plate is state.given and options.align == (state.plate is not None)
        given, laid = plate, state.shown() if known else None  # it was laid and lies there
        plate = to_picture(plate, "plate") if laid is None else laid
    height, width = frame.shape[:2]
    prior, holdout, garbage = to_masks(height, width, prior=prior, holdout=holdout, garbage=garbage)
    state = state.restored(plate, frame, options.follow)
    before = state.shown()
    if before is not None and before.shape != frame.shape:
        raise InputError(
            f"A frame is {size_of(frame)}, the one before was {size_of(before)}; "
            "all frames of one clip have one size."
        )
    if options.align or isinstance(plate, PlateClip):
        aligned, followed = follow_plate(
            plate,
            frame,
            state.plate,
            alpha_before=known_subject(state.alpha, (height, width), holdout, garbage),
            options=options.follow,
        )
        laid, valid = aligned.plate, aligned.valid
    else:
        check_sizes(plate, frame)
        followed, laid, valid = None, plate, None
    encoded = state.encoded
    if encoded is None or encoded.source is not laid:
        encoded = model.encode_plate(laid, height, width, valid)
    recalls = model.remembers if options.temporal is None else options.temporal
    coarse = predict(frame, laid, valid, encoded, prior, model, options, state.memory, recalls)
    made = _finish(coarse, frame, laid, valid, model, options).masked(frame, holdout, garbage)
    note = note_on(followed, made.alpha)
    memory = remember(coarse)
    return made, ClipState(followed, memory, stretched(memory.alpha), encoded, given), note


def _fit(
    plate: Picture,
    frame: Picture,
    masks: tuple[Picture | None, Picture | None],
    options: CutOptions,
    warn: Callable[[str], None] | None,
) -> tuple[Picture, Picture | None]:
    """Bring the plate to this frame; also where it covers the frame."""
    if not options.align:
        check_sizes(plate, frame)
        return plate, None
    holdout, garbage = masks
    aligned, report = fit_plate(plate, frame, holdout=holdout, garbage=garbage)
    if warn:
        for sentence in report.warnings:
            warn(sentence)
    return aligned.plate, aligned.valid


def check_sizes(plate: Picture, frame: Picture) -> None:
    """Raise InputError where a plate that is taken as it is has not the frame's size."""
    if plate.shape != frame.shape:
        raise InputError(
            f"The plate is {size_of(plate)}, the frame {size_of(frame)}; without alignment both "
            "must have one size."
        )


def predict(
    frame: Picture,
    plate: Picture | None,
    valid: Picture | None,
    encoded: EncodedPlate,
    prior: Picture | None,
    model: Model,
    options: CutOptions,
    before: Memory | None = None,
    recalls: bool = False,
) -> Coarse:
    """Guess a prior where one is wanted, and run the network (see `Model`)."""
    if prior is None and plate is not None and options.difference_prior:
        prior = estimate_prior(frame, plate, valid)
    return model(frame, encoded, prior, before, recalls, options.person_prior, JOINED)


def _finish(
    coarse: Coarse,
    frame: Picture,
    plate: Picture | None,
    valid: Picture | None,
    model: Model,
    options: CutOptions,
) -> Cutout:
    """Full resolution, and the plate's colour off the edge."""
    alpha, foreground = refine(
        coarse, frame, plate, valid, model.refiner, options.refine, model.threads
    )
    if plate is not None:
        foreground = despill(foreground, alpha, plate, options.despill)
    return Cutout(alpha, foreground)


def check_strength(strength: float, what: str) -> None:
    """Raise InputError where a strength is not 0 (off) to 1."""
    if not 0 <= strength <= 1:
        raise InputError(f"The strength of {what} is {strength:g}; expected 0 (off) to 1.")


def _usable(model: Model | None) -> Model:
    """Check a model that was given; the default where none was."""
    if model is not None and not isinstance(model, Model):
        raise InputError(
            f"The model is {model!r}; expected what load_model gives, as load_model('large')."
        )
    return model or _default_model()


@lru_cache(maxsize=1)
def _default_model() -> Model:
    return load_model()
