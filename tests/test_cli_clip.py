"""The command `cut` for clips: what reaches the job, and what is refused before it starts."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import takes
from cleanplate.cli_parse import parse_plate_from, parse_rate
from cleanplate.errors import InputError
from cleanplate.jobs import clips as video_job
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.media.stills import write_still
from commands import files, refused, run


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


def test_every_option_reaches_the_job(asked, monkeypatch):
    limited = []
    monkeypatch.setattr("cleanplate.devices.cv2.setNumThreads", limited.append)
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
        *("--restart", "--no-sound", "--prior", "difference", "--rate", "30000/1001"),
        *("--device", "cpu", "--model", "small", "--threads", "3", "--quality", "best"),
    )
    assert result.exit_code == 0, result.output
    _, plate, _, options, _ = asked[0]
    assert limited == [3]
    assert plate == PlateFrom(Fraction(3, 2))
    assert options == ClipOptions(
        over="teal",
        linear=True,
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


def test_a_plate_taken_as_it_is_reaches_the_job(asked):
    assert (
        run("cut", "take.mkv", "--plate", "plate.png", "-o", "o.mov", "--no-align").exit_code == 0
    )
    assert asked[0][3] == ClipOptions(align=False)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["take.mkv", "--plate", "plate.png", "--linear"], "add --over"),
        (["still.png", "--plate", "plate.png", "--linear"], "add --over"),
        (
            ["take.mkv", "--plate", "p.png", "--camera", "handheld", "--no-align"],
            "leave one out",
        ),
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
        *(
            (["still.png", "--plate", "plate.png", *option], f"{option[0]} is for clips")
            for option in (
                ("--camera", "handheld"),
                ("--deinterlace",),
                ("--tone-map",),
                ("--restart",),
                ("--no-sound",),
            )
        ),
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


@pytest.mark.parametrize(
    "text",
    ["0", "-24", "24/0", "nan", "", "1e30", "1e99999999", "100000", "1001", "1/100000", "9" * 99],
)
def test_rates_that_are_none(text):
    with pytest.raises(InputError, match=r"is no rate.*at most 1000"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        ("30000/1001", Fraction(30000, 1001)),
        ("23.976023976023978", Fraction(24000, 1001)),
        ("29.970029970029970", Fraction(30000, 1001)),
        ("23.976", Fraction(23976, 1000)),
        (".5", Fraction(1, 2)),
        ("1000", Fraction(1000)),
    ],
)
def test_rates_are_simple_fractions(text, rate):
    assert parse_rate(text) == rate


def test_threads_are_bounded(asked):
    result = run("cut", "take.mkv", "--plate", "plate.png", "-o", "out.mov", "--threads", "100000")
    assert result.exit_code == 2
    assert "256" in result.stderr
    assert not asked


@pytest.mark.parametrize("name", ["sound.m4a", "words.srt", "empty", "none.data", "/dev/null"])
def test_what_shows_nothing_is_told_and_not_the_ending_of_the_clip(asked, tmp_path, name):
    with av.open("sound.m4a", "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 4410), np.float32), "fltp", "mono")
        heard.sample_rate = 44100
        container.mux([*stream.encode(heard), *stream.encode(None)])
    Path("words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    Path("empty").mkdir()
    refused(tmp_path, run("cut", name, "--plate", "plate.png", "-o", "out.mov"), f"{name} ")
    refused(tmp_path, run("key", name, "-o", "out.mov"), f"{name} ")
