"""The command `inspect`."""

import json
import os
from fractions import Fraction

import av
import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from cleanplate import cli_clip
from cleanplate.errors import InputError
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.stills import write_still
from clips import chart, pictures, write_clip
from commands import run


def inspect(*arguments):
    app = typer.Typer(pretty_exceptions_enable=False)
    cli_clip.register(app)
    app.callback()(lambda: None)  # so that the command keeps its name
    result = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    if result.exception:
        raise result.exception
    return result.stdout


def facts(path):
    (described,) = json.loads(inspect(path, "--json"))
    return described


def test_alpha_clip(tmp_path):
    alpha = np.tile(np.linspace(0, 1, 64), (32, 1))
    path = write_clip(
        tmp_path / "take.mov", [chart()] * 5, codec="prores_ks", pixel_format="yuva444p10le",
        alphas=[alpha] * 5, rate=Fraction(24000, 1001), sound=True, tags=(1, 1),
    )  # fmt: skip
    text = inspect(path)
    for words in (
        "alpha      yes, straight",
        "24000/1001 = 23.976 a second, constant",
        "aac, 48000 Hz, 1 channel",
        "primaries bt709, transfer bt709, matrix bt709",
        "limited (tv)",
        "frames     5",
        "interlaced no",
    ):
        assert words in text
    told = facts(path)
    assert told["alpha"] == "straight"
    assert told["rate"] == "24000/1001"
    assert told["bit_depth"] >= 10
    assert told["variable_rate"] is False
    assert told["duration_seconds"] == pytest.approx(5 * 1001 / 24000, abs=1e-3)


def test_phone_clip(tmp_path):
    path = write_clip(
        tmp_path / "phone.mp4", [chart()] * 4, rotation=-90, times=[0, 30, 70, 99],
        time_base=Fraction(1, 1000), full=True,
    )  # fmt: skip
    text = inspect(path)
    for words in ("32 x 64", "alpha      no", "variable", "90 degrees clockwise", "full (pc)"):
        assert words in text
    told = facts(path)
    assert (told["width"], told["height"], told["rotation"]) == (32, 64, 90)
    assert told["rate"] is None
    assert told["variable_rate"] is True
    assert told["sounds"] == []


def test_premultiplied_alpha_is_suspected(tmp_path):
    alpha = np.tile(np.linspace(0, 1, 64), (32, 1))
    bright = np.full((32, 64, 3), 0.9)
    for name, picture in (("straight", bright), ("premultiplied", bright * alpha[..., None])):
        path = tmp_path / f"{name}.mov"
        write_clip(path, [picture], codec="qtrle", pixel_format="argb", alphas=[alpha])
        suspected = any("may be premultiplied" in note for note in facts(path)["notes"])
        assert suspected == (name == "premultiplied")


def test_opaque_alpha_is_said(tmp_path):
    path = write_clip(tmp_path / "a.mov", [chart()], codec="qtrle", pixel_format="argb")
    assert any("opaque" in note for note in facts(path)["notes"])


def test_stills_and_several_files(tmp_path):
    picture = np.full((20, 30, 3), 0.5, np.float32)
    write_still(tmp_path / "one.png", picture, np.full((20, 30, 1), 0.5, np.float32), 16)
    write_still(tmp_path / "two.jpg", picture)
    told = json.loads(inspect(tmp_path / "one.png", tmp_path / "two.jpg", "--json"))
    assert [one["alpha"] for one in told] == ["straight", None]
    assert [one["bit_depth"] for one in told] == [16, 8]
    assert "\n\n" in inspect(tmp_path / "one.png", tmp_path / "two.jpg")


def test_what_cannot_be_read(tmp_path):
    (tmp_path / "letter.mp4").write_text("Dear reader, " * 100)
    with pytest.raises(InputError, match="not a video"):
        inspect(tmp_path / "letter.mp4")
    with pytest.raises(InputError, match="does not exist"):
        inspect(tmp_path / "missing.mov")


def test_one_bad_file_does_not_stop_the_others(tmp_path):
    write_still(tmp_path / "one.png", np.full((20, 30, 3), 0.5, np.float32))
    (tmp_path / "letter.mp4").write_text("Dear reader, " * 100)
    names = [tmp_path / name for name in ("letter.mp4", "one.png", "missing.mov")]
    result = run("inspect", *names)
    assert result.exit_code == 2
    assert "one.png" in result.stdout
    told = result.stderr.splitlines()
    assert len(told) == 2
    assert "not a video" in told[0]
    assert "does not exist" in told[1]
    (facts_of_one,) = json.loads(run("inspect", *names, "--json").stdout)
    assert facts_of_one["width"] == 30


def test_a_file_that_must_not_be_read_does_not_stop_the_others(tmp_path, monkeypatch):
    """Told when it is read, not by a look at all of them before."""
    write_still(tmp_path / "one.png", np.full((20, 30, 3), 0.5, np.float32))
    monkeypatch.setattr(os, "access", lambda *arguments, **options: False)
    result = run("inspect", tmp_path / "missing.mov", tmp_path / "one.png")
    assert result.exit_code == 2
    assert "one.png" in result.stdout
    assert "does not exist" in result.stderr


def test_gif_of_one_picture_is_a_still(tmp_path):
    one, two = (Image.fromarray(np.full((20, 30, 3), v, np.uint8)) for v in (0, 200))
    one.save(tmp_path / "one.gif")
    one.save(tmp_path / "two.gif", save_all=True, append_images=[two])
    told = json.loads(inspect(tmp_path / "one.gif", tmp_path / "two.gif", "--json"))
    assert [each["format"] for each in told] == ["still", "gif"]


def test_linear_stills_are_said_to_be_linear(tmp_path):
    for index in range(2):
        for ending in ("exr", "png"):
            picture = np.full((20, 30, 3), 0.5, np.float32)
            write_still(tmp_path / f"{ending}.{index:04d}.{ending}", picture)
    assert facts(tmp_path / "exr.####.exr")["transfer"] == "linear"
    assert facts(tmp_path / "png.####.png")["transfer"] == "iec61966-2-1"


def test_what_a_cut_leaves_out_is_said(tmp_path):
    clip, out = write_clip(tmp_path / "plain.mkv", pictures(12)), tmp_path / "a.mkv"
    with av.open(str(clip)) as source, av.open(str(out), "w") as into:
        stream = source.streams.video[0]
        added = into.add_stream_from_template(stream)
        into.add_attachment("slate.txt", "text/plain", b"Take 7")
        chapter = {"id": 1, "start": 0, "end": 400, "time_base": Fraction(1, 1000), "metadata": {}}
        into.set_chapters([chapter])
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = added
                into.mux(packet)
    assert not any("leaves" in note for note in inspect_clip(clip).notes)
    (note,) = (note for note in inspect_clip(out).notes if "leaves" in note)
    assert "attachments, chapters" in note
