"""The way of a frame: align the plate, guess a prior, run the network, refine, despill."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.composite import over
from cleanplate.errors import InputError
from cleanplate.foreground import despill
from cleanplate.network import EncodedPlate, Model, load_model
from cleanplate.plate import fit_plate
from cleanplate.prior import estimate_prior
from cleanplate.refine import RefineOptions, refine

Picture = NDArray[np.float32]

SMALLEST = 16  # pixels a side; less is no picture to cut


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
                f"The new background is {_size(new_background)}, the cutout "
                f"{_size(self.foreground)}; resize the background first."
            )
        composite: Picture = over(self.foreground, self.alpha, new_background, linear)
        return composite.astype(np.float32)


@dataclass(frozen=True)
class CutOptions:
    """What is done on the way; every step can be left out."""

    align: bool = True
    # Without a prior, make one of the plate's difference: closes holes in the subject, but what
    # moved in the scene, or throws a strong shadow, is more easily kept.
    difference_prior: bool = False
    despill: float = 1.0  # 0 (off) to 1
    refine: RefineOptions = field(default_factory=RefineOptions)


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
    guess, at less quality. prior: soft guess of the subject, H W or H W 1. holdout, garbage: masks
    of what surely is subject and surely is not. options: the steps in detail (`align` is then taken
    from there). warn: called with one sentence for each doubt about the plate.
    Raises InputError, PlateError, WeightsError.
    """
    options = options or CutOptions(align=align)
    model = model or _default_model()
    frame = to_picture(frame, "frame")
    height, width = frame.shape[:2]
    masks = [
        None if mask is None else to_mask(mask, name, height, width)
        for mask, name in ((prior, "prior"), (holdout, "holdout"), (garbage, "garbage"))
    ]
    valid = None
    if plate is not None:
        plate = to_picture(plate, "plate")
        plate, valid = _fit(plate, frame, masks, options, warn)
    encoded = model.encode_plate(plate, height, width)
    return _cut(frame, plate, valid, encoded, masks, model, options)


def cutouts(
    frames: Iterable[NDArray[Any]],
    plate: NDArray[Any],
    *,
    model: Model | None = None,
    options: CutOptions | None = None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[Cutout]:
    """Cut many frames of a camera that stands still: the plate is aligned to the first one.

    All frames have one size; the plate's features are computed once. Arguments as in `cutout`.
    """
    options = options or CutOptions()
    model = model or _default_model()
    aligned, valid, encoded = to_picture(plate, "plate"), None, None
    for given in frames:
        frame = to_picture(given, "frame")
        if encoded is None:
            aligned, valid = _fit(aligned, frame, [None] * 3, options, warn)
            encoded = model.encode_plate(aligned, *frame.shape[:2])
        if frame.shape != aligned.shape:
            raise InputError(
                f"A frame is {_size(frame)}, the first was {_size(aligned)}; "
                "all frames of one clip have one size."
            )
        yield _cut(frame, aligned, valid, encoded, [None] * 3, model, options)


def _fit(
    plate: Picture,
    frame: Picture,
    masks: list[Picture | None],
    options: CutOptions,
    warn: Callable[[str], None] | None,
) -> tuple[Picture, Picture | None]:
    """Bring the plate to this frame; also where it covers the frame."""
    if not options.align:
        if plate.shape != frame.shape:
            raise InputError(
                f"The plate is {_size(plate)}, the frame {_size(frame)}; without alignment both "
                "must have one size."
            )
        return plate, None
    _, holdout, garbage = masks
    aligned, report = fit_plate(plate, frame, holdout=holdout, garbage=garbage)
    if warn:
        for sentence in report.warnings:
            warn(sentence)
    return aligned.plate, aligned.valid


def _cut(
    frame: Picture,
    plate: Picture | None,
    valid: Picture | None,
    encoded: EncodedPlate,
    masks: list[Picture | None],
    model: Model,
    options: CutOptions,
) -> Cutout:
    prior, holdout, garbage = masks
    if prior is None and plate is not None and options.difference_prior:
        prior = estimate_prior(frame, plate, valid)
    coarse = model(frame, encoded, prior)
    alpha, foreground = refine(
        coarse, frame, plate, valid, model.refiner, options.refine, model.threads
    )
    if plate is not None:
        foreground = despill(foreground, alpha, plate, options.despill)
    if holdout is not None:
        alpha = np.maximum(alpha, holdout)
        foreground = foreground + holdout * (frame - foreground)
    if garbage is not None:
        alpha = np.minimum(alpha, 1 - garbage)
    return Cutout(alpha, foreground)


@lru_cache(maxsize=1)
def _default_model() -> Model:
    return load_model()


def to_picture(picture: NDArray[Any], what: str) -> Picture:
    """Check a picture and make it H W 3 float32 in 0..1; integers are scaled by their range."""
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3:
        shape = getattr(picture, "shape", type(picture).__name__)
        raise InputError(f"The {what} is {shape}; expected an array H W 3 (RGB).")
    if min(picture.shape[:2]) < SMALLEST:
        raise InputError(f"The {what} is {_size(picture)}; at least {SMALLEST} pixels a side.")
    return _scaled(picture, what)


def to_mask(mask: NDArray[Any], what: str, height: int, width: int) -> Picture:
    """Check a mask and make it H W 1 float32 in 0..1."""
    if not isinstance(mask, np.ndarray) or mask.shape not in ((height, width), (height, width, 1)):
        shape = getattr(mask, "shape", type(mask).__name__)
        raise InputError(f"The {what} is {shape}; expected {height} {width} or {height} {width} 1.")
    return _scaled(mask, what).reshape(height, width, 1)


def _scaled(values: NDArray[Any], what: str) -> Picture:
    if values.dtype == bool:
        return values.astype(np.float32)
    if values.dtype in (np.uint8, np.uint16):
        return np.asarray(values / np.float32(np.iinfo(values.dtype).max), np.float32)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"The {what} holds {values.dtype}; expected uint8, uint16 or float 0..1.")
    values = np.asarray(values, np.float32)
    low, high = float(values.min()), float(values.max())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise InputError(f"The {what} holds values from {low:g} to {high:g}; expected 0 to 1.")
    return np.asarray(values.clip(0, 1)) if low < 0 or high > 1 else values


def _size(picture: NDArray[Any]) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]} pixels"
