"""`cleanplate key` for a clip with a plate: laid once, tracked, and the same when resumed."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import screens
from cleanplate.jobs import keyed_clips
from cleanplate.jobs.keying import KeyJob
from cleanplate.jobs.options import ClipOptions
from cleanplate.keying import key_frame
from cleanplate.media.stills import write_still
from cleanplate.plates import clip_steps
from cleanplate.plates.geometry import project

SIZE = (240, 320)
JOB = KeyJob(screen="green", plate=Path("plate.png"))


def keying(plate, job=JOB):
    return keyed_clips._Keying(job, (0.0, 0.69, 0.25), plate)


def take(shifts, marked=True):
    """Give a plate, and a frame a shift (x, y, pixels) of the camera; the subject stands still."""
    random, alpha = np.random.default_rng(0), screens.disc(3, SIZE)
    light = screens.light("green", 0.2, size=SIZE).astype(np.float32)
    if marked:
        for y in range(30, SIZE[0], 60):
            for x in range(30, SIZE[1], 60):
                cv2.circle(light, (x, y), 6, (0.01, 0.1, 0.02), -1, cv2.LINE_AA)
    frames = []
    for across, down in shifts:
        where = np.array([[1, 0, across], [0, 1, down]], np.float64)
        moved = cv2.warpAffine(light, where, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
        mixed = moved + alpha * (np.float32(0.3) - moved)
        frames.append(screens.encode(mixed + random.normal(0, 0.002, mixed.shape)))
    return screens.encode(light + random.normal(0, 0.002, light.shape)), frames


def keyed(step, frames, state=None):
    """Key the frames one after another; gives alphas, states and notes."""
    made = []
    for frame in frames:
        cutout, state, note = step(frame, state, {})
        made.append((cutout.alpha, state, note))
    return [list(each) for each in zip(*made, strict=True)]


@pytest.mark.parametrize("marked", [True, False])
def test_the_plate_of_a_fixed_camera_is_fitted_once_and_keeps_its_place(marked, monkeypatch):
    fits = []
    fit = clip_steps.fit_plate
    monkeypatch.setattr(clip_steps, "fit_plate", lambda *a, **k: fits.append(1) or fit(*a, **k))
    plate, frames = take([(0, 0)] * 6, marked)
    alphas, states, notes = keyed(keying(plate), frames)
    assert len(fits) == 1
    assert np.abs(states[-1].clip.plate.homography - np.eye(3))[:2].max() < 0.1
    assert not any(note.lost for note in notes)
    assert np.abs(alphas[-1] - screens.disc(3, SIZE)).mean() < 0.01


def test_a_hand_held_camera_is_tracked():
    shifts = [(0.8 * index, -0.5 * index) for index in range(8)]
    plate, frames = take(shifts)
    alphas, states, _ = keyed(keying(plate), frames)
    for shift, state in zip(shifts, states, strict=True):
        middle = np.array([[SIZE[1] / 2, SIZE[0] / 2]])
        moved = project(state.clip.plate.homography, middle) - middle
        np.testing.assert_allclose(moved[0], shift, atol=0.3)
    # Marks are screen, as long as the plate lies on them.
    assert np.abs(alphas[-1] - screens.disc(3, SIZE)).mean() < 0.01


def test_a_resumed_job_equals_an_uninterrupted_one():
    plate, frames = take([(0.8 * index, 0.0) for index in range(6)])
    _, states, _ = keyed(keying(plate), frames[:3])
    saved = states[-1].arrays()
    whole, _, _ = keyed(keying(plate), frames[3:], keyed_clips.ScreenState.from_arrays(saved))
    again, _, _ = keyed(keying(plate), frames[3:], keyed_clips.ScreenState.from_arrays(saved))
    straight, _, _ = keyed(keying(plate), frames[3:], states[-1])
    for one, two, three in zip(whole, again, straight, strict=True):
        assert np.array_equal(one, two)
        np.testing.assert_allclose(one, three, atol=0.01)  # alpha is kept in 16 bits


def test_a_stopped_job_goes_on_and_writes_what_an_uninterrupted_one_does(tmp_path, monkeypatch):
    plate, frames = take([(0.8 * index, 0.0) for index in range(10)])
    write_still(tmp_path / "plate.png", plate)
    for index, frame in enumerate(frames):
        write_still(tmp_path / f"shot.{index:04d}.png", frame)
    clip, job = tmp_path / "shot.%04d.png", replace(JOB, plate=tmp_path / "plate.png")
    said, keyed_frames = [], []

    def key(folder):
        options = ClipOptions(part_frames=3, bar=False)
        keyed_clips.key_clip(clip, f"{tmp_path / folder}/", job, options, said.append)
        return {path.name: path.read_bytes() for path in (tmp_path / folder).iterdir()}

    def stopping(*args, **options):
        keyed_frames.append(args)
        if len(keyed_frames) == 8:
            raise KeyboardInterrupt
        return key_frame(*args, **options)

    whole = key("whole")
    with monkeypatch.context() as patch:
        patch.setattr(keyed_clips, "key_frame", stopping)
        with pytest.raises(KeyboardInterrupt):
            key("stopped")
    assert not (tmp_path / "stopped").exists()
    assert key("stopped") == whole
    assert len(whole) == 20
    assert any("going on after" in sentence for sentence in said)


def test_a_lost_track_is_said_and_found_again():
    plate, frames = take([(0, 0)] * 3)
    blind = np.full((*SIZE, 3), 0.5, np.float32)
    _, states, notes = keyed(keying(plate), [frames[0], blind, frames[1]])
    assert notes[1].lost
    assert "lost" in notes[1].words
    assert "earlier frame" in notes[1].words
    assert states[1].clip.plate.lost
    assert not notes[2].lost


def test_without_alignment_the_plate_is_taken_as_it_is():
    plate, frames = take([(0, 0)] * 2)
    step = keying(plate, KeyJob(screen="green", plate=Path("plate.png"), align=False))
    _, states, _ = keyed(step, frames)
    assert states[-1].clip.plate is None
    assert not any("plate" in name for name in states[-1].arrays())
