"""`cleanplate demo`: the bundled sample, cut and put elsewhere."""

import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cleanplate.color import linear_to_srgb
from cleanplate.errors import OutputError
from cleanplate.media.cover import cover
from cleanplate.media.stills import read_still, write_stills
from cleanplate.network import load_model
from cleanplate.pipeline import cutout

Picture = NDArray[np.float32]

MAGENTA = (0.85, 0.0, 0.65)
# The sheet, in pixels: three tiles across, each with its label under it.
TILE, GAP, LABEL, HEADER = 480, 24, 44, 84
PAPER, INK, FAINT = (22, 23, 26), (236, 236, 238), (150, 152, 160)


def run_demo(out: Path, say: Callable[[str], None]) -> None:
    """Cut the bundled sample; write alpha, foreground, composite and contact sheet into `out`.

    say: takes what was done, a line each.
    Raises OutputError where the folder cannot be made or written.
    """
    sample = files("cleanplate") / "sample"
    with as_file(sample / "frame.jpg") as frame_path, as_file(sample / "plate.jpg") as plate_path:
        frame, plate = read_still(frame_path).picture, read_still(plate_path).picture
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{out} cannot be created ({problem.strerror}).") from problem
    started = time.perf_counter()
    model = load_model().for_stills
    loaded = time.perf_counter()
    cut = cutout(frame, plate, model=model, warn=lambda sentence: say(f"warning: {sentence}"))
    finished = time.perf_counter()
    height, width = frame.shape[:2]
    composite = cut.over(evening(height, width), linear=True)
    tiles = {
        "frame": frame,
        "plate": plate,
        "alpha": np.repeat(cut.alpha, 3, axis=2),
        "foreground": cut.over(checkerboard(height, width)),
        "composite": composite,
        "over magenta": cut.over(np.full_like(frame, MAGENTA)),
    }
    title = f"{width} x {height} pixels, cut in {finished - loaded:.1f} s"
    write_stills(
        {
            out / "alpha.png": (cut.alpha, None),
            out / "foreground.png": (cut.foreground, cut.alpha),
            out / "composite.png": (composite, None),
            out / "contact-sheet.png": (contact_sheet(tiles, title), None),
        }
    )
    say(f"{title} (and {loaded - started:.1f} s to load the network)")
    for name in ("alpha", "foreground", "composite", "contact-sheet"):
        say(f"{out / name}.png")


def evening(height: int, width: int) -> Picture:
    """Paint lights out of focus at dusk: H W 3 float32, 0..1, sRGB-encoded. The same every time."""
    random = np.random.default_rng(20)
    rows, columns = -(-height // 2), -(-width // 2)  # what is out of focus needs no more
    down = np.linspace(0.0, 1.0, rows)[:, None, None]
    night, glow = np.array([0.012, 0.02, 0.06]), np.array([0.35, 0.11, 0.05])
    light = np.repeat(night + (glow - night) * down**2, columns, axis=1).astype(np.float32)
    colours = np.array([[1.0, 0.55, 0.2], [1.0, 0.8, 0.5], [0.25, 0.5, 1.0], [1.0, 0.25, 0.3]])
    for _ in range(90):
        radius = rows * random.uniform(0.012, 0.055)
        centre = random.uniform(0, columns), rows * random.normal(0.62, 0.17)
        strength = random.uniform(0.1, 0.6) * (0.02 * rows / radius) ** 0.5
        disc = np.zeros((rows, columns), np.uint8)
        cv2.circle(disc, _fixed(*centre), _fixed(radius)[0], 255, -1, cv2.LINE_AA, 4)
        colour = (colours[random.integers(4)] * strength / 255).astype(np.float32)
        light += disc[..., None] * colour
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), rows / 300), np.float32)
    light = np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.asarray(linear_to_srgb(np.clip(light, 0.0, 1.0)), np.float32)


def checkerboard(height: int, width: int, square: int = 24) -> Picture:
    """Make the grey squares that stand for transparency: H W 3 float32."""
    rows, columns = np.arange(height)[:, None] // square, np.arange(width)[None] // square
    grey = np.where((rows + columns) % 2 == 0, 0.46, 0.36).astype(np.float32)
    return np.asarray(np.repeat(grey[..., None], 3, axis=2))


def contact_sheet(tiles: dict[str, Picture], title: str) -> Picture:
    """Lay pictures (H W 3, 0..1, any size) out three across with their names under them.

    Returns the sheet, H W 3 float32, 0..1.
    """
    rows = -(-len(tiles) // 3)
    width = GAP + 3 * (TILE + GAP)
    sheet = Image.new("RGB", (width, HEADER + rows * (TILE + LABEL) + GAP // 2), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, HEADER / 2), "cleanplate", INK, ImageFont.load_default(34), anchor="lm")
    draw.text((width - GAP, HEADER / 2), title, FAINT, ImageFont.load_default(20), anchor="rm")
    for index, (name, picture) in enumerate(tiles.items()):
        left = GAP + index % 3 * (TILE + GAP)
        top = HEADER + index // 3 * (TILE + LABEL)
        tile = np.rint(cover(picture, (TILE, TILE)) * 255).astype(np.uint8)
        sheet.paste(Image.fromarray(tile), (left, top))
        draw.text((left, top + TILE + 10), name, INK, ImageFont.load_default(20))
    return np.asarray(sheet, np.float32) / np.float32(255)


def _fixed(*values: float) -> list[int]:
    """Coordinates with the four fractional bits that OpenCV draws with."""
    return [round(value * 16) for value in values]
