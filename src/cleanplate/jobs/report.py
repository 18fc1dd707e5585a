"""A job as one HTML page that needs nothing else: curves over time, and frames to look at."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cleanplate.jobs.notes import REASONS, FrameRecord, Look, pick_looks
from cleanplate.media.replacing import replacing
from cleanplate.report_style import STYLE

Values = NDArray[np.float64]

WIDTH, HEIGHT = 1000, 120  # of a curve, in its own units
MOST_WARNINGS = 12
MOST_POINTS = 500  # of a curve; more are summed up by their extremes

CLIP_STYLE = """
.curve{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px 14px;
margin:0 0 14px}
.curve svg{display:block;width:100%;height:130px;overflow:visible}
.curve h3{display:flex;justify-content:space-between;gap:12px;flex-wrap:wrap}
.curve h3 span{color:var(--soft);font-weight:400;font-size:.85rem}
.curve path{fill:none;stroke:var(--accent);stroke-width:1.5;vector-effect:non-scaling-stroke}
.curve path.red{stroke:#d1433a}.curve path.green{stroke:#3b9a4b}.curve path.blue{stroke:#3c78d8}
.curve line{stroke:var(--line);vector-effect:non-scaling-stroke}
.curve rect{fill:var(--high);opacity:.28}
.ends{display:flex;justify-content:space-between;color:var(--soft);font-size:.8rem}
.looks{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(340px,100%),1fr));gap:14px}
"""


@dataclass(frozen=True)
class ClipFacts:
    """What the heading says. name: of the clip; lines: sentences about it."""

    name: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Curve:
    title: str
    unit: str
    lines: dict[str, Callable[[FrameRecord], float | None]]  # by colour, "" is the accent
    scale: float = 1.0
    from_zero: bool = True


CURVES = (
    _Curve("Plate's fit", "px between plate and frame", {"": lambda record: record.residual}),
    _Curve(
        "Exposure",
        "gain of the plate to fit the frame: red, green, blue",
        {
            "red": lambda record: record.gain[0],
            "green": lambda record: record.gain[1],
            "blue": lambda record: record.gain[2],
        },
        from_zero=False,
    ),
    _Curve("Agreement", "% of the scene like the plate", {"": lambda r: r.agreement}, 100),
    _Curve("Uncertain", "% of the frame with alpha in between", {"": lambda r: r.uncertain}, 100),
    _Curve("Change", "mean |alpha - alpha before| x 1000", {"": lambda r: r.change}, 1000),
)


def write_clip_report(
    path: Path, facts: ClipFacts, records: Sequence[FrameRecord], looks: Sequence[Look]
) -> None:
    """Write the page of a job.

    records: every frame in order, at least one. looks: what the parts kept; the page picks.
    Raises OutputError where the page cannot be written.
    """
    title = f"Cutout of {html.escape(facts.name)}"
    parts = [_heading(facts, records), _warnings(records), "<section><h2>Over time</h2>"]
    parts += [_curve(curve, records) for curve in CURVES]
    parts.append("</section>")
    parts.append(_looks(pick_looks(looks)))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>'
        f"<style>{STYLE}{CLIP_STYLE}</style></head><body><main>{''.join(parts)}</main>"
        "</body></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def lost_ranges(records: Sequence[FrameRecord]) -> list[tuple[int, int]]:
    """First and last index of each run of frames in which the plate was lost."""
    ranges: list[tuple[int, int]] = []
    for record in records:
        if not record.lost:
            continue
        if ranges and ranges[-1][1] == record.index - 1:
            ranges[-1] = (ranges[-1][0], record.index)
        else:
            ranges.append((record.index, record.index))
    return ranges


def doubts(records: Sequence[FrameRecord]) -> list[str]:
    """Say where the plate was lost, and each warning of the pipeline with its first frame."""
    sentences = []
    ranges = lost_ranges(records)
    if ranges:
        named = [f"{a} to {b}" if a < b else str(a) for a, b in ranges[:6]]
        more = f" and {len(ranges) - 6} more stretches" if len(ranges) > 6 else ""
        frames = f"frames {', '.join(named)}{more}"
        sentences.append(f"The plate was lost in {frames}: look at the cutout there.")
    first: dict[str, FrameRecord] = {}
    for record in records:
        if record.words:
            first.setdefault(record.words, record)
    for words, record in list(first.items())[:MOST_WARNINGS]:
        sentences.append(f"From frame {record.index} ({clock(record.seconds)}): {words}")
    return sentences


def rate_words(rate: Fraction | None) -> str:
    """Say how many frames a clip has in a second; None: it varies."""
    return "variable rate" if rate is None else f"{float(rate):.6g} frames a second"


def clock(seconds: float) -> str:
    """Time as people read it: 1:02:03.45, without hours where there are none."""
    minutes, rest = divmod(round(seconds * 100) / 100, 60)
    hours, minutes = divmod(int(minutes), 60)
    front = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{front}:{rest:05.2f}"


def _heading(facts: ClipFacts, records: Sequence[FrameRecord]) -> str:
    fits = [record.residual for record in records if record.residual is not None]
    tiles = {
        "frames": str(len(records)),
        "px, median fit": f"{np.median(fits):.2f}" if fits else "none",
        "% uncertain, median": f"{100 * np.median([r.uncertain for r in records]):.1f}",
        "frames without the plate": str(sum(record.lost for record in records)),
    }
    cells = "".join(
        f"<div><b>{value}</b><span>{name}</span></div>" for name, value in tiles.items()
    )
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in facts.lines)
    return (
        f"<header><h1>{html.escape(facts.name)}</h1>{lines}"
        f'<div class="tiles">{cells}</div></header>'
    )


def _warnings(records: Sequence[FrameRecord]) -> str:
    sentences = doubts(records)
    if not sentences:
        return ""
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f'<section class="problems"><h2>Doubts</h2><ul>{items}</ul></section>'


def _curve(curve: _Curve, records: Sequence[FrameRecord]) -> str:
    series = {
        colour: np.array([_number(value(record)) for record in records]) * curve.scale
        for colour, value in curve.lines.items()
    }
    known = np.concatenate([values[np.isfinite(values)] for values in series.values()])
    high = float(known.max()) if known.size else 1.0
    low = 0.0 if curve.from_zero or not known.size else float(known.min())
    if high - low < 1e-9:
        high = low + (abs(low) * 0.1 or 1.0)
    paths = "".join(
        f'<path class="{colour}" d="{_path(values, low, high)}"/>'
        for colour, values in series.items()
    )
    count = len(records)
    marks = "".join(
        f'<rect x="{WIDTH * first / count:.1f}" y="0" '
        f'width="{max(1.0, WIDTH * (last - first + 1) / count):.1f}" height="{HEIGHT}"/>'
        for first, last in lost_ranges(records)
    )
    middle = f", median {np.median(known):.3g}" if known.size else ""
    return (
        f'<div class="curve"><h3>{curve.title}<span>{curve.unit}; '
        f"{low:.3g} to {high:.3g}{middle}</span></h3>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{curve.title} over time">{marks}'
        f'<line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>{paths}</svg>'
        f'<div class="ends"><span>{clock(records[0].seconds)}</span>'
        f"<span>{clock(records[-1].seconds)}</span></div></div>"
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _path(values: Values, low: float, high: float) -> str:
    """Draw a line through the values; it breaks where there are none, and keeps every spike."""
    places = np.arange(len(values))
    if len(values) > MOST_POINTS:
        pieces = np.array_split(places, MOST_POINTS // 2)
        chosen = [
            place
            for piece in pieces
            for place in sorted({_extreme(values, piece, -1), _extreme(values, piece, 1)})
        ]
        places = np.array(chosen)
    steps, pen = [], "M"
    for place in places:
        if not np.isfinite(values[place]):
            pen = "M"
            continue
        x = WIDTH * (place + 0.5) / len(values)
        y = HEIGHT * (1 - (values[place] - low) / (high - low))
        steps.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return "".join(steps)


def _extreme(values: Values, piece: NDArray[np.intp], sign: int) -> int:
    return int(piece[np.argmax(np.nan_to_num(sign * values[piece], nan=-np.inf))])


def _looks(looks: Sequence[Look]) -> str:
    if not looks:
        return ""
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{look.jpeg}" alt="frame {look.index}">'
        f"<figcaption><span>frame {look.index}, {clock(look.seconds)}</span>"
        f"<span>{REASONS[look.reason]}</span></figcaption></figure>"
        for look in looks
    )
    return (
        "<section><h2>Frames to look at</h2>"
        "<p class=note>The frame, and its cutout over checks.</p>"
        f'<div class="looks">{figures}</div></section>'
    )
