"""The command `cut` for clips: what reaches the job, and what is refused before it starts."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import takes
from cleanplate.cli_parse import parse_plate_from, parse_rate
from cleanplate.errors import InputError
from cleanplate.jobs import clips as video_job
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.media.stills import write_still
from commands import files, run


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """A clip, a plate and a still; what the job is called with is kept."""
    monkeypatch.chdir(tmp_path)
    takes.write_scene(tmp_path, count=3)
    write_still("still.png", np.zeros((20, 30, 3), np.float32))
    calls = []
    monkeypatch.setattr(video_job, "cut_clip", lambda *arguments: calls.append(arguments))
    return calls


def test_a_clip_goes_to_the_job(asked):
    assert run("cut", "take.mkv", "--plate", "plate.png", "-o", "out.mov").exit_code == 0
    clip, plate, out, options, _ = asked[0]
    assert (clip, plate, out) == (Path("take.mkv"), Path("plate.png"), "out.mov")
    assert options == ClipOptions()


def test_every_option_reaches_the_job(asked):
    result = run(
        *("cut", "take.mkv", "--plate-from", "first:1.5s", "-o", "out.mkv", "--over", "teal"),
        *("--linear", "--codec", "ffv1", "--camera", "handheld", "--deinterlace", "--tone-map"),
        *(
            "--temporal",
            "lookahead:3",
            "--matte",
            "m.mkv",
            "--foreground",
            "f.mkv",
            "--report",
            "r.html",
        ),
        *("--restart", "--no-sound", "--no-align", "--prior", "difference", "--rate", "30000/1001"),
        *("--device", "cpu", "--model", "small", "--threads", "3", "--quality", "best"),
    )
    assert result.exit_code == 0, result.output
    _, plate, _, options, _ = asked[0]
    assert plate == PlateFrom(Fraction(3, 2))
    assert options == ClipOptions(
        over="teal",
        linear=True,
        align=False,
        difference_prior=True,
        codec="ffv1",
        camera="handheld",
        temporal="lookahead",
        lookahead=3,
        deinterlace=True,
        tone_map=True,
        rate=Fraction(30000, 1001),
        sound=False,
        matte=Path("m.mkv"),
        foreground=Path("f.mkv"),
        report=Path("r.html"),
        restart=True,
        model="small",
        quality="best",
        device="cpu",
        threads=3,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["take.mkv", "still.png", "--plate", "plate.png"], "is one place for 2 clips"),
        (["take.mkv", "--plate", "plate.png", "--temporal", "lookahead:99"], "lookahead:2"),
        (["take.mkv", "--plate", "plate.png", "--temporal", "backwards"], "smooth"),
        (["still.png", "--plate", "plate.png", "--rate", "24"], "--rate is for clips"),
        (["still.png", "--plate", "plate.png", "--temporal", "smooth"], "--temporal is for clips"),
        (["take.mkv", "--plate", "plate.png", "--plate-from", "clip"], "leave one out"),
        (["take.mkv", "--plate-from", "last:2s"], "first:2s"),
        (["take.mkv", "--plate", "plate.png", "--rate", "fast"], "30000/1001"),
        (["take.mkv"], "--plate-from"),
        (["still.png", "--plate-from", "clip"], "--plate-from is for clips"),
        (["still.png", "--plate", "plate.png", "--codec", "vp9"], "--codec is for clips"),
    ],
)
def test_refused(asked, tmp_path, arguments, words):
    before = files(tmp_path)
    result = run("cut", *arguments, "-o", "out.mkv")
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert not asked
    assert files(tmp_path) == before


def test_masks_reach_the_job(asked):
    given = ("--holdout", "still.png", "--garbage", "take.mkv", "--prior", "still.png")
    assert run("cut", "take.mkv", "--plate", "plate.png", "-o", "o.mov", *given).exit_code == 0
    masks = {"holdout": Path("still.png"), "garbage": Path("take.mkv"), "prior": Path("still.png")}
    assert asked[0][3].masks() == masks


@pytest.mark.parametrize(
    "text",
    ["first:", "first:0", "first:-1s", "first:2m", "first:.", "first:1e99999999", "first", "", "x"],
)
def test_plates_from_nowhere(text):
    with pytest.raises(InputError, match="first:2s"):
        parse_plate_from(text)


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("clip", PlateFrom(None)),
        ("first:2s", PlateFrom(Fraction(2))),
        ("first:.5", PlateFrom(Fraction(1, 2))),
    ],
)
def test_plates_from_the_clip(text, plate):
    assert parse_plate_from(text) == plate


@pytest.mark.parametrize("text", ["0", "-24", "24/0", "nan"])
def test_rates_that_are_none(text):
    with pytest.raises(InputError, match="is no rate"):
        parse_rate(text)
