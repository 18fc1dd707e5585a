"""What a run of the student holds, and how it is written and read again."""

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from cleanplate.errors import OutputError, WeightsError
from cleanplate.training import checkpoint
from cleanplate.training.adversary import make_discriminator
from cleanplate.training.networks.compact import CompactNetwork
from cleanplate.training.student_judging import Judgement


@dataclass(frozen=True)
class StudentOptions:
    """How to train. Times in minutes, sizes in pixels; `limit` in mean |alpha| x 1e3.

    start: from the teacher's weights, or from random ones as in the paper. teacher is lambda, the
    paper's 0.05, halved every `halve_every` steps. adversarial 0 leaves the GAN out.
    """

    minutes: float = 60.0
    start: Literal["teacher", "random"] = "teacher"
    size: int = 256
    patch: int = 96
    batch: int = 4
    learning_rate: float = 1e-4
    discriminator_rate: float = 1e-5
    adversarial: float = 1.0
    teacher: float = 0.05
    footage: float = 0.05
    cycle: float = 1.0
    halve_every: int = 2000
    planned_steps: int = 10_000
    judge_every: int = 100
    held_out: int = 16
    limit: float = 10.0
    patience: int = 3
    seed: int = 0
    device: str = "auto"
    minutes_between_checkpoints: float = 3.0
    steps_limit: int | None = None


@dataclass
class State:
    """What a checkpoint holds; `best` is written as `average`, which is what is exported.

    clips: what the teacher had learned from clips, where the student began as the teacher: what
    reads the memory learns nothing here and stays.
    start: of the options that the run began with.
    """

    teacher: CompactNetwork
    network: CompactNetwork
    smoothed: CompactNetwork
    best: CompactNetwork
    discriminator: nn.Module
    optimizer: torch.optim.Optimizer
    discriminator_optimizer: torch.optim.Optimizer
    steps: int = 0
    seconds: float = 0.0
    clips: float = 0.0
    start: Literal["teacher", "random"] = "teacher"
    history: list[Judgement] = field(default_factory=list)
    kept: Judgement | None = None


def open_state(
    run: Path, teacher: Path, options: StudentOptions, resume: bool, device: str
) -> State:
    """Make a new run's state, or that of the checkpoint there; nothing is written.

    Raises OutputError where `run` holds a run and resume is off, WeightsError where the teacher,
    or the run to resume, cannot be read.
    """
    path = run / "checkpoint.pt"
    if path.exists() and not resume:
        raise OutputError(f"{run} already holds a run; add --resume or name another folder.")
    content = checkpoint.load(path, device) if resume else checkpoint.load(teacher, device)
    frozen = checkpoint.sized(path if resume else teacher, content)
    frozen = frozen.to(device).eval().requires_grad_(False)
    if resume:
        checkpoint.restore(path, content, teacher=frozen)
    else:
        checkpoint.restore(teacher, content, average=frozen)
    state = _new_state(frozen, options, device)
    state.start = content.get("start", options.start) if resume else options.start
    state.clips = content.get("clips", 0.0) if state.start == "teacher" else 0.0
    if resume:
        _restore(path, content, state)
    return state


def _new_state(teacher: CompactNetwork, options: StudentOptions, device: str) -> State:
    network = CompactNetwork(teacher.size).to(device)
    if options.start == "teacher":
        network.load_state_dict(teacher.state_dict())
    discriminator = make_discriminator().to(device)
    smoothed = copy.deepcopy(network).eval().requires_grad_(False)
    return State(
        teacher,
        network,
        smoothed,
        copy.deepcopy(smoothed),
        discriminator,
        torch.optim.Adam(network.parameters(), options.learning_rate, betas=(0.5, 0.999)),
        torch.optim.Adam(
            discriminator.parameters(), options.discriminator_rate, betas=(0.5, 0.999)
        ),
    )


def _parts(state: State) -> dict[str, Any]:
    return {
        "teacher": state.teacher,
        "network": state.network,
        "smoothed": state.smoothed,
        "average": state.best,
        "discriminator": state.discriminator,
        "optimizer": state.optimizer,
        "discriminator_optimizer": state.discriminator_optimizer,
    }


def _restore(path: Path, content: dict[str, Any], state: State) -> None:
    content = content | content.get("regular", {})
    checkpoint.restore(path, content, **_parts(state))
    try:
        state.steps, state.seconds = content["steps"], content["seconds"]
        state.history, state.kept = content["history"], content["kept"]
    except KeyError as error:
        raise WeightsError(f"{path} is no checkpoint of a student; name its run.") from error


def save_state(run: Path, state: State, last: Judgement | None = None) -> None:
    """Write the checkpoint of the run, whole or not at all.

    last: what was judged of the smoothed weights at the end, where it is these that are exported.
    A resume goes on from the regular judgements, as if it had not ended.
    """
    content = {name: part.state_dict() for name, part in _parts(state).items()}
    content |= {"size": state.network.size, "start": state.start, "clips": state.clips}
    content |= {"steps": state.steps, "seconds": state.seconds}
    content |= {"history": state.history, "kept": state.kept}
    if last:
        regular = {name: content[name] for name in ("average", "kept")}
        content |= {"average": content["smoothed"], "kept": last, "regular": regular}
    checkpoint.save(run / "checkpoint.pt", content)
