"""Live, where something is refused: one sentence, and no file."""

import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler

import cv2
import numpy as np
import pytest

from cleanplate.errors import InputError, OutputError, PlateError
from cleanplate.media.stills import write_still
from commands import run
from live_scenes import SIDE, Session, write_room


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
    refused(run(*usual, "--record", "out.png"), "names one still")
    refused(run(*usual, "--record", tmp_path / "none" / "out.mp4"), "folder does not exist")
    refused(run(*usual, "--size", "huge", "--serve", "0"), "--size huge is no size")
    refused(run(*usual, "--rate", "0", "--serve", "0"), "is no rate")
    monkeypatch.delenv("DISPLAY", raising=False)
    refused(run(*usual, "--preview"), "--preview needs")
    assert not list(tmp_path.iterdir())


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
