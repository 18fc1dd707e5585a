"""The plate followed from frame to frame: exposure, hand-held cameras, changes, saved states."""

from dataclasses import replace
from io import BytesIO
from itertools import pairwise

import cv2
import numpy as np
import pytest

from cleanplate.clip_plate import FollowOptions, follow_plate, restore_state, state_arrays
from cleanplate.clip_state import ClipState
from cleanplate.errors import InputError
from cleanplate.plates import clip_color
from cleanplate.plates.color import identity_match
from followed_scenes import HANDHELD, HEIGHT, QUICK, WIDTH, figure, shot, view
from plate_scenes import left_over, noisy, scene


def test_nothing_changes_in_a_scene_at_rest():
    room = scene(1, HEIGHT, WIDTH)
    aligned, state = follow_plate(room, shot(room)[0], None)
    for k in range(1, 25):
        frame, alpha = shot(room, 160 + k, k)
        again, state = follow_plate(room, frame, state, alpha_before=alpha)
        assert again is aligned
    assert state.frame == 24
    assert state.agreement > 0.95
    assert not state.note


@pytest.mark.parametrize("own", [False, True])
def test_a_first_frame_without_a_subject_is_said_unless_the_plate_is_of_the_clip(own):
    room = scene(1, HEIGHT, WIDTH)
    _, state = follow_plate(room, room, None, options=FollowOptions(own_plate=own))
    assert ("equals the frame" in state.note) is not own
    _, state = follow_plate(room, 0.8 * room, None, options=FollowOptions(own_plate=own))
    assert ("no subject" in state.note) is not own
    assert "darker than the plate" in state.note  # what is said of the plate itself stays


def test_exposure_is_followed():
    room = scene(2, HEIGHT, WIDTH) * np.float32(0.8)
    _, state = follow_plate(room, shot(room)[0], None)
    for k in range(1, 13):
        gain = np.float32([1 + 0.015 * k, 1 + 0.015 * k, 1 + 0.01 * k])
        frame, alpha = shot(room, 160 + 2 * k, k)
        frame = np.clip(frame * gain, 0, 1)
        aligned, state = follow_plate(room, frame, state, alpha_before=alpha)
        free = (alpha[:, :, 0] == 0) & (frame.max(axis=2) < 0.97)
        assert np.abs((aligned.plate - room * gain)[free].mean(axis=0)).max() < 1 / 255
    assert aligned.color.gain[0] > 1.1
    still, _ = follow_plate(
        room, frame, state, options=FollowOptions(exposure=False), alpha_before=alpha
    )
    assert still.color is aligned.color


def test_jump_of_the_exposure_is_followed():
    room = scene(3, HEIGHT, WIDTH)
    _, state = follow_plate(room, shot(room)[0], None)
    frame, alpha = shot(room, 165, 1)
    aligned, _ = follow_plate(room, frame * np.float32(0.6), state, alpha_before=alpha)
    assert np.abs((aligned.plate - 0.6 * room)[alpha[:, :, 0] == 0]).mean() < 1 / 255


def test_drift_that_no_match_mends_is_borne_until_it_grows(monkeypatch):
    """The plate and what was computed from it stay: a match that is no better is not taken."""
    tried = []

    def no_better(plate, frame, weight, start):
        tried.append(1)
        return replace(start, bias=tuple(bias - 1e-3 for bias in start.bias))

    monkeypatch.setattr(clip_color, "fit_color", no_better)
    plate = np.random.default_rng(0).uniform(0.2, 0.7, (60, 80, 3)).astype(np.float32)
    everywhere, color, borne = np.ones((60, 80), bool), identity_match(3, 1.0), 0.0
    for levels, attempts in ((0.2, 0), (1.0, 1), (1.1, 1), (0.9, 1), (2.0, 2), (0.1, 2), (1.0, 3)):
        found, borne = clip_color.follow_color(
            plate, plate + np.float32(levels / 255), color, everywhere, borne
        )
        assert found is color
        assert len(tried) == attempts


def test_hand_held_camera_is_tracked():
    wide = scene(4, HEIGHT + 120, WIDTH + 120)
    plate = noisy(view(wide, 0, 0)[0], 1, np.random.default_rng(0))
    state, alpha, missed = None, None, []
    for k in range(15):
        room, moved = view(wide, 9 * np.sin(k / 3), 5 * np.sin(k / 2), np.sin(k / 4))
        frame, now = shot(room, 120 + 4 * k, k)
        aligned, state = follow_plate(plate, frame, state, alpha_before=alpha, options=HANDHELD)
        missed.append(left_over(aligned.homography, moved, HEIGHT, WIDTH).max())
        assert state.lost == 0
        alpha = now
    assert np.median(missed) < 0.15
    assert max(missed) < 0.5
    assert state.residual < 0.1


def test_tracking_does_not_tremble_on_a_camera_at_rest():
    room, moved = view(scene(5, HEIGHT + 120, WIDTH + 120), 3.3, -2.4, 0.5)
    plate = noisy(view(scene(5, HEIGHT + 120, WIDTH + 120), 0, 0)[0], 1, np.random.default_rng(1))
    state, placed = None, []
    for k in range(12):
        frame, alpha = shot(room, 160, k, noise=3)
        _, state = follow_plate(plate, frame, state, alpha_before=alpha, options=HANDHELD)
        placed.append(state.placed)
    jumps = [left_over(a, b, HEIGHT, WIDTH).max() for a, b in pairwise(placed)]
    assert max(jumps[2:]) < 0.12
    assert left_over(placed[-1], moved, HEIGHT, WIDTH).max() < 0.2


def test_lost_track_is_reported_and_found_again():
    wide = scene(6, HEIGHT + 120, WIDTH + 120)
    plate = view(wide, 0, 0)[0]
    frame, alpha = shot(plate)
    before, state = follow_plate(plate, frame, None, options=HANDHELD)
    for k in range(3):
        elsewhere = scene(60 + k, HEIGHT, WIDTH)
        aligned, state = follow_plate(plate, elsewhere, state, alpha_before=alpha, options=HANDHELD)
        assert aligned is before
        assert state.lost == k + 1
        assert "lost" in state.note
    room, moved = view(wide, 25, -14, 2)
    frame, _ = shot(room)
    aligned, state = follow_plate(plate, frame, state, alpha_before=alpha, options=HANDHELD)
    assert state.lost == 0
    assert "found again" in state.note or "anew" in state.note
    assert left_over(aligned.homography, moved, HEIGHT, WIDTH).max() < 0.5


def test_push_of_a_fixed_camera_is_noticed():
    wide = scene(7, HEIGHT + 120, WIDTH + 120)
    plate = view(wide, 0, 0)[0]
    _, state = follow_plate(plate, shot(plate)[0], None, options=QUICK)
    room, moved = view(wide, 4, 3)
    for k in range(QUICK.learn.every):
        frame, alpha = shot(room, 160, k)
        aligned, state = follow_plate(plate, frame, state, alpha_before=alpha, options=QUICK)
    assert "pushed" in state.note
    assert left_over(aligned.homography, moved, HEIGHT, WIDTH).max() < 0.5


def test_cut_to_another_scene_is_reported():
    room = scene(17, HEIGHT, WIDTH)
    before, state = follow_plate(room, shot(room)[0], None, options=QUICK)
    for k in range(QUICK.learn.every):
        frame, alpha = shot(scene(70, HEIGHT, WIDTH), 160, k)
        aligned, state = follow_plate(room, frame, state, alpha_before=alpha, options=QUICK)
    assert state.lost == 1
    assert "not to be seen" in state.note
    np.testing.assert_array_equal(aligned.homography, before.homography)
    frame, alpha = shot(room, 160, 50)
    _, state = follow_plate(room, frame, state, alpha_before=alpha, options=QUICK)
    assert state.lost == 0


def test_change_of_the_scene_is_learned_where_nobody_is():
    room = scene(8, HEIGHT, WIDTH)
    changed = room.copy()
    changed[20:90, 240:300] = changed[20:90, 240:300][:, ::-1] * 0.6
    state = None
    for k in range(120):
        frame, alpha = shot(changed if k else room, 100, k)
        aligned, state = follow_plate(room, frame, state, alpha_before=alpha, options=QUICK)
    box = np.s_[25:85, 245:295]
    assert np.abs(aligned.plate - changed)[box].mean() < 0.15 * np.abs(room - changed)[box].mean()
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[10:100, 230:310] = False
    assert np.abs(aligned.plate - room)[outside].max() < 2 / 255
    assert state.learned


@pytest.mark.parametrize("hole", [False, True])
def test_subject_who_stands_still_is_never_learned(hole):
    """Not even through a hole that the matte has all the time."""
    room = scene(9, HEIGHT, WIDTH)
    state = None
    for k in range(200):
        frame, alpha = shot(room, 160, k, wide=40)
        if hole:
            alpha[70:120, 150:172] = 0
        aligned, state = follow_plate(room, frame, state, alpha_before=alpha, options=QUICK)
    mask = figure(160, 40)
    assert np.abs(aligned.plate - room)[mask].max() < 1 / 255
    assert np.abs(frame - room)[mask].mean() > 0.1


def test_change_is_learned_through_a_hand_held_camera():
    wide = scene(10, HEIGHT + 120, WIDTH + 120)
    changed = wide.copy()
    changed[90:160, 290:350] = changed[90:160, 290:350][::-1] * 0.6
    plate, state, alpha = view(wide, 0, 0)[0], None, None
    options = replace(QUICK, camera="handheld")
    for k in range(60):
        room = view(changed if k else wide, 2 * np.sin(k / 5), 2 * np.cos(k / 7))[0]
        frame, now = shot(room, 100, k)
        aligned, state = follow_plate(plate, frame, state, alpha_before=alpha, options=options)
        alpha = now
    box = np.s_[40:90, 240:280]
    assert np.abs(aligned.plate - room)[box].mean() < 0.35 * np.abs(plate - room)[box].mean()
    assert np.abs(state.plate - plate)[:, :60].max() < 3 / 255


@pytest.mark.parametrize("camera", ["fixed", "handheld"])
def test_saved_state_goes_on_exactly(camera):
    wide = scene(11, HEIGHT + 120, WIDTH + 120)
    plate = view(wide, 1, 2)[0]
    options = replace(QUICK, camera=camera)
    changed = wide.copy()
    changed[90:160, 290:350] *= 0.6

    def frame_of(k):
        room = view(changed if k else wide, 0.7 * k * (camera == "handheld"), 0)[0]
        return shot(room * np.float32(1 - 0.01 * k), 100, k)

    state, alpha = None, None
    for k in range(24):
        frame, now = frame_of(k)
        if k == 17:
            file = BytesIO()
            np.savez(file, **state_arrays(state))
            file.seek(0)
            saved = restore_state(dict(np.load(file)), plate, options)
        _, state = follow_plate(plate, frame, state, alpha_before=alpha, options=options)
        if k >= 17:
            _, saved = follow_plate(plate, frame, saved, alpha_before=alpha, options=options)
            np.testing.assert_array_equal(saved.aligned.plate, state.aligned.plate)
            np.testing.assert_array_equal(saved.free, state.free)
        alpha = now
    assert state.learned


def test_damaged_state_is_named():
    with pytest.raises(InputError, match="start the clip anew"):
        restore_state({"counts": np.zeros(3)}, scene(12, HEIGHT, WIDTH))


def test_plate_much_larger_than_the_frame():
    room = scene(13, HEIGHT, WIDTH)
    large = np.clip(cv2.resize(room, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC), 0, 1)
    state = None
    for k in range(3):
        frame, alpha = shot(room, 160 + k, k)
        aligned, state = follow_plate(large, frame, state, alpha_before=alpha, options=HANDHELD)
    assert aligned.homography[0, 0] == pytest.approx(0.4, abs=0.005)
    assert np.abs(aligned.plate - room)[alpha[:, :, 0] == 0].mean() < 3 / 255
    again = restore_state(state_arrays(state), large, HANDHELD)
    np.testing.assert_array_equal(again.aligned.plate, aligned.plate)


def test_sizes_that_do_not_fit_are_named():
    room = scene(14, HEIGHT, WIDTH)
    _, state = follow_plate(room, shot(room)[0], None)
    with pytest.raises(InputError, match="one size"):
        follow_plate(room, room[:-2], state)
    with pytest.raises(InputError, match="alpha of the frame before"):
        follow_plate(room, room, state, alpha_before=np.zeros((4, 4, 1), np.float32))


@pytest.mark.parametrize("options", [FollowOptions(), HANDHELD])
def test_what_the_plate_has_blown_out_is_never_held_against_a_frame(options):
    """A window of more light than the plate could hold, in a clip that was exposed less."""
    room = 0.7 * scene(12, HEIGHT, WIDTH)
    room[20:60, 30:90] = 1.2  # as bright as the camera would show it with less exposure
    plate, window = np.clip(room, 0, 1).astype(np.float32), np.s_[24:56, 34:86]
    state = None
    for number in range(56):
        dimmed = np.clip(room * np.float32(0.8 - 0.001 * number), 0, 1).astype(np.float32)
        frame, alpha = shot(dimmed, 220, number)
        aligned, state = follow_plate(
            plate, frame, state, alpha_before=alpha if number else None, options=options
        )
        assert aligned.valid[window].max() == 0, number
        assert (frame[window] - aligned.plate[window]).max() < 8 / 255, number
    saved = ClipState.from_arrays(ClipState(plate=state).arrays())
    again = saved.restored(plate, frame, options)
    assert again.plate.aligned.valid[window].max() == 0
    assert (frame[window] - again.plate.aligned.plate[window]).max() < 8 / 255
