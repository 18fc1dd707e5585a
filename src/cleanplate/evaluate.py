"""Cut every case of a set, measure against the truth, sum up. `report.py` draws the page.

Everything goes into one folder: cases.jsonl, summary.json, report.html and the cutouts.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanplate.devices import has_integer_products
from cleanplate.errors import CleanplateError, InputError, OutputError
from cleanplate.evaluation_set import Case, find_cases
from cleanplate.measured_case import Cuts, measure_case, score_others
from cleanplate.media.replacing import replacing
from cleanplate.media.stills import ForegroundAndAlpha
from cleanplate.scoring import LABELS, METRICS, Scores, grouped, means

if TYPE_CHECKING:
    from rich.table import Table

    from cleanplate.network import Model

Record = dict[str, Any]
Cut = Callable[..., ForegroundAndAlpha]


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    records: one a case, in the order of the set; others: the scores of the mattes compared with,
    by case; problems: a sentence for each case that could not be used; summary: as in
    summary.json; folder: where everything lies; page: the report.
    """

    records: tuple[Record, ...]
    others: dict[str, Scores]
    problems: tuple[str, ...]
    summary: Record
    folder: Path
    page: Path


def evaluate(
    set_folder: str | Path,
    output: str | Path,
    cut: Cut | None = None,
    *,
    model: str = "default",
    compare: str | Path | None = None,
    progress: bool = False,
) -> Evaluation:
    """Measure a model on a set (its layout: docs/evaluation.md).

    output: a folder, or the name of the page (PAGE.html; the rest goes to the folder PAGE).
    Cases that it already holds for the same model and the same pictures are not cut again.
    cut: called for every frame as cut(frame, plate, model=model) -> cutout; frame and plate are
    H W 3 float32, 0..1. It is told by its name: once changed, choose another output. Without it
    `cutout` of cleanplate.pipeline cuts a still, `cutouts` a clip.
    compare: a folder of another method's mattes, CASE.png (clips: CASE/frameNNN.png).
    Raises InputError where the set cannot be used at all, OutputError where nothing can be written
    or `output` lies in the set.
    """
    from cleanplate.report import write_report

    cases, problems = find_cases(Path(set_folder))
    other_folder = Path(compare) if compare is not None else None
    if other_folder is not None and not other_folder.is_dir():
        raise InputError(f"{other_folder} is not a folder: give one that holds CASE.png mattes.")
    folder, page = _places(Path(output), Path(set_folder))
    records = _measure_all(cases, folder, cut, model, problems, progress)
    measured = {record["case"] for record in records}
    cases = [case for case in cases if case.name in measured]
    others = score_others(cases, other_folder, problems) if other_folder else {}
    summary = _summary(Path(set_folder), model, records, problems)
    if other_folder:
        summary["compare"] = {"name": other_folder.name, **means(others.values())}
    _write(folder / "summary.json", json.dumps(summary, indent=1) + "\n")
    evaluation = Evaluation(tuple(records), others, tuple(problems), summary, folder, page)
    write_report(evaluation, {case.name: case for case in cases}, other_folder)
    return evaluation


def register(app: typer.Typer) -> None:
    """Add the command `evaluate` to the command line."""
    app.command("evaluate")(evaluate_command)


def evaluate_command(
    set_folder: Annotated[Path, typer.Argument(metavar="SET", help="Folder of cases.")],
    output: Annotated[Path, typer.Option("-o", "--out", "--output", help="Folder, or PAGE.html.")],
    model: Annotated[str, typer.Option(help="Name or path of the weights.")] = "default",
    compare: Annotated[
        Path | None, typer.Option(help="Folder of another method's mattes, CASE.png.")
    ] = None,
) -> None:
    """Measure a model on a set with known mattes; writes numbers and a report."""
    from rich.console import Console

    evaluation = evaluate(set_folder, output, model=model, compare=compare, progress=True)
    console = Console()
    for title, key in (("Condition", "by_condition"), ("Kind", "by_kind")):
        console.print(summary_table(title, evaluation.summary[key], evaluation.summary["overall"]))
    for problem in evaluation.problems:
        console.print(problem, markup=False, highlight=False)
    console.print(f"Report: {evaluation.page}", markup=False, highlight=False)
    if evaluation.problems:
        raise typer.Exit(2)


def summary_table(title: str, groups: dict[str, Record], overall: Record) -> "Table":
    """Lay out averages for the terminal: a row for each group, one for all, a column a metric."""
    from rich.table import Table

    shown = [name for name in METRICS if name in overall]
    table = Table(title, "cases", *(LABELS[name] for name in shown))
    for name, row in [*groups.items(), ("all", overall)]:
        numbers = (f"{row[metric]:.2f}" if metric in row else "" for metric in shown)
        table.add_row(name, str(row["cases"]), *numbers)
    return table


def hash_model(model: str) -> str:
    """Hash of what a model's name or path stands for, to tell one run's records from another's.

    A path: the content of the file and of those beside it that belong to it. A name: all shipped
    weights and the release, since a name may come to mean other weights.
    """
    from cleanplate.network import files_of

    numbers = "integers" if has_integer_products() else "floats"
    digest = hashlib.sha256(f"{model} {version('cleanplate')} {numbers}".encode())
    shipped = Path(__file__).parent.joinpath("weights").glob("*.onnx")
    for path in files_of(Path(model)) if Path(model).is_file() else sorted(shipped):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _measure_all(
    cases: list[Case],
    folder: Path,
    cut: Cut | None,
    model: str,
    problems: list[str],
    progress: bool,
) -> list[Record]:
    lines = folder / "cases.jsonl"
    identity = hash_model(model)
    if cut is not None:  # told by its name: its content cannot be known
        named = cut if hasattr(cut, "__qualname__") else type(cut)
        identity += f" {named.__module__}.{named.__qualname__}"
    done = _done(lines, identity)
    given = None if cut is None else _one_by_one(cut, model)
    cuts = _default_cuts(model) if given is None else lambda _: given
    # Lines of what cut before go first: its cutouts are going to be replaced, one by one.
    _write(lines, "".join(json.dumps(record) + "\n" for record in done.values()))
    records = []
    for case in _watched(cases, progress):
        try:
            inputs = case.fingerprint()
            record = done.get(case.name)
            if record is None or record["inputs"] != inputs:
                record = measure_case(case, cuts(case), folder / "cutouts")
                record |= {"model": identity, "inputs": inputs}
                with lines.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
            # Of the index as it is now, which may say more than when this was measured.
            records.append(record | {"kind": case.kind, "condition": case.condition})
        except CleanplateError as problem:
            text = str(problem)
            problems.append(text if case.name in text else f"{case.name}: {text}")
    _write(lines, "".join(json.dumps(record) + "\n" for record in records))
    return records


def _default_cuts(model: str) -> Callable[[Case], Cuts]:
    from cleanplate.network import load_model
    from cleanplate.pipeline import cutout, cutouts

    loaded = load_model(model)
    still = _one_by_one(cutout, loaded)
    return lambda case: still if case.is_still else partial(cutouts, model=loaded)


def _one_by_one(cut: Cut, model: "str | Model") -> Cuts:
    return lambda frames, plate: (cut(frame, plate, model=model) for frame in frames)


def _done(lines: Path, identity: str) -> dict[str, Record]:
    done: dict[str, Record] = {}
    text = lines.read_text(encoding="utf-8") if lines.is_file() else ""
    for line in text.splitlines():
        # A line that a stopped run left half written is a case to be done again.
        with suppress(ValueError, TypeError, KeyError):
            record = json.loads(line)
            if record["model"] == identity and record["inputs"]:
                done[record["case"]] = record  # the last one is of the cutouts that are there
    return done


def _watched(cases: list[Case], progress: bool) -> Iterable[Case]:
    if not progress:
        return cases
    from rich.progress import track

    return track(cases, "Evaluating")


def _summary(set_folder: Path, model: str, records: list[Record], problems: list[str]) -> Record:
    return {
        "set": set_folder.resolve().name,
        "model": model,
        "model_hash": hash_model(model),
        "version": version("cleanplate"),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "problems": problems,
        "overall": means(records),
        "by_kind": grouped(records, "kind"),
        "by_condition": grouped(records, "condition"),
    }


def _places(output: Path, set_folder: Path) -> tuple[Path, Path]:
    page = output if output.suffix.lower() in (".html", ".htm") else output / "report.html"
    folder = output.with_suffix("") if page == output else output
    if any(path.resolve().is_relative_to(set_folder.resolve()) for path in (folder, page)):
        raise OutputError(
            f"The report {output} would lie in the set {set_folder} and count as a case: "
            "name a folder outside of it."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise OutputError(f"{folder} cannot be made a folder ({reason}): choose another.") from None
    return folder, page


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
