"""What is remembered of the plate from frame to frame, and how it is saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError
from cleanplate.plate import AlignedPlate, warp_plate
from cleanplate.plates.clip_learn import Counts, LearnOptions, map_size
from cleanplate.plates.clip_source import PlateClip
from cleanplate.plates.clip_track import TRACK_SIDE
from cleanplate.plates.color import ColorMatch
from cleanplate.plates.geometry import Matrix, Picture, scaling, shrink
from cleanplate.plates.register import AlignOptions


@dataclass(frozen=True)
class FollowOptions:
    """What of the plate follows the frames.

    camera: "fixed" (aligned once; a push is noticed) or "handheld" (tracked). exposure: follow
    drifts of exposure and white balance. update: learn what changed in the scene, where alpha
    has been 0 for long (needs `alpha_before`). own_plate: the plate was made of the clip itself,
    so that a first frame without a subject is no surprise. refuse: raise PlateError where the
    first frame shows another scene; else it becomes a note. textured: track by what has structure
    alone, as the marks on a cloth.
    """

    camera: Literal["fixed", "handheld"] = "fixed"
    exposure: bool = True
    update: bool = True
    own_plate: bool = False
    refuse: bool = True
    textured: bool = False
    learn: LearnOptions = field(default_factory=LearnOptions)
    align: AlignOptions = field(default_factory=AlignOptions)

    @property
    def moves(self) -> bool:
        """Whether the plate is laid anew in every frame."""
        return self.camera != "fixed"


@dataclass(frozen=True)
class PlateState:
    """What is remembered from one frame to the next; never changed in place.

    aligned: the plate as it lies on the latest frame: the very same object as long as nothing
    changed. given: shape of the plate as it came. plate: H W 3, the plate that is warped, in its
    own colours, with what was learned (smaller than the given one where that is much larger than
    the frame). placed: 3x3, its pixels to the frame's, as `aligned` was made. homography: 3x3, the
    same as tracked; the two differ by less than can be seen. learned: whether `plate` holds
    anything learned. free: h w uint16, for how many frames each place of the plate has been free.
    frame: number of frames since the first. lost: frames since the track was lost, 0 while it is
    held. residual: median displacement left, pixels of the frame, nan where unknown. agreement:
    share 0..1 of the compared places that look like the plate. note: a sentence about this frame
    for the person at the camera, or "".
    """

    aligned: AlignedPlate
    given: tuple[int, ...]
    plate: Picture
    placed: Matrix
    homography: Matrix
    learned: bool
    free: Counts
    frame: int
    lost: int
    residual: float
    agreement: float
    note: str
    small: Picture  # h w 3, `plate` on the map of free places
    grey: Picture  # `plate`, grey, as it is tracked
    matched: Picture | None  # `plate` in the frame's colours, where the camera moves
    number: int = 0  # of the frame, where the plate is one of a clip
    borne: float = 0.0  # drift of the colours that no match could mend, 0..1


def state_arrays(state: PlateState) -> dict[str, NDArray[Any]]:
    """Turn a state into arrays for `numpy.savez`; `restore_state` undoes it exactly."""
    color = state.aligned.color
    arrays: dict[str, NDArray[Any]] = {
        "placed": state.placed,
        "homography": state.homography,
        "gain": np.array(color.gain),
        "bias": np.array(color.bias),
        "curve": np.array([color.gamma, color.share]),
        "free": state.free,
        "size": np.array(state.aligned.plate.shape),
        "plate_size": np.array(state.plate.shape),
        "counts": np.array([state.frame, state.lost, int(state.learned), state.number]),
        "fit": np.array([state.residual, state.agreement, state.borne]),
        "note": np.array(state.note),
    }
    if state.learned:
        arrays["plate"] = state.plate
    return arrays


def restore_state(
    arrays: Mapping[str, NDArray[Any]],
    plate: Picture | PlateClip,
    options: FollowOptions | None = None,
) -> PlateState:
    """Make the state again that `state_arrays` took apart.

    plate, options: those that were given to `follow_plate`. Raises InputError for arrays that
    are no such state.
    """
    try:
        frame, lost, learned, number = map(int, arrays["counts"])
        residual, agreement, borne = map(float, arrays["fit"])
        gamma, share = map(float, arrays["curve"])
        gain, bias = (tuple(map(float, arrays[name])) for name in ("gain", "bias"))
        size, plate_size = (tuple(map(int, arrays[name])) for name in ("size", "plate_size"))
        placed, homography, free = arrays["placed"], arrays["homography"], arrays["free"]
        given = plate.read(number) if isinstance(plate, PlateClip) else plate
        working = arrays["plate"] if learned else _resized(given, plate_size)
        note = str(arrays["note"])
    except (KeyError, ValueError) as missing:
        raise InputError(
            f"The saved state of the plate cannot be read ({missing}): start the clip anew."
        ) from None
    color = ColorMatch(gain, bias, gamma, share)
    options = options or FollowOptions()
    matched = color.apply(working) if options.moves else None
    return PlateState(
        aligned=lay(given.shape, working, matched, placed, color, size, options.align),
        given=given.shape,
        plate=working,
        placed=placed,
        homography=homography,
        learned=bool(learned),
        free=free,
        frame=frame,
        lost=lost,
        residual=residual,
        agreement=agreement,
        note=note,
        small=small_of(working),
        grey=grey_of(working, size),
        matched=matched,
        number=number,
        borne=borne,
    )


def lay(
    given: tuple[int, ...],
    plate: Picture,
    matched: Picture | None,
    placed: Matrix,
    color: ColorMatch,
    size: tuple[int, ...],
    options: AlignOptions,
) -> AlignedPlate:
    """Lay the working plate on a frame of `size`; given: shape of the plate as it came.

    matched: the working plate in the frame's colours, which is then warped in its place: a
    camera that moves needs a new one in every frame, and its colours hardly ever. Or None.
    """
    homography = placed @ from_given(given, plate.shape)
    warped, valid = warp_plate(plate if matched is None else matched, placed, size, options)
    if matched is not None:
        return AlignedPlate(warped, valid, homography, None, color)
    return AlignedPlate(color.apply(warped), valid, homography, warped, color)


def from_given(given: tuple[int, ...], working: tuple[int, ...]) -> Matrix:
    """3x3, pixels of the plate as it came to those of the working plate; sizes H W first."""
    if given[:2] == working[:2]:
        return np.eye(3)
    return scaling((given[0], given[1]), (working[0], working[1]))


def small_of(picture: Picture) -> Picture:
    """Shrink to the map of free places: h w 3."""
    height, width = map_size(*picture.shape[:2])
    if (height, width) == picture.shape[:2]:
        return picture
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def grey_of(picture: Picture, size: tuple[int, ...]) -> Picture:
    """Make the grey picture that is tracked, of a plate or frame; size: the frame's H W."""
    small = shrink(picture, track_scale(size))[0]
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def track_scale(size: tuple[int, ...]) -> float:
    """By how much pictures are shrunk to be tracked; size: the frame's H W."""
    return min(1.0, TRACK_SIDE / max(size[:2]))


def _resized(plate: Picture, size: tuple[int, ...]) -> Picture:
    if plate.shape == size:
        return plate
    small = cv2.resize(plate, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
