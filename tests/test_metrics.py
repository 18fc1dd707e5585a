"""The metrics against slow, literal implementations and against cases whose answer is known."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import metrics as skimage_metrics

from cleanplate import metrics
from cleanplate.errors import InputError
from literal_metrics import (
    literal_connectivity_error,
    literal_dtssd,
    literal_gradient_error,
    literal_messddt,
)


def matte(seed, height=37, width=45, quantised=True):
    random = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(random.normal(size=(height, width)), 3)
    alpha = np.clip(noise / noise.std() + 0.5, 0, 1)
    alpha = np.clip(alpha + random.normal(0, 0.05, alpha.shape) * (random.random() < 0.5), 0, 1)
    return np.round(alpha * 255) / 255 if quantised else alpha


def pairs():
    return [(matte(seed), matte(seed + 100)) for seed in range(6)]


@pytest.mark.parametrize(("alpha", "alpha_true"), pairs())
def test_means_and_sums_against_loops_and_scikit_image(alpha, alpha_true):
    differences = [abs(a - b) for a, b in zip(alpha.ravel(), alpha_true.ravel(), strict=True)]
    assert metrics.sad(alpha, alpha_true) == pytest.approx(sum(differences) / 1000, abs=1e-12)
    assert metrics.mad(alpha, alpha_true) == pytest.approx(
        sum(differences) / len(differences) * 1000, abs=1e-10
    )
    other = skimage_metrics.mean_squared_error(alpha, alpha_true) * 1000
    assert metrics.mse(alpha, alpha_true) == pytest.approx(other, abs=1e-10)


@pytest.mark.parametrize(("alpha", "alpha_true"), pairs())
def test_gradient_and_connectivity_against_the_literal_ones(alpha, alpha_true):
    whole = np.ones(alpha.shape)
    band = (np.random.default_rng(5).random(alpha.shape) < 0.3) * 1.0
    for region, given_region in ((whole, None), (band, band)):
        assert metrics.gradient_error(alpha, alpha_true, given_region) == pytest.approx(
            literal_gradient_error(alpha, alpha_true, region), abs=1e-10
        )
        assert metrics.connectivity_error(alpha, alpha_true, given_region) == pytest.approx(
            literal_connectivity_error(alpha, alpha_true, region), abs=1e-10
        )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 24), st.integers(2, 24), st.booleans())
def test_any_size_against_the_literal_ones(seed, height, width, quantised):
    alpha = matte(seed, height, width, quantised)
    alpha_true = matte(seed + 1, height, width, quantised)
    whole = np.ones(alpha.shape)
    assert metrics.gradient_error(alpha, alpha_true) == pytest.approx(
        literal_gradient_error(alpha, alpha_true, whole), abs=1e-10
    )
    assert metrics.connectivity_error(alpha, alpha_true) == pytest.approx(
        literal_connectivity_error(alpha, alpha_true, whole), abs=1e-10
    )


def test_stretching_the_gradient_is_the_same_where_both_reach_0_and_1():
    alpha, alpha_true = matte(1), matte(2)
    assert alpha.min() == alpha_true.min() == 0
    assert alpha.max() == alpha_true.max() == 1
    plain = metrics.gradient_error(alpha, alpha_true)
    assert metrics.gradient_error(alpha, alpha_true, stretch=True) == pytest.approx(plain)
    assert metrics.gradient_error(alpha * 0.5, alpha, stretch=True) == pytest.approx(0, abs=1e-20)
    assert metrics.gradient_error(alpha * 0.5, alpha) > 0


def test_a_step_has_the_gradient_error_of_its_kernel():
    # Nothing predicted: along every row the magnitude is the running sum of the kernel's slope.
    step = np.zeros((30, 40))
    step[:, 20:] = 1
    offset = np.arange(-4, 5)
    gauss = np.exp(-(offset**2) / (2 * 1.4**2))
    slope = offset * gauss
    gauss, slope = gauss / np.linalg.norm(gauss), slope / np.linalg.norm(slope)
    answer = ((np.cumsum(slope) * gauss.sum()) ** 2).sum() * 30 / 1000
    assert metrics.gradient_error(np.zeros_like(step), step) == pytest.approx(answer, rel=1e-9)


def test_a_lone_island_is_what_connectivity_counts():
    truth = np.zeros((20, 20))
    truth[2:8, 2:8] = 1
    island = truth.copy()
    island[15:17, 15:17] = 0.5
    # The island is not in the truth: level 0, so the difference is its own alpha.
    assert metrics.connectivity_error(island, truth) == pytest.approx(4 * 0.5 / 1000)
    # Less than theta away from the body is connected.
    island[15:17, 15:17] = 0.14
    assert metrics.connectivity_error(island, truth) == 0
    # Diagonal neighbours are not connected.
    diagonal = np.zeros((20, 20))
    diagonal[2:8, 2:8] = 1
    diagonal[8, 8] = 1
    short = diagonal.copy()
    short[8, 8] = 0.8
    assert metrics.connectivity_error(short, diagonal) == pytest.approx(0.2 / 1000)


def test_six_tenths_at_eight_bits_reaches_the_threshold():
    # 153 / 255 is 0.6 and belongs to the body at 0.6, so 170 / 255 lies 0.067 above it: connected.
    alpha, alpha_true = np.full((4, 4), 170, np.uint8), np.full((4, 4), 153, np.uint8)
    assert metrics.connectivity_error(alpha, alpha_true) == 0


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
def test_constant_differences_have_known_answers(offset):
    truth = np.full((10, 8), 0.25)
    alpha = truth + offset
    assert metrics.mad(alpha, truth) == pytest.approx(offset * 1000)
    assert metrics.mse(alpha, truth) == pytest.approx(offset**2 * 1000)
    assert metrics.sad(alpha, truth) == pytest.approx(offset * 80 / 1000)
    assert metrics.gradient_error(alpha, truth) == pytest.approx(0, abs=1e-20)


def test_a_region_counts_only_its_pixels():
    truth = np.zeros((6, 6, 1), np.float32)
    alpha = truth.copy()
    alpha[0, 0] = 1
    region = np.zeros((6, 6, 1))
    region[0] = 1
    assert metrics.mad(alpha, truth, region) == pytest.approx(1000 / 6)
    assert metrics.mad(alpha, truth, 1 - region) == 0
    assert metrics.sad(alpha, truth, region[..., 0]) == pytest.approx(1 / 1000)


def test_depth_and_channel_axis_do_not_matter():
    eight = (matte(3) * 255).round().astype(np.uint8)
    other = (matte(4) * 255).round().astype(np.uint8)
    sixteen = eight.astype(np.uint16) * 257
    for name in ("mad", "mse", "sad", "gradient_error", "connectivity_error"):
        measured = getattr(metrics, name)
        answer = measured(eight / 255, other / 255)
        assert measured(sixteen, other[..., None]) == pytest.approx(answer, abs=1e-9)
        assert measured((eight / 255).astype(np.float32), other / 255) == pytest.approx(
            answer, abs=1e-6
        )
    share = np.mean((eight > 128) != (other > 128))
    assert metrics.mad(eight > 128, other > 128) == pytest.approx(share * 1000)


def test_foreground_counts_only_where_there_is_a_subject():
    random = np.random.default_rng(0)
    foreground, truth = random.random((2, 9, 7, 3))
    alpha = np.zeros((9, 7, 1))
    alpha[2:5, 3:6] = 0.5
    values = [
        (foreground[row, column, channel] - truth[row, column, channel]) ** 2
        for row in range(2, 5)
        for column in range(3, 6)
        for channel in range(3)
    ]
    measured = metrics.foreground_mse(foreground, truth, alpha)
    assert measured == pytest.approx(sum(values) / len(values) * 1000)
    with pytest.raises(InputError, match="0 everywhere"):
        metrics.foreground_mse(foreground, truth, alpha * 0)


def test_composite_error_is_the_error_that_is_seen():
    random = np.random.default_rng(1)
    foreground, truth, background = random.random((3, 9, 7, 3))
    alpha, alpha_true = random.random((2, 9, 7, 1))
    seen = alpha * foreground + (1 - alpha) * background
    should = alpha_true * truth + (1 - alpha_true) * background
    measured = metrics.composite_error(alpha, alpha_true, foreground, truth, background)
    assert measured == pytest.approx(((seen - should) ** 2).mean() * 1000)
    nothing = np.zeros_like(alpha)
    assert metrics.composite_error(nothing, nothing, foreground, truth, background) == 0


def test_flicker_against_the_literal_ones():
    alpha = np.stack([matte(seed, 18, 22) for seed in range(4)])
    alpha_true = np.stack([matte(seed + 40, 18, 22) for seed in range(4)])
    assert metrics.dtssd(alpha, alpha_true) == pytest.approx(literal_dtssd(alpha, alpha_true))
    flow = np.random.default_rng(2).normal(0, 4, (3, 18, 22, 2))
    assert metrics.messddt(alpha, alpha_true, flow=flow) == pytest.approx(
        literal_messddt(alpha, alpha_true, flow)
    )
    frames = (alpha_true * 255).round().astype(np.uint8)
    found = np.stack(
        [
            cv2.calcOpticalFlowFarneback(
                frames[t], frames[t + 1], np.zeros((18, 22, 2), np.float32),
                0.5, 5, 10, 2, 7, 1.5, cv2.OPTFLOW_FARNEBACK_GAUSSIAN,
            )
            for t in range(3)
        ]
    )  # fmt: skip
    assert metrics.messddt(alpha[..., None], alpha_true) == pytest.approx(
        literal_messddt(alpha, alpha_true, found)
    )


def test_flicker_with_known_answers():
    truth = np.zeros((3, 8, 10))
    blink = truth.copy()
    blink[1] = 0.5
    assert metrics.dtssd(truth + 0.3, truth) == pytest.approx(0, abs=1e-12)
    assert metrics.dtssd(blink, truth) == pytest.approx(50)
    assert metrics.messddt(blink, truth, flow=np.zeros((2, 8, 10, 2))) == pytest.approx(250)
    # An error that travels with the subject by two pixels is not flicker along the motion.
    moving, moving_true = np.zeros((2, 8, 10)), np.zeros((2, 8, 10))
    moving[0, 3, 3] = moving[1, 3, 5] = 1
    flow = np.zeros((1, 8, 10, 2))
    flow[..., 0] = 2
    assert metrics.messddt(moving, moving_true, flow=flow) == 0
    assert metrics.messddt(moving, moving_true, flow=flow * 0) == pytest.approx(2 / 80 * 1000)


def test_flicker_in_a_region_that_moves():
    truth = np.zeros((3, 4, 4))
    alpha = truth.copy()
    alpha[1, 0, 0] = 1
    region = np.zeros_like(truth)
    region[0, 0] = 1
    assert metrics.dtssd(alpha, truth, region) == pytest.approx(math.sqrt(1 / 4) / 2 * 100)
    still = np.zeros((2, 4, 4, 2))
    assert metrics.messddt(alpha, truth, region, flow=still) == pytest.approx(1 / 4 / 2 * 1000)


def test_the_unknown_band_reaches_ten_pixels():
    alpha = np.zeros((41, 41))
    alpha[20, 20] = 0.5
    band = metrics.unknown_band(alpha)
    rows, columns = np.nonzero(band)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 30, 10, 30)
    assert not metrics.unknown_band(np.ones((5, 5))).any()


def test_a_perfect_matte_scores_nothing():
    alpha = matte(9)
    for name in ("mad", "mse", "sad", "gradient_error", "connectivity_error"):
        assert getattr(metrics, name)(alpha, alpha) == 0
    clip = np.stack([matte(9), matte(10)])
    assert metrics.dtssd(clip, clip) == 0
    assert metrics.messddt(clip, clip) == 0


@pytest.mark.parametrize(
    ("alpha", "alpha_true", "region", "words"),
    [
        (np.zeros((4, 5)), np.zeros((5, 4)), None, "differ in size"),
        (np.zeros((4, 5)), np.zeros((4, 5)), np.ones((2, 2)), "region is"),
        (np.zeros((4, 5)), np.zeros((4, 5)), np.zeros((4, 5)), "region is empty"),
        (np.full((4, 5), np.nan), np.zeros((4, 5)), None, "not numbers"),
        (np.zeros((0, 5)), np.zeros((0, 5)), None, "not empty"),
        (np.zeros((4, 5, 3)), np.zeros((4, 5, 3)), None, "expected one matte"),
        (np.zeros((2, 4, 5, 3)), np.zeros((2, 4, 5, 3)), None, "expected one matte"),
        (np.full((4, 5), "1"), np.zeros((4, 5)), None, "not numbers"),
        (np.zeros((4, 5), complex), np.zeros((4, 5)), None, "not numbers"),
        (np.zeros((4, 5)), np.zeros((4, 5)), np.full((4, 5), "1"), "not numbers"),
    ],
)
def test_what_cannot_be_measured_says_why(alpha, alpha_true, region, words):
    for name in ("mad", "mse", "sad", "gradient_error", "connectivity_error"):
        with pytest.raises(InputError, match=words):
            getattr(metrics, name)(alpha, alpha_true, region)


def test_a_colour_picture_is_no_matte_and_a_still_no_clip():
    with pytest.raises(InputError, match="expected one matte"):
        metrics.gradient_error(np.zeros((4, 5, 3)), np.zeros((4, 5, 3)))
    with pytest.raises(InputError, match="two frames"):
        metrics.dtssd(np.zeros((4, 5)), np.zeros((4, 5)))
    with pytest.raises(InputError, match="flow"):
        metrics.messddt(np.zeros((2, 4, 5)), np.zeros((2, 4, 5)), flow=np.zeros((2, 4, 5, 2)))
    with pytest.raises(InputError, match="flow holds values that are not numbers"):
        metrics.messddt(
            np.zeros((2, 4, 5)), np.zeros((2, 4, 5)), flow=np.full((1, 4, 5, 2), np.nan)
        )
    narrow = np.zeros((4, 5, 3))  # frames of a clip, not a picture's colours
    assert metrics.dtssd(narrow, narrow) == 0


@pytest.mark.parametrize("radius", [-1, 1.5, "2"])
def test_a_band_of_no_whole_number_of_pixels_is_refused(radius):
    with pytest.raises(InputError, match="whole number"):
        metrics.unknown_band(np.zeros((9, 9)), radius)
