"""The commands of the adversarial stage: train student, train bill, adapt."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cleanplate.cli_training import Backgrounds, Foregrounds, Seed, _need_extra, train
from cleanplate.errors import InputError

TEACHER = Path("training-runs/teacher/checkpoint.pt")
Teacher = Annotated[
    Path | None,
    typer.Option(
        "--teacher",
        help="Checkpoint of the teacher, whole or slim; a run that goes on keeps its own.",
        show_default=str(TEACHER),
    ),
]


class Start(StrEnum):
    """Where the student's weights come from."""

    teacher = "teacher"
    random = "random"


def register(app: typer.Typer) -> None:
    """Hang the commands into the main command line."""
    app.command()(adapt)


@train.command()
def student(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    footage: Annotated[Path, typer.Argument(help="Folder of clips with plates.")],
    backgrounds: Backgrounds,
    minutes: Annotated[float, typer.Option(min=0.01, help="Stop after so many minutes.")] = 60.0,
    teacher: Teacher = None,
    start: Annotated[
        Start, typer.Option(help="Weights to start from; a run that goes on keeps to its own.")
    ] = Start.teacher,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run there.")] = False,
    size: Annotated[int, typer.Option(min=64, help="Pixels a side, a multiple of 16.")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Crops a step.")] = 4,
    planned_steps: Annotated[int, typer.Option(min=1, help="Stop here at the latest.")] = 10_000,
    gan: Annotated[bool, typer.Option("--gan/--no-gan", help="With a discriminator.")] = True,
    footage_weight: Annotated[
        float, typer.Option(min=0, help="Of the supervision without labels; 0 is the paper.")
    ] = 0.05,
    judge_every: Annotated[int, typer.Option(min=1, help="Steps between judgements.")] = 100,
    limit: Annotated[
        float, typer.Option(min=0, help="Disagreement x 1000 that is still no reason to stop.")
    ] = 10.0,
    ship: Annotated[
        bool, typer.Option("--ship", help="Refuse sources that shipped weights must not see.")
    ] = False,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
) -> None:
    """Adversarial training on real footage without labels, from a teacher; resumable."""
    _need_extra()
    from cleanplate.training import bill as bills
    from cleanplate.training.checkpoint import check_there
    from cleanplate.training.data import read_pool
    from cleanplate.training.footage import read_footage
    from cleanplate.training.student import check_options, train_student
    from cleanplate.training.student_state import StudentOptions

    options = StudentOptions(
        minutes=minutes,
        start=start.value,
        size=size,
        patch=min(StudentOptions.patch, size),
        batch=batch,
        adversarial=float(gan),
        footage=footage_weight,
        judge_every=judge_every,
        limit=limit,
        planned_steps=planned_steps,
        seed=seed,
        device=device,
    )
    check_options(options)
    if resume and teacher:
        _note(f"note: {run} goes on with the teacher that it began with; {teacher} is not read.")
    teacher = teacher or TEACHER
    if not resume:
        check_there(teacher, "name a checkpoint of a teacher with --teacher")
    pool = read_pool(backgrounds, foregrounds=False)
    bill = bills.read_bill({"footage": footage, "backgrounds": backgrounds})
    if ship:
        earlier = (run if resume else teacher.parent) / "bill.json"
        bills.forbid_unshippable(bills.with_earlier(bill, earlier))
    clips = read_footage(footage, say=_note)
    print(train_student(run, clips, pool, teacher, options, resume, bill, _note))


@train.command()
def bill(
    foregrounds: Foregrounds,
    backgrounds: Backgrounds,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="NAME.md or NAME.json; else it is printed.")
    ] = None,
    footage: Annotated[Path | None, typer.Option(help="Folder of clips, too.")] = None,
    ship: Annotated[
        bool, typer.Option("--ship", help="Refuse sources that shipped weights must not see.")
    ] = False,
) -> None:
    """List every source of the pools with its licence and count (SOURCE.json in each folder)."""
    from cleanplate.training.bill import forbid_unshippable, read_bill, table, write_bill

    pools = {"foregrounds": foregrounds, "backgrounds": backgrounds}
    if footage is not None:
        pools["footage"] = footage
    entries = read_bill(pools)
    if ship:
        forbid_unshippable(entries)
    if out is None:
        print("\n".join(table(entries)))
        return
    write_bill(entries, out)
    print(out)


def adapt(
    clip: Annotated[Path, typer.Argument(help="The take: a video or numbered stills.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="NAME.onnx to write.")],
    plate: Annotated[
        Path | None, typer.Option(help="Picture of the empty scene; else it is estimated.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to adapt.")] = 5.0,
    start: Annotated[Path, typer.Option(help="Checkpoint to start from.")] = TEACHER,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
) -> None:
    """Adapt the network to one difficult take, without labels; use it with cut --model."""
    _need_extra()
    from cleanplate.training.adapt import OPTIONS
    from cleanplate.training.adapt import adapt as adapt_to

    if not clip.exists() and "%" not in clip.name and "#" not in clip.name:
        raise InputError(f"{clip} is not there; give a video or numbered stills.")
    options = replace(OPTIONS, device=device)
    before, after = adapt_to(clip, plate, minutes, out, start, options, _note)
    if after["step"] == 0:
        _note("note: nothing did better on the frames held out; these are the weights as before.")
    _note(
        f"Loss without labels on frames held out: {before['footage']:.2f} before, "
        f"{after['footage']:.2f} now (x 1000); alpha changed by {after['disagreement']:.2f}."
    )
    print(out)


def _note(sentence: str) -> None:
    typer.echo(sentence, err=True)
