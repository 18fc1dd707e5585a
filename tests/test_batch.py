"""Many clips with one command: names, what is there already, failures, other stores, processes."""

from pathlib import Path

import numpy as np
import pytest

import takes
from cleanplate.errors import InputError, OutputError
from cleanplate.jobs import batch
from cleanplate.jobs.options import ClipOptions, PlateFrom
from commands import run
from takes import frames_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """takes/a.mkv, takes/b.mkv and their plate."""
    monkeypatch.chdir(tmp_path)
    takes.write_scene(tmp_path, count=3)
    Path("takes").mkdir()
    for name in "ab":
        takes.write_take(f"takes/{name}.mkv", count=3)
    Path("takes/notes.txt").write_text("no clip")
    return tmp_path


def cut(*given):
    return run("cut", *given, "--plate", "plate.png", "--no-align", "--threads", 1)


def test_a_folder_of_clips_is_cut_and_what_is_there_stays(folder):
    result = cut("takes", "-o", "cuts/{name}.mkv", "--matte", "cuts/{name}-matte.mkv")
    assert result.exit_code == 0, result.output
    names = sorted(path.name for path in Path("cuts").iterdir())
    assert names == ["a-matte.mkv", "a.mkv", "b-matte.mkv", "b.mkv"]
    assert len(frames_of("cuts/b.mkv")) == 3
    before = Path("cuts/a.mkv").stat().st_mtime_ns
    Path("cuts/b.mkv").unlink()
    result = cut("takes/a.mkv", "takes/b.mkv", "-o", "cuts/{name}.mkv")
    assert "1 of 2 clips are there already" in result.stderr
    assert Path("cuts/a.mkv").stat().st_mtime_ns == before
    assert Path("cuts/b.mkv").exists()
    assert cut("takes", "-o", "cuts/{name}.mkv", "--restart").exit_code == 0
    assert Path("cuts/a.mkv").stat().st_mtime_ns > before


def test_one_bad_clip_does_not_stop_the_others(folder):
    Path("takes/a.mkv").write_bytes(b"nothing like a clip")
    result = cut("takes", "-o", "cuts/{name}.mkv")
    assert result.exit_code == 2
    assert "takes/a.mkv" in result.stderr
    assert "1 of 2 clips were not cut" in result.stderr
    assert sorted(path.name for path in Path("cuts").iterdir()) == ["b.mkv"]


def test_processes_cut_the_same(folder):
    assert cut("takes", "-o", "one/{name}.mkv").exit_code == 0
    assert cut("takes", "-o", "two/{name}.mkv", "--workers", 2).exit_code == 0
    for name in "ab":
        assert Path(f"one/{name}.mkv").read_bytes() == Path(f"two/{name}.mkv").read_bytes()


def test_another_store(folder):
    pytest.importorskip("fsspec")
    store = f"file://{folder}"
    given = ["-o", f"{store}/cuts/{{name}}.mkv", "--plate", f"{store}/plate.png"]
    further = ["--matte", f"{store}/cuts/{{name}}-matte.mkv", "--report", "here/{name}.html"]
    result = run("cut", f"{store}/takes/*.mkv", *given, *further, "--no-align")
    assert result.exit_code == 0, result.output
    names = ["a-matte.mkv", "a.mkv", "b-matte.mkv", "b.mkv"]
    assert sorted(path.name for path in Path("cuts").iterdir()) == names
    assert f"{store}/takes/a.mkv -> {store}/cuts/a.mkv, {store}/cuts/a-matte.mkv" in " ".join(
        result.stderr.split()
    )
    assert len(frames_of("cuts/b-matte.mkv")) == 3
    assert sorted(path.name for path in Path("here").iterdir()) == ["a.html", "b.html"]
    assert len(frames_of("cuts/a.mkv")) == 3
    result = run("cut", f"{store}/takes/*.mkv", *given)
    assert "2 of 2 clips are there already" in result.stderr
    result = run("cut", f"{store}/nowhere/*.mkv", *given)
    assert result.exit_code == 2
    assert "Nothing is there that fits" in result.stderr
    result = run("cut", "what://bucket/*.mkv", *given)
    assert result.exit_code == 2


def test_every_clip_needs_a_place_of_its_own(folder):
    options = ClipOptions()
    with pytest.raises(OutputError, match="is one place for 2 clips"):
        batch.plan_tasks(["a.mov", "b.mov"], "plate.png", "cut.mov", options)
    with pytest.raises(OutputError, match=r"x/a\.mov and y/a\.mov would both be"):
        batch.plan_tasks(["x/a.mov", "y/a.mov"], "plate.png", "{name}.mov", options)
    Path("empty").mkdir()
    with pytest.raises(InputError, match="holds no clip"):
        batch.list_clips(["empty"])


def test_plates_may_have_the_name_of_the_clip():
    (task,) = batch.plan_tasks(["x/a.b.mov"], "{name}.png", "{name}.webm", ClipOptions())
    assert (task.plate, task.out) == ("a.b.png", "a.b.webm")
    (task,) = batch.plan_tasks(["a.mov"], PlateFrom(None), "{name}.webm", ClipOptions())
    assert task.plate == PlateFrom(None)


def test_a_still_takes_no_workers(folder):
    result = run("cut", "plate.png", "--plate", "plate.png", "-o", "x.png", "--workers", 2)
    assert result.exit_code == 2
    assert "--workers is for clips" in result.stderr


def test_a_folder_of_stills_is_one_clip(folder):
    Path("shot").mkdir()
    for number in range(2):
        takes.write_still(
            folder / f"shot/f.{number:04d}.png", takes.plate_picture() / np.float32(255)
        )
    assert batch.list_clips(["shot", "takes"]) == ["shot", "takes/a.mkv", "takes/b.mkv"]


def test_what_cannot_go_to_a_store_is_said_first(folder):
    options, clips = ClipOptions(), ["a.mkv", "b.mkv"]
    for out in ("s3://cuts/{name}/", "s3://cuts/{name}", "s3://cuts/{name}.%04d.png"):
        with pytest.raises(OutputError, match="only clips go to a store"):
            batch.plan_tasks(clips, "plate.png", out, options)
    further = {"matte": "s3://cuts/{name}.mkv"}
    with pytest.raises(OutputError, match=r"--matte s3://.* is in a store and -o"):
        batch.plan_tasks(clips, "plate.png", "cuts/{name}.mkv", options, further)
    result = cut("takes/a.mkv", "-o", "a.mkv", "--holdout", "s3://masks/a.png")
    assert result.exit_code == 2
    assert "--holdout" in result.stderr
    assert "must be on this machine" in result.stderr
    result = run("key", "takes/a.mkv", "-o", "s3://keyed/a.mkv")
    assert result.exit_code == 2
    assert "-o s3://keyed/a.mkv is in a store" in result.stderr


@pytest.mark.parametrize(
    "further", [[], ["--matte", "takes/{name}.mkv"], ["--report", "takes/{name}.mkv"]]
)
def test_clips_that_are_read_are_not_written(folder, further):
    before = [Path(f"takes/{name}.mkv").read_bytes() for name in "ab"]
    result = cut("takes", "-o", "cuts/{name}.mkv" if further else "takes/{name}.mkv", *further)
    assert result.exit_code == 2
    assert "takes/a.mkv is one of the inputs" in result.stderr
    assert before == [Path(f"takes/{name}.mkv").read_bytes() for name in "ab"]


def test_a_place_that_cannot_be_made_does_not_stop_the_others(folder):
    Path("cuts").mkdir()
    Path("cuts/a").write_text("a file")
    result = cut("takes", "-o", "cuts/{name}/cut.mkv")
    assert result.exit_code == 2
    assert "takes/a.mkv: not cut: cuts/a cannot be made a folder" in result.stderr
    assert len(frames_of("cuts/b/cut.mkv")) == 3


@pytest.fixture
def cut_anew(folder, monkeypatch):
    """Lets `cut_clips` cut nothing; tells which clips it would have cut, and what it said."""

    def cut_anew(out, **further):
        given: list[str] = []
        said: list[str] = []
        monkeypatch.setattr(
            batch, "spread", lambda _, tasks, **__: given.extend(t.clip for t in tasks) or ()
        )
        clips = batch.list_clips(["takes"])
        batch.cut_clips(
            batch.plan_tasks(clips, "plate.png", out, ClipOptions(), further), said.append
        )
        return [Path(clip).stem for clip in given], " ".join(said)

    return cut_anew


def fill(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"something")


def test_what_is_there_is_named(cut_anew):
    fill("cuts/a.mkv")
    left, said = cut_anew("cuts/{name}.mkv")
    assert left == ["b"]
    assert said == "1 of 2 clips are there already and left as is: cuts/a.mkv"


def test_an_empty_file_and_a_stopped_job_are_not_there(cut_anew):
    fill("cuts/a.mkv", "cuts/b.mkv", "stills/b/b_FG.000000.png", "stills/b/b_Matte.000000.png")
    Path("cuts/a.mkv").write_bytes(b"")
    assert cut_anew("cuts/{name}.mkv")[0] == ["a"]
    Path("cuts/b.mkv.job").mkdir()
    Path("stills/a").mkdir()
    assert cut_anew("cuts/{name}.mkv")[0] == ["a", "b"]
    assert cut_anew("stills/{name}")[0] == ["a"]
    Path("stills/b/b_Matte.000000.png").unlink()
    assert cut_anew("stills/{name}")[0] == ["a", "b"]


def test_numbered_stills_are_there(cut_anew):
    fill("cuts/a/x.0000.png", "cuts/b/y.0000.png")
    assert cut_anew("cuts/{name}/x.%04d.png")[0] == ["b"]


@pytest.mark.parametrize("role", ["matte", "report"])
def test_what_is_newly_asked_for_is_not_there(cut_anew, role):
    ending = ".html" if role == "report" else ".mkv"
    fill("cuts/a.mkv", "cuts/b.mkv", f"cuts/b-more{ending}")
    assert cut_anew("cuts/{name}.mkv", **{role: f"cuts/{{name}}-more{ending}"})[0] == ["a"]


def test_the_name_of_numbered_stills_has_no_number(folder):
    options = ClipOptions()
    (task,) = batch.plan_tasks(["x/s.%04d.png"], "{name}.png", "{name}/c.####.png", options)
    assert (task.plate, task.out) == ("s.png", "s/c.####.png")


def test_two_clips_with_one_further_file():
    further = {"matte": "{name}-matte.mkv"}
    with pytest.raises(OutputError, match=r"a\.mkv and a-matte\.mkv would both be a-matte\.mkv"):
        batch.plan_tasks(["a.mkv", "a-matte.mkv"], "p.png", "{name}.mkv", ClipOptions(), further)
