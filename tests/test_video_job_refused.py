"""Outputs and inputs that a job of a clip refuses, and what is left in the folder."""

import re
from pathlib import Path

import numpy as np
import pytest

import takes
from cleanplate.errors import InputError, OutputError
from cleanplate.media.stills import write_still
from commands import files
from video_jobs import cut, prepare


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
