"""Maps of light and place: shadows, patches of light, the ring around a subject."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from scipy import ndimage

from cleanplate.training import disturbances as part
from cleanplate.training.disturbances import Picture
from scenes import CENTRE, HEIGHT, WIDTH, draws, subject

EPSILON = 1e-4  # what interpolation may overshoot

SHADOWS: dict[str, Callable[[Generator], Picture]] = {
    "cast": lambda rng: part.cast_shadow(rng, subject(), 0.6),
    "contact": lambda rng: part.contact_shadow(rng, subject(), 0.6),
    "ambient": lambda rng: part.ambient_shadow(rng, subject(), 0.6),
}
MAPS: dict[str, Callable[[Generator], Picture]] = {
    **SHADOWS,
    "ring": lambda rng: part.ring(subject(), 5),
    "light_patch": lambda rng: part.light_patch(rng, HEIGHT, WIDTH, 0.1),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("seed", range(3))
def test_maps_have_one_channel(name: str, seed: int) -> None:
    made = MAPS[name](np.random.default_rng(seed))
    assert made.dtype == np.float32
    assert made.shape == (HEIGHT, WIDTH, 1)
    assert np.isfinite(made).all()


@pytest.mark.parametrize("name", MAPS)
def test_same_generator_state_gives_the_same_map(name: str) -> None:
    first = MAPS[name](np.random.default_rng(5))
    assert np.array_equal(first, MAPS[name](np.random.default_rng(5)))
    if name != "ring":
        assert not np.array_equal(first, MAPS[name](np.random.default_rng(6)))


def test_ring_is_around_the_subject_and_not_in_it() -> None:
    alpha, reach = subject(), 6
    ring = part.ring(alpha, reach)[..., 0]
    distance = ndimage.distance_transform_edt(alpha[..., 0] <= 0.5)
    assert set(np.unique(ring)) == {0, 1}
    assert not ring[alpha[..., 0] > 0.5].any()
    assert ring[(distance > 0) & (distance < reach - 1)].all()
    assert not ring[distance > reach + 1].any()
    assert not part.ring(np.zeros_like(alpha), reach).any()


def darkness(name: str, count: int = 40) -> Picture:
    """Light that a shadow takes on average."""
    return np.mean([1 - SHADOWS[name](rng)[..., 0] for rng in draws(count)], axis=0)


@pytest.mark.parametrize("name", SHADOWS)
def test_shadow_takes_at_most_its_strength(name: str) -> None:
    shadows = np.stack([SHADOWS[name](rng) for rng in draws(40)])
    assert shadows.min() >= 0.4 - EPSILON
    assert shadows.min() < 0.5
    assert shadows.max() <= 1 + EPSILON


@pytest.mark.parametrize("make", [part.cast_shadow, part.contact_shadow, part.ambient_shadow])
def test_nobody_casts_no_shadow(make: Callable[[Generator, Picture, float], Picture]) -> None:
    nobody = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    assert np.array_equal(make(np.random.default_rng(0), nobody, 0.6), nobody + 1)
    unshadowed = make(np.random.default_rng(0), subject(), 0)
    assert np.array_equal(unshadowed, nobody + 1)


def test_cast_shadow_is_the_subject_moved() -> None:
    areas, middles = [], []
    for rng in draws(40):
        taken = (1 - part.cast_shadow(rng, subject(), 0.6)[..., 0]) / 0.6
        areas.append(taken.sum() / subject().sum())
        middles.append(np.average(np.arange(WIDTH), weights=taken.sum(0)))
    assert 1 < np.median(areas) < 1.4  # enlarged by 0.95 to 1.3 a side
    assert max(areas) < 1.3**2 + 0.05
    assert np.ptp(middles) > WIDTH / 4


def test_cast_shadow_has_edges_from_hard_to_soft() -> None:
    steepest = [
        np.abs(np.diff(part.cast_shadow(rng, subject(), 1), axis=0)).max() for rng in draws(40)
    ]
    assert max(steepest) > 0.5
    assert min(steepest) < 0.15


def test_contact_shadow_lies_at_the_feet() -> None:
    taken = darkness("contact")
    row, column = np.unravel_index(taken.argmax(), taken.shape)
    foot = np.nonzero(subject()[..., 0] > 0.5)[0].max()
    assert abs(row - foot) <= 3
    assert abs(column - CENTRE[1]) <= 6
    assert taken[: CENTRE[0]].max() < 0.01


def test_ambient_shadow_fades_with_distance() -> None:
    taken = darkness("ambient")
    distance = ndimage.distance_transform_edt(subject()[..., 0] <= 0.5)
    near, middle, far = (
        taken[(distance > low) & (distance <= high)].mean()
        for low, high in ((0, 3), (8, 12), (30, 60))
    )
    assert near > middle + 0.1
    assert middle > far + 0.05
    assert far < 0.05


def test_light_patch_is_smooth_and_around_one() -> None:
    patches = np.stack([part.light_patch(rng, HEIGHT, WIDTH, 0.1) for rng in draws(80)])
    assert patches.mean() == pytest.approx(1, abs=0.03)
    assert patches.std() == pytest.approx(0.1, rel=0.3)
    assert np.abs(np.diff(patches, axis=2)).max() < 0.03
    strong = np.stack([part.light_patch(rng, HEIGHT, WIDTH, 1.0) for rng in draws(20)])
    assert strong.min() >= 0.5
    assert strong.max() <= np.float32(1.6)
    assert np.array_equal(part.light_patch(np.random.default_rng(0), 8, 9, 0), np.ones((8, 9, 1)))
