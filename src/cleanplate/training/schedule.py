"""The learning rate of a run: a warm-up, then a cosine that ends with its samples or minutes."""

import math

WARM_UP = 2000  # samples
LOWEST = 0.02  # share of the rate that is left at the end


def share_done(samples: int, planned: int, seconds: float, minutes: float) -> float:
    """How much of a run is done, 0..1: of the planned samples or, with 0 planned, of the minutes.

    seconds: since this start.
    """
    return min(samples / planned if planned else seconds / (60 * minutes + 1e-9), 1.0)


def learning_rate(highest: float, samples: int, done: float) -> float:
    """Learning rate at `samples` since the optimizer began, with `done` (0..1) of the run done."""
    cosine = LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * done))
    return highest * min(1.0, (samples + 64) / WARM_UP) * cosine
