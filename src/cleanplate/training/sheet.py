"""Contact sheets of training samples: numbers miss what the eye finds at once."""

from pathlib import Path

import cv2
import numpy as np

from cleanplate.errors import OutputError
from cleanplate.jobs.places import refuse_overwriting
from cleanplate.media.replacing import replacing
from cleanplate.training.data import read_pool
from cleanplate.training.disturbances import Picture
from cleanplate.training.synthesis import Recipe, Sample, synthesize

SHOWN = ("frame", "plate", "alpha", "foreground", "prior", "shadow", "valid")


def sample_row(sample: Sample) -> Picture:
    """One sample side by side: frame, plate, alpha, foreground, prior, shadow, validity."""
    row = []
    for name in SHOWN:
        picture = sample[name]  # type: ignore[literal-required]
        row.append(picture if picture.shape[2] == 3 else np.repeat(picture[..., :1], 3, 2))
    return np.concatenate(row, 1).clip(0, 1)


def write_contact_sheet(
    foregrounds: Path, backgrounds: Path, out: Path, count: int, size: int, seed: int
) -> None:
    """Write `count` samples, two a line, as PNG; the same seed gives the same sheet."""
    if out.suffix.lower() != ".png":
        raise OutputError(f"{out} must end in .png.")
    pools = read_pool(foregrounds, foregrounds=True), read_pool(backgrounds, foregrounds=False)
    refuse_overwriting([path for pool in pools for path in pool.files()], [out])
    rows = [
        sample_row(synthesize(np.random.default_rng([seed, index]), *pools, Recipe(size=size)))
        for index in range(count)
    ]
    if count % 2:
        rows.append(np.zeros_like(rows[0]))
    lines = [np.concatenate(pair, 1) for pair in zip(rows[::2], rows[1::2], strict=True)]
    pixels = np.round(np.concatenate(lines)[..., ::-1] * 255).astype(np.uint8)
    with replacing(out) as temporary:
        if not cv2.imwrite(str(temporary), pixels):
            raise OutputError(f"{out} cannot be written; is the disk full?")
