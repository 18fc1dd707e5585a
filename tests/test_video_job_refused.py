"""Outputs and inputs that a job of a clip refuses, and what is left in the folder."""

import errno
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

import takes
from cleanplate.errors import InputError, OutputError
from cleanplate.jobs import clips as video_job
from cleanplate.media.stills import write_still
from commands import files
from video_jobs import COUNT, cut, prepare, stop_after


@pytest.fixture
def place(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["take.mkv", "link.mkv", "sky.mkv"])
def test_output_over_an_input(place, name):
    takes.write_take(place / "sky.mkv", count=2)
    Path("link.mkv").symlink_to("take.mkv")
    before = {path: (place / path).read_bytes() for path in files(place)}
    with pytest.raises(OutputError, match="one of the inputs"):
        cut(name, over="sky.mkv", codec="ffv1")
    with pytest.raises(OutputError, match="one of the inputs"):
        cut("out.mkv", over="sky.mkv", matte=Path(name))
    assert before == {path: (place / path).read_bytes() for path in files(place)}


def test_the_same_output_twice(place):
    with pytest.raises(OutputError, match="twice"):
        cut("out.mkv", matte=Path("./out.mkv"))


def test_stills_into_the_folder_of_the_input(place):
    Path("shots").mkdir()
    for index in range(3):
        write_still(f"shots/a.{index}.png", takes.frame_picture(index) / np.float32(255))
    for clip in ("shots", "shots/a.%d.png"):
        for out in ("shots/", "shots/b.%04d.png"):
            with pytest.raises(OutputError, match="one of the inputs"):
                cut(out, clip=clip)
    assert files(place / "shots") == ["a.0.png", "a.1.png", "a.2.png"]


@pytest.mark.parametrize(
    "out", ["out.gif", "out.mp4", "none/out.mov", "out.webm", "out.png", "none/out/", "plate.png/"]
)
def test_bad_output(place, out):
    options = {"codec": "prores"} if out.endswith(".webm") else {}
    with pytest.raises(OutputError, match=re.escape(out.removesuffix("/"))):
        cut(out, **options)
    assert files(place) == ["plate.png", "take.mkv"]


def test_damaged_clip_keeps_what_was_done(place):
    data = (place / "take.mkv").read_bytes()
    (place / "take.mkv").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"take\.mkv"):
        cut("out.mkv")
    assert not Path("out.mkv").exists()


def test_plate_that_is_transparent(place):
    picture = takes.plate_picture() / np.float32(255)
    write_still("clear.png", picture, picture[..., :1])
    with pytest.raises(InputError, match="transparent"):
        cut("out.mkv", plate="clear.png")
    assert files(place) == ["clear.png", "plate.png", "take.mkv"]


def test_missing_plate_is_named(place):
    with pytest.raises(InputError, match=r"nope\.png does not exist"):
        cut("out.mkv", plate="nope.png")
    assert not Path("out.mkv").exists()


def write_blocked(place):
    """A folder and a file where neither should be, for names of outputs."""
    for name in ("folder.mov", "folder.html"):
        Path(name).mkdir()
    Path("file").write_text("")
    return files(place)


@pytest.mark.parametrize("name", ["folder", "file/x", "x" * 252])
@pytest.mark.parametrize("role", ["out", "matte", "report"])
def test_places_are_tried_before_the_work(place, monkeypatch, role, name):
    before, calls = write_blocked(place), stop_after(monkeypatch, 10**9, None)
    path = f"{name}.html" if role == "report" else f"{name}.mov"
    further = {} if role == "out" else {role: Path(path)}
    with pytest.raises(OutputError, match=f"^{path} (cannot be written|is a folder)"):
        cut(path if role == "out" else "out.mkv", **further)
    assert not calls
    assert files(place) == before


@pytest.mark.parametrize("out", ["out.mkv", "out/", "out/x.%04d.png"])
def test_a_folder_without_the_right_to_write(place, monkeypatch, out):
    def refuse(**options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        cut(out)
    assert sorted(os.listdir(place)) == ["plate.png", "take.mkv"]


def test_the_folder_of_the_stills_is_made_a_folder_by_a_slash(place):
    Path("out.mov").mkdir()
    with pytest.raises(OutputError, match=r"out\.mov is a folder, a file was expected"):
        cut("out.mov")
    cut("out.mov/")
    assert "take_FG.000000.png" in files(place / "out.mov")


@pytest.mark.parametrize("kind", ["plate", "holdout", "over"])
def test_a_folder_without_stills(place, kind):
    Path("nothing").mkdir()
    given = {"plate": "nothing", "holdout": Path("nothing"), "over": "nothing"}
    with pytest.raises(InputError, match="nothing holds no numbered stills"):
        cut("out.mov", **{kind: given[kind]})
    assert files(place) == ["plate.png", "take.mkv"]


@pytest.mark.parametrize("given", [{}, {"over": "plate.png"}])
def test_a_file_that_may_not_be_read(place, monkeypatch, given):
    opens = Path.open

    def refuse(self, *arguments, **options):
        if self.name == "plate.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opens(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"plate\.png cannot be read \(Permission denied\)"):
        cut("out.mov", **given)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".mov"])
def test_names_that_are_too_long(place, name):
    with pytest.raises(OutputError, match="too long"):
        cut(name)
    with pytest.raises(InputError, match="too long"):
        cut("out.mov", plate=f"{name}.png")


@pytest.mark.parametrize(
    ("out", "other"),
    [
        ("a.%04d.png", "a.0020.png"),
        ("a.%04d.png", "a.00001.png"),
        ("a/", "a/take_Matte.000020.png"),
    ],
)
def test_stills_of_another_take_are_not_mixed_in(place, monkeypatch, out, other):
    cut(out)
    Path(other).write_bytes(b"of a longer take")
    before = {path: (place / path).read_bytes() for path in files(place)}
    calls = stop_after(monkeypatch, 10**9, None)
    with pytest.raises(OutputError, match=rf"1 stills of another take .*{other[2:]}"):
        cut(out)
    assert not calls
    assert before == {path: (place / path).read_bytes() for path in files(place)}
    Path(other).unlink()
    cut(out)
    assert len(calls) == COUNT


def test_stills_that_come_while_the_clip_is_cut(place, monkeypatch):
    def cutting(*arguments, **options):
        Path("a.0020.png").write_bytes(b"of another job")
        return takes.stand_in(*arguments, **options)

    monkeypatch.setattr(video_job, "cut_next", cutting)
    with pytest.raises(OutputError, match="another take"):
        cut("a.%04d.png")
    assert not Path("a.0000.png").exists()
    Path("a.0020.png").unlink()
    calls = stop_after(monkeypatch, 10**9, None)
    cut("a.%04d.png")
    assert not calls
    assert len(list(place.glob("a.*.png"))) == COUNT


def test_a_colour_is_no_numbered_input(place):
    cut("a.%04d.png", over="#00ff00")
    assert len(list(place.glob("a.*.png"))) == COUNT
