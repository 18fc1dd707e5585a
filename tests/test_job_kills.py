"""A job that is killed at random points, again and again, writes what an undisturbed one does.

A few kills are enough to see that nothing is broken; 200 take long, and run where they are asked
for: CLEANPLATE_KILLS=200 pytest -s tests/test_job_kills.py (with CLEANPLATE_KILL_SECONDS=300 those
that fit in that time; how many there were is printed).
"""

import math
import os
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import takes
from commands import files

KILLS = int(os.environ.get("CLEANPLATE_KILLS", "0"))
SECONDS = float(os.environ.get("CLEANPLATE_KILL_SECONDS", "inf"))

JOB = """
    import sys, time
    from pathlib import Path
    from types import SimpleNamespace
    sys.path.insert(0, sys.argv[1])
    import takes
    from cleanplate.jobs import clips as video_job
    from cleanplate.jobs.options import ClipOptions

    def slow(*arguments, **options):
        time.sleep(0.004)
        return takes.stand_in(*arguments, **options)

    video_job.cut_next, video_job.ClipState = slow, takes.StandInState
    model = SimpleNamespace(path=Path("plate.png"), device="cpu", integers=False)
    video_job.load_model = lambda *a, **k: model
    options = ClipOptions(over="sky.mkv", codec="h264", matte=Path("matte.mkv"), part_frames=7,
                          report=Path("page.html"), temporal="lookahead")
    print("begins", flush=True)
    video_job.cut_clip(Path("take.mkv"), Path("plate.png"), "out.mkv", options, print)
"""
OUTPUTS = ("out.mkv", "matte.mkv", "page.html")


def start(folder):
    job = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(JOB), str(Path(__file__).parent)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert job.stdout.readline() == "begins\n"
    return job


pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals as in POSIX")


def test_killed_jobs_lose_nothing(tmp_path):
    assert kill_jobs(tmp_path, 4)[0] == 4


@pytest.mark.slow
@pytest.mark.skipif(not KILLS, reason="CLEANPLATE_KILLS=200 asks for as many")
def test_many_killed_jobs_lose_nothing(tmp_path):
    killed, went_on = kill_jobs(tmp_path, KILLS, SECONDS)
    print(f"\n{killed} jobs were killed, {went_on} went on after finished parts; nothing was lost")
    assert killed == KILLS or math.isfinite(SECONDS)
    assert went_on or killed < 20


def kill_jobs(tmp_path, kills, seconds=float("inf")):
    """Kill a job `kills` times, or as often as fits; how often, and how many jobs went on."""
    takes.write_scene(tmp_path, count=36, sound=True)
    takes.write_take(tmp_path / "sky.mkv", count=9, rate=20)
    first = start(tmp_path)
    began = time.monotonic()  # what comes before is the start of Python, in which nothing is kept
    first.communicate(timeout=60)
    lasts = time.monotonic() - began
    whole = {name: (tmp_path / name).read_bytes() for name in OUTPUTS}
    inputs = {"take.mkv", "plate.png", "sky.mkv"}
    dice, killed, went_on = random.Random(os.urandom(8)), 0, 0
    while killed < kills and time.monotonic() - began < seconds:
        for name in OUTPUTS:
            (tmp_path / name).unlink(missing_ok=True)
        finished = False
        while not finished:
            job = start(tmp_path)
            if killed < kills:
                time.sleep(dice.uniform(0, lasts))
                killed += job.poll() is None
                job.kill()
            said, _ = job.communicate(timeout=60)
            went_on += "going on after" in said
            finished = job.returncode == 0
            assert finished or job.returncode < 0, said
        assert whole == {name: (tmp_path / name).read_bytes() for name in OUTPUTS}
        assert set(files(tmp_path)) == inputs | set(OUTPUTS)
        print(f"{killed} killed, {went_on} went on", flush=True)
    return killed, went_on
