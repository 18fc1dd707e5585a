"""The teacher: supervised training on synthetic composites (section 3.2 of the paper).

Reads top to bottom: data, network, loop. A run is a folder with `checkpoint.pt`, `log.jsonl`,
`options.json` and pictures of held-out samples; it is bounded by minutes and goes on with resume.
"""

import copy
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

from cleanplate.errors import InputError, OutputError
from cleanplate.training import checkpoint
from cleanplate.training.data import Pool, read_pool
from cleanplate.training.losses import WEIGHTS, teacher_losses, weighted
from cleanplate.training.networks.compact import CompactNetwork
from cleanplate.training.synthesis import Recipe, synthesize

HELD_OUT_SEED = 2**31  # far from every training seed


@dataclass(frozen=True)
class TeacherOptions:
    """How to train. Times in minutes, `size` in pixels, `batch` for each process."""

    minutes: float = 60.0
    size: int = 256
    batch: int = 8
    planned_samples: int = 100_000  # the learning rate falls along a cosine until here
    learning_rate: float = 1e-3
    average_decay: float = 0.998
    workers: int = 1
    seed: int = 0
    device: str = "auto"
    held_out: int = 48
    minutes_between_checkpoints: float = 3.0
    samples_limit: int | None = None  # stop here as well (tests, exact comparisons)


class Synthesis(Dataset[dict[str, Tensor]]):
    """Sample number `index` of a seed: the same on every machine, in every order."""

    def __init__(self, foregrounds: Pool, backgrounds: Pool, recipe: Recipe, seed: int) -> None:
        self.foregrounds, self.backgrounds = foregrounds, backgrounds
        self.recipe, self.seed = recipe, seed

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng([self.seed, index])
        sample = synthesize(rng, self.foregrounds, self.backgrounds, self.recipe)
        return {
            name: torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, -1, 0)))
            for name, picture in sample.items()
            if isinstance(picture, np.ndarray)
        }


def train_teacher(
    foregrounds: Path, backgrounds: Path, run: Path, options: TeacherOptions, resume: bool = False
) -> Path:
    """Train for `options.minutes` and return the path of the checkpoint.

    foregrounds, backgrounds: folders (see data.read_pool); 6 % of each are held out.
    Started by torchrun, every process takes its own share of the samples.
    """
    rank, world, device = _processes(options.device)
    train_foregrounds, held_foregrounds = read_pool(foregrounds, foregrounds=True).split()
    train_backgrounds, held_backgrounds = read_pool(backgrounds, foregrounds=False).split()
    recipe = Recipe(size=options.size)
    data = Synthesis(train_foregrounds, train_backgrounds, recipe, options.seed)
    held_recipe = Recipe(size=256)
    held_data = Synthesis(held_foregrounds, held_backgrounds, held_recipe, HELD_OUT_SEED)

    torch.manual_seed(options.seed)
    network = CompactNetwork().to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), options.learning_rate, weight_decay=0.01)
    samples, seconds = _start(run, network, average, optimizer, resume, device)
    model: nn.Module = DistributedDataParallel(network) if world > 1 else network
    if rank == 0:
        (run / "options.json").write_text(json.dumps(asdict(options), indent=1))

    started = saved = time.monotonic()
    deadline = started + 60 * options.minutes
    held_out = [held_data[index] for index in range(options.held_out)] if rank == 0 else []
    with _progress(options, rank == 0) as progress:
        bar = progress.add_task("teacher", total=options.planned_samples, completed=samples)
        for batch in _batches(data, options, samples, rank, world):
            rate = _learning_rate(options, samples)
            for group in optimizer.param_groups:
                group["lr"] = rate
            terms = _step(model, optimizer, batch, device)
            samples += options.batch * world
            checkpoint.update_average(
                average, network, samples // options.batch, options.average_decay
            )
            now = time.monotonic()
            progress.update(bar, completed=samples, description=f"alpha {terms['alpha']:.4f}")
            if rank == 0 and (samples // (options.batch * world)) % 50 == 0:
                _log(run, samples, seconds + now - started, rate, terms)
            last = now >= deadline or samples >= (options.samples_limit or math.inf)
            if rank == 0 and (last or now - saved > 60 * options.minutes_between_checkpoints):
                state = _state(network, average, optimizer, samples, seconds + now - started)
                checkpoint.save(run / "checkpoint.pt", state)
                _judge(average, held_out, run, samples, device)
                saved = time.monotonic()
            if last:
                break
    if world > 1:
        torch.distributed.destroy_process_group()
    return run / "checkpoint.pt"


def _processes(wanted: str) -> tuple[int, int, str]:
    """Rank, number of processes and device, as torchrun says or for one process."""
    world, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("--device cuda was asked for, but torch sees no GPU; use --device cpu.")
    if world > 1:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        device = f"cuda:{local}" if device == "cuda" else device
    return rank, world, device


def _start(
    run: Path,
    network: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    resume: bool,
    device: str,
) -> tuple[int, float]:
    """Samples seen and seconds spent so far: 0 for a new run, else from its checkpoint."""
    if not resume:
        if (run / "checkpoint.pt").exists():
            raise OutputError(f"{run} already holds a run; add --resume or name another folder.")
        run.mkdir(parents=True, exist_ok=True)
        return 0, 0.0
    state = checkpoint.load(run / "checkpoint.pt", device)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    if "optimizer" in state:  # a published checkpoint may come without
        optimizer.load_state_dict(state["optimizer"])
    return state["samples"], state["seconds"]


def _state(
    network: nn.Module, average: nn.Module, optimizer: Any, samples: int, seconds: float
) -> dict[str, Any]:
    return {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "samples": samples,
        "seconds": seconds,
    }


def _batches(
    data: Synthesis, options: TeacherOptions, samples: int, rank: int, world: int
) -> Iterator[dict[str, Tensor]]:
    """Endless batches from sample number `samples` on, this process's share of each."""
    order = range(samples + rank * options.batch, 2**40, options.batch * world)
    indices = ([*range(first, first + options.batch)] for first in order)
    return iter(DataLoader(data, batch_sampler=_Once(indices), num_workers=options.workers))


class _Once:
    """An iterator that DataLoader takes as a batch sampler."""

    def __init__(self, indices: Iterator[list[int]]) -> None:
        self.indices = indices

    def __iter__(self) -> Iterator[list[int]]:
        return self.indices


def _learning_rate(options: TeacherOptions, samples: int) -> float:
    """Warm-up over 2,000 samples, then a cosine down to 2 % at the planned number."""
    done = min(samples / options.planned_samples, 1.0)
    cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
    return options.learning_rate * min(1.0, (samples + 64) / 2000) * cosine


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor], device: str
) -> dict[str, float]:
    batch = {
        name: picture.to(device, memory_format=torch.channels_last, non_blocking=True)
        for name, picture in batch.items()
    }
    model.train()
    with torch.autocast(torch.device(device).type, torch.bfloat16):
        prediction = model(batch["frame"], batch["plate"], batch["prior"])
    terms = teacher_losses(prediction, batch)
    loss = weighted(terms, WEIGHTS)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {name: float(term.detach()) for name, term in terms.items()}


def _log(
    run: Path, samples: int, seconds: float, rate: float, terms: dict[str, float], **more: float
) -> None:
    line = {"samples": samples, "seconds": round(seconds, 1), "learning_rate": rate}
    line |= {name: round(value, 5) for name, value in (terms | more).items()}
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


@torch.no_grad()
def _judge(
    average: nn.Module, held_out: list[dict[str, Tensor]], run: Path, samples: int, device: str
) -> None:
    """MAD x 1e3 of the averaged weights on the held-out samples, and a sheet of the first ones."""
    rows, errors = [], []
    for index, sample in enumerate(held_out):
        pictures = {name: picture[None].to(device) for name, picture in sample.items()}
        prediction = average(pictures["frame"], pictures["plate"], pictures["prior"])
        errors.append(float((prediction.alpha - pictures["alpha"]).abs().mean()) * 1e3)
        if index < 16:
            grey = [
                picture.expand(-1, 3, -1, -1) for picture in (pictures["alpha"], prediction.alpha)
            ]
            row = [pictures["frame"], pictures["plate"], *grey, prediction.foreground.clamp(0, 1)]
            rows.append(torch.cat([*row, prediction.shadow.expand(-1, 3, -1, -1)], 3)[0].cpu())
    if rows:
        half = len(rows) // 2
        sheet = torch.cat([torch.cat(rows[:half], 1), torch.cat(rows[half : 2 * half], 1)], 2)
        pixels = (sheet.permute(1, 2, 0).numpy()[..., ::-1] * 255).astype(np.uint8)
        cv2.imwrite(str(run / "held-out.png"), pixels[::2, ::2])
        ordered = sorted(errors)
        summary = {"mean": sum(errors) / len(errors), "median": ordered[len(ordered) // 2]}
        with (run / "held-out.jsonl").open("a") as file:
            file.write(json.dumps({"samples": samples, "mad": summary}) + "\n")


def _progress(options: TeacherOptions, shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} / {task.total:,.0f} samples"),
        TimeRemainingColumn(),
        disable=not shown,
    )
