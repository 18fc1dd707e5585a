"""What the memory of a server says after many requests: whether it leaks, and a picture of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from curves import Panel, draw

WARM = 1 / 3  # share of the run after which memory should not grow any more
LEAK = 1.0  # megabytes in 1,000 requests; that is a kilobyte each


def growth(memory: Sequence[tuple[int, float]]) -> float:
    """Megabytes by which memory grows in 1,000 requests after the first third.

    memory: requests so far and megabytes, rising. The median of the slopes between all pairs of
    samples (Theil and Sen): a few high samples while something large is cut change nothing.
    """
    late = np.array([each for each in memory if each[0] >= WARM * memory[-1][0]], float)
    first, second = np.triu_indices(len(late), 1)
    steps = late[second] - late[first]
    return round(float(1000 * np.median(steps[:, 1] / steps[:, 0])), 3) if len(steps) else 0.0


def picture_of(found: dict[str, Any]) -> str:
    """Draw the memory over the requests as SVG; the line of the growth where it was judged."""
    memory, count = found["memory_megabytes"], found["requests"]
    late = [each for each in memory if each[0] >= WARM * count]
    per_request = found["growth_megabytes_per_1000"] / 1000
    level = float(np.median([megabytes - per_request * number for number, megabytes in late]))
    lines = {
        "memory of the server": [(number / count, megabytes) for number, megabytes in memory],
        f"its growth, {1000 * per_request:+.2f} MB in 1,000 requests": [
            (number / count, level + per_request * number) for number in (late[0][0], late[-1][0])
        ],
    }
    ticks = [(share, f"{share * count:,.0f}") for share in (0, 0.25, 0.5, 0.75, 1)]
    top = max(megabytes for _, megabytes in memory) * 1.2
    return draw("MB", [Panel("requests", ticks, lines, top)], wide=3)
