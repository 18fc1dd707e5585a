"""The clean plate: lay it on the frame, match its colours, and say how well it fits."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, PlateError
from cleanplate.pictures import size_of, to_masks, to_picture
from cleanplate.plates.color import SIDE, ColorMatch, fit_color
from cleanplate.plates.geometry import Matrix, Picture, corners, project, shrink
from cleanplate.plates.pair import near_frame_scale
from cleanplate.plates.register import AlignOptions, place_plate
from cleanplate.plates.report import PlateReport, problem_of, report_on, weigh

BLOWN = 0.98  # a channel of the plate above this has no detail left
WHITE_LOST = 0.97  # its white comes out darker than this in the frame's colours: detail is missing


@dataclass(frozen=True)
class AlignedPlate:
    """A plate that lies on its frame.

    plate: H W 3 float32, 0..1, of the frame's size, in the frame's colours. valid: H W 1
    float32, 0 where the plate says nothing: it does not cover the frame there (and repeats its
    border), or it is blown out while the frame is not.
    homography: 3x3 float64, pixels of the plate as it came to pixels of the frame.
    warped: the plate as `plate`, but in its own colours; None where `follow_plate` lays it anew
    in every frame and nobody needs it. color: the match between the two.
    """

    plate: Picture
    valid: Picture
    homography: Matrix
    warped: Picture | None
    color: ColorMatch


def align_plate(
    plate: NDArray[Any],
    frame: NDArray[Any],
    *,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
    options: AlignOptions | None = None,
) -> AlignedPlate:
    """Lay a plate on a frame and give it the frame's colours.

    plate, frame: H W 3 RGB, uint8, uint16 or float 0..1, sRGB-encoded; their sizes and
    orientation may differ. holdout, garbage: H W or H W 1, bool or of these types, of the frame's
    size, or None: where the subject surely is (the fit ignores the frame there) and surely is not
    (outvotes the holdout). A plate that already fits is returned as it came, but as float32.
    A plate of another scene gives the least bad placement: use `fit_plate` to have it refused.
    Raises InputError for arrays that are not such pictures or masks.
    """
    aligned, _ = fit_plate(
        plate, frame, holdout=holdout, garbage=garbage, options=options, refuse=False
    )
    return aligned


def check_plate(plate: NDArray[Any], frame: NDArray[Any]) -> PlateReport:
    """Say how a plate fits a frame; both as in `align_plate`.

    Raises PlateError, with advice, when the plate does not show the frame's scene, and InputError
    as `align_plate` does.
    """
    return fit_plate(plate, frame)[1]


def fit_plate(
    plate: NDArray[Any],
    frame: NDArray[Any],
    *,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
    options: AlignOptions | None = None,
    refuse: bool = True,
) -> tuple[AlignedPlate, PlateReport]:
    """`align_plate` and `check_plate` in one go.

    refuse: raise PlateError for a plate of another scene; otherwise that becomes a warning.
    """
    options = options or AlignOptions()
    plate, frame = to_picture(plate, "plate", 1), to_picture(frame, "frame", 1)
    weight = _weight(holdout, garbage, frame)
    placement = place_plate(_grey(plate), _grey(frame), weight, options)
    warped, valid = warp_plate(plate, placement.homography, frame.shape, options)
    color = _match(warped, frame, valid, weight, None)
    laid = AlignedPlate(color.apply(warped), valid, placement.homography, warped, color)
    aligned = restore_white(laid, frame)
    evidence = weigh(placement, warped, aligned.plate, frame, aligned.valid)
    identical = warped is plate and float(cv2.absdiff(plate, frame).mean()) < 0.25 / 255
    report = report_on(placement, plate.shape, color, evidence, identical)
    problem = problem_of(evidence)
    if problem and refuse:
        raise PlateError(problem)
    if problem:
        report = replace(report, problem=problem, warnings=(problem, *report.warnings))
    return aligned, report


def match_color(
    aligned: AlignedPlate,
    frame: NDArray[Any],
    *,
    holdout: NDArray[Any] | None = None,
    garbage: NDArray[Any] | None = None,
) -> AlignedPlate:
    """Follow the exposure of another frame over which the plate lies already.

    aligned: what `align_plate` gave for an earlier frame of the same size. frame, holdout,
    garbage: as there. Returns `aligned` itself when nothing changed that can be seen.
    """
    frame = to_picture(frame, "frame", 1)
    if frame.shape != aligned.plate.shape:
        raise InputError(
            f"The frame is {size_of(frame)}, but the plate was aligned to "
            f"{size_of(aligned.plate)}: align the plate to this frame first."
        )
    if aligned.warped is None:
        raise InputError(
            "The plate follows a moving camera, and its colours with it: go on with follow_plate, "
            "or align the plate to this frame."
        )
    weight = _weight(holdout, garbage, frame)
    color = _match(aligned.warped, frame, aligned.valid, weight, aligned.color)
    if color.like(aligned.color):
        return aligned
    matched = color.apply(aligned.warped)
    return restore_white(replace(aligned, plate=matched, color=color), frame)


def restore_white(aligned: AlignedPlate, frame: Picture) -> AlignedPlate:
    """Tell where the colours of a plate cannot be matched to a frame (H W 3) it is laid on.

    What is blown out in the plate was at least as bright as its white comes out. In a frame that
    was exposed less it may be brighter: there the frame's own value is taken, since the plate has
    nothing to say against it, and it is not valid. Elsewhere it comes back as it is.
    """
    white, least = (
        aligned.color.apply(np.full((1, 1, 3), level, np.float32)) for level in (1, BLOWN)
    )
    if float(white.min()) > WHITE_LOST:
        return aligned
    blown = aligned.plate > least
    plate = np.where(blown, np.maximum(aligned.plate, frame), aligned.plate)
    valid = aligned.valid * (1 - blown.any(2, keepdims=True).astype(np.float32))
    return replace(aligned, plate=plate, valid=valid)


def _match(
    warped: Picture,
    frame: Picture,
    valid: Picture,
    weight: Picture | None,
    start: ColorMatch | None,
) -> ColorMatch:
    scale = SIDE / max(frame.shape[:2])
    usable = shrink(valid, scale)[0].reshape(-1)
    if weight is not None:
        usable = usable * shrink(weight, scale)[0].reshape(-1)
    return fit_color(shrink(warped, scale)[0], shrink(frame, scale)[0], usable, start)


def warp_plate(
    plate: Picture, homography: Matrix, shape: tuple[int, ...], options: AlignOptions
) -> tuple[Picture, Picture]:
    """Resample the plate to the frame's pixels (H W 3), and say where it covers them (H W 1)."""
    height, width = shape[:2]
    if plate.shape == shape and np.array_equal(homography, np.eye(3)):
        return plate, np.ones((height, width, 1), np.float32)
    shrunk, shrunk_map = near_frame_scale(plate, homography)
    homography = homography @ np.linalg.inv(shrunk_map)
    kernel = cv2.INTER_LANCZOS4 if options.sharp else cv2.INTER_CUBIC
    warped = np.asarray(
        cv2.warpPerspective(
            shrunk, homography, (width, height), flags=kernel, borderMode=cv2.BORDER_REPLICATE
        ),
        dtype=np.float32,
    )
    np.clip(warped, 0, 1, out=warped)
    return warped, _covered(shrunk.shape, homography, (height, width))


def _covered(plate: tuple[int, ...], homography: Matrix, size: tuple[int, int]) -> Picture:
    """Where a plate of that shape lies on a frame of `size`: H W 1, 1 or 0."""
    back = np.asarray(np.linalg.inv(homography), np.float64)
    x, y = project(back, corners(size)).T
    # Straight lines stay straight: what covers the corners covers the frame.
    if min(x.min(), y.min()) >= 0 and x.max() <= plate[1] - 1 and y.max() <= plate[0] - 1:
        return np.ones((*size, 1), np.float32)
    whole = np.full(plate[:2], 255, np.uint8)
    covered = cv2.warpPerspective(whole, homography, size[::-1], flags=cv2.INTER_LINEAR)
    return (covered > 250).astype(np.float32)[:, :, None]


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _weight(
    holdout: NDArray[Any] | None, garbage: NDArray[Any] | None, frame: Picture
) -> Picture | None:
    """Merge the masks: H W, 0 where the subject surely is; None without a holdout."""
    holdout, garbage = to_masks(*frame.shape[:2], holdout=holdout, garbage=garbage)
    if holdout is None:
        return None
    weight = 1 - holdout[:, :, 0]
    if garbage is not None:
        weight = np.maximum(weight, garbage[:, :, 0])
    return np.ascontiguousarray(weight, dtype=np.float32)
