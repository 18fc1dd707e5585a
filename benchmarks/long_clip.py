"""Cut a long HD clip and tell whether memory stays as it was: peak in each tenth of the time.

    python benchmarks/long_clip.py --minutes 10 [--temporal lookahead]

Makes a clip of 1920 x 1080 at 25 frames a second (the bundled sample's subject walks to and fro
before its plate), cuts it with `cleanplate cut` in a process of its own, and reads that process's
resident memory from /proc five times a second (Linux). Writes results/long-clip.md and .json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from quality import RESULTS
from scenes import origin

HEIGHT, WIDTH, RATE, ROUND = 1080, 1920, 25, 100  # the subject is back after ROUND frames
TENTHS = 10

Picture = NDArray[np.float32]


def main() -> None:
    """Make the clip, cut it, report."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = round(options.minutes * 60 * RATE)
        write_clip(folder, frames)
        command = [sys.executable, "-m", "cleanplate", "cut", str(folder / "take.mp4")]
        command += ["--plate", str(folder / "plate.png"), "-o", str(folder / "out.mov")]
        command += ["--temporal", options.temporal]
        began = time.monotonic()
        memory = watch(subprocess.Popen(command))
        seconds = time.monotonic() - began
        written = _frames_of(folder / "out.mov")
    tenths = [round(max(part)) for part in np.array_split(memory, TENTHS) if len(part)]
    report = {
        "command": f"python benchmarks/long_clip.py --minutes {options.minutes:g} "
        f"--temporal {options.temporal}",
        **origin(),
        "temporal": options.temporal,
        "frames": frames,
        "frames_written": written,
        "frames_a_second": round(frames / seconds, 2),
        "peak_mb": max(tenths),
        "peak_mb_by_tenth": tenths,
    }
    print(json.dumps(report))
    target = options.output / "long-clip"
    target.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    target.with_suffix(".md").write_text("\n".join(_table(report)) + "\n")


def _table(report: dict[str, Any]) -> list[str]:
    tenths = report["peak_mb_by_tenth"]
    return [
        "# Memory through a long clip",
        "",
        f"`{report['command']}` at {report['commit']}, {report['date']}: {report['frames']:,} "
        f"frames of {WIDTH} x {HEIGHT} into ProRes 4444, {report['frames_a_second']} a second. "
        "The most that the process took (resident, libraries included) in each tenth of the time.",
        "",
        f"| tenth | {' | '.join(map(str, range(1, len(tenths) + 1)))} |",
        f"|---|{'---:|' * len(tenths)}",
        f"| MB | {' | '.join(map(str, tenths))} |",
    ]


def write_clip(folder: Path, frames: int) -> None:
    """Write take.mp4 and plate.png; every frame differs from the one before."""
    frame, plate = _sample("frame.jpg"), _sample("plate.jpg")
    alpha = _sample("alpha.png")[..., :1]
    room = np.asarray(cv2.resize(plate, (WIDTH, HEIGHT)), np.float32)
    pixels = np.rint(room[..., ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(folder / "plate.png"), pixels)
    subject = np.dstack([frame * alpha, alpha])
    scale = 0.9 * HEIGHT / subject.shape[0]
    large = np.asarray(cv2.resize(subject, None, fx=scale, fy=scale), np.float32)
    with av.open(str(folder / "take.mp4"), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.options = {"preset": "ultrafast", "crf": "18"}
        for index in range(frames):
            shown = av.VideoFrame.from_ndarray(_moment(room, large, index), format="rgb24")
            shown.pts, shown.time_base = index, Fraction(1, RATE)
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))


def watch(process: "subprocess.Popen[bytes]") -> list[float]:
    """Resident memory of a process, MB, until it ends; it must end well."""
    seen: list[float] = []
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        lines = status.read_text().splitlines() if status.is_file() else []
        seen += [int(line.split()[1]) * 1024e-6 for line in lines if line.startswith("VmRSS")]
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"cleanplate cut ended with {process.returncode}.")
    return seen


def _moment(room: Picture, subject: Picture, index: int) -> NDArray[np.uint8]:
    across = 0.5 + 0.3 * np.sin(2 * np.pi * index / ROUND)
    left, top = across * WIDTH - subject.shape[1] / 2, HEIGHT - subject.shape[0]
    move = np.array([[1, 0, left], [0, 1, top]], np.float32)
    placed = cv2.warpAffine(subject, move, (WIDTH, HEIGHT))
    shown = placed[..., :3] + (1 - placed[..., 3:]) * room
    return np.asarray(np.rint(shown.clip(0, 1) * 255), np.uint8)


def _sample(name: str) -> Picture:
    data = resources.files("cleanplate").joinpath("sample", name).read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture[..., ::-1] / np.float32(255), np.float32)


def _frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--temporal", default="auto")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder of the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
