"""Many requests to a server of its own, good and bad, several at once; its memory over time.

    python benchmarks/soak.py --requests 10000 --out build/soak.json

Clients take turns at: cuts of the bundled sample (small, most of them by the quickest way), checks
of a plate, shots that are kept, clips, and half a dozen things that no server should bear. There
are more clients than may wait, so some are told to come again (429), and do. Writes what was sent
and the server's memory as JSON, and beside it a picture of the memory (.svg). Exits with 1 where
an answer had another status than it should have, where the server is gone or ended badly, and
where its memory still grew by more than LEAK after the first third.
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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import httpx

from scenes import origin, versions
from soak_memory import LEAK, growth, picture_of
from soak_requests import TOKEN, Kind, all_kinds

SAMPLES = 200  # of the memory
ENDS = 600  # seconds in which the server has to end, on a busy machine too


@dataclass
class Tally:
    """What all clients write into together."""

    left: int
    until: float  # `time.monotonic()` after which nothing new is sent
    count: int = 0
    refused: int = 0  # answers that said to come again later
    sent: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[int, float]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def take(self) -> bool:
        """Take one of the requests that are left to send."""
        with self.lock:
            self.left -= 1
            return self.left >= 0 and time.monotonic() < self.until


def soak(address: str, given: argparse.Namespace) -> dict[str, Any]:
    """Send the requests from several clients at once; returns what `--out` holds."""
    started = time.monotonic()
    tally = Tally(given.requests, started + 60 * given.minutes)
    every = max(1, given.requests // SAMPLES)
    threads = [
        Thread(
            target=_client, args=(address, tally, every, random.Random(f"{given.seed} {number}"))
        )
        for number in range(given.clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "requests": tally.count,
        "asked_for": given.requests,
        "clients": given.clients,
        "sent": dict(sorted(tally.sent.items())),
        "told_to_come_again": tally.refused,
        "wrong": tally.wrong,
        "seconds": round(time.monotonic() - started, 1),
        "memory_megabytes": sorted(tally.memory),
        "growth_megabytes_per_1000": growth(sorted(tally.memory)),
    }


def _client(address: str, tally: Tally, every: int, choose: random.Random) -> None:
    kinds = all_kinds()
    weights = [kind.weight for kind in kinds]
    with httpx.Client(base_url=address, timeout=300) as client:
        while tally.take():
            kind = choose.choices(kinds, weights)[0]
            try:
                wrong, refused = _send(client, kind)
            except httpx.HTTPError as problem:
                wrong, refused = f"no answer ({problem!r})", 0
            with tally.lock:
                tally.count += 1
                tally.sent[kind.name] += 1
                tally.refused += refused
                tally.wrong += [f"{kind.name}: {wrong}"] if wrong else []
                number = tally.count
            if number % every == 0:
                with suppress(httpx.HTTPError):
                    tally.memory.append((number, _resident(client)))


def _send(client: httpx.Client, kind: Kind) -> tuple[str | None, int]:
    """Send until it is not told to come again; gives what was wrong, and how often it was told."""
    refused = 0
    while True:
        answer = client.post(kind.path, content=kind.body, headers=kind.headers)
        if answer.status_code != 429:
            break
        after = answer.headers.get("Retry-After", "")
        if not after.isdecimal():
            return "429 without Retry-After", refused
        refused += 1
        time.sleep(min(30, int(after)))
    if answer.status_code != kind.status:
        return f"{answer.status_code} {answer.text[:200]}", refused
    if not answer.content.startswith(kind.begins):
        return f"an answer that begins with {answer.content[:20]!r}", refused
    return None, refused


def _resident(client: httpx.Client) -> float:
    """Megabytes that the server has in memory, as it says itself."""
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
    found = re.search(r"^cleanplate_resident_memory_bytes (\S+)", text, re.MULTILINE)
    assert found is not None, text
    return round(float(found[1]) / 1e6, 2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=240, help="send nothing new after so long")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of the server's network")
    parser.add_argument("--out", type=Path, default=Path("build/soak.json"))
    given = parser.parse_args()
    command = [sys.executable, "-m", "cleanplate", "serve", "--port", "0", "--token", TOKEN]
    command += ["--threads", str(given.threads), "--timeout", "300"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    address = re.search(r"http://[\d.:]+", server.stderr.readline())
    assert address is not None, "the server did not start"
    about = origin() | {"versions": versions()}
    try:
        found = about | soak(address[0], given)
    finally:
        alive = server.poll() is None
        server.send_signal(signal.SIGINT)
        ended = server.wait(ENDS)
    found["ended_with"] = ended if alive else f"before its end, {ended}"
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found) + "\n")
    given.out.with_suffix(".svg").write_text(picture_of(found))
    leaks = found["growth_megabytes_per_1000"] > LEAK
    print(
        f"{found['requests']} requests, {len(found['wrong'])} answered wrongly, "
        f"{found['told_to_come_again']} told to come again, {found['seconds']} s, "
        f"{found['memory_megabytes'][-1][1]} MB at the end, "
        f"{found['growth_megabytes_per_1000']:+} MB in 1,000 requests after the first third"
        + (": a leak" if leaks else "")
    )
    return 1 if found["wrong"] or found["ended_with"] or leaks else 0


if __name__ == "__main__":
    sys.exit(main())
