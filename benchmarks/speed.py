"""How long a frame takes, ours and the rivals side by side, and what memory it needs.

    python benchmarks/rivals/install.py
    python benchmarks/export_peers.py
    python benchmarks/speed.py --threads 2 --json speed.json --markdown speed.md

All contestants live in one process and take turns, A B C A B C, so that whatever else the machine
does meets them alike; the median counts. Networks get inputs that are ready, in ONNX Runtime with
the same number of threads; on CUDA their copies to and from the device count too. Peak memory is
that of a process of its own, which does nothing else. The frame is the bundled sample.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from cleanplate.devices import choose_device
from cleanplate.errors import CleanplateError
from contestants import PRECISIONS, Setting, Step
from ours import OURS, count_tiles
from peers import BASELINE, PEERS
from scenes import SIZES, origin, peak_mib, sample_scene, versions

CONTESTANTS = OURS | PEERS
NOTHING = "nothing"  # for memory: what a process takes that only imports everything
PATIENCE = 60.0  # seconds after which a slow contestant that was timed three times sits out
PAUSE = 0.03  # seconds for the threads of one contestant to fall asleep before the next
GROUPS = {
    "network": "A frame to full resolution (the rivals: network alone, inputs ready)",
    "step": "Steps of cleanplate",
    "whole": "A whole frame, from arrays to arrays",
    "file": "Files",
}


def main() -> int:
    arguments = _arguments()
    try:
        arguments.device = choose_device(arguments.device)
        if arguments.alone:
            print(json.dumps(_peak_memory(arguments)))
            return 0
        report = _about(arguments)
        for size in arguments.sizes:
            print(f"{size} ...", file=sys.stderr, flush=True)
            report["sizes"][size] = _measure(size, arguments)
    except CleanplateError as problem:
        print(problem, file=sys.stderr)
        return 2
    text = "\n".join(_page(report))
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if arguments.markdown:
        arguments.markdown.write_text(text + "\n", encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime and OpenCV")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="of all networks")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each contestant")
    parser.add_argument("--model", default="default", help="name or path of our weights")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--no-memory", action="store_true", help="leave peak memory out")
    parser.add_argument("--json", type=Path, help="write all timings to this file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    return parser.parse_args()


def _setting(size: str, arguments: argparse.Namespace) -> Setting:
    cv2.setNumThreads(arguments.threads)
    shared = (arguments.threads, arguments.device, arguments.model, arguments.precision)
    return Setting(size, sample_scene(size), *shared)


def _measure(size: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time all contestants at one size; memory first, while this process does nothing."""
    names = [name for name in arguments.only if size in CONTESTANTS[name].sizes]
    rows: dict[str, dict[str, Any]] = {name: {} for name in names}
    if not arguments.no_memory:
        for name in (NOTHING, *names):
            peak = _memory_of(name, size, arguments)
            if peak is not None:
                rows.setdefault(name, {})["peak_mib"] = peak
    setting, steps = _setting(size, arguments), {}
    for name in names:
        try:
            steps[name] = CONTESTANTS[name].make(setting)
        except FileNotFoundError as problem:
            rows[name] = {"missing": str(problem)}
    for name, seconds in _take_turns(steps, arguments.repeats).items():
        rows[name]["milliseconds"] = [round(1000 * each, 3) for each in seconds]
        rows[name]["median_ms"] = round(1000 * median(seconds), 2)
    base = rows.get(BASELINE, {}).get("median_ms")
    for row in rows.values():
        if base and "median_ms" in row:
            row["ratio"] = round(row["median_ms"] / base, 4)
    refined, tiles = count_tiles(setting)
    return {"tiles_refined": refined, "tiles": tiles, "contestants": rows}


def _take_turns(steps: dict[str, Step], repeats: int) -> dict[str, list[float]]:
    """Seconds of every turn of every step, the first one, which warms up, left out."""
    for step in steps.values():
        step()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            if len(seconds[name]) >= 3 and sum(seconds[name]) > PATIENCE:
                continue
            time.sleep(PAUSE)
            started = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def _memory_of(name: str, size: str, arguments: argparse.Namespace) -> float | None:
    """Peak memory in MiB of a process that runs only this contestant; None where it cannot."""
    if name != NOTHING and CONTESTANTS[name].group not in ("network", "whole"):
        return None
    command = [sys.executable, str(Path(__file__)), "--alone", name, "--sizes", size]
    command += ["--model", arguments.model, "--device", arguments.device]
    command += ["--threads", str(arguments.threads), "--precision", arguments.precision]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def _peak_memory(arguments: argparse.Namespace) -> float:
    """Run one contestant three times and tell the most memory that this process ever held."""
    if arguments.alone != NOTHING:
        step = CONTESTANTS[arguments.alone].make(_setting(arguments.sizes[0], arguments))
        for _ in range(3):
            step()
    return peak_mib()


def _about(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        **origin(),
        "threads": arguments.threads,
        "device": arguments.device,
        "precision": arguments.precision,
        "system": platform.system(),
        "versions": versions(),
        "model": Path(arguments.model).name,
        "repeats": arguments.repeats,
        "sizes": {},
    }


def _page(report: dict[str, Any]) -> list[str]:
    """Lay the report out as markdown."""
    listed = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    names = ("threads", "device", "precision", "repeats")
    flags = " ".join(f"--{name} {report[name]}" for name in names)
    flags = f"--sizes {' '.join(report['sizes'])} {flags}"
    return [
        "# Speed",
        "",
        f"`python benchmarks/speed.py {flags}` at {report['commit']}, {report['date']}, on "
        f"{report['processor']}, {report['cores']} cores, {report['threads']} threads; {listed}.",
        "",
        "Medians. Ratios are to BackgroundMattingV2 MobileNetV2 with its full count of patches at "
        "the same size. Peak memory is that of a process that does only this.",
        *(line for size, result in report["sizes"].items() for line in _tables(size, result)),
    ]


def _tables(size: str, result: dict[str, Any]) -> list[str]:
    height, width = SIZES[size]
    rows = result["contestants"]
    lines = [
        "",
        f"## {width} x {height}",
        "",
        f"{result['tiles_refined']} of {result['tiles']} tiles are refined.",
    ]
    if NOTHING in rows:
        lines[-1] += f" A process that does nothing peaks at {rows[NOTHING]['peak_mib']:.0f} MiB."
    for group, heading in GROUPS.items():
        members = [name for name in rows if name != NOTHING and CONTESTANTS[name].group == group]
        if members:
            lines += ["", f"| {heading} | ms | fastest | ratio | peak MiB | turns |"]
            lines += ["|---|" + "---:|" * 5, *(_line(name, rows[name]) for name in members)]
    return lines


def _line(name: str, row: dict[str, Any]) -> str:
    title = CONTESTANTS[name].title
    if "missing" in row:
        return f"| {title} | not measured: {row['missing']} | | | | |"
    times = row["milliseconds"]
    ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
    peak = f"{row['peak_mib']:.0f}" if "peak_mib" in row else ""
    cells = (title, f"{row['median_ms']:.1f}", f"{min(times):.1f}", ratio, peak, len(times))
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
