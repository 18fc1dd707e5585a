"""The plate that is a clip itself: matched frame to frame, lost and found again."""

import numpy as np
import pytest

from cleanplate.clip_plate import (
    PlateClip,
    follow_plate,
    index_plates,
    nearest_plate,
    restore_state,
    state_arrays,
)
from cleanplate.errors import InputError, PlateError
from followed_scenes import HANDHELD, HEIGHT, WIDTH, pan, shot
from plate_scenes import scene


def test_plate_clip_is_matched_frame_to_frame():
    """The plate's camera pans steadily, the frame's with another speed and a rest."""
    wide = scene(15, HEIGHT + 120, WIDTH + 120)
    plates = pan(wide, np.linspace(0, 110, 45))
    where = [*np.linspace(0, 60, 12), *[60] * 4, *np.linspace(60, 110, 14)]
    index = index_plates((plate * 255).astype(np.uint8) for plate in plates)
    state, alpha, off, missed = None, None, [], []
    for k, (x, room) in enumerate(zip(where, pan(wide, where), strict=True)):
        frame, now = shot(room, 90 + 5 * k, k, wide=50)
        clip = PlateClip(index, plates.__getitem__)
        aligned, state = follow_plate(clip, frame, state, alpha_before=alpha)
        if k == 12:  # as if the job had been stopped here
            state = restore_state(state_arrays(state), clip, HANDHELD)
        off.append(abs(state.number - x / 110 * 44))
        seen = (now[:, :, 0] == 0) & (aligned.valid[:, :, 0] > 0)
        missed.append(np.abs(aligned.plate - room)[seen].mean() * 255)
        assert state.lost == 0
        alpha = now
    assert max(off) < 2.5
    assert max(missed) < 3


def test_plate_clip_is_found_again_where_the_track_was_lost():
    wide = scene(19, HEIGHT + 120, WIDTH + 120)
    plates = pan(wide, np.linspace(0, 110, 45))
    clip, state = PlateClip(index_plates(plates), plates.__getitem__), None
    for k in (3, 4):
        _, state = follow_plate(clip, shot(plates[k])[0], state)
    held = state.aligned
    for k in range(2):
        aligned, state = follow_plate(clip, scene(190 + k, HEIGHT, WIDTH), state)
        assert aligned is held
        assert state.lost == k + 1
        restored = restore_state(state_arrays(state), clip, HANDHELD)
        np.testing.assert_allclose(restored.aligned.plate, held.plate, atol=1e-5)
    for _ in range(2):  # far from where it was lost
        aligned, state = follow_plate(clip, shot(plates[36])[0], state)
    assert state.lost == 0
    assert abs(state.number - 36) <= 1


def test_match_is_found_anywhere_at_first_and_nearby_later():
    wide = scene(16, HEIGHT + 120, WIDTH + 120)
    plates = pan(wide, np.linspace(0, 110, 45))
    index = index_plates(plates)
    frame, _ = shot(plates[30], 160, 1, wide=60)
    assert abs(nearest_plate(index, frame, None).index - 30) <= 1
    assert nearest_plate(index, frame, 5).index <= 17
    assert abs(nearest_plate(index, plates[28], 30).index - 28) <= 1
    assert nearest_plate(index, plates[31], 31).likeness > nearest_plate(index, frame, 31).likeness


def test_plate_clip_without_frames_is_refused():
    with pytest.raises(PlateError, match="no frames"):
        index_plates([])
    with pytest.raises(InputError, match="one size"):
        index_plates([np.zeros((9, 16, 3), np.uint8), np.zeros((9, 15, 3), np.uint8)])
