"""The cut of live frames: detail, the plate, and what is said."""

import cv2
import numpy as np
import pytest

from cleanplate.composite import SOLID
from cleanplate.live.cutting import (
    BUDGET,
    DETAILS,
    JUDGED,
    WARM_UP,
    LiveCutter,
    Matte,
    compose,
    matte_view,
)
from cleanplate.network import load_model

SIDE = 256


@pytest.fixture(scope="module")
def model():
    return load_model(threads=1)


@pytest.fixture(scope="module")
def shot(frame, plate, alpha_true):
    """Frame, plate (8 bit) and true alpha, square, SIDE pixels."""
    size = (SIDE, SIDE)
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (frame, plate)]
    return (*small, cv2.resize(alpha_true, size, interpolation=cv2.INTER_AREA))


def whole(matte):
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[matte.box] = matte.alpha
    return alpha


@pytest.mark.parametrize("detail", [each.name for each in DETAILS])
def test_every_detail_cuts_the_subject(model, shot, detail):
    frame, plate, alpha = shot
    cutter = LiveCutter(model, detail)
    cutter.take_plate(plate / np.float32(255), own=True)
    empty = whole(cutter.cut(plate))
    assert empty.mean() < 0.002
    matte = cutter.cut(frame)
    assert np.abs(whole(matte) - alpha).mean() < 0.02
    assert cutter.words == ""
    solid = matte.alpha > SOLID + 0.001
    difference = matte.foreground.astype(int) - frame[matte.box]
    assert np.abs(difference[solid]).max() <= 1  # the frame itself, at its own size


def test_an_own_plate_is_believed_whoever_fills_the_first_frame(model, shot):
    frame, plate, alpha = shot
    cutter = LiveCutter(model, "half")
    cutter.take_plate(plate / np.float32(255), own=True)
    # Hardly anything of the room is to be seen, and that at another place.
    close, expected = (cv2.resize(each[40:140, 90:190], (SIDE, SIDE)) for each in (frame, alpha))
    assert np.abs(whole(cutter.cut(close)) - expected).mean() < 0.15


def test_a_plate_from_elsewhere_is_laid_on_the_frame(model, shot):
    frame, plate, alpha = shot
    moved = cv2.warpAffine(
        plate, np.array([[1, 0, 4.0], [0, 1, -3.0]]), (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
    )
    cutter = LiveCutter(model, "full")
    cutter.take_plate(moved / np.float32(255), own=False)
    matte = cutter.cut(frame)
    assert "out of place" in cutter.words or "structure" in cutter.words
    assert np.abs(whole(matte) - alpha).mean() < 0.03
    cutter.next_detail()  # is not laid, and not refused, again
    assert np.abs(whole(cutter.cut(frame)) - alpha).mean() < 0.03
    assert "out of place" not in cutter.words


def test_auto_takes_less_where_the_machine_is_slow(model, shot):
    frame, plate, _ = shot
    cutter = LiveCutter(model, "auto")
    cutter.take_plate(plate / np.float32(255), own=True)
    cutter.cut(frame)
    cutter._times.clear()
    cutter._times.extend([9.0] * WARM_UP + [0.9 * BUDGET] * JUDGED)
    assert cutter.slow_down() is None  # what warms up does not count
    cutter._times.extend([1.5 * BUDGET] * (JUDGED // 3))
    assert cutter.slow_down() is None  # nor does a short disturbance
    cutter._times.extend([1.5 * BUDGET] * JUDGED)
    assert "goes on with half" in cutter.slow_down()
    assert cutter.detail.name == "half"
    assert cutter.slow_down() is None  # judged anew
    cutter.cut(frame)
    for _ in DETAILS:
        cutter._times.extend([3 * BUDGET] * (WARM_UP + JUDGED))
        cutter.slow_down()
    assert cutter.detail is DETAILS[-1]
    fixed = LiveCutter(model, "full")
    fixed._times.extend([3 * BUDGET] * 60)
    assert fixed.slow_down() is None


def test_an_empty_matte_composes_to_the_background():
    from cleanplate.live.cutting import _matte, compose, matte_view

    nothing = np.zeros((20, 30, 1), np.float32)
    frame = np.full((40, 60, 3), 9, np.uint8)
    matte = _matte(frame, nothing, np.zeros((20, 30, 3), np.float32), (40, 60))
    background = np.full((40, 60, 3), 77, np.uint8)
    assert (compose(matte, background) == 77).all()
    assert matte_view(matte, (40, 60)).max() == 0


def test_composing_is_the_compositing_equation():
    random = np.random.default_rng(1)
    foreground = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    background = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    alpha = random.random((30, 40)).astype(np.float32)
    matte = Matte((slice(10, 40), slice(20, 60)), alpha, foreground)
    before = background.copy()
    composite = compose(matte, background)
    expected = background.astype(float)
    share = alpha[..., None]
    expected[10:40, 20:60] = share * foreground + (1 - share) * background[10:40, 20:60]
    assert np.abs(composite - expected).max() < 1
    assert np.array_equal(background, before)
    view = matte_view(matte, (60, 80))
    assert np.abs(view[10:40, 20:60, 1] - 255 * alpha).max() <= 1
    assert view[:10].max() == 0
