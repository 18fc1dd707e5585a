"""A plate shot by a camera: when it is taken, and what is said about it."""

import cv2
import numpy as np
import pytest

from cleanplate.network import weights_path
from cleanplate.people import Segmenter
from cleanplate.plates.shoot import Shutter
from plate_scenes import scene

ROOM = np.rint(cv2.resize(scene(3), (320, 200)) * 255).astype(np.float32)


def frames(count, picture=ROOM, noise=2.0, seed=0):
    random = np.random.default_rng(seed)
    for _ in range(count):
        noisy = picture + random.normal(0, noise, picture.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def shoot(pictures, wanted=16):
    shutter = Shutter(wanted)
    for picture in pictures:
        if shutter.done:
            break
        shutter.add(picture)
    return shutter


def with_visitor(at):
    picture = ROOM.copy()
    picture[60:200, at : at + 60] = (200, 60, 40)
    return picture


def test_the_mean_of_still_frames_has_less_noise():
    shot = shoot(frames(20)).develop()
    assert shot.frames == 16
    assert shot.problems == shot.warnings == ()
    assert np.isnan(shot.person)
    assert shot.noise * 255 == pytest.approx(2.0, rel=0.1)
    assert np.abs(shot.plate * 255 - ROOM).mean() < 0.6  # 0.4 is left of a noise of 2
    assert shot.plate.dtype == np.float32


def test_who_leaves_late_is_not_in_the_plate():
    leaving = [next(frames(1, with_visitor(20 + 12 * k), seed=k)) for k in range(12)]
    shutter = shoot([*leaving, *frames(20, seed=9)])
    shot = shutter.develop()
    assert shutter.done
    assert shutter.restarts > 5
    assert shot.problems == ()
    assert np.abs(shot.plate * 255 - ROOM).max() < 6


def test_who_never_rests_is_told():
    walking = [next(frames(1, with_visitor(20 + 30 * (k % 6)), seed=k)) for k in range(40)]
    shutter = shoot(walking)
    assert not shutter.done
    assert "moves in the picture" in shutter.develop().problems[0]


def test_a_camera_that_moves_is_told_from_a_subject_that_does():
    big = np.rint(cv2.resize(scene(3), (400, 250)) * 255).astype(np.float32)
    swinging = [
        next(frames(1, np.ascontiguousarray(big[20:220, 5 * (k % 8) : 5 * (k % 8) + 320]), seed=k))
        for k in range(30)
    ]
    assert "camera moves" in shoot(swinging).develop().problems[0]


def test_a_camera_that_creeps_is_told():
    pictures = []
    large = cv2.resize(ROOM, (960, 600), interpolation=cv2.INTER_CUBIC)
    for k in range(16):
        matrix = np.array([[1, 0, 0.05 * k], [0, 1, 0]])
        moved = cv2.warpAffine(large, matrix, (960, 600), borderMode=cv2.BORDER_REPLICATE)
        pictures.append(next(frames(1, moved, noise=0.5, seed=k)))
    assert "camera moved by 0." in shoot(pictures).develop().problems[0]


def test_someone_who_stands_still_is_seen(frame, plate):
    find_person = Segmenter(weights_path("person"))
    seen, empty = (
        shoot(frames(16, picture.astype(np.float32))).develop(find_person)
        for picture in (frame, plate)
    )
    assert "Somebody seems to be in the plate" in seen.problems[0]
    assert seen.person > 0.1
    assert empty.problems == ()


@pytest.mark.parametrize(
    ("picture", "word"),
    [
        (ROOM * 0.1, "dark"),
        (np.where(np.arange(320)[None, :, None] < 40, 255.0, ROOM), "blown out"),
    ],
)
def test_bad_light_is_said(picture, word):
    shot = shoot(frames(16, picture.astype(np.float32), noise=0.5)).develop()
    assert shot.problems == ()
    assert word in shot.warnings[0]


def test_noise_is_said():
    assert "noisy" in shoot(frames(16, noise=14)).develop().warnings[0]


def test_a_covered_lens_is_a_problem():
    shot = shoot(frames(16, ROOM * 0, noise=0.5)).develop()
    assert "black" in shot.problems[0]


def test_drift_is_said_and_flicker_in_bands_is_not_movement():
    brighter = [next(frames(1, ROOM * (1 + 0.003 * k), seed=k)) for k in range(16)]
    assert "exposure drifted" in shoot(brighter).develop().warnings[0]
    bands = 1 + 0.03 * np.sin(np.arange(200) / 15)[:, None, None]
    flicker = [next(frames(1, ROOM * (bands if k % 2 else 1), seed=k)) for k in range(16)]
    shutter = shoot(flicker)
    assert shutter.restarts == 0
    assert shutter.develop().problems == ()


def test_white_balance_that_drifts_is_said():
    tints = [np.array([1 + 0.002 * k, 1, 1 - 0.002 * k], np.float32) for k in range(16)]
    pictures = [next(frames(1, ROOM * tint, seed=k)) for k, tint in enumerate(tints)]
    assert "white balance" in shoot(pictures).develop().warnings[0]


def test_nothing_taken_in_is_nothing_to_develop():
    with pytest.raises(ValueError, match="no frame"):
        Shutter().develop()
