"""Jobs of clips that were stopped, and what the same command makes of them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

import takes
from cleanplate.errors import OutputError
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import outputs as job_outputs
from cleanplate.media.stills import write_still
from commands import files
from takes import HEIGHT, WIDTH, frames_of, stand_in
from video_jobs import COUNT, StoppedError, cut, our_threads, prepare, shade, stop_after


@pytest.fixture
def place(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


def test_stills_of_a_stopped_job(place, monkeypatch):
    stop_after(monkeypatch, 15, StoppedError())
    with pytest.raises(StoppedError):
        cut("out/")
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    cut("out/")
    cut("same/")
    assert files(place / "out") == files(place / "same")
    for name in files(place / "out"):
        assert (place / "out" / name).read_bytes() == (place / "same" / name).read_bytes()


@pytest.mark.parametrize(
    ("stop", "problem"),
    [(1, StoppedError()), (6, StoppedError()), (13, KeyboardInterrupt()), (19, StoppedError())],
)
def test_a_stopped_job_goes_on(place, monkeypatch, stop, problem):
    takes.write_take(place / "sky.mkv", count=7, rate=20, picture=shade)
    wanted = {"over": "sky.mkv", "codec": "ffv1", "matte": Path("matte.mkv")}
    cut("whole.mkv", **{**wanted, "matte": Path("whole-matte.mkv")})
    stop_after(monkeypatch, stop, problem)
    said: list[str] = []
    with pytest.raises(type(problem)):
        cut("out.mkv", said, **wanted)
    assert not our_threads()
    assert not Path("out.mkv").exists()
    done = stop // 6 * 6
    if isinstance(problem, KeyboardInterrupt) and done > 6:
        assert any("frames are kept in" in line for line in said)
    calls, said = stop_after(monkeypatch, 10**9, None), []
    cut("out.mkv", said, **wanted)
    # What was waiting for the encoder when the job stopped may have made no part any more.
    assert COUNT - done <= len(calls) <= COUNT - max(0, done - 6)
    assert Path("out.mkv").read_bytes() == Path("whole.mkv").read_bytes()
    assert Path("matte.mkv").read_bytes() == Path("whole-matte.mkv").read_bytes()
    assert not Path("out.mkv.job").exists()


def test_a_job_stopped_while_joining_cuts_nothing_again(place, monkeypatch):
    def fail(*arguments, **options):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(job_outputs, "join_clips", fail)
        with pytest.raises(StoppedError):
            cut("out.mkv", report=Path("page.html"))
    calls = stop_after(monkeypatch, 10**9, None)
    cut("out.mkv", report=Path("page.html"))
    assert not calls
    assert len(frames_of("out.mkv")) == COUNT
    assert "20</b><span>frames" in Path("page.html").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: write_still("plate.png", np.zeros((HEIGHT, WIDTH, 3), np.float32)), "plate.png"),
        (lambda: takes.write_take("take.mkv", count=9), "take.mkv has changed"),
        ({"codec": "ffv1"}, "--codec was not given, now ffv1"),
        ({"over": "teal", "codec": "ffv1"}, "--over was not given, now teal"),
        ({"camera": "handheld"}, "--camera was fixed, now handheld"),
    ],
)
def test_another_job_is_refused_until_restarted(place, monkeypatch, change, words):
    stop_after(monkeypatch, 13, StoppedError())
    with pytest.raises(StoppedError):
        cut("out.mkv")
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    other = change if isinstance(change, dict) else {}
    if callable(change):
        change()
    with pytest.raises(OutputError, match="--restart") as caught:
        cut("out.mkv", **other)
    assert words in str(caught.value)
    cut("out.mkv", restart=True, **other)
    assert not Path("out.mkv.job").exists()


def test_full_disk_leaves_the_old_file_and_the_parts(place, monkeypatch):
    Path("out.mkv").write_bytes(b"an older result")
    written = []

    def full(self, *arguments):
        written.append(1)
        if len(written) > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, *arguments)

    original = job_outputs.ClipWriter.write
    with monkeypatch.context() as patch:
        patch.setattr(job_outputs.ClipWriter, "write", full)
        with pytest.raises(OutputError, match="disk is full: make room") as caught:
            cut("out.mkv")
    assert "same command" in str(caught.value)
    assert Path("out.mkv").read_bytes() == b"an older result"
    calls = stop_after(monkeypatch, 10**9, None)
    cut("out.mkv")
    assert len(calls) == COUNT - 6
    assert len(frames_of("out.mkv")) == COUNT
