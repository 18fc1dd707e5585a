"""Procedural subjects and walls, and strands of hair on cut-outs."""

import numpy as np
import pytest
from scipy import ndimage

from cleanplate.composite import over
from cleanplate.training import hair, shapes

SIZE = 96
ALPHAS = (shapes.blob, shapes.polygons, shapes.leaves, shapes.cloud, shapes.shape)
COLOUR = np.float32([0.2, 0.3, 0.4])  # times 1.2 it stays below 1


def ellipse(size=SIZE):
    rows, columns = np.mgrid[:size, :size].astype(np.float32) / size
    inside = ((rows - 0.55) / 0.3) ** 2 + ((columns - 0.5) / 0.2) ** 2
    return np.clip((1 - inside) * 8 + 0.5, 0, 1)[..., None].astype(np.float32)


def flat(size=SIZE):
    return np.broadcast_to(COLOUR, (size, size, 3)).copy()


def grown(seed, **options):
    return hair.add_strands(np.random.default_rng(seed), flat(), ellipse(), **options)


def outside(reach):
    """More than `reach` pixels away from the cut-out."""
    return ndimage.distance_transform_edt(ellipse()[..., 0] <= 0) > reach


@pytest.mark.parametrize("make", [*ALPHAS, shapes.texture, shapes.wall])
def test_shapes_are_pictures(make):
    channels = 1 if make in ALPHAS else 3
    for seed in range(8):
        made = make(np.random.default_rng(seed), SIZE)
        assert made.dtype == np.float32
        assert made.shape == (SIZE, SIZE, channels)
        assert made.min() >= 0
        assert made.max() <= 1
        assert np.array_equal(made, make(np.random.default_rng(seed), SIZE))


@pytest.mark.parametrize("make", ALPHAS)
def test_alphas_cover_something_and_not_everything(make):
    covered = [make(np.random.default_rng(seed), SIZE).mean() for seed in range(20)]
    assert np.mean(np.array(covered) > 0.01) > 0.9
    assert 0.05 < np.mean(covered) < 0.7
    assert np.std(covered) > 0.03


def test_edges_are_anti_aliased():
    for make in (shapes.blob, shapes.polygons, shapes.leaves):
        alpha = make(np.random.default_rng(1), SIZE)
        fractional = np.mean((alpha > 0) & (alpha < 1))
        assert 0.005 < fractional < 0.4


def test_clouds_are_softer_than_blobs():
    def fractional(make):
        alphas = [make(np.random.default_rng(seed), SIZE) for seed in range(10)]
        return np.mean([np.mean((alpha > 0.1) & (alpha < 0.9)) for alpha in alphas])

    assert fractional(shapes.cloud) > 2 * fractional(shapes.blob)


def test_walls_are_plain_and_textures_are_not():
    def detail(make):
        made = [make(np.random.default_rng(seed), SIZE) for seed in range(20)]
        return np.mean([np.abs(np.diff(picture, axis=1)).mean() for picture in made])

    assert detail(shapes.wall) < 0.02
    assert detail(shapes.texture) > 2 * detail(shapes.wall)


def test_strands_add_thin_alpha_outside_the_cut_out():
    alpha = ellipse()
    for seed in range(4):
        foreground, joined = grown(seed)
        assert foreground.dtype == joined.dtype == np.float32
        assert joined.shape == alpha.shape
        assert np.isfinite(foreground).all()
        assert foreground.min() >= 0
        assert foreground.max() <= 1 + 1e-6
        assert (joined >= alpha - 1e-6).all()
        assert joined.max() <= 1 + 1e-6
        added = joined[outside(2)]
        assert (added > 0.02).sum() > 30
        assert np.mean(added[added > 0.02] < 0.9) > 0.6
        assert added.mean() < 0.05


def test_fine_strands_are_a_haze():
    """The same strands, drawn finer: seen in as many places, seldom as more than a veil."""
    for seed in range(3):
        coarse, fine = (
            grown(seed, oversampling=times)[1][outside(2)]
            for times in (hair.OVERSAMPLING, hair.FINE)
        )
        assert (fine > 0.02).sum() > 0.4 * (coarse > 0.02).sum()
        assert (fine > 0.6).sum() < 0.5 * (coarse > 0.6).sum()
        assert 0.2 * coarse.mean() < fine.mean() < 0.7 * coarse.mean()


def test_strands_grow_where_they_should():
    def added(rows, **options):
        parts = [(grown(seed, **options)[1] - ellipse())[rows].sum() for seed in range(4)]
        return np.mean(parts)

    top, bottom = np.s_[: SIZE // 3], np.s_[-SIZE // 4 :]
    assert added(bottom, top_share=0.25) < 0.02 * added(top, top_share=0.25)
    assert added(bottom, top_share=1.0) > 0.2 * added(top, top_share=1.0)
    whole = np.s_[:]
    assert added(whole, length=0.16) > 1.3 * added(whole, length=0.04)
    assert added(whole, count=400) > 1.5 * added(whole, count=100)


def test_strands_are_mixed_exactly():
    """Strands over the cut-out over anything is what the new cut-out is over it."""
    alpha, before = ellipse(), flat()
    for seed in range(6):
        foreground, joined = grown(seed)
        open_to_strands = alpha < 0.98
        strands = (joined - alpha) / np.maximum(1 - alpha, 0.02)
        colour = (joined * foreground - (1 - strands) * alpha * before) / np.maximum(strands, 0.05)
        painted = (open_to_strands & (strands > 0.05))[..., 0]
        assert painted.sum() > 100
        assert colour[painted].min() > -1e-3
        assert colour[painted].max() < 1 + 1e-3
        bare = (open_to_strands & (strands < 1e-6) & (alpha > 0.01))[..., 0]
        np.testing.assert_allclose(foreground[bare], before[bare], atol=1e-5)


def test_thin_strands_have_a_straight_colour():
    """Not darkened toward black where they cover little: that would be premultiplied."""
    in_own_colour = 0
    thin_outside = outside(2)
    for seed in range(12):
        foreground, joined = grown(seed)
        thin = foreground[thin_outside & (joined[..., 0] > 0.03) & (joined[..., 0] < 0.5)]
        shade = thin / COLOUR
        if np.ptp(shade, axis=1).max() < 1e-3:  # else the hair is dyed
            in_own_colour += 1
            assert shade.min() > 0.35
            assert shade.max() < 1.21
    assert 5 <= in_own_colour <= 11


def test_strand_covers_as_much_as_it_is_wide(monkeypatch):
    """One upright strand from (48, 5) to (48, 25), drawn at each width."""
    line = np.stack([np.full(10, 48.0), np.linspace(5, 25, 10)], 1)[None].astype(np.float32)
    monkeypatch.setattr(hair, "strand_curves", lambda rng, roots, *rest: line)
    covered = [
        grown(seed, count=1)[1][8:14].sum(axis=(1, 2)).mean() - ellipse()[8:14].sum() / 6
        for seed in range(24)
    ]
    assert 0.3 <= min(covered) < 0.7
    assert 1.2 < max(covered) < 1.9


def test_nobody_grows_no_strands():
    nobody = np.zeros((SIZE, SIZE, 1), np.float32)
    foreground, alpha = hair.add_strands(np.random.default_rng(0), flat(), nobody)
    assert np.array_equal(alpha, nobody)
    assert np.array_equal(foreground, flat())


def test_same_seed_same_hair():
    for ours, theirs in zip(grown(7), grown(7), strict=True):
        assert np.array_equal(ours, theirs)
    composites = [over(*grown(seed), 0.5) for seed in (7, 8)]
    assert not np.array_equal(*composites)
