"""The student: real footage without labels, a teacher that stays, a critic (section 3.2).

Reads top to bottom: data, networks, loop. A run is a folder with `checkpoint.pt` (its `average`
are the best weights by held-out footage, ready for `cleanplate export`), `log.jsonl`,
`held-out.jsonl`, `held-out.png` and `options.json`. It is bounded by minutes and resumable.
"""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cleanplate.errors import DeviceError, InputError
from cleanplate.training import checkpoint
from cleanplate.training.bill import Entry, with_earlier, write_bill
from cleanplate.training.data import Pool
from cleanplate.training.footage import FootageClip, split
from cleanplate.training.footage_losses import Shot
from cleanplate.training.networks.compact import CompactNetwork
from cleanplate.training.precision import half_precision
from cleanplate.training.processes import alone_in
from cleanplate.training.shots import Shots, new_backgrounds, other_sides, whole_frames
from cleanplate.training.student_judging import Judgement, better, judge, rises, write_sheet
from cleanplate.training.student_state import State, StudentOptions, open_state, save_state
from cleanplate.training.student_step import Given, Strengths, step_discriminator, step_student

STUDENT_STEPS = 5  # for each step of the discriminator
SMOOTHING = 0.99  # of the moving average of the weights that is judged


def train_student(
    run: Path,
    clips: list[FootageClip],
    backgrounds: Pool | None,
    teacher: Path,
    options: StudentOptions,
    resume: bool = False,
    bill: Sequence[Entry] = (),
    say: Callable[[str], None] = print,
) -> Path:
    """Train for `options.minutes`, or until disagreement rises; returns the checkpoint's path.

    clips: see footage.read_footage. backgrounds: other places; None: what the clips' own plates
    give when mirrored. teacher: a checkpoint of `train teacher` (a slim one will do); a run that is
    resumed keeps the one it began with, and its `options.start`.
    bill: written beside the run (see bill.read_bill), with that of the teacher, which lies beside
    it, or of the run that is resumed.
    Raises InputError, OutputError where `run` holds a run and resume is off or another process
    trains there, DeviceError, and WeightsError where teacher or run cannot be read.
    """
    check_options(options)
    device = _device(options.device)
    train, held = split(clips)
    shots = Shots(tuple(train), options.size, options.batch, options.seed)
    held_out = whole_frames(held, options.size, options.held_out, device)
    with alone_in(run):
        torch.manual_seed(options.seed)
        state = open_state(run, teacher, options, resume, device)
        options = replace(options, start=state.start)
        (run / "options.json").write_text(json.dumps(asdict(options), indent=1))
        if bill:
            earlier = run if resume else teacher.parent
            write_bill(with_earlier(bill, earlier / "bill.json"), run / "bill.json")
        if not state.history:
            _judge(run, state, held_out, options)
        step = partial(_step, state, shots, backgrounds, device)
        stopped = _loop(run, state, held_out, options, step)
        _end(run, state, held_out, options)
    if stopped:
        say(f"Stopped early: disagreement with the teacher rose {options.patience} times in a row.")
    return run / "checkpoint.pt"


def _loop(
    run: Path,
    state: State,
    held_out: list[Shot],
    options: StudentOptions,
    step: Callable[[StudentOptions], dict[str, float]],
) -> bool:
    """Step until time, number or disagreement ends it; returns whether disagreement did."""
    started, before = time.monotonic(), state.seconds
    saved, stop = started, False
    ends = min(options.planned_steps, options.steps_limit or options.planned_steps)
    with _progress() as progress:
        bar = progress.add_task("student", total=options.planned_steps, completed=state.steps)
        while not stop:
            terms = step(options)
            state.steps += 1
            now = time.monotonic()
            state.seconds = before + now - started
            progress.update(bar, completed=state.steps)
            if state.steps % options.judge_every == 0:
                stop = _judge(run, state, held_out, options)
            last = stop or now - started >= 60 * options.minutes or state.steps >= ends
            if last or state.steps % 20 == 0:
                _log(run, state, terms)
            if last:
                break
            if now - saved > 60 * options.minutes_between_checkpoints:
                save_state(run, state)
                saved = time.monotonic()
    return stop


def _step(
    state: State, shots: Shots, backgrounds: Pool | None, device: str, options: StudentOptions
) -> dict[str, float]:
    """One step of the student and, every fifth time, one of the discriminator before it."""
    number = state.steps
    # From the teacher's weights the statistics of its norms are kept: footage is far from varied.
    state.network.train(options.start == "random")
    with half_precision(device):
        given = _given(state.teacher, shots, backgrounds, number, device)
        terms = {}
        if options.adversarial and number % STUDENT_STEPS == 0:
            terms["discriminator"] = step_discriminator(
                state.network,
                state.discriminator,
                state.discriminator_optimizer,
                given,
                options.patch,
                shots.rng(number),
            )
        halved = options.teacher * 0.5 ** (number // options.halve_every)
        strengths = Strengths(options.adversarial, halved, options.footage, options.cycle)
        terms |= step_student(
            state.network,
            state.discriminator,
            state.optimizer,
            given,
            strengths,
            options.patch,
            shots.rng(number),
        )
    checkpoint.update_average(state.smoothed, state.network, number, SMOOTHING)
    return terms | {"lambda": halved}


def _given(
    teacher: CompactNetwork, shots: Shots, backgrounds: Pool | None, number: int, device: str
) -> Given:
    shot, rng = shots.draw(number, device), shots.rng(number)
    with torch.no_grad():
        target = teacher(shot.frame, shot.plate, shot.prior)
    others = [
        other_sides(rng, shot.plate)
        if backgrounds is None
        else new_backgrounds(rng, backgrounds, shots.size, shots.batch, device)
        for _ in range(2)
    ]
    return Given(shot, target, others[0], others[1], seed=int(rng.integers(2**31)))


def _judge(run: Path, state: State, held_out: list[Shot], options: StudentOptions) -> bool:
    """Judge the smoothed weights, keep them where they are the best; returns whether to stop."""
    judgement, is_best = _judged(run, state, held_out, options)
    state.history.append(judgement)
    if is_best:
        state.kept = judgement
        state.best.load_state_dict(state.smoothed.state_dict())
    write_sheet(run / "held-out.png", state.smoothed, state.teacher, held_out)
    return rises(state.history, options.limit, options.patience)


def _end(run: Path, state: State, held_out: list[Shot], options: StudentOptions) -> None:
    """Write the checkpoint; the last weights are judged, too, and exported where they are best."""
    last = None
    if state.steps % options.judge_every:
        judgement, is_best = _judged(run, state, held_out, options)
        last = judgement if is_best else None
    save_state(run, state, last)
    exported = state.smoothed if last else state.best
    write_sheet(run / "held-out.png", exported, state.teacher, held_out)


def _judged(
    run: Path, state: State, held_out: list[Shot], options: StudentOptions
) -> tuple[Judgement, bool]:
    """Judge the smoothed weights and note it; returns also whether none did better before."""
    judgement = judge(state.smoothed, state.teacher, held_out, state.steps)
    with (run / "held-out.jsonl").open("a") as file:
        file.write(json.dumps(judgement) + "\n")
    return judgement, state.kept is None or better(judgement, state.kept, options.limit)


def check_options(options: StudentOptions) -> None:
    """Raise InputError for sizes that do not fit the networks."""
    if options.size % 16 or options.size < 64:
        raise InputError(f"Size {options.size} was asked for; give a multiple of 16 from 64 on.")
    if not 32 <= options.patch <= options.size:
        raise InputError(
            f"Patch {options.patch} was asked for; give 32 to {options.size} pixels, the size."
        )


def _device(wanted: str) -> str:
    if wanted not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"Device {wanted!r} is not known; use cpu, cuda or auto.")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise DeviceError("--device cuda was asked for, but torch sees no GPU; use --device cpu.")
    return wanted if wanted != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def _log(run: Path, state: State, terms: dict[str, float]) -> None:
    line = {"step": state.steps, "seconds": round(state.seconds, 1)}
    line |= {name: round(value, 6) for name, value in terms.items() if math.isfinite(value)}
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} / {task.total:,.0f} steps"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
