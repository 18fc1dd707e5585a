"""Memory of a clip: brought to where things are now."""

import cv2
import numpy as np
import pytest

from cleanplate.motion import Memory, find_motion, follow, recall, remember
from cleanplate.prediction import Coarse, Window


def textured(height: int = 120, width: int = 160) -> np.ndarray:
    noise = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return (smooth - smooth.min()) / np.ptp(smooth)


@pytest.mark.parametrize("step", [(0, 0), (5, 2), (-7, 4)])
def test_motion_of_a_moved_picture_is_found(step: tuple[int, int]) -> None:
    before = textured()
    frame = np.roll(before, step, (1, 0))
    inner = find_motion(frame, before)[20:-20, 20:-20]
    assert np.median(np.abs(inner + np.array(step))) < 0.3


@pytest.mark.parametrize("height", [8, 13, 20, 30])  # the search crashed on wide ones
def test_pictures_of_few_rows_stand_still(height: int) -> None:
    strip = textured(height, 320)
    assert not find_motion(strip, np.roll(strip, 3, 1)).any()


def test_follow_takes_pixels_from_where_they_were() -> None:
    picture = textured()
    flow = np.zeros((120, 160, 2), np.float32)
    flow[..., 0] = 3
    assert np.allclose(follow(picture, flow)[:, :-3], picture[:, 3:], atol=1e-6)
    assert follow(picture[..., :1], flow).shape == (120, 160, 1)


def test_memory_moves_with_the_subject() -> None:
    before = textured()
    alpha = np.zeros((120, 160, 1), np.float32)
    alpha[40:80, 50:100] = 1
    frame, alpha_now = (np.roll(picture, (4, 3), (1, 0)) for picture in (before, alpha))
    recalled = recall(Memory(before, alpha), frame)
    assert recalled.shape == (120, 160, 5)
    assert (recalled[..., 4] == 1).all()
    assert np.abs(recalled[..., :1] - alpha_now).mean() < 0.3 * np.abs(alpha - alpha_now).mean()
    assert np.abs(recalled[..., 1:4] - frame)[20:-20, 20:-20].mean() < 0.02


def test_what_was_outside_the_window_is_remembered_as_empty() -> None:
    frame, one = textured(32, 48), np.ones((16, 16, 1), np.float32)
    window = Window(0, 16, 32, 48)
    memory = remember(Coarse(frame, window, one, frame[:16, :16], one, one, one))
    assert memory.alpha.sum() == 256
    assert (memory.alpha[:16, 32:] == 1).all()


def test_another_shot_is_not_remembered() -> None:
    alpha = np.ones((120, 160, 1), np.float32)
    assert (recall(Memory(textured(), alpha), textured())[..., 4] == 1).all()
    assert not recall(Memory(1 - textured(), alpha), textured()).any()
    nobody = Memory(1 - textured(), 0 * alpha)  # there is no subject to be compared
    assert (recall(nobody, textured())[..., 4] == 1).all()


def test_nothing_is_remembered_before_the_first_frame() -> None:
    assert not recall(None, textured()).any()
