"""The command line: parse, call one function, print."""

import errno
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cleanplate import (
    cli_clip,
    cli_cut,
    cli_dataset,
    cli_key,
    cli_live,
    cli_student,
    cli_studio,
    cli_training,
    evaluate,
)
from cleanplate.cli_checks import refuse_empty, refuse_slips
from cleanplate.cli_cut import say
from cleanplate.errors import CleanplateError

# Of the system's errors, those that a place which was given is to blame for.
PLACES = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS}


class Commands(TyperGroup):
    """Turns errors made for people into their message and exit code 2, for every command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the words; it is run only if its options are given as they should."""
        name, command, words = super().resolve_command(ctx, args)
        refuse_slips(words, command)
        return name, command, words

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Run the command; see the class."""
        try:
            refuse_empty(ctx.args)
            return super().invoke(ctx)
        except CleanplateError as problem:
            say(f"cleanplate: {problem}")
            raise typer.Exit(2) from problem
        except OSError as problem:
            if problem.errno not in PLACES or problem.filename is None:
                raise
            say(f"cleanplate: {problem.filename} cannot be used ({problem.strerror}).")
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


cli_cut.register(app)
cli_training.register(app)
cli_student.register(app)
evaluate.register(app)
cli_clip.register(app)
cli_key.register(app)
cli_live.register(app)
cli_dataset.register(app)
cli_studio.register(app)


def main() -> None:
    """Run the command line (the console script `cleanplate`)."""
    try:
        app()
    except KeyboardInterrupt:  # outside any command, while something is imported
        sys.exit(130)
