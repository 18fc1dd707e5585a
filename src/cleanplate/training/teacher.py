"""The teacher: supervised training on synthetic composites (section 3.1 of the paper).

Reads top to bottom: data, network, loop. A run is a folder with `checkpoint.pt`, `log.jsonl`,
`options.json` and pictures of held-out samples; it is bounded by minutes and goes on with resume.
"""

import copy
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cleanplate.errors import InputError
from cleanplate.network import weights_path
from cleanplate.training import checkpoint
from cleanplate.training.bill import Entry, with_earlier, write_bill
from cleanplate.training.clips import recall
from cleanplate.training.data import read_pool
from cleanplate.training.judging import judge
from cleanplate.training.losses import WEIGHTS, teacher_losses, temporal_loss, weighted
from cleanplate.training.networks.compact import WIDTHS, CompactNetwork
from cleanplate.training.precision import half_precision, memory_explained, memory_format
from cleanplate.training.processes import alone_in, said_by_first, share_out
from cleanplate.training.replay import recombine, replayed
from cleanplate.training.schedule import learning_rate, share_done
from cleanplate.training.stream import Synthesis, batches
from cleanplate.training.synthesis import Recipe
from cleanplate.training.teacher_state import State, save_state, start
from cleanplate.training.true_shots import read_true_shots

HELD_OUT_SEED = 2**31  # far from every training seed
# Of a sample, what the network sees and the loss compares with.
NEEDED = ("frame", "plate", "prior", "alpha", "foreground", "background", "shadow", "valid")


@dataclass(frozen=True)
class TeacherOptions:
    """How to train. Times in minutes, `size` in pixels, `batch` for each process."""

    minutes: float = 60.0
    size: int = 256
    batch: int = 8
    planned_samples: int = 100_000  # the learning rate falls along a cosine until here; 0: minutes
    learning_rate: float = 1e-3
    network: str | None = None  # of compact.WIDTHS; None: compact, or what the run has
    average_decay: float = 0.998
    workers: int = 1
    seed: int = 0
    device: str = "auto"
    held_out: int = 48
    clips: float = 0.5  # share of the batches that are clips of two or three frames
    person: str | None = "person"  # weights of the person segmenter that makes some of the priors
    shots: str | None = None  # folder of shots of which all is known, for a third of the stills
    minutes_between_checkpoints: float = 3.0
    memory_only: bool = False  # clips alone, and what is said without a memory stays as it is
    replay: int = 1  # times that each sample is used, on a device that is faster than the workers
    replay_capacity: int = 8192  # samples it then keeps at most; 2.2 MB each at 256 pixels
    samples_limit: int | None = None  # stop here as well (tests, exact comparisons)


def train_teacher(
    foregrounds: Path,
    backgrounds: Path,
    run: Path,
    options: TeacherOptions,
    resume: bool = False,
    bill: Sequence[Entry] = (),
) -> Path:
    """Train for `options.minutes` and return the path of the checkpoint.

    foregrounds, backgrounds: folders (see data.read_pool); 6 % of each are held out.
    bill: sources of both (see bill.read_bill), written beside the run, with those of the run that
    is resumed.
    Started by torchrun, every process takes its own share of the samples.
    Raises InputError (also for a memory without a run to go on with), OutputError where `run`
    holds a run and resume is off or another process trains there, DeviceError, and WeightsError
    where there is nothing to resume.
    """
    if options.memory_only:
        if not resume:
            raise InputError("Memory alone is learned by weights that know stills; add --resume.")
        options = replace(options, clips=1.0)
    if options.network not in (None, *WIDTHS):
        raise InputError(f"Network {options.network!r} is not known; use {' or '.join(WIDTHS)}.")
    rank, world, device = share_out(options.device)
    data, held_data = _data(foregrounds, backgrounds, options)
    with alone_in(run, rank):
        return _train(run, data, held_data, options, resume, bill, rank, world, device)


def _train(
    run: Path,
    data: Synthesis,
    held_data: Synthesis,
    options: TeacherOptions,
    resume: bool,
    bill: Sequence[Entry],
    rank: int,
    world: int,
    device: str,
) -> Path:
    torch.manual_seed(options.seed)
    path = run / "checkpoint.pt"
    content = checkpoint.load(path, device) if resume else None
    network = checkpoint.sized(path, content or {"size": options.network or "compact"})
    if options.network not in (None, network.size):
        raise InputError(
            f"{run} trains a {network.size} network and goes on with that: leave --network out, "
            "or make a larger one of it with `cleanplate train grow`."
        )
    options = replace(options, network=network.size)
    network = network.to(device, memory_format=memory_format(device))  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval().requires_grad_(False)
    state = State(network, average, _optimizer(network, options, device))
    start(run, state, content)
    if options.memory_only and state.cold == state.samples:  # begun: the average is what ships
        network.load_state_dict(average.state_dict())
    model: nn.Module = network
    if world > 1:  # without clips, and in the first frame of one, the memory's weights rest
        model = DistributedDataParallel(network, find_unused_parameters=True)
    started, seconds_before = time.monotonic(), state.seconds
    saved, deadline = started, started + 60 * options.minutes
    held_out = [held_data[index, 1] for index in range(options.held_out)] if rank == 0 else []
    stream = _batches(data, state.samples, options, rank, world, device)
    first = next(stream)  # what refuses the pictures does so before anything is written
    if rank == 0:
        (run / "options.json").write_text(json.dumps(asdict(options), indent=1))
        if bill:
            path_of_bill = run / "bill.json"
            write_bill(with_earlier(bill, path_of_bill) if resume else list(bill), path_of_bill)
    with _progress(rank == 0) as progress:
        bar = progress.add_task("teacher", total=options.planned_samples, completed=state.samples)
        for batch in chain([first], stream):
            rate = _learning_rate(options, state, time.monotonic() - started)
            terms = _step(model, average, state.optimizer, rate, batch, device)
            state.samples += options.batch * world
            averaged = state.samples // options.batch
            checkpoint.update_average(average, network, averaged, options.average_decay)
            now = time.monotonic()
            state.seconds = seconds_before + now - started
            progress.update(bar, completed=state.samples)
            done = now >= deadline or state.samples >= (options.samples_limit or math.inf)
            last = said_by_first(done, world, device)
            if rank == 0 and (last or averaged // world % 50 == 0):
                progress.update(bar, description=f"alpha {_log(run, state, rate, terms):.4f}")
            if rank == 0 and (last or now - saved > 60 * options.minutes_between_checkpoints):
                save_state(run, state, options.clips)
                progress.update(bar, description=f"looking at {len(held_out)} held-out samples")
                judge(average, held_out, run, state.samples, device)
                saved = time.monotonic()
            if last:
                break
    if world > 1:
        torch.distributed.destroy_process_group()
    return path


def _data(
    foregrounds: Path, backgrounds: Path, options: TeacherOptions
) -> tuple[Synthesis, Synthesis]:
    """Make the samples to train on and the held-out ones, always 256 pixels a side."""
    if options.size % 16:
        raise InputError(f"Size {options.size} was asked for; give a multiple of 16.")
    if options.replay > 1 and options.clips:
        raise InputError("Replay is for stills, but clips were asked for, too; add --clips 0.")
    train_foregrounds, held_foregrounds = read_pool(foregrounds, foregrounds=True).split()
    train_backgrounds, held_backgrounds = read_pool(backgrounds, foregrounds=False).split()
    recipe, judged = Recipe(size=options.size), Recipe(size=256)
    person = weights_path(options.person) if options.person else None
    train_pools = train_foregrounds, train_backgrounds
    held_pools = held_foregrounds, held_backgrounds
    shots = read_true_shots(Path(options.shots)).split()[0] if options.shots else None
    return (
        Synthesis(*train_pools, recipe, options.seed, options.clips, person, shots),
        Synthesis(*held_pools, judged, HELD_OUT_SEED, person=person),
    )


def _optimizer(
    network: CompactNetwork, options: TeacherOptions, device: str
) -> torch.optim.Optimizer:
    """Make what steps, the way that is quickest on the device."""
    on_gpu = torch.device(device).type == "cuda"
    torch.backends.cudnn.benchmark = on_gpu  # batches have few sizes: it tries what is quickest
    learning, decay = list(network.parameters()), 0.01
    if options.memory_only:
        learning, decay = network.learn_memory_alone(), 0.0
    rate = options.learning_rate
    return torch.optim.AdamW(learning, rate, weight_decay=decay, fused=on_gpu)


def _batches(
    data: Synthesis, samples: int, options: TeacherOptions, rank: int, world: int, device: str
) -> Iterator[dict[str, Tensor]]:
    """Endless batches for this process, each used once or, with replay, its samples again."""
    first, step = samples + rank * options.batch, options.batch * world
    if options.replay == 1:
        return batches(data, first, options.batch, step, options.workers)
    new = batches(data, first, options.batch, step, options.workers, halved=NEEDED)
    drawn = replayed(new, options.replay, options.replay_capacity, device)
    return map(recombine, drawn)


def _learning_rate(options: TeacherOptions, state: State, seconds: float) -> float:
    """Rate of the next step, `seconds` after this start."""
    done = share_done(state.samples, options.planned_samples, seconds, options.minutes)
    return learning_rate(options.learning_rate, state.samples - state.cold, done)


@memory_explained()
def _step(
    model: nn.Module,
    average: CompactNetwork,
    optimizer: torch.optim.Optimizer,
    rate: float,
    batch: dict[str, Tensor],
    device: str,
) -> dict[str, Tensor]:
    """One step at a learning rate; returns the loss terms before it."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    batch = {name: picture.to(device, non_blocking=True) for name, picture in batch.items()}
    model.train()
    with half_precision(device):
        # What came before is the averaged network's, as it will be when the weights are used.
        past = recall(average, batch) if "flows" in batch else None
        memory = past.memory if past else None
        prediction = model(batch["frame"], batch["plate"], batch["prior"], memory)
    terms = teacher_losses(prediction, batch)
    if past:
        terms["temporal"] = temporal_loss(prediction.alpha, batch["alpha"], past)
    loss = weighted(terms, WEIGHTS)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}


def _log(run: Path, state: State, rate: float, terms: dict[str, Tensor]) -> float:
    """Write one line; only here the device is waited for. Returns the alpha term."""
    line = {"samples": state.samples, "seconds": round(state.seconds, 1), "learning_rate": rate}
    line |= {name: round(float(value), 5) for name, value in terms.items()}
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    return line["alpha"]


def _progress(shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} / {task.total:,.0f} samples"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )
