"""Cut the bundled sample and put it over teal: python examples/cut_photo.py (no arguments)."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

import cleanplate
from cleanplate.media.stills import read_still, write_cutout, write_still

with as_file(files("cleanplate") / "sample") as sample:  # or the folder of your own pictures
    frame = read_still(sample / "frame.jpg").picture  # H W 3, float32, 0..1, RGB
    plate = read_still(sample / "plate.jpg").picture
cutout = cleanplate.cutout(frame, plate, warn=print)
write_cutout(Path("cutout.png"), cutout)
teal = np.full_like(frame, (0.0, 0.5, 0.5))
write_still(Path("composite.png"), cutout.over(teal, linear=True))
