"""Is there a screen? Photos without one that are taken for one, made-up screens that are refused.

    python benchmarks/screens_found.py PHOTOS... [--side 320] [--count 432]

PHOTOS: folders of photos without a screen. The screens are of six greens and six blues as cloth and
paint have them, evenly and badly lit (to a third), plain and wrinkled, with haze, tinted light, too
dark and too bright, filling the frame or with the grey studio beside, and a subject that hides
little or most of them. Of all these settings `--count` a colour are drawn, always the same.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import product
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb, srgb_to_linear
from cleanplate.errors import InputError
from cleanplate.keying import estimate_screen
from cleanplate.screens.hue import hue_name
from scenes import commit

Picture = NDArray[np.float32]

HEIGHT, WIDTH = 180, 320
GREENS = ("#26a840", "#00b140", "#3caa46", "#5abe50", "#2e8b3a", "#50b450")
BLUES = ("#1f47bf", "#0047bb", "#2850aa", "#2346a0", "#3058c8", "#1c3c8c")
UNEVEN, WRINKLES, HAZE, HIDDEN = (0.0, 0.4, 0.6), (0.0, 0.2), (0.0, 0.02), (0.3, 0.6, 0.8)
EXPOSURES, BESIDE = (0.4, 1.0, 1.8), (0.0, 0.3)  # times the light; share of the width


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS")
    parser.add_argument("--side", type=int, default=320, help="longer side of a photo")
    parser.add_argument("--count", type=int, default=432, help="screens of each colour")
    arguments = parser.parse_args()
    folders = " ".join(folder.name for folder in arguments.photos)
    print(f"python benchmarks/screens_found.py {folders}, at {commit()}, {date.today()}")
    print(
        f"photos of {arguments.side} pixels; {arguments.count} screens of each colour\n", flush=True
    )
    for folder in arguments.photos:
        taken, count = [], 0
        for path in sorted(folder.rglob("*.jpg")) + sorted(folder.rglob("*.png")):
            count += 1
            if _found(_photo(path, arguments.side)) is not None:
                taken.append(path.name)
        print(
            f"{folder.name}: {len(taken)} of {count} taken for a screen {' '.join(taken)}".rstrip(),
            flush=True,
        )
    for name, colours in (("green", GREENS), ("blue", BLUES)):
        count, refused, settings = 0, 0, Counter[str]()
        for setting, frame in _screens(colours, arguments.count):
            count += 1
            print(f"\r{name} {count}", end="", file=sys.stderr, flush=True)
            if _found(frame) != name:
                refused += 1
                settings.update(setting)
        print("\r", end="", file=sys.stderr)
        often = ", ".join(f"{setting} {times}" for setting, times in settings.most_common(8))
        print(f"{name} screens: {refused} of {count} refused {often}".rstrip(" "), flush=True)
    return 0


def _found(frame: Picture) -> str | None:
    try:
        return hue_name(estimate_screen(frame).axis)
    except InputError:
        return None


def _photo(path: Path, side: int) -> Picture:
    pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR))
    scale = min(1.0, side / max(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1], np.float32) / np.float32(255)


def _screens(colours: tuple[str, ...], most: int) -> Iterator[tuple[list[str], Picture]]:
    random = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    settings = list(product(colours, UNEVEN, WRINKLES, HAZE, HIDDEN, EXPOSURES, BESIDE))
    for place in sorted(random.permutation(len(settings))[:most]):
        text, uneven, depth, haze, hidden, exposure, beside = settings[place]
        colour = np.array([int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        bright = 1 - uneven * (0.6 * (x + 0.3) ** 2 + 0.4 * y)
        for middle, width in ((-0.6, 0.05), (0.75, 0.03), (0.5, 0.08)):
            fold = (x + 0.3 * y - middle) / width
            bright = bright + depth * fold * np.exp(-(fold**2))
        tint = 1 + random.normal(0, 0.03, 3) * x[..., None]  # lamps of two colours
        light = np.maximum(bright, 0.1)[..., None] * srgb_to_linear(colour) * tint + haze
        light[:, : round(beside * WIDTH)] = 0.15 * (1 + 0.3 * y[:, : round(beside * WIDTH), None])
        # A subject from the lower edge up, as wide as it takes.
        alpha = np.clip((hidden * 2 - np.abs(x) * 2) * 40, 0, 1) * np.clip((y + 0.85) * 40, 0, 1)
        subject = srgb_to_linear(np.array(((0.8, 0.6, 0.5), (0.1, 0.1, 0.12)))[random.integers(2)])
        mixed = exposure * (light + alpha[..., None] * (subject - light))
        noisy = linear_to_srgb(np.clip(mixed + random.normal(0, 0.004, mixed.shape), 0, 1))
        setting = [
            text,
            f"uneven {uneven}",
            f"wrinkles {depth}",
            f"haze {haze}",
            f"hidden {hidden}",
            f"exposure {exposure}",
            f"beside {beside}",
        ]
        yield setting, np.asarray(noisy, np.float32)


if __name__ == "__main__":
    sys.exit(main())
