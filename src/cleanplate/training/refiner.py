"""Trains the tile refiner on what the exported network gets wrong at full resolution.

It runs the very functions of refine.py that run later, so that it sees what it will see.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from cleanplate.composite import over
from cleanplate.looks import Look
from cleanplate.network import Model, load_model
from cleanplate.prior import JOINED
from cleanplate.refine import (
    FOREGROUND,
    INNER,
    PROJECTED,
    TILE,
    RefineOptions,
    cut_tiles,
    lay_out,
    locate,
    uncertain_tiles,
)
from cleanplate.training import checkpoint
from cleanplate.training.data import Pool, read_pool, told_plainly
from cleanplate.training.networks.refiner import TileRefiner
from cleanplate.training.processes import alone_in
from cleanplate.training.synthesis import Recipe, synthesize


@dataclass(frozen=True)
class RefinerOptions:
    """How to train the refiner."""

    minutes: float = 10.0
    size: int = 512
    tiles: int = 192  # from each sample
    samples_per_step: int = 4
    planned_steps: int = 1500
    learning_rate: float = 3e-3
    seed: int = 0
    workers: int = 1


class TileStream(IterableDataset[tuple[Tensor, Tensor]]):
    """Tiles of endless synthetic samples, with the truth of their inner part.

    Yields n 16 22 22 and n 7 16 16 (true alpha, true foreground, true shaded background).
    begin: number of the first sample.
    """

    def __init__(
        self,
        weights: Path,
        foregrounds: Pool,
        backgrounds: Pool,
        options: RefinerOptions,
        begin: int = 0,
    ) -> None:
        self.weights, self.options, self.begin = weights, options, begin
        self.foregrounds, self.backgrounds = foregrounds, backgrounds

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless; several workers take turns."""
        worker = torch.utils.data.get_worker_info()
        first, every = (worker.id, worker.num_workers) if worker else (0, 1)
        cv2.setNumThreads(1)
        model = load_model(self.weights, "cpu", 1)
        for index in range(self.begin + first, 2**40, every):
            yield self.sample(index, model)

    def sample(self, index: int, model: Model) -> tuple[Tensor, Tensor]:
        """Tiles of sample number `index`; drawn again until something in it is uncertain."""
        rng = np.random.default_rng([self.options.seed, 7, index])
        while (made := self._draw(rng, model)) is None:
            pass
        return made

    def _draw(self, rng: Generator, model: Model) -> tuple[Tensor, Tensor] | None:
        options = self.options
        recipe = Recipe(size=options.size, wrong_plate=0, blank_plate=0)  # nothing to project on
        sample = synthesize(rng, self.foregrounds, self.backgrounds, recipe)
        # From 0.3 of the sides (as all of an HD frame is seen) to 1.5 (a small one, enlarged).
        scale = 0.3 * 5 ** rng.random()
        model.look = Look(int((options.size * scale) ** 2), finest=scale)
        plate = model.encode_plate(sample["plate"], options.size, options.size)
        given = sample["prior"][..., :1] if sample["prior"][0, 0, 1] else None
        coarse = model(sample["frame"], plate, given, guess=JOINED)
        shaded = sample["background"] * sample["shadow"]
        truth = np.concatenate([sample["alpha"], sample["foreground"], shaded], 2)
        truth = truth[locate(coarse, options.size, options.size).inside]
        refine_options = RefineOptions()
        height, width = truth.shape[:2]
        rows, columns = uncertain_tiles(coarse, height, width, refine_options)
        whole = np.flatnonzero((rows + TILE <= height) & (columns + TILE <= width))
        if not len(whole):
            return None
        chosen = rng.permutation(whole)[: options.tiles]
        rows, columns = rows[chosen], columns[chosen]
        layers = lay_out(coarse, sample["frame"], sample["plate"], None)
        tiles = cut_tiles(layers, rows, columns, refine_options)
        window = np.arange(TILE)
        y, x = rows[:, None, None] + window[:, None], columns[:, None, None] + window
        return (
            torch.from_numpy(tiles),
            torch.from_numpy(np.ascontiguousarray(truth[y, x].transpose(0, 3, 1, 2))),
        )


def refiner_losses(correction: Tensor, tiles: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Loss terms of corrected tiles: alpha, its steps, foreground, composition."""
    alpha = tiles[PROJECTED][INNER] + correction[:, :1]
    foreground = tiles[FOREGROUND][INNER] + correction[:, 1:]
    alpha_true, foreground_true, shaded = truth[:, :1], truth[:, 1:4], truth[:, 4:]
    seen = (alpha_true > 0.005).float()
    steps = sum((alpha.diff(dim=axis) - alpha_true.diff(dim=axis)).abs().mean() for axis in (2, 3))
    composite = over(foreground, alpha, shaded)
    composite_true = over(foreground_true, alpha_true, shaded)
    return {
        "alpha": (alpha - alpha_true).abs().mean(),
        "gradient": torch.as_tensor(steps),
        "foreground": ((foreground - foreground_true).abs() * seen).sum() / (3 * seen.sum() + 1),
        "composition": (composite - composite_true).abs().mean(),
    }


def train_refiner(
    weights: Path, foregrounds: Path, backgrounds: Path, run: Path, options: RefinerOptions
) -> Path:
    """Train for `options.minutes` beside frozen weights (.onnx); returns the checkpoint's path.

    A run whose folder already holds a checkpoint goes on from it; one without its optimizer gives
    the weights to begin with. Raises OutputError where another process trains in `run`.
    """
    load_model(weights, "cpu", 1)  # refuse what cannot be used before the work begins
    pools = (read_pool(foregrounds, True).split()[0], read_pool(backgrounds, False).split()[0])
    with alone_in(run):
        return _train(weights, pools, run, options)


def _train(weights: Path, pools: tuple[Pool, Pool], run: Path, options: RefinerOptions) -> Path:
    torch.manual_seed(options.seed)
    refiner = TileRefiner()
    optimizer = torch.optim.Adam(refiner.parameters(), options.learning_rate)
    step, samples, path = 0, 0, run / "refiner.pt"
    if path.exists():
        state = checkpoint.load(path)
        checkpoint.restore(path, state, network=refiner)
        samples = state.get("samples", state.get("step", 0) * options.samples_per_step)
        if "optimizer" in state:  # a published checkpoint comes without, and starts a new schedule
            checkpoint.restore(path, state, optimizer=optimizer)
            step = state["step"]
    stream = TileStream(weights, *pools, options, samples)
    loader = told_plainly(DataLoader(stream, batch_size=None, num_workers=options.workers))
    deadline = time.monotonic() + 60 * options.minutes
    going = step < options.planned_steps
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("refiner", total=options.planned_steps, completed=step)
        while going:
            pairs = [next(loader) for _ in range(options.samples_per_step)]
            tiles, truth = (torch.cat(part) for part in zip(*pairs, strict=True))
            rate = options.learning_rate * max(0.02, 1 - step / options.planned_steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            terms = refiner_losses(refiner(tiles), tiles, truth)
            optimizer.zero_grad()
            torch.autograd.backward(torch.stack(list(terms.values())).sum())
            optimizer.step()
            step, samples = step + 1, samples + len(pairs)
            progress.update(bar, completed=step)
            going = time.monotonic() < deadline and step < options.planned_steps
            if not going or step % 25 == 0:
                counts = {"step": step, "samples": samples}
                _record(run, refiner, optimizer, counts, terms, tiles, truth)
    return path


def _record(
    run: Path,
    refiner: TileRefiner,
    optimizer: torch.optim.Optimizer,
    counts: dict[str, int],
    terms: dict[str, Tensor],
    tiles: Tensor,
    truth: Tensor,
) -> None:
    """One log line, with what the loss would be without the refiner, and the checkpoint."""
    before = refiner_losses(torch.zeros_like(truth[:, :4]), tiles, truth)
    line: dict[str, float] = {**counts}
    line |= {name: round(float(term.detach()), 5) for name, term in terms.items()}
    line |= {f"{name}_before": round(float(term), 5) for name, term in before.items()}
    with (run / "refiner.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    state = {"network": refiner.state_dict(), "optimizer": optimizer.state_dict()}
    checkpoint.save(run / "refiner.pt", state | counts)
