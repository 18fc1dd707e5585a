"""The steps by which a plate follows a clip: track, notice a push, match colours, learn."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import PlateError
from cleanplate.plate import fit_plate
from cleanplate.plates.clip_color import agreement, follow_color
from cleanplate.plates.clip_learn import count_free, learn, map_size, tiles_to_learn
from cleanplate.plates.clip_state import (
    FollowOptions,
    PlateState,
    from_given,
    grey_of,
    lay,
    small_of,
    track_scale,
)
from cleanplate.plates.clip_track import smooth, stands, track
from cleanplate.plates.color import ColorMatch
from cleanplate.plates.geometry import Matrix, Picture, largest_shift, scaling
from cleanplate.plates.pair import near_frame_scale

RESTING = 0.05  # pixels of the frame: smaller moves of a hand-held camera leave the plate as it is
JITTER = 0.1  # pixels of the frame: smaller steps of the tracking are averaged over time
PUSHED = 1 / 1920  # of the longer side: what a fixed camera may be pushed before it is noticed

Near = NDArray[np.uint8]


def start(
    plate: Picture, frame: Picture, alpha: Picture | None, options: FollowOptions
) -> PlateState:
    """Align the plate to the first frame; raises PlateError as `fit_plate` does."""
    aligned, report = fit_plate(
        plate, frame, holdout=alpha, options=options.align, refuse=options.refuse
    )
    working = near_frame_scale(plate, aligned.homography)[0]
    placed = aligned.homography
    if working is not plate:
        placed = placed @ np.linalg.inv(from_given(plate.shape, working.shape))
    matched = aligned.color.apply(working) if options.moves else None
    if working is not plate or matched is not None:
        size = frame.shape
        aligned = lay(plate.shape, working, matched, placed, aligned.color, size, options.align)
    return PlateState(
        aligned=aligned,
        given=plate.shape,
        plate=working,
        placed=placed,
        homography=placed,
        learned=False,
        free=np.zeros(map_size(*working.shape[:2]), np.uint16),
        frame=0,
        lost=0,
        residual=report.residual,
        agreement=report.agreement,
        note=" ".join(report.warnings_of_plate if options.own_plate else report.warnings),
        small=small_of(working),
        grey=grey_of(working, frame.shape),
        matched=matched,
    )


def follow_camera(
    frame: Picture, near: Near | None, state: PlateState, options: FollowOptions
) -> PlateState:
    """Track the plate on the next frame of a hand-held camera."""
    scale, size = track_scale(frame.shape), (frame.shape[0], frame.shape[1])
    grey, weight = grey_of(frame, size), None
    if near is not None:
        weight = _enlarged(1 - near, grey.shape)
    to_plate = scaling(_size(state.plate), _size(state.grey))
    to_frame = scaling(size, _size(grey))
    start = to_frame @ state.homography @ np.linalg.inv(to_plate)
    found = track(state.grey, grey, start, weight, options.textured)
    if found.lost:
        return _seek(frame, near, state, options)
    homography = np.linalg.inv(to_frame) @ found.homography @ to_plate
    homography = np.asarray(homography / homography[2, 2], np.float64)
    note = "The camera was found again." if state.lost else ""
    if not state.lost:
        homography = smooth(state.homography, homography, size, JITTER)
    state = replace(state, lost=0, residual=found.residual / scale, note=note)
    return _place(frame, homography, near, state, options)


def notice_push(
    frame: Picture, near: Near | None, state: PlateState, options: FollowOptions
) -> PlateState:
    """Align a fixed camera's plate anew when somebody has pushed the camera."""
    grey = _grey(small_of(frame))
    matched = _grey(state.aligned.color.apply(state.small))
    placed, least = _on_map(state, state.placed, frame.shape), PUSHED * max(grey.shape)
    weight = None if near is None else (1 - near).astype(np.float32)
    if not state.lost and stands(matched, grey, placed, weight) < least:
        return state
    found = track(matched, grey, placed, weight)
    if found.lost:
        return _seek(frame, near, state, options, because="The scene is not to be seen")
    if not state.lost and largest_shift(found.homography, placed, grey.shape) < least:
        return state
    return _seek(frame, near, state, options, because="The camera was pushed")


def follow_exposure(
    frame: Picture, near: Near | None, state: PlateState, options: FollowOptions
) -> PlateState:
    """Match the plate's colours to the next frame."""
    color, state = _colors(small_of(frame), near, state, state.placed)
    return _recolored(color, state, options)


def _recolored(color: ColorMatch, state: PlateState, options: FollowOptions) -> PlateState:
    """Give the plate other colours where it lies."""
    aligned = state.aligned
    if color is aligned.color:
        return state
    if aligned.warped is not None:
        aligned = replace(aligned, plate=color.apply(aligned.warped), color=color)
        return replace(state, aligned=aligned)
    matched, size = color.apply(state.plate), aligned.plate.shape
    aligned = lay(state.given, state.plate, matched, state.placed, color, size, options.align)
    return replace(state, aligned=aligned, matched=matched)


def follow_scene(
    frame: Picture,
    near: Near,
    state: PlateState,
    options: FollowOptions,
) -> PlateState:
    """Learn what changed in the scene where the subject has not been for long."""
    back = np.asarray(np.linalg.inv(_on_map(state, state.placed, frame.shape)), np.float64)
    wide, high = state.free.shape[1], state.free.shape[0]
    near_plate = near
    at_rest = near.shape == state.free.shape and np.abs(back - np.eye(3)).max() < 1e-9
    if not at_rest:
        near_plate = np.asarray(
            cv2.warpPerspective(near, back, (wide, high), borderValue=1), np.uint8
        )
    free = count_free(state.free, near_plate)
    state = replace(state, free=free)
    if state.frame % options.learn.every:
        return state
    small_frame = small_of(frame)
    if not at_rest:
        small_frame = _warped(small_frame, back, (high, wide))
    color = state.aligned.color
    difference = small_frame - color.apply(state.small)
    cells = tiles_to_learn(difference, free, options.learn)
    if not cells.any():
        return state
    share = 1 - (1 - 1 / options.learn.pace) ** options.learn.every
    shown = frame
    if frame.shape != state.plate.shape or not np.array_equal(state.placed, np.eye(3)):
        shown = _warped(frame, np.asarray(np.linalg.inv(state.placed)), _size(state.plate))
    learned = learn(state.plate, shown, cells, color, share)
    state = replace(
        state,
        plate=learned,
        learned=True,
        small=small_of(learned),
        grey=grey_of(learned, frame.shape),
        matched=color.apply(learned) if options.moves else None,
    )
    where = (state.placed, color, frame.shape, options.align)
    aligned = lay(state.given, learned, state.matched, *where)
    return replace(state, aligned=aligned)


def _seek(
    frame: Picture,
    near: Near | None,
    state: PlateState,
    options: FollowOptions,
    because: str = "The track was lost",
) -> PlateState:
    """Align the plate from nothing; after a failure again ever more rarely."""
    lost = state.lost + 1
    note = f"{because}: the plate stays where it was, look at this frame."
    missing = replace(state, lost=lost, residual=float("nan"), agreement=0.0, note=note)
    if lost & (lost - 1) and lost % 16:
        return missing
    holdout = None if near is None else _enlarged(near, frame.shape)[:, :, None]
    try:
        found, report = fit_plate(state.plate, frame, holdout=holdout, options=options.align)
    except PlateError:
        return missing
    if not report.residual < max(frame.shape) / 500:  # also where nothing was recognised
        return missing
    moved = largest_shift(found.homography, state.homography, frame.shape)
    note = f"{because}; the plate was aligned anew ({moved:.0f} px)."
    state = replace(state, lost=0, residual=report.residual, agreement=report.agreement, note=note)
    state = replace(state, aligned=replace(state.aligned, color=found.color), matched=None)
    return _place(frame, found.homography, near, state, options, rest=False)


def _place(
    frame: Picture,
    homography: Matrix,
    near: Near | None,
    state: PlateState,
    options: FollowOptions,
    rest: bool = True,
) -> PlateState:
    """Lay the plate at a homography, unless it rests there already as far as can be seen.

    Its colours are matched before: to lay it twice would take twice the time.
    """
    size = frame.shape
    state = replace(state, homography=homography)
    if rest and largest_shift(homography, state.placed, size) < RESTING:
        if options.exposure:
            state = follow_exposure(frame, near, state, options)
        return state
    color, matched = state.aligned.color, state.matched
    if options.exposure:
        color, state = _colors(small_of(frame), near, state, homography)
    if options.moves and (matched is None or color is not state.aligned.color):
        matched = color.apply(state.plate)
    aligned = lay(state.given, state.plate, matched, homography, color, size, options.align)
    return replace(state, aligned=aligned, placed=homography, matched=matched)


def _colors(
    small_frame: Picture, near: Near | None, state: PlateState, placed: Matrix
) -> tuple[ColorMatch, PlateState]:
    """Match colours to the small frame under a placement; the state says how well they agree."""
    laid, usable = _laid(small_frame, near, state, placed)
    color, borne = follow_color(laid, small_frame, state.aligned.color, usable, state.borne)
    share = agreement(color.apply(laid), small_frame, usable)
    return color, replace(state, agreement=share, borne=borne)


def _on_map(state: PlateState, placed: Matrix, size: tuple[int, ...]) -> Matrix:
    """Express a place of the plate between the small maps of plate and frame."""
    to_frame = scaling((size[0], size[1]), map_size(size[0], size[1]))
    to_plate = scaling(_size(state.plate), _size(state.free))
    return np.asarray(to_frame @ placed @ np.linalg.inv(to_plate), np.float64)


def _laid(
    small_frame: Picture, near: Near | None, state: PlateState, placed: Matrix
) -> tuple[Picture, NDArray[np.bool_]]:
    """Lay the small plate, in its own colours, on the small frame; also where to compare."""
    inner = _on_map(state, placed, state.aligned.plate.shape)
    usable = np.ones(small_frame.shape[:2], np.bool_)
    laid = state.small
    if laid.shape != small_frame.shape or np.abs(inner - np.eye(3)).max() > 1e-9:
        whole = np.ones(laid.shape[:2], np.float32)
        usable = _warped(whole, inner, _size(small_frame), cv2.BORDER_CONSTANT) > 0.99
        laid = _warped(laid, inner, _size(small_frame))
    if near is not None:
        usable = usable & (near == 0)
    return laid, usable


def _warped(
    picture: Picture, homography: Matrix, size: tuple[int, int], border: int = cv2.BORDER_REPLICATE
) -> Picture:
    moved = cv2.warpPerspective(picture, homography, size[::-1], borderMode=border)
    return np.asarray(moved, np.float32)


def _enlarged(mask: Near, shape: tuple[int, ...]) -> Picture:
    values = mask.astype(np.float32)
    large = cv2.resize(values, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _size(picture: NDArray[np.float32] | NDArray[np.uint16]) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]
