"""Training samples: what a sample promises, whatever the seed, and what each recipe changes."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pools
from cleanplate.composite import over
from cleanplate.errors import InputError, OutputError
from cleanplate.training.data import read_pool
from cleanplate.training.sheet import SHOWN, sample_row, write_contact_sheet
from cleanplate.training.synthesis import Recipe, synthesize

SIZE = 64
CHANNELS = {
    "frame": 3,
    "plate": 3,
    "prior": 2,
    "alpha": 1,
    "foreground": 3,
    "background": 3,
    "clean_frame": 3,
    "shadow": 1,
    "valid": 1,
}
PLAIN = Recipe(**{field.name: 0.0 for field in fields(Recipe) if field.name != "size"}, size=SIZE)
EPSILON = 1e-4  # what interpolation may overshoot


@pytest.fixture(scope="module")
def both(folders):
    return read_pool(folders[0], foregrounds=True), read_pool(folders[1], foregrounds=False)


@pytest.fixture(scope="module")
def sample(both):
    """A sample of a seed: sample(3), sample(3, shadow=1.0), or with all recipes at their shares."""

    def make(seed, recipe=PLAIN, **shares):
        return synthesize(np.random.default_rng([3, seed]), *both, replace(recipe, **shares))

    return make


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**40))
def test_promises_of_every_sample(sample, seed):
    made = sample(seed, Recipe(size=SIZE))
    assert {name: picture.shape for name, picture in made.items()} == {
        name: (SIZE, SIZE, channels) for name, channels in CHANNELS.items()
    }
    for name, picture in made.items():
        assert picture.dtype == np.float32, name
        assert np.isfinite(picture).all(), name
        assert picture.min() >= -EPSILON, name
        if name != "shadow":  # light may also be added to the scene
            assert picture.max() <= 1 + EPSILON, name
    assert made["shadow"].max() <= 1.6 + EPSILON
    assert set(np.unique(made["prior"][..., 1])) in ({0}, {1})
    if not made["prior"][0, 0, 1]:
        assert not made["prior"].any()
    # Where the subject is whole, the frame shows its foreground and nothing else.
    whole = made["alpha"][..., 0] == 1
    np.testing.assert_allclose(made["clean_frame"][whole], made["foreground"][whole], atol=2e-3)
    if not made["valid"].any():
        assert made["alpha"].any()  # without a plate nothing but a person can be told


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**40))
def test_same_seed_same_sample(sample, seed):
    first, again = sample(seed, Recipe(size=SIZE)), sample(seed, Recipe(size=SIZE))
    assert all(np.array_equal(first[name], again[name]) for name in CHANNELS)
    other = sample(seed + 1, Recipe(size=SIZE))
    assert not np.array_equal(first["frame"], other["frame"])


def distances_to_composites(made):
    """Of the clean frame to the composite in encoded and in linear light."""
    behind = made["background"] * made["shadow"]
    return [
        np.abs(over(made["foreground"], made["alpha"], behind.clip(0, 1), linear) - frame).max()
        for frame in (made["clean_frame"],)
        for linear in (False, True)
    ]


@pytest.mark.parametrize(
    "shares", [{}, {"cast_shadow": 1.0, "contact_shadow": 1.0, "ambient_shadow": 1.0}]
)
def test_clean_frame_is_the_composite_half_of_the_time_in_linear_light(sample, shares):
    linear = 0
    for seed in range(40):
        encoded, light = distances_to_composites(sample(seed, **shares))
        assert min(encoded, light) < 1e-5
        linear += light < encoded
    assert 10 <= linear <= 30


def test_frame_and_plate_are_noisy_shots_of_the_same_scene(sample):
    for seed in range(20):
        made = sample(seed)
        assert not np.array_equal(made["frame"], made["clean_frame"])
        assert np.abs(made["frame"] - made["clean_frame"]).mean() < 0.06
        assert np.abs(made["plate"] - made["background"]).mean() < 0.12
        assert (made["valid"] == 1).all()
        assert (made["shadow"] == 1).all()
        assert not made["prior"].any()


def test_wrong_plate_is_not_valid(sample):
    for seed in range(6):
        made = sample(seed, wrong_plate=1.0)
        assert not made["valid"].any()
        assert made["alpha"].max() > 0.5
    distances = [
        np.abs(made["plate"] - made["background"]).mean()
        for made in (sample(seed, wrong_plate=1.0) for seed in range(12))
    ]
    assert np.median(distances) > 0.1


def test_blank_plate_is_grey_and_not_valid(sample):
    for seed in range(6):
        made = sample(seed, blank_plate=1.0)
        assert not made["valid"].any()
        np.testing.assert_allclose(made["plate"].mean(), 0.5, atol=0.02)
        assert made["plate"].std() < 0.06


def test_changed_scene_is_background_where_the_plate_does_not_hold(sample):
    inside, beside = [], []
    for seed in range(20):
        changed = sample(seed, changed_scene=1.0)
        assert changed["alpha"].max() > 0.5  # never alone: a lone new thing is a subject
        invalid = changed["valid"][..., 0] < 0.5
        if invalid.sum() > 20:
            inside.append(np.abs(changed["plate"] - changed["background"])[invalid].mean())
            beside.append(np.abs(changed["plate"] - changed["background"])[~invalid].mean())
    assert len(inside) > 12
    assert np.mean(inside) > 2 * np.mean(beside)


@pytest.mark.parametrize("kind", ["cast_shadow", "contact_shadow", "ambient_shadow"])
def test_shadows_darken_the_background_only(sample, kind):
    darkened = []
    for seed in range(12):
        made, bright = sample(seed, **{kind: 1.0}), sample(seed)
        assert np.array_equal(made["alpha"], bright["alpha"])
        assert np.array_equal(made["foreground"], bright["foreground"])
        assert np.array_equal(made["background"], bright["background"])
        assert made["shadow"].max() <= 1 + EPSILON
        bare = made["alpha"][..., 0] == 0
        behind = (made["background"] * made["shadow"])[bare]
        np.testing.assert_allclose(made["clean_frame"][bare], behind, atol=1e-5)
        darkened.append(made["shadow"].min() < 0.97)
    assert np.mean(darkened) > 0.6


def test_coincidence_brings_the_subject_to_the_colour_behind_it(sample):
    def difference(made):
        """Of the hues of the subject and of what is behind it; the brightness may differ."""
        both = ((made[name] * made["alpha"]).sum((0, 1)) for name in ("foreground", "background"))
        ours, theirs = (colour / max(colour.sum(), 1e-3) for colour in both)
        return np.abs(ours - theirs).mean()

    plain = [difference(sample(seed)) for seed in range(160)]
    alike = [difference(sample(seed, coincidence=1.0)) for seed in range(160)]
    # Most of the time it is but one garment that takes the colour.
    assert np.mean(alike) < 0.8 * np.mean(plain)
    assert np.mean(np.array(alike) < plain) > 0.7


def test_spill_is_strongest_at_the_edge(sample):
    edge, middle = [], []
    for seed in range(30):
        plain, lit = sample(seed), sample(seed, spill=1.0)
        solid = (plain["alpha"][..., 0] > 0.9).astype(np.uint8)
        deep = cv2.erode(solid, np.ones((15, 15), np.uint8)) > 0
        rim = (solid > 0) & ~(cv2.erode(solid, np.ones((5, 5), np.uint8)) > 0)
        change = np.abs(lit["foreground"] - plain["foreground"]).mean(2)
        if deep.sum() > 20 and rim.sum() > 20:
            edge.append(change[rim].mean())
            middle.append(change[deep].mean())
    assert len(edge) > 10
    assert np.mean(edge) > 3 * np.mean(middle)


def test_motion_blur_smears_alpha_and_keeps_its_amount(sample):
    amounts, softer = [], []
    for seed in range(30):
        sharp, smeared = sample(seed)["alpha"], sample(seed, motion_blur=1.0)["alpha"]
        if sharp.sum() > 100:
            amounts.append(smeared.sum() / sharp.sum())
            softer.append(
                np.abs(np.diff(smeared, axis=0)).max() - np.abs(np.diff(sharp, axis=0)).max()
            )
    assert np.median(amounts) == pytest.approx(1, abs=0.03)
    assert max(softer) < 1e-5


def test_motion_blur_keeps_colour_straight(sample):
    """A smeared subject of one colour has that colour, however little of it is left."""
    from cleanplate.training.synthesis import _blur_motion

    alpha = np.zeros((SIZE, SIZE, 1), np.float32)
    alpha[20:44, 20:44] = 1
    colour = np.broadcast_to(np.float32([0.2, 0.5, 0.8]), (SIZE, SIZE, 3)) * alpha
    for seed in range(6):
        foreground, coverage = _blur_motion(np.random.default_rng(seed), colour, alpha)
        seen = coverage[..., 0] > 0.01
        np.testing.assert_allclose(foreground[seen] - (0.2, 0.5, 0.8), 0, atol=1e-3)


def test_prior_tells_whether_it_is_there(sample):
    given = [sample(seed, prior=1.0)["prior"] for seed in range(8)]
    assert all((prior[..., 1] == 1).all() for prior in given)
    alphas = [sample(seed)["alpha"] for seed in range(8)]
    agreement = [
        np.corrcoef(prior[..., 0].ravel(), alpha.ravel())[0, 1]
        for prior, alpha in zip(given, alphas, strict=True)
        if alpha.std() > 0.05
    ]
    assert np.median(agreement) > 0.5


def test_pools_of_damaged_pictures_are_refused(tmp_path, both):
    pools.write_pair(tmp_path, "pair")
    cv2.imwrite(str(tmp_path / "pair.png"), np.zeros((30, 20), np.uint8))
    bad = read_pool(tmp_path, foregrounds=True)
    with pytest.raises(InputError, match="both must have one size"):
        synthesize(np.random.default_rng(0), bad, both[1], replace(PLAIN, wrong_plate=1.0))


def test_contact_sheet(tmp_path, folders, sample):
    row = sample_row(sample(0))
    assert row.shape == (SIZE, len(SHOWN) * SIZE, 3)
    for name in ("one", "again"):
        write_contact_sheet(*folders, tmp_path / f"{name}.png", 3, SIZE, seed=1)
    write_contact_sheet(*folders, tmp_path / "other.png", 3, SIZE, seed=2)
    one, again, other = (
        cv2.imread(str(tmp_path / f"{name}.png")) for name in ("one", "again", "other")
    )
    assert one.shape == (2 * SIZE, 2 * len(SHOWN) * SIZE, 3)
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not one[SIZE:, len(SHOWN) * SIZE :].any()  # three samples leave one place free
    frame = synthesize(
        np.random.default_rng([1, 0]),
        read_pool(folders[0], True),
        read_pool(folders[1], False),
        Recipe(size=SIZE),
    )["frame"]
    np.testing.assert_allclose(one[:SIZE, :SIZE, ::-1] / 255, frame, atol=0.51 / 255)


def test_contact_sheet_is_a_png_in_a_folder_that_is_there(tmp_path, folders):
    with pytest.raises(OutputError, match=r"must end in \.png"):
        write_contact_sheet(*folders, tmp_path / "sheet.jpg", 2, SIZE, 0)
    with pytest.raises(OutputError, match="folder does not exist"):
        write_contact_sheet(*folders, tmp_path / "nowhere" / "sheet.png", 2, SIZE, 0)
    assert list(tmp_path.iterdir()) == []
