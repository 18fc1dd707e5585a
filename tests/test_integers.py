"""Networks in 8-bit integers: where they are used, and that they say what the others say."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import cleanplate
import pools
from cleanplate import network
from cleanplate.errors import DeviceError, WeightsError
from cleanplate.jobs.inputs import given_to
from cleanplate.jobs.options import ClipOptions
from cleanplate.metrics import mad
from cleanplate.network import load_model, weights_path

quick = pytest.mark.skipif(
    not network.has_integer_products(), reason="this processor has no products of 8-bit integers"
)


@pytest.fixture
def opened(monkeypatch):
    """Names of the files that sessions are opened of, on a processor that is quick at integers."""
    names = []

    def stand_in(path, *_):
        names.append(path.name)
        return object()

    monkeypatch.setattr(network, "open_session", stand_in)
    monkeypatch.setattr(network, "has_integer_products", lambda: True)
    return names


def networks(model):
    assert model._with_memory
    return model.integers


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ["compact.integer.onnx", "compact.memory.integer.onnx"]),
        ({"quality": "normal"}, ["compact.integer.onnx", "compact.memory.integer.onnx"]),
        ({"quality": "best"}, ["compact.onnx", "compact.memory.onnx"]),
        ({"integers": False}, ["compact.onnx", "compact.memory.onnx"]),
    ],
)
def test_integers_are_used_at_normal_quality(opened, asked, expected):
    networks(load_model(device="cpu", people=False, **asked))
    assert [opened[0], opened[-1]] == expected


def test_other_processors_use_floats(opened, monkeypatch):
    monkeypatch.setattr(network, "has_integer_products", lambda: False)
    model = load_model(device="cpu", people=False)
    assert not networks(model)
    assert [opened[0], opened[-1]] == ["compact.onnx", "compact.memory.onnx"]


def test_weights_without_integers_use_floats(opened, tmp_path):
    shipped = weights_path("default")
    for ending in (".onnx", ".plate.onnx"):
        shutil.copy(shipped.with_suffix(ending), tmp_path / f"mine{ending}")
    load_model(tmp_path / "mine.onnx", "cpu", people=False)
    assert opened[0] == "mine.onnx"


def test_a_job_does_not_go_on_in_other_numbers(opened, monkeypatch, tmp_path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"a clip")

    def given(**asked):
        model = load_model(device="cpu", people=False, **asked)
        return given_to(clip, clip, model, ClipOptions())["the weights"]

    assert given() != given(integers=False)
    assert given() == given(quality="normal")


@quick
@pytest.mark.parametrize("temporal", [False, True])
def test_shipped_integers_say_what_the_floats_say(frame, plate, alpha_true, temporal):
    options = cleanplate.CutOptions(temporal=temporal)

    def error(integers):
        model = load_model(quality="normal", integers=integers)
        assert model.integers == integers
        *_, last = cleanplate.cutouts([frame] * 2, plate, model=model, options=options)
        return last.alpha, mad(last.alpha, alpha_true)

    (floats, expected), (integers, found) = error(False), error(True)
    assert not np.array_equal(floats, integers)
    assert mad(floats, integers) < 2
    assert found < expected + 0.5


@quick
def test_integers_are_made_of_samples(tmp_path):
    make_integers = pytest.importorskip("cleanplate.training.integers").make_integers
    shipped, mine = weights_path("default"), tmp_path / "mine.onnx"
    for ending in (".onnx", ".plate.onnx", ".memory.onnx"):
        shutil.copy(shipped.with_suffix(ending), mine.with_suffix(ending))
    for number in range(5):
        pools.write_pair(tmp_path / "people", f"{number}", number)
        pools.write_room(tmp_path / "rooms" / f"{number}.jpg", number)
    written = make_integers(mine, tmp_path / "people", tmp_path / "rooms", count=2)
    assert [path.name for path, _ in written] == ["mine.integer.onnx", "mine.memory.integer.onnx"]
    assert all(0 < difference < 0.01 for _, difference in written)
    assert all(path.stat().st_size < 0.6 * mine.stat().st_size for path, _ in written)
    assert load_model(mine, quality="normal").integers


@quick
def test_what_is_too_far_off_is_not_kept(folders, tmp_path, monkeypatch):
    made = pytest.importorskip("cleanplate.training.integers")
    monkeypatch.setattr(made, "TOLERANCE", 1e-7)
    for ending in (".onnx", ".plate.onnx"):
        shutil.copy(weights_path("default").with_suffix(ending), tmp_path / f"mine{ending}")
    with pytest.raises(WeightsError, match=r"mine.onnx says something else in 8-bit integers"):
        made.make_integers(tmp_path / "mine.onnx", *folders, count=1)
    assert sorted(os.listdir(tmp_path)) == ["mine.onnx", "mine.plate.onnx"]


def test_a_name_of_shipped_weights_is_refused(folders, monkeypatch):
    made = pytest.importorskip("cleanplate.training.integers")
    monkeypatch.setattr(made, "has_integer_products", lambda: True)
    with pytest.raises(WeightsError, match=r"default is no \.onnx file"):
        made.make_integers(Path("default"), *folders)


def test_where_they_cannot_be_checked_they_are_not_made(folders, tmp_path, monkeypatch):
    made = pytest.importorskip("cleanplate.training.integers")
    monkeypatch.setattr(made, "has_integer_products", lambda: False)
    with pytest.raises(DeviceError, match="make it on one that has them"):
        made.make_integers(tmp_path / "mine.onnx", *folders)


def test_stills_at_their_best_use_floats(opened):
    model = load_model("compact", device="cpu", people=False)
    assert opened[0] == "compact.integer.onnx"
    opened.clear()
    assert not model.for_stills.integers
    assert opened[0] == "compact.onnx"
