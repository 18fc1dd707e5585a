"""How fast it goes: frames a second, and the time from the camera to what is shown."""

from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pace:
    """Over the frames counted: how many, how many a second, milliseconds from grab to output."""

    frames: int
    rate: float
    median_ms: float
    late_ms: float  # the 95th percentile

    def __str__(self) -> str:
        return (
            f"{self.rate:.1f} frames a second, {self.median_ms:.0f} ms from camera to output "
            f"(95 % within {self.late_ms:.0f} ms)"
        )


class Meter:
    """Keeps the times of the latest frames."""

    def __init__(self, most: int = 3000) -> None:
        self._times: deque[tuple[float, float]] = deque(maxlen=most)

    def count(self, grabbed: float, shown: float) -> None:
        """Add a frame: the moments at which it left the camera and was shown, seconds."""
        self._times.append((grabbed, shown))

    def pace(self, last: float | None = None) -> Pace | None:
        """Sum up the frames shown in the `last` seconds, or all; None with fewer than two."""
        times = list(self._times)
        if times and last is not None:
            times = [each for each in times if each[1] > times[-1][1] - last]
        if len(times) < 2:
            return None
        grabbed, shown = np.array(times).T
        delays = 1000 * (shown - grabbed)
        rate = (len(times) - 1) / max(float(shown[-1] - shown[0]), 1e-9)
        return Pace(len(times), rate, float(np.median(delays)), float(np.percentile(delays, 95)))
