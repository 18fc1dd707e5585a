"""Running exported weights: devices that are asked for, sizes, damaged files."""

from copy import copy
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cleanplate.errors import InputError, WeightsError
from cleanplate.looks import WIDE, Look
from cleanplate.motion import Memory, remember
from cleanplate.network import Model, load_model, weights_path
from cleanplate.prediction import Coarse, Window
from cleanplate.refine import locate

Picture = NDArray[np.float32]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(weights_path("default"), "cpu", 1, Look(96 * 128))


def pictures(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).random((2, height, width, 3), dtype=np.float32)


def test_outputs_have_the_working_size_and_range(model: Model) -> None:
    frame, plate = pictures(300, 400)
    coarse = model(frame, model.encode_plate(plate, 300, 400), None)
    assert coarse.alpha.shape == (96, 128, 1)
    assert coarse.foreground.shape == (96, 128, 3)
    for output in (coarse.alpha, coarse.foreground, coarse.error, coarse.shadow, coarse.valid):
        assert output.dtype == np.float32
        assert output.min() >= 0
        assert output.max() <= 1


def beside(plate: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Put something bright before a part of a plate."""
    frame = plate.copy()
    frame[rows, columns] = 1
    return frame


def test_a_small_subject_is_looked_at_closely(model: Model) -> None:
    model = copy(model)
    model.look, plate = Look(128 * 96), np.full((480, 640, 3), 0.4, np.float32)
    frame = beside(plate, slice(200, 300), slice(400, 480))
    encoded = model.encode_plate(plate, 480, 640)
    near = model(frame, encoded, None, people=False)
    assert near.frame.shape[:2] == model.look.size(480, 640, model.look.zooms[-1])
    assert near.window.area() <= 1.3 * model.look.pixels  # the rest is rounding
    rows, columns = locate(near, 480, 640).inside
    assert rows.start <= 200 < 300 <= rows.stop
    assert columns.start <= 400 < 480 <= columns.stop
    model.look = Look(128 * 96, zooms=(1.0,))
    encoded = model.encode_plate(plate, 480, 640)
    far = model(frame, encoded, None, people=False)
    assert far.frame.shape[:2] == (96, 128)
    assert near.frame.shape[1] > 1.5 * far.frame.shape[1]


def test_a_still_is_looked_at_more_closely_than_a_clip() -> None:
    plate = pictures(270, 480)[0]

    def height(model: Model) -> int:
        return int(model.encode_plate(plate, 1080, 1920).plate.shape[2])

    default, best, normal = (
        load_model(quality=each, threads=1) for each in (None, "best", "normal")
    )
    assert height(default.for_stills) == height(best.for_stills) == height(best) == 576
    assert height(default) == height(normal.for_stills) == height(normal) == 336
    without = default.for_stills.encode_plate(None, 1080, 1920)
    assert without.plate.shape[2] == 336
    assert without.look.finest == 1
    with pytest.raises(InputError, match="Quality great is not known; use normal or best"):
        load_model(quality="great")


@pytest.mark.parametrize("threads", [0, -1, 1.5])
def test_no_threads_are_refused(threads: int) -> None:
    with pytest.raises(InputError, match="expected a whole number from 1 on"):
        load_model(threads=threads)


def test_the_default_weights_at_their_best_are_the_large_ones() -> None:
    default, best = load_model(threads=1), load_model(quality="best", threads=1)
    named = load_model("compact", threads=1)
    assert default.path.name == named.path.name == best.path.name == "compact.onnx"
    assert default.for_stills.path.name == best.for_stills.path.name == "large.onnx"
    assert default.for_stills.segmenter is default.segmenter
    assert named.for_stills.path.name == "compact.onnx"
    assert default.looking(WIDE).for_stills.path.name == "compact.onnx"
    assert load_model(people=False, threads=1).for_stills.segmenter is None


def test_a_look_that_mirrors_says_the_same_of_the_mirror_image(model: Model) -> None:
    model = copy(model)
    frame, plate = (cv2.resize(picture, (128, 96)) for picture in pictures(12, 16))

    def apart(mirrors: bool) -> float:
        model.look = Look(128 * 96, mirrors=mirrors)
        turned, behind = frame[:, ::-1].copy(), plate[:, ::-1].copy()
        one = model(frame, model.encode_plate(plate, 96, 128), None, people=False)
        other = model(turned, model.encode_plate(behind, 96, 128), None, people=False)
        return float(np.abs(one.alpha - other.alpha[:, ::-1]).max())

    assert apart(mirrors=True) < 1e-4
    assert apart(mirrors=False) > 0.01


def test_a_close_look_is_checked_by_a_wider_one(model: Model) -> None:
    model = copy(model)
    frame, plate = pictures(96, 128)
    alphas = []
    for finest in (1.0, 3.0):
        model.look = Look(9 * 128 * 96, finest=finest)
        coarse = model(frame, model.encode_plate(plate, 96, 128), None, people=False)
        assert coarse.alpha.shape[:2] == (round(finest * 96), round(finest * 128))
        alphas.append(cv2.resize(coarse.alpha, (128, 96), interpolation=cv2.INTER_AREA))
    # Of noise both say something else; where they do, the wider one counts.
    assert np.abs(alphas[0] - alphas[1]).mean() < 0.05


def test_a_subject_that_fills_the_frame_is_looked_at_as_a_whole(model: Model) -> None:
    model = copy(model)
    model.look, plate = Look(128 * 96), np.full((480, 640, 3), 0.4, np.float32)
    frame = beside(plate, slice(20, 470), slice(20, 620))
    coarse = model(frame, model.encode_plate(plate, 480, 640), None, people=False)
    assert coarse.window == Window(0, 96, 0, 128)


def test_the_zoom_of_a_clip_stays_while_it_fits(model: Model) -> None:
    model = copy(model)
    model.look, plate = Look(128 * 96), np.full((480, 640, 3), 0.4, np.float32)
    encoded = model.encode_plate(plate, 480, 640)

    def seen(width: int, memory: Memory | None = None) -> Coarse:
        frame = beside(plate, slice(100, 400), slice(20, 20 + width))
        return model(frame, encoded, None, memory, people=False)

    first = seen(150)
    assert first.frame.shape[1] > 128
    stayed = [
        width
        for width in range(150, 400, 20)
        if seen(width).frame.shape[1] < first.frame.shape[1]
        and seen(width, remember(first)).frame.shape == first.frame.shape
    ]
    assert stayed
    assert seen(600, remember(first)).frame.shape[1] == 128


def test_a_window_is_found_at_another_size() -> None:
    window = Window(16, 48, 32, 96).at((96, 128), (144, 192))
    assert window == Window(16, 80, 48, 144)
    assert Window(0, 96, 0, 128).at((96, 128), (144, 192)) == Window(0, 144, 0, 192)


def test_an_encoded_plate_serves_several_frames(model: Model) -> None:
    frame, plate = pictures(96, 128)
    encoded = model.encode_plate(plate, 96, 128)
    again = model.encode_plate(plate, 96, 128)
    assert np.array_equal(model(frame, encoded, None).alpha, model(frame, again, None).alpha)


def test_a_plate_is_encoded_where_it_is_looked_at_and_once(model: Model) -> None:
    _, plate = pictures(96, 128)
    calls: list[Picture] = []

    def encode(part: Picture) -> tuple[Picture, ...]:
        calls.append(part)
        return (part[..., ::2, ::2],)

    encoded = replace(model.encode_plate(plate, 96, 128), encode=encode)
    size, window = encoded.plate.shape[2:], Window(16, 80, 32, 96)
    part = encoded.plate[:, :, 16:80, 32:96]
    for _ in range(2):
        seen = dict(encoded.inputs(size, window))
        turned = dict(encoded.inputs(size, window, mirrors=True))
    assert len(calls) == 2
    assert np.array_equal(seen["plate"], part)
    assert np.array_equal(seen["plate_features_0"], part[..., ::2, ::2])
    assert np.array_equal(turned["plate"], part[..., ::-1])
    assert np.array_equal(dict(encoded.inputs())["plate"], encoded.plate)


def test_a_prior_changes_the_matte(model: Model) -> None:
    frame, _ = pictures(96, 128)
    encoded = model.encode_plate(None, 96, 128)
    prior = np.zeros((96, 128, 1), np.float32)
    prior[20:80, 30:90] = 1
    with_prior = model(frame, encoded, prior).alpha
    assert np.abs(with_prior - model(frame, encoded, None).alpha).max() > 0.05


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="compact"):
        weights_path("enormous")
    with pytest.raises(WeightsError, match="does not exist"):
        load_model(tmp_path / "none.onnx", "cpu")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_model(tmp_path / "bad.onnx", "cpu")


def test_weights_that_are_no_matting_network_are_named_so() -> None:
    with pytest.raises(WeightsError, match=r"no person\.plate\.onnx beside it.*segmenter"):
        load_model("person", "cpu", 1)
