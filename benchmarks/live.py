"""Live: from the camera to a browser, how late and how many, and what nobody watching costs.

    python benchmarks/live.py --threads 2 --json live.json

A clip plays the camera at 25 frames a second: the bundled sample's room at 1280 x 720, empty at
first, then with its subject, who moves from side to side. The newest frame is cut, laid over a
picture and served; a client in a process of its own reads the stream. Late is the time from the
moment at which a frame left the camera (decoded; a real one takes some milliseconds more for
that) to the moment at which its JPEG has arrived at the client. An empty room is cut quickly, so
frames with the subject are counted by themselves; and of the latest 5 % it is told where their
time went. Idle is a session without any client. All of it shares the machine, the client too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from fractions import Fraction
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np

from cleanplate.live.cutting import DETAILS
from cleanplate.live.options import DetailName, LiveOptions
from cleanplate.live.run import run_live
from cleanplate.media.clip_codecs import CODECS
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_write import ClipWriter, Timing
from cleanplate.media.stills import read_still, write_still
from scenes import origin, sample_scene, versions

RATE = 25
EMPTY = 50  # frames without the subject
WITH = 100  # frames with it
REACH = 60  # pixels to each side that it moves
WARM_UP = 5.0  # seconds of a stream that do not count
STAGES = ("waited", "cut", "laid over", "waited", "encoded", "sent, read")
LATEST = 0.95


def main() -> int:
    arguments = _arguments()
    if arguments.client:
        print(json.dumps(_read_stream(arguments.client, arguments.seconds)))
        return 0
    report: dict[str, Any] = {
        **origin(),
        "load_before": os.getloadavg()[0],
        "threads": arguments.threads,
        "versions": versions(),
        "details": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        clip, plate = write_scene(Path(folder), arguments.size)
        for name in arguments.detail:
            print(f"{name} ...", file=sys.stderr, flush=True)
            report["details"][name] = _measure(clip, plate, name, arguments)
        print("idle ...", file=sys.stderr, flush=True)
        report["idle_cpu_share"] = _idle(clip, plate, arguments)
    print("\n".join(_page(report, arguments)))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    names = ["auto", *(detail.name for detail in DETAILS)]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("288p", "720p", "1080p"), default="720p")
    parser.add_argument("--detail", nargs="+", choices=names, default=names[1:])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each stream that counts")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_scene(folder: Path, size: str) -> tuple[Path, Path]:
    """Write the clip that plays the camera, and its plate."""
    scene = sample_scene(size)
    height, width = scene.plate.shape[:2]
    sample = Path(str(resources.files("cleanplate"))) / "sample"
    coverage = read_still(sample / "alpha.png").picture[..., :1]
    side = min(height, width)
    alpha = np.zeros((height, width, 1), np.float32)
    left = (width - side) // 2
    small = cv2.resize(coverage, (side, side), interpolation=cv2.INTER_AREA)
    alpha[:side, left : left + side, 0] = small
    random = np.random.default_rng(0)
    noises = [random.normal(0, 1.5 / 255, scene.plate.shape).astype(np.float32) for _ in range(4)]
    path, plate = folder / "camera.mp4", folder / "plate.png"
    timing = Timing(Fraction(1, RATE), Fraction(RATE), ColourTags("bt709", "bt709", "bt709", "tv"))
    with ClipWriter(path, CODECS["h264"], height, width, timing, alpha=False) as writer:
        for number in range(EMPTY + WITH):
            frame = scene.plate
            if number >= EMPTY:
                shift = round(REACH * np.sin(2 * np.pi * (number - EMPTY) / WITH))
                share = np.roll(alpha, shift, axis=1)
                frame = frame + share * (np.roll(scene.frame, shift, axis=1) - frame)
            writer.write(np.clip(frame + noises[number % 4], 0, 1), None, number, 1)
    write_still(plate, scene.plate)
    return path, plate


class _Session:
    """A live session in a thread of its own."""

    def __init__(self, options: LiveOptions) -> None:
        self.said: list[str] = []
        self._wants_end = False
        self._thread = Thread(target=run_live, args=(options, self.said.append, (self._keys,)))
        self._thread.start()

    def wait_for(self, words: str) -> str:
        """Give the line that holds the words, once it is said."""
        until = time.monotonic() + 120
        while time.monotonic() < until and self._thread.is_alive():
            found = [line for line in self.said if words in line]
            if found:
                return found[0]
            time.sleep(0.05)
        raise RuntimeError(f"nobody said {words!r} but: {self.said}")

    def end(self) -> None:
        self._wants_end = True
        self._thread.join()

    def _keys(self) -> list[str]:
        return ["q"] if self._wants_end else []


def _measure(
    clip: Path, plate: Path, detail: DetailName, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Run one session with one client."""
    session = _Session(_options(clip, plate, arguments, detail))
    url = session.wait_for("browser source").split()[-1]
    session.wait_for("Keys")
    command = [sys.executable, str(Path(__file__)), "--client", url + "stream"]
    command += ["--seconds", str(arguments.seconds)]
    used = _cpu_of_this_process()
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    cores = (_cpu_of_this_process() - used) / (time.monotonic() - began)
    session.end()
    frames = json.loads(done.stdout)["frames"]
    seconds, stages = np.array([row[0] for row in frames]), np.array([row[1:] for row in frames])
    somebody = np.arange(len(frames))[seconds * RATE % (EMPTY + WITH) >= EMPTY]
    return {
        **_summary(stages, arguments.seconds),
        "with_somebody": _summary(stages[somebody], _seen(frames, somebody)),
        "cores_used": round(cores, 2),
        "said": [line for line in session.said if line.startswith("Detail")],
    }


def _seen(frames: list[list[float]], chosen: Any) -> float:
    """Seconds for which the camera showed these frames: until the next one that was cut."""
    seconds = np.array([row[0] for row in frames])
    lasted = np.append(np.diff(seconds), 0)
    return float(np.clip(lasted[chosen], 0, None).sum())


def _summary(stages: Any, seconds: float) -> dict[str, Any]:
    """Sum up frames, given the milliseconds that each was in each stage: n 6."""
    if not len(stages):
        return {"frames": 0}
    late = stages.sum(axis=1)
    latest = stages[late >= np.percentile(late, 100 * LATEST)]
    usual = stages[late <= np.percentile(late, 50)]
    return {
        "frames": len(late),
        "frames_per_second": round(len(late) / seconds, 2),
        "late_median_ms": round(float(np.median(late)), 1),
        "late_95_ms": round(float(np.percentile(late, 95)), 1),
        "stages_of_the_earlier_half_ms": [round(float(each), 1) for each in usual.mean(axis=0)],
        "stages_of_the_latest_ms": [round(float(each), 1) for each in latest.mean(axis=0)],
    }


def _options(
    clip: Path, plate: Path, arguments: argparse.Namespace, detail: DetailName = "half"
) -> LiveOptions:
    shared: dict[str, Any] = {"camera": f"file:{clip}", "plate": plate, "serve": 0}
    return LiveOptions(**shared, over=("teal",), threads=arguments.threads, detail=detail)


def _idle(clip: Path, plate: Path, arguments: argparse.Namespace) -> float:
    """Share of one core that a session takes while nobody watches."""
    session = _Session(_options(clip, plate, arguments))
    session.wait_for("Keys")
    time.sleep(1)
    used, began = _cpu_of_this_process(), time.monotonic()
    time.sleep(min(10.0, arguments.seconds))
    share = (_cpu_of_this_process() - used) / (time.monotonic() - began)
    session.end()
    return round(share, 4)


def _read_stream(url: str, seconds: float) -> dict[str, list[list[float]]]:
    """Read a stream as a browser does.

    Returns of each picture the camera's time, seconds, and how long it was in each of STAGES, ms.
    """
    frames: list[list[float]] = []
    with urllib.request.urlopen(url, timeout=60) as answer:
        _next_frame(answer.readline, answer.read)
        counts = time.monotonic() + WARM_UP
        while time.monotonic() < counts + seconds:
            frame = _next_frame(answer.readline, answer.read)
            if time.monotonic() >= counts and len(frame) == 1 + len(STAGES):
                frames.append(frame)
    return {"frames": frames}


def _next_frame(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> list[float]:
    while not (line := readline()).startswith(b"--"):
        if not line:
            raise RuntimeError("the stream has ended")
    fields: dict[bytes, bytes] = {}
    while line := readline().strip():
        name, _, value = line.partition(b": ")
        fields[name] = value
    read(int(fields[b"Content-Length"]))
    moments = [float(each) for each in fields[b"X-Moments-Monotonic"].split()]
    moments = [float(fields[b"X-Grabbed-Monotonic"]), *moments, time.monotonic()]
    return [float(fields[b"X-Camera-Seconds"]), *(1000 * np.diff(moments)).tolist()]


def _cpu_of_this_process() -> float:
    return time.process_time()


def _page(report: dict[str, Any], arguments: argparse.Namespace) -> list[str]:
    listed = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = [
        "# Live",
        "",
        f"`python benchmarks/live.py --size {arguments.size} --threads {report['threads']} "
        f"--seconds {arguments.seconds:g}` at {report['commit']}, {report['date']}, on "
        f"{report['processor']}, {report['cores']} cores; {listed}.",
        "",
    ]
    if report["load_before"] > 0.25:
        lines += [
            f"**The machine was busy with other work (load {report['load_before']:.1f}): these "
            "times are no measure of it.**",
            "",
        ]
    lines += [
        "| detail | frames | a second | late, median ms | late, 95 % ms | cores used |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, row in report["details"].items():
        for of, part in (("all", row), ("with somebody", row["with_somebody"])):
            keys = ("frames_per_second", "late_median_ms", "late_95_ms")
            cells = [part.get(key, "none came") for key in keys]
            lines.append(f"| {name} | {of} | {' | '.join(map(str, cells))} | {row['cores_used']} |")
        lines += [f"<!-- {words} -->" for words in row["said"]]
    lines += _stages_page(report)
    idle = report["idle_cpu_share"]
    return [*lines, "", f"Nobody watching: {idle:.1%} of one core."]


def _stages_page(report: dict[str, Any]) -> list[str]:
    """Lines that tell where the time went, of frames with somebody in them."""
    names = " | ".join(f"{name} ms" for name in STAGES)
    lines = [
        "",
        f"| detail | frames with somebody | {names} |",
        f"|---|---|{'---:|' * len(STAGES)}",
    ]
    for name, row in report["details"].items():
        part = row["with_somebody"]
        for title, key in (("the earlier half", "earlier_half"), ("the latest 5 %", "latest")):
            cells = " | ".join(map(str, part.get(f"stages_of_the_{key}_ms", ["none came"])))
            lines.append(f"| {name} | {title} | {cells} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
