"""Several processes that train one network, started by torchrun; and one run at a time a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from cleanplate.jobs.lock import locked
from cleanplate.jobs.places import make_folder
from cleanplate.media.replacing import PREFIX
from cleanplate.training.precision import pick_device


@contextmanager
def alone_in(run: Path, rank: int = 0) -> Iterator[None]:
    """Make a run's folder, and let nobody else train into it meanwhile; the first process does so.

    Raises OutputError where the folder cannot be made, or another process trains there.
    """
    if rank:
        yield
        return
    make_folder(run)
    with locked(run):
        for left_by_a_kill in run.glob(f"{PREFIX}*"):
            left_by_a_kill.unlink()
        yield


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
