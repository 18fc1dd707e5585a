"""What happened since the start, in the text format of Prometheus."""

import os
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Lock

BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds


class Counters:
    """Counts requests, cuts and camera frames; safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._cuts, self._frames, self._dropped = 0, 0, 0
        self._seconds = 0.0
        self.started = time.time()

    def request(self, method: str, route: str, status: int) -> None:
        """Count an answered request; route: its template, so that there are few of them."""
        with self._lock:
            self._requests[method, route, status] += 1

    def cut(self, seconds: float) -> None:
        """Count a cut picture."""
        with self._lock:
            self._cuts += 1
            self._seconds += seconds
            for bound in BOUNDS:
                self._buckets[bound] += int(seconds <= bound)

    def camera(self, cut: int = 0, dropped: int = 0) -> None:
        """Count frames of a camera that were cut, or dropped for newer ones."""
        with self._lock:
            self._frames += cut
            self._dropped += dropped

    def text(self, gauges: dict[str, float]) -> str:
        """Write all of them, and `gauges` by their names, for Prometheus to read."""
        with self._lock:
            lines = ["# TYPE cleanplate_requests_total counter"]
            for (method, route, status), count in sorted(self._requests.items()):
                labels = f'method="{method}",route="{route}",status="{status}"'
                lines.append(f"cleanplate_requests_total{{{labels}}} {count}")
            lines.append("# TYPE cleanplate_cut_seconds histogram")
            for bound in BOUNDS:
                lines.append(
                    f'cleanplate_cut_seconds_bucket{{le="{bound}"}} {self._buckets[bound]}'
                )
            lines.append(f'cleanplate_cut_seconds_bucket{{le="+Inf"}} {self._cuts}')
            lines.append(f"cleanplate_cut_seconds_sum {self._seconds:.6f}")
            lines.append(f"cleanplate_cut_seconds_count {self._cuts}")
            for name, value in (("cut", self._frames), ("dropped", self._dropped)):
                lines.append(f"# TYPE cleanplate_camera_frames_{name}_total counter")
                lines.append(f"cleanplate_camera_frames_{name}_total {value}")
        gauges = {"uptime_seconds": time.time() - self.started, **gauges}
        for name, measured in gauges.items():
            lines += [f"# TYPE cleanplate_{name} gauge", f"cleanplate_{name} {measured:g}"]
        return "\n".join(lines) + "\n"


def resident_bytes() -> float:
    """Memory of this process that is in RAM; on systems without /proc the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        if sys.platform == "win32":
            return 0.0
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(most if sys.platform == "darwin" else most * 1024)
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
