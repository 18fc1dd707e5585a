"""Many requests to a server of its own, good and bad ones; its memory over time, as JSON.

    python benchmarks/soak.py --requests 10000 --out build/soak.json

Each request is one of: a cut of the bundled sample (small), a text that claims to be a PNG, a cut
short PNG, a missing plate, a wrong token, an unknown path. Prints one line at the end, and exits
with 1 where an answer had another status than it should have, or where the server is gone.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from cleanplate.media.browser import png_bytes

SAMPLE = Path(__file__).parents[1] / "src" / "cleanplate" / "sample"
SIDE = 128
TOKEN = "soak"  # of a server that ends with this run
WARM = 0.2  # share of the run after which memory should not grow any more


@dataclass(frozen=True)
class Kind:
    """A kind of request: what is sent, and the status that it should get."""

    name: str
    status: int
    path: str
    files: dict[str, tuple[str, bytes]]
    token: str = TOKEN


def picture(name: str) -> bytes:
    """Encode a small copy of a picture of the sample as PNG."""
    pixels: Any = cv2.imread(str(SAMPLE / name))
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return png_bytes(np.ascontiguousarray(small[..., ::-1]))


def kinds() -> list[Kind]:
    """All kinds of requests; half of a run are cuts."""
    frame, plate = ("frame.png", picture("frame.jpg")), ("plate.png", picture("plate.jpg"))
    good = {"frame": frame, "plate": plate}
    text = ("../../frame.png", b"I am no picture. " * 99)
    bad = [
        Kind("text", 415, "/v1/cutout", {"frame": text, "plate": plate}),
        Kind("cut short", 422, "/v1/cutout", {"frame": ("f.png", frame[1][:999]), "plate": plate}),
        Kind("no plate", 422, "/v1/cutout", {"frame": frame}),
        Kind("wrong token", 401, "/v1/cutout", good, "wrong"),
        Kind("unknown", 404, "/v1/nothing", good),
    ]
    return [Kind("cut", 200, "/v1/cutout", good)] * len(bad) + bad


def resident(client: httpx.Client) -> float:
    """Megabytes that the server has in memory, as it says itself."""
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = re.search(r"^cleanplate_resident_memory_bytes (\S+)", text, re.MULTILINE)
    assert found is not None, text
    return round(float(found[1]) / 1e6, 1)


def soak(address: str, count: int, seed: int) -> dict[str, Any]:
    """Send the requests one after the other; returns what `--out` holds."""
    choose, sent, wrong = random.Random(seed), Counter[str](), []
    memory: list[tuple[int, float]] = []
    started, all_kinds = time.monotonic(), kinds()
    with httpx.Client(base_url=address, timeout=300) as client:
        for number in range(count):
            kind = choose.choice(all_kinds)
            sent[kind.name] += 1
            headers = {"Authorization": f"Bearer {kind.token}"}
            answer = client.post(kind.path, files=kind.files, headers=headers)
            if answer.status_code != kind.status:
                wrong.append(f"{kind.name}: {answer.status_code} {answer.text[:200]}")
            if number % max(1, count // 100) == 0 or number == count - 1:
                memory.append((number + 1, resident(client)))
    warm = [megabytes for number, megabytes in memory if number >= WARM * count]
    return {
        "requests": count,
        "sent": dict(sent),
        "wrong": wrong,
        "seconds": round(time.monotonic() - started, 1),
        "memory_megabytes": memory,
        "growth_after_warming_up_megabytes": round(warm[-1] - warm[0], 1),
    }


def main() -> int:
    """Run the soak; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("build/soak.json"))
    given = parser.parse_args()
    command = [sys.executable, "-m", "cleanplate", "serve", "--port", "0", "--token", TOKEN]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    address = re.search(r"http://[\d.:]+", server.stderr.readline())
    assert address is not None, "the server did not start"
    try:
        found = soak(address[0], given.requests, given.seed)
    finally:
        server.send_signal(signal.SIGINT)
        ended = server.wait(60)
    found["ended_with"] = ended
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n")
    print(
        f"{found['requests']} requests, {len(found['wrong'])} answered wrongly, "
        f"{found['seconds']} s, {found['memory_megabytes'][-1][1]} MB at the end, "
        f"{found['growth_after_warming_up_megabytes']:+} MB after the first fifth"
    )
    return 1 if found["wrong"] or ended else 0


if __name__ == "__main__":
    sys.exit(main())
