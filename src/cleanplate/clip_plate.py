"""The plate through a clip: estimated from its frames, and brought to every one of them."""

from dataclasses import replace

from cleanplate.errors import InputError
from cleanplate.plate import AlignedPlate, restore_white
from cleanplate.plates.clip_estimate import EstimatedPlate, EstimateOptions, estimate_plate
from cleanplate.plates.clip_learn import LearnOptions, near_subject
from cleanplate.plates.clip_match import follow_plate_clip, index_plates, nearest_plate
from cleanplate.plates.clip_source import PlateClip, PlateIndex
from cleanplate.plates.clip_state import (
    FollowOptions,
    PlateState,
    restore_state,
    state_arrays,
)
from cleanplate.plates.clip_steps import (
    follow_camera,
    follow_exposure,
    follow_scene,
    notice_push,
    start,
)
from cleanplate.plates.geometry import Picture

__all__ = [
    "EstimateOptions",
    "EstimatedPlate",
    "FollowOptions",
    "LearnOptions",
    "PlateClip",
    "PlateIndex",
    "PlateState",
    "estimate_plate",
    "follow_plate",
    "follow_plate_clip",
    "index_plates",
    "nearest_plate",
    "restore_state",
    "state_arrays",
]


def follow_plate(
    plate: Picture | PlateClip,
    frame: Picture,
    state: PlateState | None,
    *,
    alpha_before: Picture | None = None,
    options: FollowOptions | None = None,
) -> tuple[AlignedPlate, PlateState]:
    """Bring the plate to the next frame of a clip.

    plate, frame: H W 3 float32 RGB, 0..1; the same plate for all frames of the clip. A plate
    that is a clip itself goes to `follow_plate_clip`. state: what the call for the frame before
    gave; None for the first one. alpha_before: H W 1, 0..1, the matte of the frame before: keeps
    the subject out of everything that is measured, and nothing is learned without it.
    The first frame is aligned with `fit_plate`, and raises PlateError as it does (but see
    `FollowOptions.refuse`). Later a
    track that is lost is reported in the state, the plate stays where it was, and it is
    sought again. Where nothing changed the very same AlignedPlate comes back.
    Raises InputError for arrays that do not fit together.
    """
    options = options or FollowOptions()
    if alpha_before is not None and alpha_before.shape != (*frame.shape[:2], 1):
        raise InputError(
            f"The alpha of the frame before has shape {alpha_before.shape}; expected "
            f"{(*frame.shape[:2], 1)}."
        )
    laid = None if state is None else state.aligned
    if isinstance(plate, PlateClip):
        _, state = follow_plate_clip(
            plate, frame, state, alpha_before=alpha_before, options=options
        )
    else:
        state = _follow(plate, frame, state, alpha_before, options)
    if state.aligned is not laid:
        state = replace(state, aligned=restore_white(state.aligned, frame))
    return state.aligned, state


def _follow(
    plate: Picture,
    frame: Picture,
    state: PlateState | None,
    alpha_before: Picture | None,
    options: FollowOptions,
) -> PlateState:
    """Bring a still plate to the next frame."""
    if state is None:
        return start(plate, frame, alpha_before, options)
    if frame.shape != state.aligned.plate.shape:
        raise InputError(
            f"The frame has shape {frame.shape}, the one before {state.aligned.plate.shape}: all "
            "frames of a clip have one size; start anew without a state."
        )
    near = None
    if alpha_before is not None:
        near = near_subject(alpha_before, options.learn.margin)
    state = replace(state, frame=state.frame + 1, note="")
    if options.moves:
        state = follow_camera(frame, near, state, options)
    elif state.lost or state.frame % options.learn.every == 0:
        state = notice_push(frame, near, state, options)
    if state.lost:
        return state
    if options.exposure and not options.moves:
        state = follow_exposure(frame, near, state, options)
    if options.update and near is not None:
        state = follow_scene(frame, near, state, options)
    return state
