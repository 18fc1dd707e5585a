"""Full resolution: projection solves the equation, tiles cover what is uncertain."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanplate.composite import over
from cleanplate.prediction import Coarse, Window
from cleanplate.refine import (
    HALO,
    PADDED,
    TILE,
    RefineOptions,
    cut_tiles,
    lay_out,
    project_on_plate,
    projection_trust,
    refine,
    solve_foreground,
    uncertain_tiles,
)


def disc(height: int, width: int, softness: float = 4.0) -> np.ndarray:
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot(y - height / 2, x - width / 2)
    return np.clip((min(height, width) / 3 - radius) / softness + 0.5, 0, 1)[..., None]


def scene(height: int = 160, width: int = 224) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    plate = np.full((height, width, 3), (0.2, 0.6, 0.3), np.float32)
    plate += rng.normal(0, 0.02, plate.shape).astype(np.float32)
    foreground = np.full((height, width, 3), (0.8, 0.3, 0.2), np.float32)
    alpha = disc(height, width)
    return {
        "plate": plate,
        "foreground": foreground,
        "alpha": alpha,
        "frame": over(foreground, alpha, plate).astype(np.float32),
    }


def whole(picture: np.ndarray) -> Window:
    return Window(0, picture.shape[0], 0, picture.shape[1])


def shrunk(scene: dict[str, np.ndarray], factor: int = 4) -> Coarse:
    """The truth as a network at a quarter of the size would say it."""

    def small(picture: np.ndarray) -> np.ndarray:
        height, width = (side // factor for side in picture.shape[:2])
        pooled = picture.reshape(height, factor, width, factor, -1).mean((1, 3))
        return pooled.astype(np.float32)

    alpha = small(scene["alpha"])
    flat = np.ones_like(alpha)
    error = np.where((alpha > 0.01) & (alpha < 0.99), np.float32(0.2), np.float32(0.01))
    return Coarse(
        small(scene["frame"]), whole(alpha), alpha, small(scene["foreground"]), error, flat, flat
    )


def test_projection_solves_the_compositing_equation() -> None:
    made = scene()
    planes = {name: picture.transpose(2, 0, 1)[None] for name, picture in made.items()}
    alpha, length = project_on_plate(planes["frame"], planes["plate"], planes["foreground"])
    assert np.abs(alpha - planes["alpha"]).max() < 2e-3
    true_length = ((planes["foreground"] - planes["plate"]) ** 2).sum(1, keepdims=True)
    assert np.allclose(length, true_length, atol=1e-5)


def test_trust_joins_two_estimates_by_their_variances() -> None:
    half, far, near = (np.full((1, 1, 1), value, np.float32) for value in (0.5, 0.25, 1e-4))
    sure, unsure = np.full_like(half, 0.005), np.full_like(half, 0.3)
    assert projection_trust(half, unsure, far, 0.05)[0, 0, 0] > 0.85
    assert projection_trust(half, sure, far, 0.05)[0, 0, 0] < 0.05
    assert projection_trust(half, unsure, near, 0.05)[0, 0, 0] < 0.05
    # Equal variances, equal weights: an error of 0.1 against 0.05 / 0.5.
    assert abs(projection_trust(half, half * 0.2, far, 0.05)[0, 0, 0] - 0.5) < 1e-3
    assert projection_trust(half * 0, unsure, far, 0.05)[0, 0, 0] == 0


def test_refining_beats_interpolation() -> None:
    made = scene()
    coarse = shrunk(made)
    plain = refine(coarse, made["frame"], None)[0]
    alpha, foreground = refine(coarse, made["frame"], made["plate"])
    band = (made["alpha"] > 0.05) & (made["alpha"] < 0.95)
    error = np.abs(alpha - made["alpha"])[band].mean()
    assert error < 0.5 * np.abs(plain - made["alpha"])[band].mean()
    seen = made["alpha"][..., 0] > 0.1
    assert np.abs(foreground - made["foreground"])[seen].mean() < 0.02


def test_solid_pixels_are_the_frame_itself() -> None:
    made = scene()
    alpha, foreground = refine(shrunk(made), made["frame"], made["plate"])
    solid = alpha[..., 0] > 0.98
    assert solid.any()
    assert np.array_equal(foreground[solid], made["frame"][solid])


def test_solve_foreground_inverts_the_composite() -> None:
    made = scene()
    guess = made["foreground"] + 0.1
    solved = solve_foreground(made["frame"], made["plate"], guess, made["alpha"])
    high = (made["alpha"] > 0.9)[..., 0]
    assert np.abs(solved - made["foreground"])[high].max() < 0.02


def test_tiles_cover_every_fractional_pixel() -> None:
    made = scene()
    coarse = shrunk(made)
    rows, columns = uncertain_tiles(coarse, 160, 224, RefineOptions())
    covered = np.zeros((160, 224), bool)
    for row, column in zip(rows, columns, strict=True):
        covered[row : row + TILE, column : column + TILE] = True
    band = (made["alpha"][..., 0] > 0.03) & (made["alpha"][..., 0] < 0.97)
    assert covered[band].all()
    assert not covered.all()


def test_the_budget_keeps_the_most_uncertain_tiles() -> None:
    coarse = shrunk(scene())
    everything = uncertain_tiles(coarse, 160, 224, RefineOptions())
    few = uncertain_tiles(coarse, 160, 224, RefineOptions(most_tiles=5))
    assert len(few[0]) == 5
    assert set(zip(*few, strict=True)) <= set(zip(*everything, strict=True))


def test_halos_hold_real_neighbours() -> None:
    made = scene()
    rows, columns = np.array([32]), np.array([48])
    layers = lay_out(shrunk(made), made["frame"], made["plate"], None)
    tiles = cut_tiles(layers, rows, columns, RefineOptions())
    window = np.s_[32 - HALO : 32 + TILE + HALO, 48 - HALO : 48 + TILE + HALO]
    assert np.array_equal(tiles[0, :3].transpose(1, 2, 0), made["frame"][window])
    assert tiles.shape == (1, PADDED, TILE + 2 * HALO, TILE + 2 * HALO)


def test_threads_change_nothing() -> None:
    made = scene()
    one, four = (
        refine(shrunk(made), made["frame"], made["plate"], threads=count) for count in (1, 4)
    )
    assert np.array_equal(one[0], four[0])
    assert np.array_equal(one[1], four[1])


def test_an_invalid_plate_is_not_projected_on() -> None:
    made = scene()
    coarse = shrunk(made)
    nowhere = np.zeros_like(made["alpha"])
    blind = refine(coarse, made["frame"], made["plate"], nowhere)[0]
    without = refine(coarse, made["frame"], None)[0]
    assert np.allclose(blind, without, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 70), st.integers(16, 70), st.integers(0, 1000))
def test_any_size_gives_finite_results_in_range(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame, plate = rng.random((2, height, width, 3), dtype=np.float32)
    seen = (rng.random((32, 48, c), dtype=np.float32) for c in (1, 3, 1, 1, 1))
    coarse = Coarse(np.zeros((32, 48, 3), np.float32), Window(0, 32, 0, 48), *seen)
    alpha, foreground = refine(coarse, frame, plate)
    assert alpha.shape == (height, width, 1)
    assert foreground.shape == (height, width, 3)
    for result in (alpha, foreground):
        assert result.dtype == np.float32
        assert np.isfinite(result).all()
        assert result.min() >= 0
        assert result.max() <= 1


def test_nothing_uncertain_leaves_the_network_alone() -> None:
    made = scene()
    flat = np.ones((40, 56, 1), np.float32)
    small = made["foreground"][::4, ::4]
    coarse = Coarse(small, whole(flat), flat * 0, small, flat * 0, flat, flat)
    alpha, foreground = refine(coarse, made["frame"], made["plate"])
    assert not alpha.any()
    assert not foreground.any()


def test_window_is_refined_as_part_of_the_whole() -> None:
    """A window gives what the whole gives there, also where its corners lie between pixels."""
    made = scene(159, 223)
    coarse = shrunk(scene())  # 40 x 56, so that 159 x 223 is no whole multiple
    window = Window(3, 37, 5, 50)
    inside = window.inside()
    part = Coarse(
        coarse.frame,
        window,
        *(
            np.ascontiguousarray(picture[inside])
            for picture in (
                coarse.alpha,
                coarse.foreground,
                coarse.error,
                coarse.shadow,
                coarse.valid,
            )
        ),
    )
    whole_alpha, whole_foreground = refine(coarse, made["frame"], made["plate"])
    alpha, foreground = refine(part, made["frame"], made["plate"])
    assert np.abs(whole_alpha - alpha).max() < 0.04
    assert np.abs(whole_alpha - alpha).mean() < 1e-3
    assert np.abs((whole_foreground - foreground) * alpha).mean() < 1e-3
