"""The commands `dataset build`, `check` and `show`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cleanplate.cli_cut import say

dataset = typer.Typer(no_args_is_help=True, help="Build and check data sets to train on.")


class SubjectsBy(StrEnum):
    """How to tell whom a picture shows."""

    NAME = "name"
    FOLDER = "folder"
    EACH = "each"


Subjects = Annotated[
    SubjectsBy,
    typer.Option(
        help="Whom a picture shows: name (anna-01, anna-02 are anna), its folder, or each another."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Of a Ray cluster (auto, host:port); needs the extra."),
]


def register(app: typer.Typer) -> None:
    """Hang the commands into the main command line."""
    app.add_typer(dataset, name="dataset")


@dataset.command()
def build(
    foregrounds: Annotated[
        Path, typer.Argument(help="Cut-outs: a pool, or what `cleanplate key` and `cut` wrote.")
    ],
    backgrounds: Annotated[Path, typer.Argument(help="Pictures without subjects, or tars.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the data set.")],
    count: Annotated[int, typer.Option(min=0, help="Composites to make; 0 for pools alone.")] = 0,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Of a composite, pixels.")] = 256,
    shard: Annotated[int, typer.Option(min=1, help="Samples in a shard.")] = 1000,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Share of the subjects kept out of training.")
    ] = 0.1,
    subjects: Subjects = SubjectsBy.NAME,
    every: Annotated[int, typer.Option(min=1, help="Use each n-th cut-out only.")] = 1,
    keep: Annotated[
        list[str] | None, typer.Option(help="A defect to let pass, like holes; again for more.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the pictures are from.")] = None,
    licence: Annotated[str | None, typer.Option(help="What may be done with them.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other splits, samples.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = 1,
    cluster: Cluster = None,
) -> None:
    """Make shards of cut-outs, backgrounds and composites, with a manifest; goes on if stopped."""
    from cleanplate.training.dataset.build import BuildOptions, build_dataset, parse_keep
    from cleanplate.training.dataset.mattes import KINDS
    from cleanplate.training.dataset.sources import NOT_STATED, Origin

    options = BuildOptions(
        count=count,
        size=size,
        shard=shard,
        held_out=held_out,
        seed=seed,
        every=every,
        subjects=subjects.value,
        keep=parse_keep(keep or [], tuple(KINDS)),
        origin=Origin(source or NOT_STATED, licence or NOT_STATED),
    )
    build_dataset(foregrounds, backgrounds, out, options, say, cluster=cluster, workers=workers)
    print(out)


@dataset.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A built set, or a folder of cut-outs.")],
    subjects: Subjects = SubjectsBy.NAME,
    report: Annotated[
        Path | None, typer.Option(help="Also write a page with pictures (.html).")
    ] = None,
) -> None:
    """Say what is wrong with a data set, or with pictures that are to become one."""
    from cleanplate.training.dataset.check import check_dataset

    found = check_dataset(folder, subjects.value, report)
    for finding in found:
        print(f"{'wrong' if finding.wrong else 'note'}: {finding.words}")
    if any(finding.wrong for finding in found):
        raise typer.Exit(2)
    print(f"{folder} can be used.")


@dataset.command()
def show(
    folder: Annotated[Path, typer.Argument(help="A built set, or a folder of cut-outs.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="PNG to write.")],
    split: Annotated[str, typer.Option(help="train or held-out.")] = "train",
    count: Annotated[int, typer.Option(min=1, max=400, help="Samples on the sheet.")] = 24,
) -> None:
    """Make a contact sheet of a data set."""
    from cleanplate.training.dataset.page import write_sheet

    write_sheet(folder, out, split, count)
    print(out)
