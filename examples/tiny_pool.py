"""Make a tiny pool of foregrounds and backgrounds from the bundled sample.

    python examples/tiny_pool.py tiny

Far too little to learn from, enough to try every training command in seconds.
"""

import sys
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from cleanplate.composite import unpremultiply
from cleanplate.media.stills import read_still, write_still


def make_tiny_pool(folder: Path) -> None:
    """Write `folder`/foregrounds (NAME.jpg with NAME.png as alpha) and `folder`/backgrounds."""
    with as_file(files("cleanplate") / "sample") as sample:
        frame, plate, alpha = (
            read_still(sample / name).picture for name in ("frame.jpg", "plate.jpg", "alpha.png")
        )
    alpha = alpha[..., :1]
    # The straight foreground: I = alpha F + (1 - alpha) B, solved for F.
    foreground = np.clip(unpremultiply(frame - (1 - alpha) * plate, alpha), 0, 1)
    for name in ("foregrounds", "backgrounds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    darker = (foreground * np.float32(0.6), alpha)
    mirrored = (foreground[:, ::-1], alpha[:, ::-1])
    variants = {"plain": (foreground, alpha), "darker": darker, "mirrored": mirrored}
    for name, (colour, coverage) in variants.items():
        write_still(folder / "foregrounds" / f"{name}.jpg", np.ascontiguousarray(colour))
        write_still(folder / "foregrounds" / f"{name}.png", np.ascontiguousarray(coverage))
    for index, channels in enumerate(((0, 1, 2), (1, 2, 0), (2, 0, 1))):
        for turns in range(2):
            picture = np.ascontiguousarray(np.rot90(plate[..., channels], turns))
            write_still(folder / "backgrounds" / f"{index}{turns}.jpg", picture)


if __name__ == "__main__":
    make_tiny_pool(Path(sys.argv[1]))
