"""Screens keyed by cleanplate and by two plain keyers, on known composites: MAD and foreground MSE.

    python benchmarks/keying.py FOREGROUNDS [--count 8] [--pictures FOLDER]

FOREGROUNDS: a folder of cut-outs, NAME.jpg (straight colour) with NAME.png (alpha). The screens
are made up (keying_scenes.py). The plain keyers get the screen's median colour, and of their
settings those that are best for this very set; cleanplate finds the screen, its settings stay.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cleanplate.composite import over
from cleanplate.keying import estimate_screen, key_frame
from cleanplate.media.stills import write_still
from cleanplate.metrics import foreground_mse, mad
from cleanplate.screens.backings import key_two_backings
from keying_peers import chroma_key, vlahos_key
from keying_scenes import CONDITIONS, Shot, shots
from scenes import commit

Picture = NDArray[np.float32]
Matte = tuple[Picture, Picture]
Row = dict[str, list[tuple[float, float]]]

RESULTS = Path(__file__).parent / "results" / "keying.txt"
CHROMA = list(product((0.05, 0.08, 0.12), (0.1, 0.2)))  # tolerance, softness
VLAHOS = list(product((1.0, 1.2, 1.4, 1.6), (1.0,)))  # gain, balance


def main() -> int:
    arguments = _arguments()
    rows: dict[str, Row] = {}
    for shot in shots(arguments.foregrounds, arguments.count):
        print(shot.name, shot.condition, file=sys.stderr, flush=True)
        for method, matte in _mattes(shot):
            scores = (
                mad(matte[0], shot.alpha),
                foreground_mse(matte[1], shot.foreground, shot.alpha),
            )
            rows.setdefault(method, {}).setdefault(shot.condition, []).append(scores)
            if arguments.pictures and method.startswith("cleanplate"):
                _show(arguments.pictures, shot, method, matte)
    text = "\n".join(_table(rows, arguments))
    print(text)
    if not arguments.dry:
        RESULTS.write_text(text + "\n", encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("foregrounds", type=Path, metavar="FOREGROUNDS")
    parser.add_argument("--count", type=int, default=8, help="subjects, green and blue in turn")
    parser.add_argument("--pictures", type=Path, help="folder for composites over grey")
    parser.add_argument("--dry", action="store_true", help="print only, keep the results file")
    return parser.parse_args()


def _mattes(shot: Shot) -> Iterator[tuple[str, Matte]]:
    screen = estimate_screen(shot.frame)
    with_plate = estimate_screen(shot.frame, plate=shot.plate)
    for name, given in (("cleanplate", screen), ("cleanplate, plate", with_plate)):
        cutout = key_frame(shot.frame, given)
        yield name, (cutout.alpha, cutout.foreground)
    backings = key_two_backings((shot.frame, shot.other_frame), (shot.plate, shot.other_plate))
    yield "cleanplate, two backings", (backings.cutout.alpha, backings.cutout.foreground)
    colour = np.median(shot.frame[screen.sure], axis=0)
    peers: list[tuple[str, Callable[..., Matte], list[tuple[float, float]]]] = [
        ("chroma", chroma_key, CHROMA),
        ("vlahos", vlahos_key, VLAHOS),
    ]
    for title, keyer, settings in peers:
        for setting in settings:
            yield f"{title} {setting}", keyer(shot.frame, colour, *setting)


def _table(rows: dict[str, Row], arguments: argparse.Namespace) -> Iterator[str]:
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    yield (
        f"python benchmarks/keying.py {arguments.foregrounds.name} --count {arguments.count}, "
        f"at {commit()}, {date}"
    )
    yield "MAD of alpha and mean squared error of the straight foreground, x 1000; less is better"
    yield ""
    yield f"{'':26}" + "".join(f"{condition:>15}" for condition in (*CONDITIONS, "all"))
    yield f"{'':26}" + f"{'MAD':>9}{'MSE':>6}" * (len(CONDITIONS) + 1)
    for title in ("cleanplate", "cleanplate, plate", "cleanplate, two backings"):
        yield _line(title, rows[title])
    for title in ("chroma", "vlahos"):
        several = [row for name, row in rows.items() if name.startswith(title)]
        yield _line(f"{title} keyer, best setting", min(several, key=lambda row: _mean(row)[0]))


def _line(title: str, row: Row) -> str:
    cells = [np.mean(row[condition], axis=0) for condition in CONDITIONS] + [_mean(row)]
    return f"{title:26}" + "".join(f"{cell[0]:9.1f}{cell[1]:6.1f}" for cell in cells)


def _mean(row: Row) -> NDArray[np.float64]:
    return np.asarray(np.mean([score for scores in row.values() for score in scores], axis=0))


def _show(folder: Path, shot: Shot, method: str, matte: Matte) -> None:
    """Frame, truth over grey, cutout over grey, alpha, side by side."""
    folder.mkdir(parents=True, exist_ok=True)
    grey = np.full_like(shot.frame, 0.5)
    panels = [
        shot.frame,
        over(shot.foreground, shot.alpha, grey),
        over(matte[1], matte[0], grey),
        np.repeat(matte[0], 3, axis=2),
    ]
    name = f"{shot.name}-{shot.condition}-{method.replace(', ', '-').replace(' ', '-')}.png"
    write_still(folder / name, np.concatenate(panels, axis=1))


if __name__ == "__main__":
    sys.exit(main())
