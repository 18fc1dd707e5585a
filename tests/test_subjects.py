"""Subjects put into the picture, and the soft priors that guess where they are."""

import numpy as np
import pytest

import pools
from cleanplate.composite import over
from cleanplate.training import priors, shapes, subjects
from cleanplate.training.data import read_pool

SIZE = 64
EPSILON = 1e-4  # what interpolation may overshoot


def box(size, low=0.25, high=0.75):
    alpha = np.zeros((size, size, 1), np.float32)
    alpha[int(low * size) : int(high * size), int(low * size) : int(high * size)] = 1
    return alpha


@pytest.mark.parametrize("size", [96, 256])
def test_soft_prior_scales_with_the_picture(size):
    soft = [priors.soft_prior(np.random.default_rng(seed), box(size)) for seed in range(30)]
    covered = [prior.mean() / 0.25 for prior in soft]
    # Dilation outweighs erosion by about 6 of 512 pixels on each side of the box.
    assert np.mean(covered) == pytest.approx(1.1, abs=0.1)
    for prior in soft:
        assert prior.dtype == np.float32
        assert prior[: size // 16].max() < 0.01
        assert prior.max() > 0.9
        assert np.abs(np.diff(prior, axis=0)).max() < 60 / size  # blurred


def test_spoilt_priors_shift_lose_and_gain():
    clean = priors.soft_prior(np.random.default_rng(0), box(SIZE))
    amounts = []
    for seed in range(40):
        spoilt = priors.spoil(np.random.default_rng(seed), clean)
        assert spoilt.shape == clean.shape
        assert spoilt.dtype == np.float32
        assert -EPSILON <= spoilt.min() <= spoilt.max() <= 1 + EPSILON
        amounts.append(spoilt.sum() / clean.sum())
    assert min(amounts) < 0.9
    assert max(amounts) > 1.1


def placed(seed, cut_off, size=SIZE):
    colour, alpha = pools.cut_out(1)
    if cut_off:
        colour, alpha = colour[:40], alpha[:40]
    return subjects.place(np.random.default_rng(seed), colour, alpha[..., None], size)


def test_subject_that_was_cut_off_stays_at_the_lower_edge():
    at_edge = {
        cut_off: np.mean([placed(seed, cut_off)[1][-1].max() > 0.5 for seed in range(40)])
        for cut_off in (False, True)
    }
    assert at_edge[True] > 0.75
    assert at_edge[False] < 0.5


def test_placed_subjects_differ_in_size_and_are_in_the_picture():
    shares = [placed(seed, False)[1].mean() for seed in range(40)]
    assert np.mean(np.array(shares) > 0.02) > 0.9
    assert max(shares) > 2 * np.median(shares)
    assert min(shares) < np.median(shares) / 2


def test_nobody_can_be_placed():
    colour, alpha = pools.cut_out(1)
    foreground, coverage = subjects.place(
        np.random.default_rng(0), colour, np.zeros_like(alpha)[..., None], SIZE
    )
    assert not coverage.any()
    assert foreground.shape == (SIZE, SIZE, 3)


def test_joined_subjects_are_one_over_the_other():
    front, behind = placed(1, False), placed(2, True)
    foreground, alpha = subjects.join(front, behind)
    wall = np.full((SIZE, SIZE, 3), 0.3, np.float32)
    np.testing.assert_allclose(
        over(foreground, alpha, wall), over(*front, over(*behind, wall)), atol=2e-3
    )


def test_crop_takes_a_part_of_the_picture():
    picture = np.dstack([pools.room(1)[..., :2], np.full((80, 100), 77, np.uint8)])
    cut = subjects.crop(np.random.default_rng(0), picture, 32, 0.5)
    assert cut.shape == (32, 32, 3)
    assert cut.dtype == np.float32
    np.testing.assert_allclose(cut[..., 2], 77 / 255, atol=1 / 255)


def test_half_of_the_crops_are_mirrored_and_colours_stay():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[..., 0] = np.linspace(50, 250, 40)
    cuts = [subjects.crop(np.random.default_rng(seed), picture, 16) for seed in range(40)]
    mirrored = [cut[:, 0, 0].mean() > cut[:, -1, 0].mean() for cut in cuts]
    assert 10 < sum(mirrored) < 30
    assert max(cut[..., 1:].max() for cut in cuts) == 0


def test_an_extremity_is_covered_and_mostly_far_from_the_middle():
    alpha = box(SIZE)
    places = [shapes.extremity(np.random.default_rng(seed), alpha) for seed in range(60)]
    assert all(alpha[y, x] == 1 for x, y in places)
    away = np.linalg.norm(np.array(places) - SIZE / 2, axis=1)
    assert np.median(away) > 15  # of random pixels: 12
    assert shapes.extremity(np.random.default_rng(0), np.zeros_like(alpha)) is None


def test_a_held_thing_adds_to_the_subject_and_hides_it_where_it_is_in_front(folders):
    backgrounds = read_pool(folders[1], foregrounds=False)
    grey = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    grown = 0
    for seed in range(30):
        _, alpha = subjects.hold(np.random.default_rng(seed), (grey, box(SIZE)), backgrounds)
        assert (alpha >= box(SIZE) - EPSILON).all()
        assert alpha.max() <= 1 + EPSILON
        assert alpha[0].max() < 0.5  # held at the box, not anywhere
        grown += alpha.sum() > box(SIZE).sum() + 1
    assert grown > 15
    nobody = grey, np.zeros_like(box(SIZE))
    assert subjects.hold(np.random.default_rng(0), nobody, backgrounds) is nobody
