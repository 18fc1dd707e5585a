"""Two backings: exact where the two differ, carried on where they do not."""

import cv2
import numpy as np
import pytest

import screens
from cleanplate.color import srgb_to_linear
from cleanplate.errors import InputError
from cleanplate.screens.backings import key_two_backings, triangulate


def pair(noise=0.0, alpha=None, colour=screens.SKIN, second="blue"):
    alpha = screens.disc(20) * np.float32(0.8) if alpha is None else alpha
    shots = [
        screens.shot(screens.light(name, 0.3, 0.2), alpha, colour, noise, seed=seed)
        for seed, name in enumerate(("green", second))
    ]
    return (shots[0].frame, shots[1].frame), (shots[0].plate, shots[1].plate), shots[0]


def test_exact_without_noise():
    frames, plates, truth = pair()
    result = key_two_backings(frames, plates, align=False)
    np.testing.assert_allclose(result.cutout.alpha, truth.alpha, atol=0.002)
    shown = truth.alpha[..., 0] > 0.1
    np.testing.assert_allclose(result.cutout.foreground[shown], truth.foreground[shown], atol=0.02)
    assert result.degenerate == 0


def test_green_subject_is_no_trouble():
    frames, plates, truth = pair(0.002, screens.disc(20), screens.COLOURS["green"])
    alpha = key_two_backings(frames, plates, align=False).cutout.alpha
    assert np.abs(alpha - truth.alpha).mean() < 0.006


def test_colours_at_random_solve_by_least_squares():
    random = np.random.default_rng(3)
    alpha = random.random((16, 16, 1)).astype(np.float32)
    own = random.random((16, 16, 3)).astype(np.float32)
    plates = [random.random((16, 16, 3)).astype(np.float32) * half for half in (0.4, 1.0)]
    frames = [alpha * own + (1 - alpha) * plate for plate in plates]
    found, mixed, certain = triangulate(frames, plates)
    sure = certain[..., 0] > 0.999
    assert sure.sum() > 50
    np.testing.assert_allclose(found[sure], alpha[sure], atol=2e-3)
    np.testing.assert_allclose(mixed[sure], (alpha * own)[sure], atol=2e-3)


def test_exposure_of_plates_and_shots_is_matched():
    frames, plates, truth = pair(0.001, screens.disc(6))
    darker = [screens.encode(0.8 * srgb_to_linear(p)) for p in (frames[1], plates[1])]
    brighter = screens.encode(1.1 * srgb_to_linear(plates[0]))
    shots = (frames[0], darker[0])
    bare = key_two_backings(shots, (brighter, darker[1]), align=False).cutout.alpha
    matched = key_two_backings(shots, (brighter, darker[1])).cutout.alpha
    assert np.abs(matched - truth.alpha).mean() < 0.006
    assert np.abs(matched - truth.alpha).mean() < 0.3 * np.abs(bare - truth.alpha).mean()


def test_equal_backings_are_reported_or_refused():
    frames, plates, truth = pair(0.001, second="green")
    with pytest.raises(InputError, match="look the same"):
        key_two_backings(frames, plates, align=False)
    frames, plates, truth = pair(0.001, screens.disc(4))
    patch = np.s_[80:110, 40:60]
    for picture in (*frames, *plates):
        picture[patch] = 0.4
    said = []
    result = key_two_backings(frames, plates, align=False, warn=said.append)
    assert result.degenerate == pytest.approx(600 / (180 * 240), rel=0.2)
    assert result.certain[patch].max() < 0.1
    assert np.abs(result.cutout.alpha[patch] - truth.alpha[patch]).max() < 0.15
    assert any("same colour" in sentence for sentence in said)


def test_a_subject_that_moved_is_said():
    frames, plates, _ = pair(0.001, screens.disc(4))
    random = np.random.default_rng(0)
    texture = cv2.resize(random.random((12, 16, 3)).astype(np.float32), (240, 180))
    inside = screens.disc(4)[..., 0] == 1
    first, second = frames[0].copy(), frames[1].copy()
    first[inside] = texture[inside]
    second[inside] = np.roll(texture, 9, axis=1)[inside]
    said = []
    key_two_backings((first, second), plates, align=False, warn=said.append)
    assert any("moved" in sentence for sentence in said)


def test_shots_of_any_type_are_solved():
    frames, plates, truth = pair()
    frames, plates = (
        tuple(np.asfortranarray((each * 65535).astype(">u2")) for each in both)
        for both in (frames, plates)
    )
    result = key_two_backings(frames, plates, align=False)
    np.testing.assert_allclose(result.cutout.alpha, truth.alpha, atol=0.01)
    dark = np.full((180, 240, 3), np.nan, np.float32)
    with pytest.raises(InputError, match="shot B"):
        key_two_backings((frames[0], dark), plates)
    with pytest.raises(InputError, match="plate A"):
        key_two_backings(frames, (dark, plates[1]))


def test_sizes_that_differ_are_refused():
    frames, plates, _ = pair()
    with pytest.raises(InputError, match="240 x 180"):
        key_two_backings((frames[0], frames[1][:90]), plates)
    with pytest.raises(InputError, match="one size"):
        key_two_backings(frames, (plates[0], plates[1][:90]), align=False)
