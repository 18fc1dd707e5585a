"""Live, where something is refused: one sentence, and no file."""

import shutil
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest

from cleanplate.errors import InputError, OutputError, PlateError
from cleanplate.media.stills import write_still
from commands import run
from live_scenes import SIDE, Session, until, write_room


@pytest.fixture(scope="module")
def room(tmp_path_factory, frame, plate):
    return write_room(tmp_path_factory.mktemp("live"), frame, plate)


def test_a_camera_that_ends_before_the_plate(room, tmp_path):
    out = tmp_path / "out.mp4"
    session = Session(camera=f"file:{room / 'stays.mp4'}", play="every", countdown=9, record=out)
    session.start().end()
    assert isinstance(session.problem, InputError)
    assert "ended before the plate was shot" in str(session.problem)
    assert not out.exists()


def test_a_plate_of_another_scene_is_refused(room, tmp_path):
    random = np.random.default_rng(4)
    other = cv2.resize(random.random((24, 24, 3)).astype(np.float32), (SIDE, SIDE))
    write_still(tmp_path / "other.png", np.clip(other, 0, 1))
    session = Session(
        camera=f"file:{room / 'person.png'}",
        plate=tmp_path / "other.png",
        record=tmp_path / "out.mp4",
    )
    session.start().end()
    assert isinstance(session.problem, PlateError)


def test_refusals(room, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera, plate = f"file:{room / 'person.png'}", room / "plate.png"
    usual = ("live", "--camera", camera, "--plate", plate)
    refused(run("live", "--camera", "7", "--plate", plate), "no camera 7")
    refused(run("live", "--camera", "file:none.mp4", "--plate", plate), "does not exist")
    refused(run("live", "--camera", camera, "--countdown", "0", "--serve", "0"), "no plate and no")
    refused(run(*usual, "--over", "nothing.png", "--serve", "0"), "nothing.png is no picture")
    refused(run(*usual, "--record", "out.png"), "out.png is no clip: name the recording .mp4")
    refused(run(*usual, "--record", "out.txt"), "is no clip: name the recording .mp4, .mov, .mkv")
    refused(run(*usual, "--record", tmp_path / "none" / "out.mp4"), "folder does not exist")
    refused(run(*usual, "--size", "huge", "--serve", "0"), "--size huge is no size")
    for value in ("0", "nan", "inf"):
        refused(run(*usual, "--rate", value, "--serve", "0"), f"--rate {value} is no rate")
    for value in ("0", "-1", "nan"):
        refused(run(*usual, "--seconds", value, "--serve", "0"), f"--seconds {value} is no time")
    for value in ("nan", "inf"):
        refused(run("live", "--camera", camera, "--countdown", value), f"{value} is no time")
    refused(run("live", "--camera", "file:"), "--camera file: names no file")
    monkeypatch.delenv("DISPLAY", raising=False)
    refused(run(*usual, "--preview"), "--preview needs")
    assert not list(tmp_path.iterdir())


def test_where_the_plate_goes_is_seen_before_anybody_steps_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    camera = ("live", "--camera", "file:not-looked-at-yet.mp4")
    refused(run(*camera, "--save-plate", "s.txt"), "s.txt is no still: name the plate one of .png")
    refused(run(*camera, "--save-plate", "nodir/s.png"), "its folder does not exist")


def test_no_output_is_an_input(room, tmp_path, monkeypatch):
    """By whatever name: in another way of writing it, through a link, one still of many."""
    monkeypatch.chdir(tmp_path)
    for name in ("stays.mp4", "plate.png", "person.png"):
        shutil.copy(room / name, name)
    Path("stills").mkdir()
    for number in (1, 2):
        shutil.copy("person.png", f"stills/{number}.png")
    Path("link.mp4").symlink_to("stays.mp4")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    clip, plate = ("live", "--camera", "file:stays.mp4"), ("--plate", "plate.png")
    still = ("live", "--camera", "file:person.png")
    for line in (
        ("live", "--camera", "file:./stays.mp4", *plate, "--record", "stays.mp4"),
        (*clip, *plate, "--record", "link.mp4"),
        (*still, *plate, "--over", "stays.mp4", "--record", tmp_path / "stays.mp4"),
        (*clip, "--over", "teal", "--over", "person.png", "--save-plate", "person.png"),
        (*still, *plate, "--save-plate", "./plate.png"),
        ("live", "--camera", "file:stills", "--save-plate", "stills/2.png"),
    ):
        refused(run(*line), "is one of the inputs: choose another output")
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_plate_that_is_given_is_not_saved_and_that_is_said(room, tmp_path):
    kept = tmp_path / "kept.png"
    session = Session(
        camera=f"file:{room / 'person.png'}", plate=room / "plate.png", save_plate=kept, serve=0
    ).start()
    until(lambda: "kept.png is written when p shoots another" in session.words, session)
    session.press("q")
    session.end()
    assert session.problem is None
    assert not kept.exists()


def test_a_port_that_is_taken(room):
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        camera, port = f"file:{room / 'person.png'}", other.server_address[1]
        result = run("live", "--camera", camera, "--plate", room / "plate.png", "--serve", port)
    refused(result, f"Port {port} of 127.0.0.1 cannot be used")


def test_the_extra_that_is_missing(room, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    camera = f"file:{room / 'person.png'}"
    result = run("live", "--camera", camera, "--plate", room / "plate.png", "--virtual-camera")
    refused(result, "cleanplate[live]")


def test_a_recording_that_cannot_be_a_clip_is_refused(room):
    session = Session(
        camera=f"file:{room / 'person.png'}", plate=room / "plate.png", record=room / "o.%04d.png"
    )
    session.start().end()
    assert isinstance(session.problem, OutputError)
    assert "name the recording" in str(session.problem)


def refused(result, words):
    lines = [line for line in result.stderr.splitlines() if line.startswith("cleanplate: ")]
    assert result.exit_code == 2, result.output
    assert len(lines) == 1
    assert words in lines[0]
