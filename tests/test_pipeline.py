"""The whole way of a frame, with the shipped weights on pictures whose truth is known."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cleanplate
from cleanplate.errors import InputError, PlateError, WeightsError
from cleanplate.network import weights_path
from cleanplate.pictures import to_mask, to_picture


@pytest.fixture(scope="module")
def cut(frame: np.ndarray, plate: np.ndarray) -> cleanplate.Cutout:
    return cleanplate.cutout(frame, plate)


def test_the_sample_is_cut_well(cut: cleanplate.Cutout, alpha_true: np.ndarray) -> None:
    assert cut.alpha.shape == alpha_true.shape
    assert np.abs(cut.alpha - alpha_true).mean() < 0.04


def test_the_plate_matters(frame: np.ndarray, alpha_true: np.ndarray, plate: np.ndarray) -> None:
    """The same frame with itself as plate must give nothing: the plate decides."""
    warnings: list[str] = []
    nothing = cleanplate.cutout(frame, frame, warn=warnings.append)
    assert nothing.alpha.mean() < 0.02
    assert any("empty" in sentence for sentence in warnings)


def test_dtypes_agree(frame: np.ndarray, plate: np.ndarray, cut: cleanplate.Cutout) -> None:
    as_float = cleanplate.cutout(
        frame.astype(np.float32) / 255, plate.astype(np.uint16) * np.uint16(257)
    )
    assert np.abs(as_float.alpha - cut.alpha).max() < 0.02


def test_another_scene_is_refused(frame: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    other = cv2.resize(rng.integers(0, 256, (60, 80, 3), np.uint8), frame.shape[1::-1])
    with pytest.raises(PlateError):
        cleanplate.cutout(frame, other)


def test_masks_are_obeyed(frame: np.ndarray, plate: np.ndarray) -> None:
    holdout = np.zeros(frame.shape[:2], np.float32)
    garbage = np.zeros_like(holdout)
    holdout[:20, :20] = 1
    garbage[-40:] = 1
    cut = cleanplate.cutout(frame, plate, holdout=holdout, garbage=garbage)
    assert cut.alpha[:20, :20].min() == 1
    assert np.allclose(cut.foreground[:20, :20], frame[:20, :20] / 255, atol=1e-6)
    assert cut.alpha[-40:].max() == 0
    assert cut.foreground[-40:].max() == 0, "what was taken away must not lie in the file"


def test_without_a_plate_there_is_a_guess(frame: np.ndarray) -> None:
    guess = cleanplate.cutout(frame)
    assert guess.alpha.shape == (*frame.shape[:2], 1)
    assert np.isfinite(guess.alpha).all()


def test_cutouts_agree_with_cutout(frame: np.ndarray, plate: np.ndarray) -> None:
    model = cleanplate.load_model(quality="normal")
    first, second = cleanplate.cutouts([frame, frame], plate, model=model)
    alone = cleanplate.cutout(frame, plate, model=model)
    assert np.abs(first.alpha - alone.alpha).mean() < 1e-3
    assert np.abs(second.alpha - alone.alpha).mean() < 0.005  # it looks at a part only


def test_memory_is_refused_where_the_weights_have_not_learned_it(
    frame: np.ndarray, plate: np.ndarray, tmp_path: Path
) -> None:
    shipped = weights_path("default")
    for ending in (".onnx", ".plate.onnx"):
        shutil.copy(shipped.with_suffix(ending), tmp_path / f"stills{ending}")
    model = cleanplate.load_model(tmp_path / "stills.onnx", device="cpu")
    remembering = cleanplate.CutOptions(temporal=True)
    with pytest.raises(WeightsError, match=r"stills\.onnx has not learned from clips"):
        list(cleanplate.cutouts([frame], plate, model=model, options=remembering))
    assert len(list(cleanplate.cutouts([frame, frame], plate, model=model))) == 2


def test_clips_use_the_memory_unless_they_are_told_not_to(
    frame: np.ndarray, plate: np.ndarray
) -> None:
    noisy = [
        np.clip(frame + np.random.default_rng(k).normal(0, 8, frame.shape), 0, 255).astype(np.uint8)
        for k in range(2)
    ]
    usual, remembering, alone = (
        list(cleanplate.cutouts(noisy, plate, options=cleanplate.CutOptions(temporal=temporal)))[-1]
        for temporal in (None, True, False)
    )
    assert np.array_equal(usual.alpha, remembering.alpha)
    assert not np.array_equal(usual.alpha, alone.alpha)


def test_frames_of_two_sizes_are_refused(frame: np.ndarray, plate: np.ndarray) -> None:
    with pytest.raises(InputError, match="one size"):
        list(cleanplate.cutouts([frame, frame[::2, ::2]], plate))


def test_over_recomposes_and_checks_sizes(
    frame: np.ndarray, plate: np.ndarray, cut: cleanplate.Cutout
) -> None:
    again = cut.over(plate.astype(np.float32) / 255)
    assert np.abs(again - frame.astype(np.float32) / 255).mean() < 0.02
    with pytest.raises(InputError, match="resize"):
        cut.over(np.zeros((32, 32, 3), np.float32))


def test_solid_subject_keeps_its_pixels(frame: np.ndarray, cut: cleanplate.Cutout) -> None:
    solid = cut.alpha[..., 0] > 0.99
    assert solid.mean() > 0.1
    difference = np.abs(cut.foreground - frame / 255)[solid]
    assert np.quantile(difference, 0.95) < 0.02


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((20, 20), np.float32),
        np.zeros((20, 20, 4), np.float32),
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((0, 20, 3), np.uint8),
        np.full((20, 20, 3), 2.0, np.float32),
        np.full((20, 20, 3), np.nan, np.float32),
        np.zeros((20, 20, 3), np.int64),
        "a string",
    ],
)
def test_bad_pictures_are_refused(bad: object) -> None:
    with pytest.raises(InputError):
        to_picture(bad, "frame")  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(16, 40),
    st.integers(16, 40),
    st.sampled_from([np.uint8, np.uint16, np.float16, np.float32, np.float64]),
)
def test_good_pictures_become_float32(height: int, width: int, dtype: type) -> None:
    ones = np.ones((height, width, 3), dtype)
    picture = to_picture(ones, "frame")
    assert picture.dtype == np.float32
    scale = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1
    assert np.allclose(picture, 1 / scale)
    assert to_mask(ones[..., 0] > 0, "holdout", height, width).all()


@pytest.mark.parametrize("dtype", [">u2", ">f4", ">f8"])
def test_byte_order_does_not_matter(dtype: str) -> None:
    values = np.linspace(0, 1, 20 * 30 * 3).reshape(20, 30, 3)
    swapped = (values * 65535 if dtype == ">u2" else values).astype(dtype)
    assert np.allclose(to_picture(swapped, "frame"), values, atol=2e-5)
    assert np.allclose(to_mask(swapped[..., :1], "holdout", 20, 30), values[..., :1], atol=2e-5)


LAYOUTS: list[Callable[[np.ndarray], np.ndarray]] = [
    np.asfortranarray,
    lambda picture: np.ascontiguousarray(picture.transpose(2, 0, 1)).transpose(1, 2, 0),
    lambda picture: np.rot90(np.ascontiguousarray(np.rot90(picture, -1))),
    lambda picture: np.ascontiguousarray(picture.swapaxes(0, 1)).swapaxes(0, 1),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_layout_in_memory_does_not_matter(
    frame: np.ndarray, plate: np.ndarray, layout: Callable[[np.ndarray], np.ndarray], dtype: type
) -> None:
    plain = [each[::2, ::2].astype(np.uint8).copy() for each in (frame, plate)]
    if dtype is np.float32:
        plain = [each.astype(np.float32) / 255 for each in plain]
    turned = [layout(each) for each in plain]
    assert not any(each.flags.c_contiguous for each in turned)
    model = cleanplate.load_model(quality="normal")
    plain_cut, turned_cut = (cleanplate.cutout(*each, model=model) for each in (plain, turned))
    assert np.array_equal(turned_cut.alpha, plain_cut.alpha)
    assert np.array_equal(turned_cut.foreground, plain_cut.foreground)
    clip = list(cleanplate.cutouts([turned[0]] * 2, turned[1], model=model))
    assert all(each.alpha.flags.c_contiguous for each in clip)


def test_what_is_right_already_is_not_copied() -> None:
    picture = np.zeros((20, 30, 3), np.float32)
    assert to_picture(picture, "frame") is picture
    mask = np.zeros((20, 30), np.float32)
    assert np.shares_memory(to_mask(mask, "holdout", 20, 30), mask)


def test_who_changes_a_cutout_does_not_change_the_next_frame(
    frame: np.ndarray, plate: np.ndarray
) -> None:
    frame, plate = frame[::2, ::2], plate[::2, ::2]
    made, state, _ = cleanplate.cut_next(frame, plate, None)
    expected, _, _ = cleanplate.cut_next(frame, plate, state)
    made.alpha[:], made.foreground[:] = 1, 0
    again, _, _ = cleanplate.cut_next(frame, plate, state)
    assert np.array_equal(again.alpha, expected.alpha)
    assert np.array_equal(again.foreground, expected.foreground)


def test_a_model_is_no_name(frame: np.ndarray, plate: np.ndarray) -> None:
    for cut in (
        lambda: cleanplate.cutout(frame, plate, model="large"),  # type: ignore[arg-type]
        lambda: next(cleanplate.cutouts([frame], plate, model="large")),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match="The model is 'large'; expected what load_model"):
            cut()


@pytest.mark.parametrize("strength", [-0.1, 5, float("nan")])
def test_a_strength_beyond_0_to_1_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match="strength of despill"):
        cleanplate.CutOptions(despill=strength)


def test_masks_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="holdout"):
        to_mask(np.zeros((4, 4), np.float32), "holdout", 5, 5)


def test_a_difference_prior_closes_holes(
    frame: np.ndarray, plate: np.ndarray, alpha_true: np.ndarray
) -> None:
    """A patch of the shirt nearly takes the colours of what is behind it."""
    patch = np.s_[260:350, 190:280]
    assert alpha_true[patch].min() > 0.99
    like_the_plate = frame.copy()
    like_the_plate[patch] = 0.13 * frame[patch] + 0.87 * plate[patch]
    ways = {"difference_prior": True}, {"person_prior": False}
    closed, bare = (
        1 - cleanplate.cutout(like_the_plate, plate, options=cleanplate.CutOptions(**way)).alpha
        for way in ways
    )
    assert bare[patch].mean() > 0.5
    assert closed[patch].mean() < 0.6 * bare[patch].mean()


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return np.clip(picture + noise, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("temporal", [False, True])
def test_empty_scene_stays_empty_however_long_it_lasts(plate: np.ndarray, temporal: bool) -> None:
    options = cleanplate.CutOptions(align=False, temporal=temporal)
    empty = (noisy(plate[::2, ::2], seed) for seed in range(16))
    *_, last = cleanplate.cutouts(empty, np.ascontiguousarray(plate[::2, ::2]), options=options)
    assert last.alpha.mean() < 0.01


@pytest.mark.parametrize("temporal", [False, True])
def test_matte_of_a_long_clip_does_not_grow(
    frame: np.ndarray, plate: np.ndarray, temporal: bool
) -> None:
    options = cleanplate.CutOptions(align=False, temporal=temporal)
    small = np.ascontiguousarray(plate[::2, ::2])
    clip = (noisy(frame[::2, ::2], seed) for seed in range(16))
    first, *_, last = cleanplate.cutouts(clip, small, options=options)
    assert last.alpha.mean() == pytest.approx(first.alpha.mean(), abs=0.02)
