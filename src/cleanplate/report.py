"""An evaluation as one HTML page that needs nothing else: numbers, and pictures of some cases."""

import base64
import html
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cleanplate.composite import over
from cleanplate.evaluation_set import Case, matte_path, read_plate, read_truth
from cleanplate.media.replacing import replacing
from cleanplate.media.stills import read_mask, read_still
from cleanplate.report_style import SCRIPT, STYLE
from cleanplate.scoring import LABELS, METRICS, checks

if TYPE_CHECKING:
    from cleanplate.evaluate import Evaluation

Picture = NDArray[np.float32]
Record = dict[str, Any]

SHOWN_EACH = 3
WIDEST = 520


def write_report(
    evaluation: "Evaluation", cases: dict[str, Case], other_folder: Path | None
) -> None:
    """Write the page of an evaluation to `evaluation.page`.

    cases: by name, at least those with a record; other_folder: the mattes compared with, or None.
    The pictures are read again from the set and from the evaluation's cutouts.
    Raises InputError where one of them is gone, OutputError where the page cannot be written.
    """
    parts = [_heading(evaluation.summary), _problems(evaluation.problems)]
    if evaluation.records:
        parts += [_tables(evaluation), _legend(other_folder)]
        for rank, record in picked(evaluation.records):
            case = cases[record["case"]]
            other = other_folder if case.name in evaluation.others else None
            parts.append(_article(rank, record, case, evaluation.folder / "cutouts", other))
        parts.append(_every_case(evaluation))
    title = f"Evaluation of {html.escape(evaluation.summary['model'])}"
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )
    with replacing(evaluation.page) as temporary:
        temporary.write_text(page, encoding="utf-8")


def picked(records: Iterable[Record], each: int = SHOWN_EACH) -> list[tuple[str, Record]]:
    """Choose the worst, the median and the best records by MAD, none of them twice."""
    ranked = sorted(records, key=lambda record: -float(record["mad"]))
    if len(ranked) <= 3 * each:
        names = ["worst", "median", "best"]
        return [(names[min(2, 3 * i // len(ranked))], record) for i, record in enumerate(ranked)]
    middle = (len(ranked) - each) // 2
    parts = {
        "worst": ranked[:each],
        "median": ranked[middle : middle + each],
        "best": ranked[-each:],
    }
    return [(rank, record) for rank, part in parts.items() for record in part]


def error_map(alpha: Picture, alpha_true: Picture) -> Picture:
    """Draw what is wrong, H W 3: red where alpha is too high, blue where it is too low.

    The square root of the difference, so that small errors are seen; right is black.
    """
    difference = alpha - alpha_true
    high = np.sqrt(np.clip(difference, 0, 1))
    low = np.sqrt(np.clip(-difference, 0, 1))
    red, blue = np.array([1, 0.36, 0.2], np.float32), np.array([0.25, 0.55, 1], np.float32)
    return np.asarray(high * red + low * blue, np.float32)


def _heading(summary: Record) -> str:
    overall = summary["overall"]
    shown = [name for name in ("mad", "gradient_error", "dtssd") if name in overall]
    tiles = "".join(
        f"<div><b>{overall[name]:.2f}</b><span>{LABELS[name]}</span></div>" for name in shown
    )
    facts = (
        f"{overall['cases']} cases of {summary['set']}, cleanplate {summary['version']}, "
        f"{summary['date']}, weights {summary['model_hash']}"
    )
    return (
        f"<header><h1>{html.escape(summary['model'])}</h1><p>{html.escape(facts)}</p>"
        f'<div class="tiles">{tiles}</div></header>'
    )


def _problems(problems: tuple[str, ...]) -> str:
    if not problems:
        return ""
    items = "".join(f"<li>{html.escape(problem)}</li>" for problem in problems)
    return f'<section class="problems"><h2>Not measured</h2><ul>{items}</ul></section>'


def _tables(evaluation: "Evaluation") -> str:
    summary = evaluation.summary
    parts = ["<section><h2>Averages</h2>"]
    for title, key in (("Condition", "by_condition"), ("Kind", "by_kind")):
        field = key.removeprefix("by_")
        rows = [
            (name, row, _other_mad(evaluation, field, name)) for name, row in summary[key].items()
        ]
        rows.append(("all", summary["overall"], _other_mad(evaluation, field, None)))
        parts.append(_table(title, rows, summary))
    parts.append(
        "<p class=note>Lower is better, over the whole frame. MAD, MSE, F MSE (foreground), Comp "
        "(over checks): mean x 1000; SAD, Grad, Conn: sum / 1000; dtSSD x 100; MESSDdt x 1000."
        "</p></section>"
    )
    return "".join(parts)


def _table(title: str, rows: list[tuple[str, Record, str]], summary: Record) -> str:
    shown = [name for name in METRICS if any(name in row for _, row, _ in rows)]
    compared = summary.get("compare")
    head = [title, "Cases", "MAD"]
    head += [f"MAD, {compared['name']}"] if compared else []
    head += [LABELS[name] for name in shown if name != "mad"]
    longest = max((row.get("mad", 0.0) for _, row, _ in rows), default=0.0) or 1.0
    body = []
    for name, row, other in rows:
        width = 100 * row.get("mad", 0.0) / longest
        said = html.escape(str(row.get("cases", "")))
        cells = [f"<th scope=row>{html.escape(name)}</th>", f"<td>{said}</td>"]
        cells.append(f'<td class="bar" style="--w:{width:.1f}%">{_number(row.get("mad"))}</td>')
        cells += [f"<td>{other}</td>"] if compared else []
        cells += [f"<td>{_number(row.get(metric))}</td>" for metric in shown if metric != "mad"]
        body.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f"<th scope=col>{html.escape(text)}</th>" for text in head)
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _other_mad(evaluation: "Evaluation", field: str, value: str | None) -> str:
    names = [r["case"] for r in evaluation.records if value in (None, r[field])]
    others = [evaluation.others[name]["mad"] for name in names if name in evaluation.others]
    if not others:
        return ""
    share = "" if len(others) == len(names) else f" ({len(others)} of {len(names)})"
    return f"{np.mean(others):.2f}{share}"


def _every_case(evaluation: "Evaluation") -> str:
    ranked = sorted(evaluation.records, key=lambda record: -float(record["mad"]))
    rows = [
        (
            record["case"],
            {name: value for name, value in record.items() if name in METRICS}
            | {"cases": f"{record['kind']}, {record['condition']}"},
            _number(evaluation.others.get(record["case"], {}).get("mad")),
        )
        for record in ranked
    ]
    table = _table("Case", rows, evaluation.summary).replace(">Cases<", ">Kind, condition<", 1)
    return f"<section><details><summary>Every case</summary>{table}</details></section>"


def _legend(other_folder: Path | None) -> str:
    other = html.escape(other_folder.name) if other_folder else "the truth"
    return (
        "<section><h2>Cases</h2><p class=note>The worst, the median and the best by MAD. In the "
        "error map <b class=high>red</b> is too opaque, <b class=low>blue</b> too transparent, "
        f"black right. Drag the slider between this matte and {other}.</p></section>"
    )


def _article(
    rank: str, record: Record, case: Case, cutouts: Path, other_folder: Path | None
) -> str:
    index = record["worst_frame"]
    truth, plate = read_truth(case, index), read_plate(case)
    cutout = read_still(matte_path(cutouts, case, index))
    alpha = cutout.alpha if cutout.alpha is not None else np.ones_like(truth.alpha)
    seen = over(cutout.picture, alpha, checks(*alpha.shape[:2]))
    other, name = truth.alpha, "truth"
    if other_folder:
        other = read_mask(matte_path(other_folder, case, index), (alpha.shape[0], alpha.shape[1]))
        name = other_folder.name
    pictures = {
        "frame": truth.frame,
        "plate": plate,
        "alpha": alpha,
        "truth": truth.alpha,
        "error": error_map(alpha, truth.alpha),
        "composite": seen,
    }
    figures = "".join(_figure(label, picture) for label, picture in pictures.items())
    numbers = ", ".join(f"{LABELS[m]} {_number(record[m])}" for m in METRICS if m in record)
    frame = f", frame {index} of {record['frames']}" if record["frames"] > 1 else ""
    return (
        f"<article><h3><span class=rank>{rank}</span> {html.escape(case.name)}</h3>"
        f"<p class=note>{html.escape(case.kind)}, {html.escape(case.condition)}{frame}. "
        f"{numbers}</p><div class=grid>{figures}{_slider(alpha, other, name)}</div></article>"
    )


def _figure(label: str, picture: Picture) -> str:
    image = f'<img src="{_embedded(picture)}" alt="{label}">'
    return f"<figure>{image}<figcaption>{label}</figcaption></figure>"


def _slider(alpha: Picture, other: Picture, name: str) -> str:
    name = html.escape(name)
    return (
        f'<figure class="slider"><div class="pair"><img src="{_embedded(other)}" alt="{name}">'
        f'<img class="ours" src="{_embedded(alpha)}" alt="this matte"><i></i>'
        f'<input type="range" min="0" max="100" value="50" aria-label="this matte or {name}"></div>'
        f"<figcaption><span>this</span><span>{name}</span></figcaption></figure>"
    )


def _embedded(picture: Picture) -> str:
    height, width = picture.shape[:2]
    scale = min(1.0, WIDEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    samples = np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
    memory = BytesIO()
    Image.fromarray(samples).save(memory, "JPEG", quality=86, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode("ascii")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
