"""Lay rendered shots out as the other pools are: cut-outs, and whole pictures with their mask.

python rendering/lay_out.py SHOTS --foregrounds FOLDER --labelled FOLDER --things FOLDER
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray


def main() -> None:
    """Write NAME.jpg and NAME.png of every shot: people into two folders, things into one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shots", type=Path)
    parser.add_argument("--foregrounds", type=Path, required=True, help="for train teacher")
    parser.add_argument("--labelled", type=Path, required=True, help="for train segmenter")
    parser.add_argument("--things", type=Path, required=True, help="for train teacher alone")
    options = parser.parse_args()
    for folder in (options.foregrounds, options.labelled, options.things):
        folder.mkdir(parents=True, exist_ok=True)
    for shot in sorted(path for path in options.shots.glob("[!.]*") if path.is_dir()):
        frame, alpha, foreground = (
            cv2.imread(str(shot / f"{name}.png")) for name in ("frame", "alpha", "foreground")
        )
        cut_out = extend(foreground, alpha)
        pairs = {options.foregrounds: cut_out, options.labelled: frame}
        if shot.name.endswith("-thing"):
            pairs = {options.things: cut_out}
        for folder, colour in pairs.items():
            cv2.imwrite(str(folder / f"{shot.name}.png"), alpha[..., 0])
            cv2.imwrite(str(folder / f"{shot.name}.jpg"), colour, [cv2.IMWRITE_JPEG_QUALITY, 95])


def extend(foreground: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give colours to what has none, so that a pool's pictures can be scaled without dark edges."""
    cover = alpha.astype(np.float32) / 255
    filled = foreground * cover
    known = cover
    for sigma in (1.5, 6, 24):
        near, share = (
            cv2.GaussianBlur(filled, (0, 0), sigma),
            cv2.GaussianBlur(known, (0, 0), sigma),
        )
        missing = (cover < 0.05) & (known < 0.01) & (share > 1e-3)
        filled = np.where(missing, near / np.maximum(share, 1e-3), filled)
        known = np.where(missing, 1, known)
    straight = np.where(cover >= 0.05, foreground, filled)
    return np.asarray(straight.round().clip(0, 255), np.uint8)


if __name__ == "__main__":
    main()
