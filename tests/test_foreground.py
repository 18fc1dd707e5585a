"""Despill takes the plate's hue off the soft edge and nothing else."""

import numpy as np

from cleanplate.foreground import despill

SKIN = np.array([0.85, 0.62, 0.5], np.float32)
GREEN = np.array([0.1, 0.7, 0.2], np.float32)


def edge(spilt: float, plate_colour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A subject that covers the left, with a soft edge into which the plate's colour has leaked."""
    alpha = np.clip((40 - np.arange(80, dtype=np.float32)) / 16 + 0.5, 0, 1)
    alpha = np.repeat(alpha[None, :, None], 64, 0)
    plate = np.broadcast_to(plate_colour, (64, 80, 3)).astype(np.float32)
    foreground = SKIN + spilt * (1 - alpha) * (plate - SKIN)
    return foreground.astype(np.float32), alpha, plate


def test_spill_of_a_green_plate_goes() -> None:
    foreground, alpha, plate = edge(0.6, GREEN)
    cleaned = despill(foreground.copy(), alpha, plate)
    soft = ((alpha > 0.05) & (alpha < 0.5))[..., 0]
    before = (foreground[soft] - SKIN)[:, 1] - (foreground[soft] - SKIN)[:, [0, 2]].mean(1)
    after = (cleaned[soft] - SKIN)[:, 1] - (cleaned[soft] - SKIN)[:, [0, 2]].mean(1)
    assert np.abs(after).mean() < 0.5 * np.abs(before).mean()


def test_clean_skin_stays_as_it_is() -> None:
    foreground, alpha, plate = edge(0.0, GREEN)
    assert np.abs(despill(foreground.copy(), alpha, plate) - foreground).max() < 2e-3


def test_a_grey_plate_changes_nothing() -> None:
    foreground, alpha, plate = edge(0.5, np.full(3, 0.5, np.float32))
    assert np.allclose(despill(foreground.copy(), alpha, plate), foreground, atol=1e-4)


def test_solid_and_empty_pixels_are_untouched() -> None:
    foreground, alpha, plate = edge(0.6, GREEN)
    cleaned = despill(foreground.copy(), alpha, plate)
    solid_or_empty = ((alpha >= 0.975) | (alpha <= 0))[..., 0]
    assert np.array_equal(cleaned[solid_or_empty], foreground[solid_or_empty])


def test_strength_zero_is_off() -> None:
    foreground, alpha, plate = edge(0.6, GREEN)
    assert despill(foreground, alpha, plate, 0.0) is foreground
