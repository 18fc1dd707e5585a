"""Live, from a file that plays the camera to what is shown."""

import io
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from http.server import HTTPServer, SimpleHTTPRequestHandler

import cv2
import numpy as np
import pytest

from cleanplate.errors import DeviceError, InputError, OutputError, PlateError
from cleanplate.live import run as run_module
from cleanplate.live.cutting import Matte, compose, matte_view
from cleanplate.media.camera_device import DeviceCamera
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.stills import read_still, write_still
from clips import read
from commands import run
from live_scenes import SIDE, Session, shot_of, small, until

RED, BLUE = "#c01010", "#1010c0"


@pytest.fixture(scope="module")
def room(tmp_path_factory, frame, plate):
    """Folder with the clips that play the camera, and pictures of the scene."""
    folder = tmp_path_factory.mktemp("live")
    empty, person = small(plate), small(frame)
    write_still(folder / "plate.png", empty.astype(np.float32))
    write_still(folder / "person.png", person.astype(np.float32))
    shot_of(folder / "enters.mp4", (empty, 42), (person, 10))
    shot_of(folder / "lingers.mp4", (person, 40), (empty, 60), (person, 4))
    shot_of(folder / "stays.mp4", (person, 20))
    return folder


def corner(frame):
    return frame.picture[4:20, 4:20].reshape(-1, 3).mean(axis=0)


def test_somebody_enters_after_the_countdown_and_is_recorded(room, tmp_path, frame, alpha_true):
    out, kept = tmp_path / "out.mkv", tmp_path / "kept.png"
    session = Session(
        camera=f"file:{room / 'enters.mp4'}",
        play="every",
        countdown=0.2,
        over=(RED,),
        record=out,
        save_plate=kept,
    )
    session.start().end()
    assert session.problem is None
    assert "Step out of the picture: 1" in session.words
    assert "Once more" not in session.words
    assert "verified" in session.words
    frames = read(out)
    assert inspect_clip(out).rate is None  # as the frames came
    assert len(frames) == len([each for each in frames if corner(each)[0] > 150]) > 10
    alpha = cv2.resize(alpha_true, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    shown, picture = frames[-1].picture / 255, small(frame)
    assert np.abs(shown - picture)[alpha > 0.99].mean() < 0.03
    red = np.array([0xC0, 0x10, 0x10]) / 255
    assert np.abs(shown - red)[alpha < 0.01].mean() < 0.03
    empty = frames[0].picture / 255  # before anybody enters nothing is cut
    assert np.abs(empty - red).mean() < 0.02
    assert np.abs(read_still(kept).picture - small_plate(room)).mean() < 0.01


def small_plate(room):
    return read_still(room / "plate.png").picture


def test_who_is_still_there_is_told_and_the_plate_shot_again(room):
    session = Session(
        camera=f"file:{room / 'lingers.mp4'}", play="every", countdown=0.2, over=(RED,), serve=0
    ).start()
    until(lambda: "The plate is shot" in session.words, session)
    session.press("q")
    session.end()
    assert "Somebody seems to be in the plate" in session.words
    assert session.words.count("Once more.") == 1
    assert session.problem is None


def test_a_picture_of_somebody_on_the_wall_does_not_end_in_a_loop(room):
    session = Session(
        camera=f"file:{room / 'person.png'}", play="every", countdown=0.1, serve=0
    ).start()
    until(lambda: "The plate is shot" in session.words, session)
    session.press("q")
    session.end()
    assert session.words.count("Somebody seems to be in the plate") == 3
    assert "This plate is used as it is" in session.words


def test_hot_keys_change_what_is_shown(room, tmp_path):
    out = tmp_path / "out.mkv"
    session = Session(
        camera=f"file:{room / 'person.png'}",
        play="every",
        plate=room / "plate.png",
        over=(RED, BLUE, str(room / "enters.mp4")),
        record=out,
    ).start()

    def after(key, words=""):
        session.press(key)
        if words:
            until(lambda: words in session.words, session)
        time.sleep(0.3)

    until(lambda: "Keys" in session.words, session)
    after("x")
    after("n", f"Background: {BLUE}")
    after("n", "Background: " + str(room / "enters.mp4"))
    after("b", "Background: blur")
    after("b")
    after("n", f"Background: {RED}")
    after(" ", "Paused.")
    after("m")
    after("d", "Detail: low")
    after(" ", "Going on.")
    session.press("q")
    session.end()
    assert session.problem is None
    corners = np.array([corner(each) for each in read(out)])
    plate = read_still(room / "plate.png").picture[4:20, 4:20].reshape(-1, 3).mean(axis=0) * 255
    expected = {"red": (192, 16, 16), "blue": (16, 16, 192), "plate": plate, "matte": (0, 0, 0)}
    for name, colour in expected.items():
        assert (np.abs(corners - colour).max(axis=1) < 30).any(), name
    assert np.abs(corners[-1]).max() < 30  # the matte at the end


def test_nobody_watches_nothing_is_cut_and_a_client_wakes_it(room):
    session = Session(
        camera=f"file:{room / 'person.png'}", plate=room / "plate.png", over=(RED,), serve=0
    ).start()
    url = until(lambda: session.url, session)
    time.sleep(0.6)
    with urllib.request.urlopen(url + "frame.jpg", timeout=30) as answer:
        assert answer.headers["Content-Type"] == "image/jpeg"
        single = decoded(answer.read())
    assert single.shape == (SIDE, SIDE, 3)
    with urllib.request.urlopen(url + "stream", timeout=30) as answer:
        assert "boundary=cleanplate-frame" in answer.headers["Content-Type"]
        pictures = [decoded(part(answer)) for _ in range(3)]
    assert np.abs(pictures[-1][4:20, 4:20].mean(axis=(0, 1)) - (0xC0, 0x10, 0x10)).max() < 30
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert b"/stream" in answer.read()
    assert status(url + "other") == 404
    assert status(url + "stream", {"Sec-Fetch-Site": "cross-site"}) == 403
    assert status(url + "stream", {"Host": "evil.example:80"}) == 403
    session.press("q")
    session.end()
    assert session.problem is None
    assert session.live.idle > 0.4


def test_nothing_is_read_or_cut_while_nobody_watches(room):
    session = Session(
        camera=f"file:{room / 'enters.mp4'}", plate=room / "plate.png", serve=0, seconds=1.5
    )
    session.start().end()
    assert session.problem is None
    assert session.live.meter.pace() is None
    assert session.live.idle > 1


def part(answer):
    """One picture of a stream."""
    while not (line := answer.readline()).startswith(b"--"):
        assert line, "the stream has ended"
    length = 0
    while line := answer.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name == b"Content-Length" else length
    return answer.read(length)


def decoded(jpeg):
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[..., ::-1]


def status(url, headers=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {})) as answer:
            return answer.status
    except urllib.error.HTTPError as problem:
        return problem.code


def test_a_camera_that_is_lost_leaves_a_whole_recording(room, tmp_path, monkeypatch):
    out = tmp_path / "out.mp4"
    # OpenCV reads the clip as if it were a device, which is gone at its end.
    monkeypatch.setattr(
        run_module, "open_camera", lambda *_: DeviceCamera(str(room / "stays.mp4"), None)
    )
    monkeypatch.setattr(run_module, "WAKING", 0.0)
    session = Session(plate=room / "plate.png", record=out)
    session.start().end()
    assert isinstance(session.problem, DeviceError)
    assert "gives no pictures any more" in str(session.problem)
    assert "verified" in session.words
    assert len(read(out)) >= 1


def test_ctrl_c_finishes_the_recording(room, tmp_path):
    out, camera = tmp_path / "out.mp4", f"file:{room / 'person.png'}"
    command = [sys.executable, "-m", "cleanplate", "live", "--camera", camera, "--threads", "1"]
    command += ["--plate", str(room / "plate.png"), "--record", str(out), "--serve", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    url = ""
    for line in process.stderr:
        url = line.split()[-1] if "browser source" in line else url
        if line.startswith("Keys"):
            break
    with urllib.request.urlopen(url + "frame.jpg", timeout=60) as answer:
        decoded(answer.read())
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    assert "verified" in said
    assert "Traceback" not in said
    assert len(read(out)) >= 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4"]


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


def refused(result, words):
    lines = [line for line in result.stderr.splitlines() if line.startswith("cleanplate: ")]
    assert result.exit_code == 2, result.output
    assert len(lines) == 1
    assert words in lines[0]


def test_composing_is_the_compositing_equation():
    random = np.random.default_rng(1)
    foreground = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    background = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    alpha = random.random((30, 40)).astype(np.float32)
    matte = Matte((slice(10, 40), slice(20, 60)), alpha, foreground)
    before = background.copy()
    composite = compose(matte, background)
    expected = background.astype(float)
    share = alpha[..., None]
    expected[10:40, 20:60] = share * foreground + (1 - share) * background[10:40, 20:60]
    assert np.abs(composite - expected).max() < 1
    assert np.array_equal(background, before)
    view = matte_view(matte, (60, 80))
    assert np.abs(view[10:40, 20:60, 1] - 255 * alpha).max() <= 1
    assert view[:10].max() == 0


def test_a_recording_that_cannot_be_a_clip_is_refused(room):
    session = Session(
        camera=f"file:{room / 'person.png'}", plate=room / "plate.png", record=room / "o.%04d.png"
    )
    session.start().end()
    assert isinstance(session.problem, OutputError)
    assert "name the recording" in str(session.problem)


def test_help_names_the_sinks():
    text = io.StringIO(run("live", "--help").output).read()
    for option in ("--camera", "--preview", "--virtual-camera", "--record", "--serve"):
        assert option in text
