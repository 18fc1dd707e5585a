"""The soft prior: the paper's recipe, and what the plate alone tells."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanplate.prior import estimate_prior, soften, trimap


def room(seed: int = 0, height: int = 240, width: int = 320) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0.2, 0.8, (12, 16, 3)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 2 / 255, picture.shape)
    return (picture + noise).clip(0, 1).astype(np.float32)


def share(prior: np.ndarray, region: tuple[slice, slice]) -> float:
    return float(prior[region].mean())


def test_soften_has_the_papers_reach_at_512() -> None:
    mask = np.zeros((512, 512, 1), np.float32)
    mask[200:300, 200:300] = 1
    solid = soften(mask)[250, :, 0] > 0.5
    # Five erosions take 10 pixels, ten dilations give 20: 10 pixels more on each side.
    assert abs(int(solid.sum()) - 120) <= 2


def test_soften_scales_with_the_picture() -> None:
    mask = np.zeros((512, 512, 1), np.float32)
    mask[150:350, 180:330] = 1
    large = soften(np.repeat(np.repeat(mask, 2, 0), 2, 1))
    reduced = cv2.resize(large, (512, 512), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced - soften(mask)[..., 0]).mean() < 0.01


def test_the_subject_is_found_and_the_rest_is_not() -> None:
    plate = room()
    frame = plate.copy()
    frame[80:220, 120:220] = (0.9, 0.1, 0.1)
    prior = estimate_prior(noisy(frame, 1), noisy(plate, 2))
    assert share(prior, np.s_[100:200, 140:200]) > 0.98
    assert share(prior, np.s_[:40, :]) < 0.02
    assert prior.shape == (240, 320, 1)


def test_two_subjects_both_stay() -> None:
    plate = room()
    frame = plate.copy()
    frame[100:220, 30:120] = (0.1, 0.1, 0.9)
    frame[140:220, 240:290] = (0.9, 0.9, 0.1)
    prior = estimate_prior(frame, plate)
    assert share(prior, np.s_[120:200, 50:100]) > 0.95
    assert share(prior, np.s_[160:200, 255:275]) > 0.95


def test_a_soft_shadow_counts_little() -> None:
    plate = room()
    dimming = np.ones((240, 320, 1), np.float32)
    dimming[60:200, 60:200] = 0.75
    dimming = cv2.GaussianBlur(dimming, (0, 0), 12)[..., None]
    prior = estimate_prior(noisy(plate * dimming, 1), noisy(plate, 2))
    assert prior.mean() < 0.15


def test_nothing_there_gives_nothing() -> None:
    plate = room()
    assert estimate_prior(noisy(plate, 1), noisy(plate, 2)).max() < 0.05


def test_uncovered_pixels_are_not_the_subject() -> None:
    plate = room()
    frame = plate.copy()
    frame[:, :60] = (0.9, 0.1, 0.1)
    valid = np.ones((240, 320, 1), np.float32)
    valid[:, :80] = 0
    assert estimate_prior(frame, plate, valid).max() < 0.05


def test_a_small_enclosed_hole_is_filled() -> None:
    plate = room()
    frame = plate.copy()
    frame[60:220, 100:240] = (0.9, 0.1, 0.1)
    frame[130:142, 160:172] = plate[130:142, 160:172]
    assert estimate_prior(frame, plate)[130:142, 160:172].min() > 0.9


def test_trimap_has_three_values() -> None:
    alpha = np.linspace(0, 1, 101, dtype=np.float32).reshape(1, 101, 1).repeat(5, 0)
    made = trimap(alpha)
    assert set(np.unique(made)) == {0, 0.5, 1}
    assert made[0, 0] == 0
    assert made[0, 100] == 1
    assert made[0, 50] == 0.5
    assert (trimap(alpha, band=3) == 0.5).sum() >= (made == 0.5).sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(16, 600), st.integers(16, 600), st.integers(0, 99))
def test_any_size_stays_in_range(height: int, width: int, seed: int) -> None:
    frame, plate = np.random.default_rng(seed).random((2, height, width, 3), dtype=np.float32)
    prior = estimate_prior(frame, plate)
    assert prior.shape == (height, width, 1)
    assert prior.dtype == np.float32
    assert prior.min() >= 0
    assert prior.max() <= 1 + 1e-6


@pytest.mark.parametrize("side", [16, 100, 512, 1500])
def test_soften_keeps_the_shape(side: int) -> None:
    assert soften(np.ones((side, side // 2, 1), np.float32)).shape == (side, side // 2, 1)
