"""Several processes that train one network, each on its own device, started by torchrun."""

import os

import torch

from cleanplate.training.precision import pick_device


def share_out(wanted: str) -> tuple[int, int, str]:
    """Rank, number of processes and device, as torchrun says or for one process."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = pick_device(wanted)
    if world > 1:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        device = f"cuda:{local}" if device == "cuda" else device
    return rank, world, device


def said_by_first(done: bool, world: int, device: str) -> bool:
    """Take the first process's word: one that stops alone leaves the others waiting for ever."""
    if world > 1:
        word = torch.tensor(float(done), device=device)
        torch.distributed.broadcast(word, 0)
        done = bool(word)
    return done
