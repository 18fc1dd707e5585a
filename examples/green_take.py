"""Make a tiny take before a green cloth, and a few backgrounds, from the bundled sample.

    python examples/green_take.py take

Writes take/anna.mp4, take/ben.mp4 (the sample's person, moving before an uneven green cloth, and
a recoloured mirror image) and take/backgrounds. It stands for a phone's: enough to try every
command of docs/own-data.md, too little to learn from.
"""

import sys
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb, srgb_to_linear
from cleanplate.composite import over, unpremultiply
from cleanplate.media.stills import read_still, write_still

Picture = NDArray[np.float32]
HEIGHT, WIDTH, FRAMES = 272, 480, 24


def make_green_take(folder: Path) -> None:
    """Write two clips and six backgrounds below `folder`."""
    with as_file(files("cleanplate") / "sample") as sample:
        frame, plate, alpha = (
            read_still(sample / name).picture for name in ("frame.jpg", "plate.jpg", "alpha.png")
        )
    alpha = alpha[..., :1]
    foreground = np.clip(unpremultiply(frame - (1 - alpha) * plate, alpha), 0, 1)
    (folder / "backgrounds").mkdir(parents=True, exist_ok=True)
    write_take(folder / "anna.mp4", foreground, alpha)
    write_take(folder / "ben.mp4", 0.7 * foreground[:, ::-1, ::-1], alpha[:, ::-1])
    for index, channels in enumerate(((0, 1, 2), (1, 2, 0), (2, 0, 1))):
        for turns in range(2):
            picture = np.ascontiguousarray(np.rot90(plate[..., channels], turns))
            write_still(folder / "backgrounds" / f"{index}{turns}.jpg", picture)


def write_take(path: Path, foreground: Picture, alpha: Picture) -> None:
    """Write a clip of the subject (H W 3, H W 1) before the cloth: H.264 as a phone makes it."""
    cloth, random = green_cloth(), np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24), options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(FRAMES):
            scale = 0.92 * HEIGHT / alpha.shape[0]
            left = WIDTH / 2 - scale * alpha.shape[1] / 2 + 40 * np.sin(index / 6)
            move = np.array([[scale, 0, left], [0, scale, 0.08 * HEIGHT]], np.float32)
            size, way = (WIDTH, HEIGHT), cv2.INTER_AREA
            moved = cv2.warpAffine(
                foreground, move, size, flags=way, borderMode=cv2.BORDER_REPLICATE
            )
            coverage = cv2.warpAffine(np.ascontiguousarray(alpha), move, size, flags=way)[..., None]
            shot = over(moved.astype(np.float32), coverage, cloth, True)
            shot = shot + random.normal(0, 0.006, shot.shape)
            pixels = np.round(shot.clip(0, 1) * 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def green_cloth() -> Picture:
    """Make a lit cloth, brighter on one side, with folds: H W 3, sRGB-encoded."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    light = 1 - 0.25 * (x + 0.3) ** 2 - 0.1 * y
    for place, width in ((-0.6, 0.05), (0.7, 0.03)):
        fold = (x + 0.3 * y - place) / width
        light = light + 0.08 * fold * np.exp(-(fold**2))
    green = srgb_to_linear(np.array((0.15, 0.66, 0.25)))
    return np.asarray(linear_to_srgb(np.clip(light[..., None] * green, 0, 1)), np.float32)


if __name__ == "__main__":
    make_green_take(Path(sys.argv[1]))
