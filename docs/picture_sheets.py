"""Lay pictures of the documentation out, with their names, and write them to docs/pictures."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Picture = NDArray[np.float32]
HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
LABEL, GAP = 26, 8  # pixels under and between the panels
PAPER = 205  # neither black nor white, so that both can be seen on it
HAIR = np.s_[192:432, 240:480]  # the part of the sample that is looked at closely, whole tiles
EXAGGERATED = 4  # differences are shown four times as large as they are


def difference(first: Picture, second: Picture) -> Picture:
    """Largest difference of the three channels, exaggerated: H W 1."""
    return (np.abs(first - second).max(2, keepdims=True) * EXAGGERATED).clip(0, 1)


def save(name: str, panels: dict[str, Picture], across: int, side: int) -> None:
    """Lay panels (H W 3 or H W 1, 0..1, all of one size) out, `side` wide, names under them."""
    height, width = next(iter(panels.values())).shape[:2]
    size = (side, round(side * height / width))
    down, step = -(-len(panels) // across), size[1] + LABEL
    sheet = Image.new("RGB", (across * (side + GAP) - GAP, down * step), (PAPER,) * 3)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for index, (label, picture) in enumerate(panels.items()):
        left, top = index % across * (side + GAP), index // across * step
        pixels = np.broadcast_to(picture, (*picture.shape[:2], 3))
        pixels = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
        method = Image.Resampling.NEAREST if side >= width else Image.Resampling.LANCZOS
        sheet.paste(Image.fromarray(pixels).resize(size, method), (left, top))
        draw.text((left + 2, top + size[1] + 3), label, "black", font)
    write(sheet, name)


def write(sheet: Image.Image, name: str) -> None:
    """Write one JPEG and say so."""
    path = PICTURES / f"{name}.jpg"
    sheet.save(path, quality=85, optimize=True)
    print(f"{path.relative_to(HERE.parent)}  {path.stat().st_size / 1000:.0f} kB")
