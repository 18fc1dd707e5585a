"""The commands that make weights: synthesize, train, export. They need the extra `train`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cleanplate.errors import MissingExtraError

train = typer.Typer(no_args_is_help=True, help="Train weights on your own pictures.")

Foregrounds = Annotated[
    Path,
    typer.Argument(help="Folder of cut-outs: NAME.jpg with NAME.png as alpha, or RGBA; or tars."),
]
Backgrounds = Annotated[Path, typer.Argument(help="Folder of pictures without subjects, or tars.")]
Seed = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, help="Another seed, other samples.")
]  # from 2**31 on held-out samples would be those of training
Replay = Annotated[
    int,
    typer.Option(
        min=1,
        help="Use each sample so often, on a GPU faster than the workers; they take up to half of "
        "its free memory.",
    ),
]


def register(app: typer.Typer) -> None:
    """Hang the commands into the main command line."""
    app.add_typer(train, name="train")
    app.command()(synthesize)
    app.command()(export)


def synthesize(
    foregrounds: Foregrounds,
    backgrounds: Backgrounds,
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write.")],
    count: Annotated[int, typer.Option(min=1, max=400, help="Samples on the sheet.")] = 16,
    size: Annotated[int, typer.Option(min=64, max=1024, help="Pixels a side.")] = 256,
    seed: Seed = 0,
) -> None:
    """Make training samples and show them on a contact sheet."""
    _need_extra()
    from cleanplate.training.sheet import write_contact_sheet

    write_contact_sheet(foregrounds, backgrounds, out, count, size, seed)
    print(out)


@train.command()
def teacher(
    foregrounds: Foregrounds,
    backgrounds: Backgrounds,
    run: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Stop after so many minutes.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run there.")] = False,
    size: Annotated[int, typer.Option(min=64, help="Pixels a side, a multiple of 16.")] = 256,
    batch: Annotated[int, typer.Option(min=1, help="Samples a step and process.")] = 8,
    planned_samples: Annotated[
        int, typer.Option(min=0, help="The learning rate falls until here; 0: over the minutes.")
    ] = 100_000,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate that it falls from.")] = 1e-3,
    network: Annotated[
        str | None,
        typer.Option(help="Size of a new run's network: compact (left out) or large."),
    ] = None,
    clips: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the batches that are short clips.")
    ] = 0.5,
    person: Annotated[
        str, typer.Option(help="Weights of the person segmenter for priors, or 'none'.")
    ] = "person",
    shots: Annotated[
        Path | None,
        typer.Option(
            help="Folder of shots of which all is known, laid out as a set to evaluate on: "
            "a third of the stills."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes that synthesise.")] = 1,
    replay: Replay = 1,
    memory_only: Annotated[
        bool,
        typer.Option("--memory-only", help="Learn from clips alone what to make of a last frame."),
    ] = False,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
    ship: Annotated[
        bool, typer.Option("--ship", help="Refuse sources that shipped weights must not see.")
    ] = False,
) -> None:
    """Supervised training on synthetic composites; bounded by minutes, resumable."""
    _need_extra()
    from cleanplate.training.bill import forbid_unshippable, read_bill, with_earlier
    from cleanplate.training.teacher import TeacherOptions, train_teacher

    options = TeacherOptions(
        minutes=minutes,
        size=size,
        batch=batch,
        planned_samples=planned_samples,
        learning_rate=rate,
        network=network,
        clips=clips,
        person=None if person == "none" else person,
        shots=str(shots) if shots else None,
        workers=workers,
        memory_only=memory_only,
        replay=replay,
        seed=seed,
        device=device,
    )
    pools = {"foregrounds": foregrounds, "backgrounds": backgrounds}
    bill = read_bill(pools | ({"shots": shots} if shots else {}))
    if ship:
        forbid_unshippable(with_earlier(bill, run / "bill.json") if resume else bill)
    print(train_teacher(foregrounds, backgrounds, run, options, resume, bill))


@train.command()
def segmenter(
    people: Annotated[Path, typer.Argument(help="Folder of cut-outs of people, as foregrounds.")],
    backgrounds: Annotated[Path, typer.Argument(help="Folder of pictures without people.")],
    run: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run; goes on there.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Stop after so many minutes.")],
    labelled: Annotated[
        Path | None,
        typer.Option(help="Whole pictures, NAME.jpg, with a mask of the people, NAME.png."),
    ] = None,
    size: Annotated[int, typer.Option(min=64, help="Pixels a side, a multiple of 32.")] = 160,
    batch: Annotated[int, typer.Option(min=2, help="Samples a step.")] = 24,
    planned_samples: Annotated[
        int,
        typer.Option(
            min=0, help="The learning rate falls until here, the run ends; 0: over the minutes."
        ),
    ] = 150_000,
    rate: Annotated[float, typer.Option(min=0, help="Learning rate that it falls from.")] = 2e-3,
    workers: Annotated[int, typer.Option(min=0, help="Processes that synthesise.")] = 1,
    replay: Replay = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "auto",
) -> None:
    """Train the person segmenter, which makes the soft prior."""
    _need_extra()
    from cleanplate.training.segmenter import SegmenterOptions, train_segmenter

    options = SegmenterOptions(
        minutes,
        size,
        batch,
        planned_samples,
        rate,
        workers=workers,
        replay=replay,
        device=device,
    )
    print(train_segmenter(people, backgrounds, run, options, labelled))


@train.command()
def refiner(
    weights: Annotated[Path, typer.Argument(help="Exported network (.onnx) to refine.")],
    foregrounds: Foregrounds,
    backgrounds: Backgrounds,
    run: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run; goes on there.")],
    minutes: Annotated[float, typer.Option(min=0.01, help="Stop after so many minutes.")],
    planned_steps: Annotated[
        int, typer.Option(min=1, help="The learning rate falls until here.")
    ] = 1500,
) -> None:
    """Train the tile refiner on what exported weights get wrong at full resolution."""
    _need_extra()
    from cleanplate.training.refiner import RefinerOptions, train_refiner

    options = RefinerOptions(minutes=minutes, planned_steps=planned_steps)
    print(train_refiner(weights, foregrounds, backgrounds, run, options))


@train.command()
def slim(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint.pt.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write.")],
) -> None:
    """Write a checkpoint at a quarter of its size, to keep or to pass on."""
    _need_extra()
    from cleanplate.jobs.places import refuse_overwriting
    from cleanplate.training.checkpoint import slim as write_slim

    refuse_overwriting([checkpoint], [out])
    write_slim(checkpoint, out)
    print(out)


@train.command()
def grow(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint.pt of a teacher.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="checkpoint.pt to write.")],
    network: Annotated[str, typer.Option(help="Size to grow to.")] = "large",
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, help="Of what new weights begin with.")
    ] = 0,
) -> None:
    """Write a checkpoint of a larger network that knows what this one knows, to train on."""
    _need_extra()
    from cleanplate.jobs.places import refuse_overwriting
    from cleanplate.training.checkpoint import grow as write_grown

    refuse_overwriting([checkpoint], [out])
    write_grown(checkpoint, out, network, seed)
    print(out)


@train.command()
def integers(
    weights: Annotated[Path, typer.Argument(help="Exported network (.onnx).")],
    foregrounds: Foregrounds,
    backgrounds: Backgrounds,
    count: Annotated[int, typer.Option(min=1, help="Short clips to look at.")] = 30,
) -> None:
    """Write the network in 8-bit integers beside it: processors with VNNI cut clips faster so."""
    _need_extra()
    from cleanplate.training.integers import make_integers

    for path, difference in make_integers(weights, foregrounds, backgrounds, count):
        print(f"{path}: alpha differs by {difference:.1e} in the mean")


def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or a checkpoint.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="NAME.onnx to write.")],
) -> None:
    """Write a run's weights as ONNX and check that both say the same."""
    _need_extra()
    from cleanplate.training.export import export_run

    for path, difference in export_run(run, out):
        print(f"{path}: differs from torch by at most {difference:.1e}")


def _need_extra() -> None:
    missing = [name for name in ("torch", "onnx") if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"Training needs {' and '.join(missing)}, which is not installed; "
            "run: pip install 'cleanplate[train]'"
        )
