"""What a run of the teacher holds, and how it is written and read again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cleanplate.errors import OutputError, WeightsError
from cleanplate.training import checkpoint
from cleanplate.training.networks.compact import CompactNetwork


@dataclass
class State:
    """What a checkpoint holds; `seconds` counts from the first start of the run."""

    network: CompactNetwork
    average: CompactNetwork
    optimizer: torch.optim.Optimizer
    samples: int = 0
    seconds: float = 0.0
    cold: int = 0  # samples when the optimizer last began anew


def start(run: Path, state: State, content: dict[str, Any] | None) -> None:
    """See that a new run is one, or fill the state from the checkpoint of an old one.

    Raises OutputError where there is a run that is not to be resumed, and WeightsError where
    `content` is not of a teacher.
    """
    if content is None:
        if (run / "checkpoint.pt").exists():
            raise OutputError(f"{run} already holds a run; add --resume or name another folder.")
        return
    path = run / "checkpoint.pt"
    checkpoint.restore(path, content, network=state.network, average=state.average)
    try:
        state.samples, state.seconds = content["samples"], content["seconds"]
    except KeyError as error:
        raise WeightsError(f"{path} is no checkpoint of a teacher; name its run.") from error
    saved = content.get("optimizer")
    # A published checkpoint comes without, and memory alone is fewer weights.
    if saved is None or _learns(saved) not in (0, _learns(state.optimizer.state_dict())):
        state.cold = state.samples
    else:
        for group in saved.get("param_groups", ()):  # as is quickest on this device, not the last
            group["fused"] = state.optimizer.defaults["fused"]
        checkpoint.restore(path, content, optimizer=state.optimizer)
        state.cold = content.get("cold", 0)


def _learns(optimizer: dict[str, Any]) -> int:
    """How many weights (tensors of them) an optimizer's state is about; 0 where it is damaged."""
    return sum(len(group["params"]) for group in optimizer.get("param_groups", ()))


def save_state(run: Path, state: State, clips: float) -> None:
    """Write the checkpoint of the run, whole or not at all; clips: their share of the batches."""
    content = {
        "size": state.network.size,
        "clips": clips,  # without any, the memory is not to be used
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "samples": state.samples,
        "seconds": state.seconds,
        "cold": state.cold,
    }
    checkpoint.save(run / "checkpoint.pt", content)
