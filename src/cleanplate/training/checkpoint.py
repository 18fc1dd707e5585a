"""Checkpoints that survive being cut off, and the moving average of the weights."""

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from cleanplate.errors import OutputError, WeightsError
from cleanplate.jobs.places import make_folder
from cleanplate.media.replacing import replacing
from cleanplate.training.networks.compact import WIDTHS, CompactNetwork
from cleanplate.training.networks.grow import grown


def save(path: Path, content: dict[str, Any]) -> None:
    """Write beside the old file, then replace it: a cut at any moment leaves one whole file.

    Raises OutputError where it cannot be written.
    """
    with replacing(path) as temporary:
        try:
            torch.save(content, temporary)
        except RuntimeError as error:  # of torch's writer, in place of what the system said
            raise OutputError(f"{path} cannot be written: is the disk full?") from error


def check_there(path: Path, advice: str = "name a checkpoint that is") -> None:
    """Raise WeightsError with the advice where there is no file."""
    if not path.is_file():
        raise WeightsError(f"{path} is not there: {advice}.")


def load(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint. Raises WeightsError where it is missing or damaged."""
    check_there(path, "name a checkpoint that is, or leave --resume out")
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # what torch says of it is advice on how to call torch
        raise WeightsError(
            f"{path} cannot be read as a checkpoint: name a checkpoint.pt that this program wrote, "
            "or take another copy of it."
        ) from error
    if not isinstance(content, dict):
        raise WeightsError(f"{path} is no checkpoint: it holds a {type(content).__name__}.")
    return content


def restore(
    path: Path, content: dict[str, Any], **parts: nn.Module | torch.optim.Optimizer
) -> None:
    """Fill each part, by its name, from what `load` read at `path`.

    Raises WeightsError where a part is missing or was made for something else.
    """
    for name, part in parts.items():
        try:
            part.load_state_dict(content[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise WeightsError(
                f"{path} is of another kind: its part {name!r} is missing or does not fit; "
                "name a checkpoint that this command wrote."
            ) from error


def sized(path: Path, content: dict[str, Any]) -> CompactNetwork:
    """Make a network, with nothing learned, of the size of the one in what `load` read at `path`.

    Raises WeightsError where the size is not known.
    """
    size = content.get("size", "compact")
    if size not in WIDTHS:
        raise WeightsError(
            f"{path} holds a network of size {size!r}; known here are {', '.join(WIDTHS)}: "
            "install the version of cleanplate that wrote it."
        )
    return CompactNetwork(size)


def grow(path: Path, output: Path, size: str, seed: int) -> None:
    """Write a checkpoint of a larger network that says nearly what the averaged one at `path` says.

    Raises WeightsError, also where the other size is not larger, and OutputError.
    """
    check_there(path)
    content = load(path)
    small = sized(path, content)
    restore(path, content, average=small)
    torch.manual_seed(seed)
    try:
        large = grown(small, size, apart=0.25)
    except ValueError as error:
        raise WeightsError(f"{path} cannot grow to {size}: {error}") from error
    weights = large.state_dict()
    parts = {"network": weights, "average": weights, "size": size}
    kept = {name: content[name] for name in ("clips", "samples", "seconds") if name in content}
    make_folder(output.parent)
    save(output, kept | parts)


def slim(path: Path, output: Path) -> None:
    """Write a checkpoint without its optimiser and in half precision: a quarter of the size.

    A run goes on from it (the optimiser warms up again) and can be exported from it. One of a
    student is for export alone: its run does not go on, and its other networks stay as large.
    Raises WeightsError, OutputError.
    """
    check_there(path)
    content = load(path)
    content.pop("optimizer", None)
    for part in ("network", "average"):
        if part in content:
            content[part] = {
                name: value.half() if value.dtype == torch.float32 else value
                for name, value in content[part].items()
            }
    make_folder(output.parent)
    save(output, content)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average of weights and norm statistics; young runs average less."""
    decay = min(decay, (1 + step) / (10 + step))
    ours, theirs = list(average.state_dict().values()), list(network.state_dict().values())
    pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[0].dtype.is_floating_point]
    lerp = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    lerp(*map(list, zip(*pairs, strict=True)), None)  # all in one call
    for mine, other in zip(ours, theirs, strict=True):
        if not mine.dtype.is_floating_point:
            mine.copy_(other)
