"""Pictures of a data set: a page of what was left out and why, and contact sheets."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.composite import over
from cleanplate.errors import InputError, OutputError
from cleanplate.jobs.places import refuse_overwriting
from cleanplate.media.replacing import replacing
from cleanplate.report_style import STYLE
from cleanplate.scoring import checks
from cleanplate.training.data import Item, Pool, read_colour, read_foreground, read_pool
from cleanplate.training.dataset.manifest import ROLES, SPLITS
from cleanplate.training.dataset.mattes import KINDS, Defect
from cleanplate.training.dataset.plan import Judged

Pixels = NDArray[np.uint8]
Thing = TypeVar("Thing")

SIDE = 220
MOST = 400  # pictures on a page
WORDS = {**KINDS, "copy": "the same file is there twice", "small": "it is too small to learn from"}


def write_page(path: Path, name: str, judged: Sequence[Judged]) -> None:
    """Write an HTML page that needs nothing else: what was left out, and what nearly repeats.

    Where a defect is, the picture is red. Raises OutputError.
    """
    left = [one for one in judged if one.entry.problems]
    near = [one for one in judged if one.entry.near and not one.entry.problems]
    parts = [
        f"<header><h1>{html.escape(name)}</h1><p>{len(judged)} pictures, {len(left)} left "
        f"out, {len(near)} that nearly repeat another (kept, in the same split).</p></header>"
    ]
    kinds = sorted({problem for one in left for problem in one.entry.problems})
    for kind in kinds:
        found = [one for one in left if kind in one.entry.problems]
        title = f"{kind}: {WORDS[kind]}" if kind in WORDS else kind
        parts.append(_section(f"{len(found)} x {title}", found, kind))
    if near:
        parts.append(_section("Near-duplicates", near, "near"))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(name)}: what was left out</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def write_sheet(folder: Path, out: Path, split: str, count: int) -> None:
    """Write a contact sheet (PNG) of a data set, or of a pool of foregrounds.

    Of a set with composites: a row each of composite, plate, foreground and alpha, two samples a
    line. Otherwise: cut-outs over checks, six a line. Raises InputError, OutputError.
    """
    if out.suffix.lower() != ".png":
        raise OutputError(f"{out} must end in .png.")
    if split not in SPLITS:
        raise InputError(f"--split {split} is not known: use {' or '.join(SPLITS)}.")
    composites = folder / split / "composites"
    if composites.is_dir():
        tiles, columns = _samples(composites, count), 2
    else:
        cut_outs = folder / split / "foregrounds"
        pool = read_pool(cut_outs if cut_outs.is_dir() else folder, foregrounds=True)
        refuse_overwriting(pool.files(), [out])
        tiles, columns = _cutouts(pool, count), 6
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[at : at + columns]) for at in range(0, len(tiles), columns)]
    with replacing(out) as temporary:
        if not cv2.imwrite(str(temporary), np.vstack(lines)[..., ::-1]):
            raise OutputError(f"{out} cannot be written; is the disk full?")


def _samples(composites: Path, count: int) -> list[Pixels]:
    items = {item.name: item for group in read_pool(composites, False).groups for item in group}
    keys = [name.removesuffix(".composite.jpg") for name in items if ".composite." in name]
    rows = []
    for key in _spaced(keys, count):
        endings = [".png" if role == "alpha" else ".jpg" for role in ROLES]
        shown = [
            _fitted(read_colour.__wrapped__(items[f"{key}.{role}{ending}"]))
            for role, ending in zip(ROLES, endings, strict=True)
        ]
        rows.append(np.hstack(shown))
    return rows


def _cutouts(pool: Pool, count: int) -> list[Pixels]:
    items = [item for group in pool.groups for item in group]
    return [_fitted(over_checks(*read_foreground.__wrapped__(i))) for i in _spaced(items, count)]


def _spaced(things: Sequence[Thing], count: int) -> list[Thing]:
    places = np.linspace(0, len(things) - 1, min(count, len(things)))
    return [things[round(place)] for place in places]


def over_checks(foreground: Pixels, alpha: Pixels) -> Pixels:
    """Place a cut-out (H W 3, H W 1) over grey checks."""
    height, width = alpha.shape[:2]
    coverage = alpha.astype(np.float32) / 255
    side = max(8, max(height, width) // 24)
    mixed = over(foreground.astype(np.float32) / 255, coverage, checks(height, width, side))
    return np.asarray(np.round(mixed.clip(0, 1) * 255), np.uint8)


def _fitted(picture: Pixels) -> Pixels:
    """Scale into a square of SIDE pixels."""
    scale = SIDE / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    square = np.full((SIDE, SIDE, 3), 24, np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _section(title: str, found: Sequence[Judged], kind: str) -> str:
    figures = "".join(_figure(one, kind) for one in found[:MOST])
    more = f"<p class=note>and {len(found) - MOST} more</p>" if len(found) > MOST else ""
    return (
        f'<section><h2>{html.escape(title)}</h2><div class="grid">{figures}</div>{more}</section>'
    )


def _figure(one: Judged, kind: str) -> str:
    entry = one.entry
    words = f"repeats {', '.join(entry.near[:3])}" if kind == "near" else ""
    defect = next((each for each in one.defects if each.kind == kind), None)
    if defect is not None:
        words = f"{defect.amount:.1%}"
    picture = _shown(one.picture.item, entry.kind == "foreground", defect)
    image = ""
    if picture is not None:
        _, jpeg = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
        data = base64.b64encode(jpeg.tobytes()).decode("ascii")
        image = f'<img src="data:image/jpeg;base64,{data}" alt="">'
    caption = f"<span>{html.escape(entry.name)}</span><span>{html.escape(words)}</span>"
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _shown(item: Item, cut_out: bool, defect: Defect | None) -> Pixels | None:
    try:
        if not cut_out:
            return _fitted(read_colour.__wrapped__(item))
        picture = over_checks(*read_foreground.__wrapped__(item))
    except InputError:
        return None
    if defect is not None and defect.where is not None:
        wide = max(1, max(picture.shape[:2]) // 160)
        marked = cv2.dilate(defect.where.astype(np.uint8), np.ones((wide, wide), np.uint8)) > 0
        picture[marked] = picture[marked] // 3 + np.array([170, 0, 0], np.uint8)
    return _fitted(picture)
