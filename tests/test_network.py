"""Running exported weights: devices that are asked for, sizes, damaged files."""

from pathlib import Path

import numpy as np
import pytest

from cleanplate.errors import WeightsError
from cleanplate.network import Model, load_model, weights_path


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(device="cpu", threads=1, pixels=96 * 128)


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


def test_working_size_is_a_multiple_of_16_and_never_larger_than_the_frame(model: Model) -> None:
    for height, width in ((1080, 1920), (64, 64), (17, 3000), (3000, 17)):
        rows, columns = model.working_size(height, width)
        assert rows % 16 == columns % 16 == 0
        assert rows <= max(32, height + 8)
        assert columns <= max(32, width + 8)
    rows, columns = model.working_size(1080, 1920)
    assert 0.8 < rows * columns / model.pixels < 1.25


def test_an_encoded_plate_serves_several_frames(model: Model) -> None:
    frame, plate = pictures(96, 128)
    encoded = model.encode_plate(plate, 96, 128)
    again = model.encode_plate(plate, 96, 128)
    assert np.array_equal(model(frame, encoded, None).alpha, model(frame, again, None).alpha)


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
    with pytest.raises(WeightsError, match="missing"):
        load_model(tmp_path / "none.onnx", "cpu")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a graph")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_model(tmp_path / "bad.onnx", "cpu")
