"""Checkpoints that survive being cut off, and the moving average of the weights."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cleanplate.errors import WeightsError


def save(path: Path, content: dict[str, Any]) -> None:
    """Write beside the old file, then replace it: a cut at any moment leaves one whole file."""
    temporary = path.with_suffix(".writing")
    torch.save(content, temporary)
    os.replace(temporary, path)


def load(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint. Raises WeightsError where it is missing or damaged."""
    if not path.is_file():
        raise WeightsError(f"{path} is not there; start the run without --resume.")
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise WeightsError(f"{path} cannot be read as a checkpoint ({error}).") from error
    return content


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Exponential moving average of weights and norm statistics; young runs average less."""
    decay = min(decay, (1 + step) / (10 + step))
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    for ours, theirs in pairs:
        if ours.dtype.is_floating_point:
            ours.lerp_(theirs, 1 - decay)
        else:
            ours.copy_(theirs)
