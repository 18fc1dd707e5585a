"""Trains the person segmenter, from which the soft prior comes.

A run is a folder with `segmenter.pt`, `segmenter.jsonl` and a sheet of held-out samples; it is
bounded by minutes and goes on where it stopped.
"""

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from cleanplate.errors import InputError
from cleanplate.training import checkpoint
from cleanplate.training.data import read_pool, told_plainly
from cleanplate.training.networks.segmenter import PersonSegmenter
from cleanplate.training.people import People, PeopleRecipe
from cleanplate.training.precision import memory_explained, pick_device
from cleanplate.training.processes import alone_in
from cleanplate.training.replay import replayed
from cleanplate.training.schedule import learning_rate, share_done

HELD_OUT_SEED = 2**31  # far from every training seed


@dataclass(frozen=True)
class SegmenterOptions:
    """How to train. `size` in pixels, a multiple of 32."""

    minutes: float = 60.0
    size: int = 160
    batch: int = 24
    planned_samples: int = 150_000  # the learning rate falls along a cosine until here; 0: minutes
    learning_rate: float = 2e-3
    average_decay: float = 0.998
    held_out: int = 192
    workers: int = 1
    seed: int = 0
    minutes_between_checkpoints: float = 3.0
    device: str = "auto"
    replay: int = 1  # times that each sample is used, on a device that is faster than the workers
    replay_capacity: int = 32768  # samples it then keeps at most; 0.16 MB each at 160 pixels


@dataclass
class _State:
    network: PersonSegmenter
    average: PersonSegmenter
    optimizer: torch.optim.Optimizer
    samples: int = 0
    cold: int = 0  # samples when the optimizer last began anew


def segmenter_losses(logits: Tensor, coverage: Tensor) -> dict[str, Tensor]:
    """Cross-entropy and the overlap that is missing (1 - Dice), of N 1 h w."""
    share = torch.sigmoid(logits)
    both = (share * coverage).sum((1, 2, 3))
    either = (share + coverage).sum((1, 2, 3))
    return {
        "cross_entropy": functional.binary_cross_entropy_with_logits(logits, coverage),
        "overlap": (1 - (2 * both + 8) / (either + 8)).mean() * 0.3,
    }


def train_segmenter(
    people: Path,
    backgrounds: Path,
    run: Path,
    options: SegmenterOptions,
    labelled: Path | None = None,
) -> Path:
    """Train for `options.minutes`; returns the checkpoint's path. A run that is there goes on.

    people: cut-outs of people. backgrounds: pictures without people. labelled: whole pictures with
    a mask of the people in them, NAME.jpg with NAME.png. 6 % of each are held out.
    Raises InputError, DeviceError, OutputError where another process trains in `run`, and
    WeightsError where the run's checkpoint cannot be used.
    """
    if options.size % 32:
        raise InputError(f"Size {options.size} was asked for; give a multiple of 32.")
    options = replace(options, device=pick_device(options.device))
    data, held_out = _data(people, backgrounds, labelled, options)
    with alone_in(run):
        return _train(data, held_out, run, options)


def _train(data: People, held_out: People, run: Path, options: SegmenterOptions) -> Path:
    state, path = _start(run, options)
    batches = _batches(data, state.samples, options)
    started = saved = time.monotonic()
    judged = [
        torch.stack(part)
        for part in zip(*(held_out[k] for k in range(options.held_out)), strict=True)
    ]
    going = True
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("segmenter", total=options.planned_samples, completed=state.samples)
        while going:
            seconds = time.monotonic() - started
            terms = _step(state, next(batches), options, seconds)
            now = time.monotonic()
            going = now < started + 60 * options.minutes
            going &= not options.planned_samples or state.samples < options.planned_samples
            progress.update(bar, completed=state.samples)
            if not going or now - saved > 60 * options.minutes_between_checkpoints:
                saved = now
                _record(run, state, terms, judged, options.device)
    return path


def _data(
    people: Path, backgrounds: Path, labelled: Path | None, options: SegmenterOptions
) -> tuple[People, People]:
    train, held = read_pool(people, True).split()
    scenes, held_scenes = read_pool(backgrounds, False).split()
    whole, held_whole = read_pool(labelled, True).split() if labelled else (None, None)
    return (
        People(train, scenes, whole, PeopleRecipe(size=options.size), options.seed),
        People(held, held_scenes, held_whole, PeopleRecipe(size=options.size), HELD_OUT_SEED),
    )


def _start(run: Path, options: SegmenterOptions) -> tuple[_State, Path]:
    torch.manual_seed(options.seed)
    network = PersonSegmenter()
    # Twice as fast on a CPU.
    network.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(network.parameters(), options.learning_rate, weight_decay=0.02)
    state, path = _State(network, average, optimizer), run / "segmenter.pt"
    if path.exists():
        content = checkpoint.load(path, options.device)
        checkpoint.restore(path, content, network=network, average=average)
        state.samples = state.cold = content["samples"]
        if "optimizer" in content:  # a published checkpoint comes without
            checkpoint.restore(path, content, optimizer=optimizer)
            state.cold = content.get("cold", 0)
    return state, path


def _batches(data: People, first: int, options: SegmenterOptions) -> Iterator[dict[str, Tensor]]:
    loader = DataLoader(
        data, options.batch, sampler=range(first, 2**40), num_workers=options.workers
    )
    new = ({"frame": frame, "coverage": covered} for frame, covered in told_plainly(loader))
    if options.replay == 1:
        return new
    return replayed(new, options.replay, options.replay_capacity, options.device)


@memory_explained()
def _step(
    state: _State, batch: dict[str, Tensor], options: SegmenterOptions, seconds: float
) -> dict[str, Tensor]:
    """One step, `seconds` after this start; returns the loss terms before it."""
    frame, coverage = batch["frame"].to(options.device), batch["coverage"].to(options.device)
    done = share_done(state.samples, options.planned_samples, seconds, options.minutes)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(options.learning_rate, state.samples - state.cold, done)
    state.network.train()
    terms = segmenter_losses(state.network(frame), coverage)
    state.optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(torch.stack(list(terms.values())).sum())
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    state.optimizer.step()
    state.samples += len(frame)
    step = state.samples // options.batch
    checkpoint.update_average(state.average, state.network, step, options.average_decay)
    return terms


@torch.no_grad()
def _record(
    run: Path, state: _State, terms: dict[str, Tensor], judged: list[Tensor], device: str
) -> None:
    """Write the checkpoint, one log line with the held-out error, and a sheet to look at."""
    frames, coverage = judged
    parts = torch.split(frames, 32)
    share = torch.cat([torch.sigmoid(state.average(part.to(device))).cpu() for part in parts])
    line: dict[str, float] = {"samples": state.samples}
    line |= {name: round(float(term), 5) for name, term in terms.items()}
    line["held_out_mad"] = round(float((share - coverage).abs().mean()) * 1e3, 2)
    wrong = ((share > 0.5) != (coverage > 0.5)).float().mean((1, 2, 3)) * 1e3
    line["held_out_wrong_median"] = round(float(wrong.median()), 2)
    with (run / "segmenter.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    content = {
        name: getattr(state, name).state_dict() for name in ("network", "average", "optimizer")
    }
    numbers = {"samples": state.samples, "cold": state.cold}
    checkpoint.save(run / "segmenter.pt", content | numbers)
    shown = [functional.interpolate(part[:24], frames.shape[2:]) for part in (coverage, share)]
    sheet = torch.cat([frames[:24], *(part.expand(-1, 3, -1, -1) for part in shown)], 3)
    columns = [torch.cat(list(column), 1) for column in torch.split(sheet, 8)]
    pixels = (torch.cat(columns, 2).permute(1, 2, 0).numpy()[..., ::-1] * 255).astype(np.uint8)
    cv2.imwrite(str(run / "segmenter.png"), pixels)
