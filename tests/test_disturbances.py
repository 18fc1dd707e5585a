"""Each way in which frame and plate differ does what its name says, and nothing else."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.random import Generator
from scipy import ndimage

from cleanplate.training import disturbances as part
from cleanplate.training.disturbances import Picture
from scenes import HEIGHT, WIDTH, draws, scene, subject


def grey(level: float = 0.5, height: int = 64, width: int = 64) -> Picture:
    return np.full((height, width, 3), level, np.float32)


PICTURES: dict[str, Callable[[Generator], Picture]] = {
    "blur": lambda rng: part.blur(scene(), 1.5),
    "wide blur": lambda rng: part.blur(scene(), 6),
    "misalign": lambda rng: part.misalign(rng, scene(), 1.0, 0.2),
    "expose": lambda rng: part.expose(rng, scene(), 0.12, 0.05),
    "vignette": lambda rng: part.vignette(rng, scene(), 0.15),
    "sensor_noise": lambda rng: part.sensor_noise(rng, scene(), 4.0),
    "sensor_noise with grain": lambda rng: part.sensor_noise(rng, scene(), 4.0, 0.7),
    "paper_noise": lambda rng: part.paper_noise(rng, scene()),
    "paper_noise in a ring": lambda rng: part.paper_noise(rng, scene(), part.ring(subject(), 6)),
    "jpeg": lambda rng: part.jpeg(scene(), 60),
    "sharpen": lambda rng: part.sharpen(scene(), 0.4),
    "denoise": lambda rng: part.denoise(scene()),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("seed", range(3))
def test_disturbed_picture_stays_a_picture(name: str, seed: int) -> None:
    disturbed = PICTURES[name](np.random.default_rng(seed))
    assert disturbed.dtype == np.float32
    assert disturbed.shape == (HEIGHT, WIDTH, 3)
    assert np.isfinite(disturbed).all()
    assert disturbed.min() >= 0
    assert disturbed.max() <= 1
    assert not np.array_equal(disturbed, scene())


@pytest.mark.parametrize("name", PICTURES)
def test_same_generator_state_gives_the_same_output(name: str) -> None:
    make = PICTURES[name]
    first = make(np.random.default_rng(5))
    assert np.array_equal(first, make(np.random.default_rng(5)))
    if name not in ("blur", "wide blur", "jpeg", "sharpen", "denoise"):
        assert not np.array_equal(first, make(np.random.default_rng(6)))


def test_disturbances_leave_their_input_alone() -> None:
    picture, alpha = scene(), subject()
    rng = np.random.default_rng(0)
    for change in (part.denoise, lambda given: part.sharpen(given, 0.4)):
        change(picture)
    for change in (part.misalign, part.vignette, part.sensor_noise):
        change(rng, picture, 0.5)
    part.expose(rng, picture, 0.1, 0.1)
    part.paper_noise(rng, picture)
    part.ring(alpha, 3)
    assert np.array_equal(picture, scene())
    assert np.array_equal(alpha, subject())


def test_gaussian_is_normal_and_its_bank_cannot_be_spoilt() -> None:
    noise = part.gaussian(np.random.default_rng(1), (200, 300, 3))
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1, abs=0.02)
    with pytest.raises(ValueError, match="read-only"):
        noise += 1
    more_than_half_the_bank = part.gaussian(np.random.default_rng(1), ((1 << 21) + 1,))
    assert more_than_half_the_bank.std() == pytest.approx(1, abs=0.01)


def test_smooth_field_is_smooth_and_about_normal() -> None:
    fields = np.stack([part.smooth_field(rng, 48, 64, 5) for rng in draws(80)])
    assert fields.shape == (80, 48, 64)
    assert abs(fields.mean()) < 0.1
    assert fields.std() == pytest.approx(0.9, abs=0.15)
    assert np.abs(np.diff(fields, axis=2)).mean() < 0.15


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("sigma", "tolerance"), [(0.5, 1e-5), (3, 1e-5), (4.1, 0.02), (9, 0.03)])
def test_blur_is_gaussian(sigma: float, tolerance: float, channels: int) -> None:
    picture = np.concatenate([subject(), scene()], 2)[..., :channels]
    exact = ndimage.gaussian_filter(picture, (sigma, sigma, 0), mode="mirror")
    blurred = part.blur(picture, sigma)
    assert blurred.shape == picture.shape
    inner = np.s_[18:-18, 18:-18]  # the detour over a smaller picture mirrors it a little off
    np.testing.assert_allclose(blurred[inner], exact[inner], atol=tolerance)
    np.testing.assert_allclose(blurred, exact, atol=4 * tolerance)


def test_blur_of_next_to_nothing_is_nothing() -> None:
    assert np.array_equal(part.blur(scene(), 0.1), scene())


def ramps() -> Picture:
    """Where each pixel came from: column and row as shares of 0..1."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return np.stack([columns / WIDTH, rows / HEIGHT, np.full_like(rows, 0.5)], 2)


def displacement(moved: Picture) -> Picture:
    return ((moved - ramps())[..., :2] * (WIDTH, HEIGHT)).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_misalign_moves_corners_by_the_asked_sigma(sigma: float) -> None:
    rows, columns = [7, 7, 64, 64], [9, 86, 9, 86]  # a tenth of the sides from the corners
    moves = [displacement(part.misalign(rng, ramps(), sigma))[rows, columns] for rng in draws(120)]
    # There a corner's own displacement weighs 0.81 and its neighbours' 0.09, 0.09 and 0.01.
    expected = sigma * np.linalg.norm([0.81, 0.09, 0.09, 0.01])
    assert np.std(moves) == pytest.approx(expected, rel=0.12)
    assert abs(np.mean(moves)) < 0.15 * sigma


def test_misalign_moves_locally_by_the_asked_sigma() -> None:
    inner = np.s_[8:-8, 8:-8]
    moves = [displacement(part.misalign(rng, ramps(), 0, 0.8))[inner] for rng in draws(60)]
    assert np.std(moves) == pytest.approx(0.8 * 0.9, rel=0.15)


def test_misalign_changes_geometry_only() -> None:
    flat = grey(0.37)
    for rng in draws(5):
        np.testing.assert_allclose(part.misalign(rng, flat, 3, 0.5), flat, atol=1e-6)
    assert np.array_equal(part.misalign(np.random.default_rng(0), scene(), 0), scene())


def test_expose_draws_gain_and_gamma() -> None:
    gains, gammas = [], []
    for rng in draws(300):
        dark, light = part.expose(rng, np.float32([[[0.2] * 3, [0.5] * 3]]), 0.1, 0)[0, :, 0]
        gammas.append(np.log(light / dark) / np.log(0.5 / 0.2))
        gains.append(light / 0.5 ** gammas[-1])
    for drawn in (gains, gammas):
        assert np.mean(drawn) == pytest.approx(1, abs=0.02)
        assert np.std(drawn) == pytest.approx(0.1, rel=0.15)
    assert abs(np.corrcoef(gains, gammas)[0, 1]) < 0.2


def test_expose_shifts_the_white_balance() -> None:
    one = np.random.default_rng(3)
    assert np.ptp(part.expose(one, grey(), 0.2, 0)[0, 0]) == 0
    colours = np.stack([part.expose(rng, grey(), 0, 0.05)[0, 0] for rng in draws(200)])
    assert (colours / 0.5).std() == pytest.approx(0.05, rel=0.15)
    assert abs(np.corrcoef(colours[:, 0], colours[:, 1])[0, 1]) < 0.25


def test_expose_by_nothing_changes_nothing() -> None:
    np.testing.assert_allclose(
        part.expose(np.random.default_rng(0), scene(), 0, 0), scene(), atol=1e-6
    )


def test_vignette_darkens_the_corners() -> None:
    shots = np.stack([part.vignette(rng, grey(0.8), 0.3) for rng in draws(40)]) / 0.8
    corners = shots[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() < 0.9
    assert corners.mean() == pytest.approx(0.7, abs=0.03)
    assert shots[:, 32, 32].min() > 0.97
    assert shots.max() <= 1


def test_sensor_noise_has_the_asked_levels_in_mid_grey() -> None:
    for levels, grain in ((0.5, 0.0), (4.0, 0.0), (3.0, 0.8)):
        noisy = part.sensor_noise(np.random.default_rng(2), grey(0.5, 128, 128), levels, grain)
        assert noisy.std() * 255 == pytest.approx(levels, rel=0.05)
        assert noisy.mean() == pytest.approx(0.5, abs=1e-3)


def test_sensor_noise_grows_with_the_signal() -> None:
    dark, light = (
        part.sensor_noise(np.random.default_rng(2), grey(level, 128, 128), 4).std() * 255
        for level in (0.1, 0.9)
    )
    assert dark == pytest.approx(4 * np.sqrt(0.3 + 1.4 * 0.1), rel=0.05)
    assert light == pytest.approx(4 * np.sqrt(0.3 + 1.4 * 0.9), rel=0.05)


def test_grain_joins_neighbours() -> None:
    def neighbours(grain: float) -> float:
        noise = part.sensor_noise(np.random.default_rng(4), grey(), 4, grain)[..., 0]
        return float(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1])

    assert abs(neighbours(0)) < 0.06
    assert neighbours(0.8) > 0.4


def test_paper_noise_has_the_papers_mean_and_sigma() -> None:
    noise = [(part.paper_noise(rng, grey()) - 0.5) * 255 for rng in draws(150)]
    means, sigmas = [each.mean() for each in noise], [each.std() for each in noise]
    assert -7.3 < min(means) < -6
    assert 6 < max(means) < 7.3
    assert 1.9 < min(sigmas) < 2.4
    assert 5.6 < max(sigmas) < 6.2


def test_paper_noise_stays_in_its_region() -> None:
    region = part.ring(subject(), 4)
    change = part.paper_noise(np.random.default_rng(0), scene(), region) != scene()
    assert not change[region[..., 0] == 0].any()
    assert change[region[..., 0] == 1].mean() > 0.95


def test_lower_jpeg_quality_is_further_away() -> None:
    picture = scene()
    away = [np.abs(part.jpeg(picture, quality) - picture).mean() for quality in (97, 75, 40, 10)]
    assert away == sorted(away)
    assert away[0] < 0.03
    assert away[-1] > 2 * away[0]
    np.testing.assert_allclose(part.jpeg(grey(), 95), grey(), atol=2 / 255)


def edge() -> Picture:
    picture = grey(0.3)
    picture[:, 32:] = 0.7
    return picture


def test_sharpen_steepens_edges_only() -> None:
    sharp = part.sharpen(edge(), 0.5)
    assert sharp[20, 31, 0] < 0.25
    assert sharp[20, 32, 0] > 0.75
    np.testing.assert_allclose(sharp[:, :26], 0.3, atol=1e-4)
    np.testing.assert_allclose(part.sharpen(scene(), 0), scene())


def test_denoise_takes_noise_and_keeps_edges() -> None:
    noisy = part.sensor_noise(np.random.default_rng(0), edge(), 4)
    clean = part.denoise(noisy)
    assert clean[:, :28].std() < 0.6 * noisy[:, :28].std()
    assert clean[:, 32].mean() - clean[:, 31].mean() > 0.35


@pytest.mark.parametrize("length", [2.0, 3.7, 5.0, 8.5, 12.0])
def test_motion_kernel_is_a_normalised_line(length: float) -> None:
    for rng, again in zip(draws(12), draws(12), strict=True):
        kernel = part.motion_kernel(rng, length)
        assert kernel.dtype == np.float32
        assert kernel.min() >= 0
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert len(kernel) % 2 == 1
        assert len(kernel) < length + 2
        rows, columns = np.mgrid[: len(kernel), : len(kernel)] - len(kernel) // 2
        assert abs((kernel * rows).sum()) < 0.5
        assert abs((kernel * columns).sum()) < 0.5
        if length < 4:  # too short to tell a direction
            continue
        spread = np.cov(np.stack([columns.ravel(), rows.ravel()]), aweights=kernel.ravel(), ddof=0)
        sizes, axes = np.linalg.eigh(spread)
        assert sizes[0] < 0.4  # anti-aliased: a little wider than a pixel
        assert np.sqrt(sizes[1]) == pytest.approx(length / np.sqrt(12), abs=0.5)
        angle = again.uniform(0, np.pi)  # the first that it draws
        assert abs(axes[:, 1] @ [np.cos(angle), np.sin(angle)]) > 0.95


def test_reflection_shows_the_subject_upside_down_below_its_feet() -> None:
    behind = np.full((60, 40, 3), 0.5, np.float32)
    alpha = np.zeros((60, 40, 1), np.float32)
    alpha[10:36, 15:25] = 1
    foreground = np.broadcast_to(
        np.linspace(0, 0.4, 60, dtype=np.float32)[:, None, None], (60, 40, 3)
    )
    for rng in draws(10):
        mirrored = part.reflection(rng, foreground, alpha, behind)
        assert np.array_equal(mirrored[:36], behind[:36])
        assert np.abs(mirrored - behind)[38:, 17:23].max() > 0.005
        assert np.abs(mirrored - behind)[:, 36:].max() < 0.01


def test_reflection_needs_a_floor() -> None:
    behind = np.full((60, 40, 3), 0.5, np.float32)
    for alpha in (np.ones((60, 40, 1), np.float32), np.zeros((60, 40, 1), np.float32)):
        assert part.reflection(np.random.default_rng(0), behind, alpha, behind) is behind


def test_uncovered_plate_repeats_its_border_on_one_side() -> None:
    plate = np.random.default_rng(0).random((50, 70, 3), np.float32)
    sides = set()
    for rng in draws(40):
        uncovered, valid = part.uncover(rng, plate)
        assert uncovered.shape == plate.shape
        assert valid.shape == (50, 70, 1)
        assert np.array_equal(uncovered[valid[..., 0] == 1], plate[valid[..., 0] == 1])
        assert 0.9 < valid.mean() < 1
        corners = valid[0, 35, 0], valid[-1, 35, 0], valid[25, 0, 0], valid[25, -1, 0]
        assert sum(corners) == 3
        sides.add(corners)
    assert len(sides) == 4
