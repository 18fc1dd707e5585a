"""The command line: parse, call one function, print."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cleanplate import cli_training, evaluate
from cleanplate.errors import CleanplateError


class Device(StrEnum):
    """Where the network runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Commands(TyperGroup):
    """Turns errors made for people into their message and exit code 2, for every command."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command; see the class."""
        try:
            return super().invoke(ctx)
        except CleanplateError as problem:
            say(f"cleanplate: {problem}")
            raise typer.Exit(2) from problem
        except KeyboardInterrupt as interruption:
            say("cleanplate: interrupted")
            raise typer.Exit(130) from interruption


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # what is not expected keeps its whole traceback
    help="Turn any background into a green screen, with one picture of the empty scene.",
)


def say(line: str) -> None:
    """Print one line for the person at the terminal; standard output stays for data."""
    print(line, file=sys.stderr, flush=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"cleanplate {version('cleanplate')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="And exit.")
    ] = False,
) -> None:
    """Turn any background into a green screen, with one picture of the empty scene."""


@app.command()
def cut(
    frames: Annotated[list[Path], typer.Argument(metavar="FRAME...", help="The shot or shots.")],
    plate: Annotated[Path, typer.Option(help="The same scene without the subject.")],
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", help="A .png, .webp, .tif or .exr (with --over also .jpg), or a folder."
        ),
    ],
    over: Annotated[
        str | None,
        typer.Option(help="New background: a picture, a colour (teal, #1a2b3c), or blur."),
    ] = None,
    linear: Annotated[bool, typer.Option("--linear", help="Mix in linear light.")] = False,
    holdout: Annotated[
        Path | None, typer.Option(help="Mask, white where it is surely the subject.")
    ] = None,
    garbage: Annotated[
        Path | None, typer.Option(help="Mask, white where it is surely not the subject.")
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            help="Mask, a rough guess of where the subject is; or `difference`, from the plate."
        ),
    ] = None,
    no_align: Annotated[
        bool, typer.Option("--no-align", help="The camera stood still: take the plate as it is.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.AUTO,
    model: Annotated[str, typer.Option(help="Name of shipped weights, or an .onnx.")] = "default",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads, all if left out.")
    ] = None,
) -> None:
    """Cut the subject out of stills: alpha, foreground, and a composite with --over."""
    from cleanplate.stills_job import StillsOptions, cut_stills

    wanted = StillsOptions(
        over=over,
        linear=linear,
        holdout=holdout,
        garbage=garbage,
        prior=None if prior in (None, "difference") else Path(prior),
        difference_prior=prior == "difference",
        align=not no_align,
        model=model,
        device=device.value,
        threads=threads,
    )
    if cut_stills(frames, plate, out, wanted, say):
        raise typer.Exit(2)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder.")] = Path("cleanplate-demo"),
) -> None:
    """Cut the bundled sample and write its pictures; needs no input and no network."""
    from cleanplate.demo import run_demo

    run_demo(out, print)


@app.command()
def doctor() -> None:
    """Print versions, devices and weights, for a report or a puzzle."""
    from cleanplate.doctor import report

    for line in report():
        print(line)


cli_training.register(app)
evaluate.register(app)


def main() -> None:
    """Run the command line (the console script `cleanplate`)."""
    try:
        app()
    except KeyboardInterrupt:  # outside any command, while something is imported
        sys.exit(130)
