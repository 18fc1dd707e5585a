"""A job of a clip that can be stopped, with a stand-in for the network."""

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import takes
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import manifest as job_manifest
from cleanplate.jobs.clips import cut_clip
from cleanplate.jobs.options import ClipOptions
from takes import HEIGHT, WIDTH, StandInState, stand_in

COUNT = 20


def prepare(tmp_path, monkeypatch):
    """Go to a folder with a clip and its plate, the stand-in in the place of the pipeline."""
    monkeypatch.chdir(tmp_path)
    takes.write_scene(tmp_path, count=COUNT)
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    monkeypatch.setattr(video_job, "ClipState", StandInState)
    weights = Path(__file__)  # any file: only its hash is asked for
    monkeypatch.setattr(
        video_job,
        "load_model",
        lambda *_, **__: SimpleNamespace(path=weights, device="cpu", integers=False),
    )
    monkeypatch.setattr(job_manifest, "_sync", lambda path: None)  # slow on a busy disk
    return tmp_path


def cut(out, said=None, plate="plate.png", clip="take.mkv", **options):
    given = {"part_frames": 6, **options}
    say = (lambda line: None) if said is None else said.append
    plate = Path(plate) if isinstance(plate, str) else plate
    cut_clip(Path(clip), plate, out, ClipOptions(**given), say)


def our_threads():
    names = {thread.name for thread in threading.enumerate()}
    return names & {"reading ahead", "writing behind"}


def expected_alphas(count=COUNT):
    plate, state, alphas = takes.plate_picture() / np.float32(255), None, []
    for index in range(count):
        frame = takes.frame_picture(index) / np.float32(255)
        cutout, state, _ = stand_in(frame, plate, state, model=None, options=None)
        alphas.append(cutout.alpha)
    return np.stack(alphas)


class StoppedError(Exception):
    pass


def stop_after(monkeypatch, count, problem):
    """Let the pipeline fail at a frame; returns how many it has cut in all."""
    calls = []

    def failing(*arguments, **options):
        if len(calls) == count:
            raise problem
        calls.append(1)
        return stand_in(*arguments, **options)

    monkeypatch.setattr(video_job, "cut_next", failing)
    return calls


def shade(index):
    return np.full((HEIGHT, WIDTH, 3), 10 + 20 * index, np.uint8)
