"""Make every picture of the documentation from our own renders and the shipped weights.

    python docs/make_pictures.py

Writes docs/pictures/*.jpg and prints a line for each. Run it again after the weights or the code
changed; it needs no other input. Everything is done on the CPU. The picture of the studio is made
by picture_of_studio.py, which needs a browser.
"""

import runpy
import tempfile
from pathlib import Path

import numpy as np
from picture_sheets import GAP, HERE, PAPER, PICTURES, Picture, save, write
from pictures_of_stages import (
    equation,
    full_resolution,
    left_out,
    moved_plate,
    network,
    prior,
    spill,
)
from pictures_of_trouble import failures, linear, straight, troubles
from PIL import Image

from cleanplate.demo import HEADER, run_demo
from cleanplate.media.stills import read_still
from cleanplate.training.data import read_pool
from cleanplate.training.sheet import SHOWN, sample_row
from cleanplate.training.synthesis import Recipe, synthesize


def main() -> None:
    """Make them all."""
    PICTURES.mkdir(exist_ok=True)
    frame, plate, alpha_true = sample()
    for make in (equation, moved_plate, prior, network, full_resolution, left_out, spill):
        make(frame, plate, alpha_true)
    for make in (straight, linear, troubles):
        make(frame, plate, alpha_true)
    failures(frame, plate)
    synthesis()
    demo()


def sample() -> tuple[Picture, Picture, Picture]:
    """Frame and plate H W 3 and the true alpha H W 1 of the difficult render."""
    frame, plate, alpha = (
        read_still(HERE / "difficult" / name).picture
        for name in ("frame.jpg", "plate.jpg", "alpha.png")
    )
    return frame, plate, alpha[..., :1]


def synthesis() -> None:
    """Training samples made from a tiny pool that is made of the sample itself."""
    tiny = runpy.run_path(str(HERE.parent / "examples" / "tiny_pool.py"))
    with tempfile.TemporaryDirectory() as folder:
        tiny["make_tiny_pool"](Path(folder))
        foregrounds = read_pool(Path(folder, "foregrounds"), foregrounds=True)
        backgrounds = read_pool(Path(folder, "backgrounds"), foregrounds=False)
        samples = [
            synthesize(
                np.random.default_rng([4, index]), foregrounds, backgrounds, Recipe(size=140)
            )
            for index in range(8)
        ]
    columns = zip(
        *(np.split(sample_row(made), len(SHOWN), axis=1) for made in samples), strict=True
    )
    line = ((0, GAP), (0, 0), (0, 0))
    panels = {
        name: np.concatenate([np.pad(part, line, constant_values=PAPER / 255) for part in parts])
        for name, parts in zip(SHOWN, columns, strict=True)
    }
    save("synthesis", panels, across=len(SHOWN), side=140)


def demo() -> None:
    """Show the contact sheet of `cleanplate demo`, without its first line."""
    with tempfile.TemporaryDirectory() as folder:
        run_demo(Path(folder), lambda line: None)
        sheet = Image.open(Path(folder, "contact-sheet.png")).convert("RGB")
    # The time in that line is this machine's, of today.
    sheet = sheet.crop((0, HEADER - 16, *sheet.size))
    sheet = sheet.resize((1000, round(sheet.height * 1000 / sheet.width)), Image.Resampling.LANCZOS)
    write(sheet, "demo")


if __name__ == "__main__":
    main()
