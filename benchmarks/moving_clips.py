"""Make clips of cut-outs that move over a fixed plate, with exact alpha, to measure time by.

    python benchmarks/moving_clips.py CLIPS --people CUTOUTS --backgrounds PICTURES --count 4

CUTOUTS: a folder with NAME.jpg (straight colour) and NAME.png (alpha). PICTURES: a folder of
pictures without people, searched with all its folders. CLIPS gets one folder a clip, in the layout
that `cleanplate evaluate` reads: frame000.jpg, alpha000.png, plate.jpg, and index.json.
A cut-out walks, sways, comes nearer and bends; noise is new in every frame, exposure drifts.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]


@dataclass(frozen=True)
class Motion:
    """How a cut-out moves. All lengths are shares of the picture's height, times frames.

    start, speed: of its middle, x. sway, period: to and fro. nearer: growth a frame.
    bend: how far its top leans. turn: degrees.
    """

    start: float
    speed: float
    sway: float
    period: float
    nearer: float
    bend: float
    turn: float


def main() -> None:
    """Make the clips that the command line asks for."""
    options = _options()
    people = sorted(path for path in options.people.glob("*.png"))
    backgrounds = sorted(
        path for path in options.backgrounds.rglob("*") if path.suffix in (".jpg", ".png")
    )
    entries = []
    for number in range(options.count):
        random = np.random.default_rng([options.seed, number])
        person = people[random.integers(len(people))]
        background = backgrounds[random.integers(len(backgrounds))]
        name = f"walk{number:02d}"
        folder = options.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        plate = _covering(_read(background), options.height, options.width)
        _write(folder / "plate.jpg", _shaken(plate, 1.0, random))
        for index, (frame, alpha) in enumerate(
            moving(_read(person.with_suffix(".jpg")), _read_alpha(person), plate, random, options)
        ):
            _write(folder / f"frame{index:03d}.jpg", frame)
            cv2.imwrite(str(folder / f"alpha{index:03d}.png"), np.rint(alpha * 255))
        entry: dict[str, Any] = {"clip": name, "kind": "person", "frames": options.frames}
        entries.append(entry | {"height": options.height, "width": options.width, "rate": "24/1"})
    (options.folder / "index.json").write_text(json.dumps(entries, indent=1) + "\n")


def moving(
    foreground: Picture,
    alpha: Picture,
    plate: Picture,
    random: np.random.Generator,
    options: argparse.Namespace,
) -> Iterator[tuple[Picture, Picture]]:
    """Yield frames (H W 3, 0..1) and their exact alpha (H W 1) of one clip.

    foreground h w 3, alpha h w 1: the cut-out. plate: H W 3.
    """
    motion = Motion(
        start=random.uniform(0.25, 0.75) * options.width / options.height,
        speed=random.uniform(-0.012, 0.012),
        sway=random.uniform(0.0, 0.02),
        period=random.uniform(10, 30),
        nearer=random.uniform(-0.002, 0.004),
        bend=random.uniform(0.0, 0.04),
        turn=random.uniform(0.0, 2.0),
    )
    tall = random.uniform(0.75, 1.1)
    noise, drift = random.uniform(0.8, 3.0), random.uniform(0.0, 0.06)
    for index in range(options.frames):
        placed = _place(foreground, alpha, motion, tall, index, plate.shape)
        colour, coverage = placed[..., :3], placed[..., 3:]
        gain = np.float32(1 + drift * np.sin(index / 9))
        frame = (colour + (1 - coverage) * plate) * gain  # colour is premultiplied
        yield _shaken(frame, noise, random), coverage


def _place(
    foreground: Picture,
    alpha: Picture,
    motion: Motion,
    tall: float,
    index: int,
    shape: tuple[int, ...],
) -> Picture:
    """Draw the cut-out at a moment: H W 4, premultiplied."""
    height, width = shape[:2]
    phase = 2 * np.pi * index / motion.period
    size = tall * (1 + motion.nearer * index)
    scale = size * height / foreground.shape[0]
    x = motion.start + motion.speed * index + motion.sway * np.sin(phase)
    cut = cv2.resize(
        np.dstack([foreground * alpha, alpha]),
        None,
        fx=scale,
        fy=scale,
        interpolation=cv2.INTER_AREA,
    )
    high, wide = cut.shape[:2]
    turned = cv2.getRotationMatrix2D((wide / 2, high), motion.turn * np.sin(phase), 1)
    lean = motion.bend * np.sin(phase * 0.7)
    bent = np.array([[1, lean, -lean * high], [0, 1, 0], [0, 0, 1.0]])
    moved = np.vstack([turned, [0, 0, 1]]) @ bent
    moved = (
        np.array([[1, 0, x * height - wide / 2], [0, 1, 1.02 * height - high], [0, 0, 1]]) @ moved
    )
    placed = cv2.warpPerspective(cut, moved, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(np.clip(placed, 0, 1), np.float32)


def _shaken(picture: Picture, levels: float, random: np.random.Generator) -> Picture:
    noise = random.normal(0, levels / 255, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 1), np.float32)


def _covering(picture: Picture, height: int, width: int) -> Picture:
    scale = max(height / picture.shape[0], width / picture.shape[1])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    large = cv2.resize(picture, None, fx=scale * 1.001, fy=scale * 1.001, interpolation=way)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.asarray(np.clip(large[top : top + height, left : left + width], 0, 1), np.float32)


def _read(path: Path) -> Picture:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"{path} cannot be read.")
    return np.asarray(picture[..., ::-1] / np.float32(255), np.float32)


def _read_alpha(path: Path) -> Picture:
    return _read(path)[..., :1]


def _write(path: Path, picture: Picture) -> None:
    cv2.imwrite(str(path), np.rint(picture[..., ::-1] * 255), JPEG)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
