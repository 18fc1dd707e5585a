"""Live, from a file that plays the camera to what is shown."""

import io
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import cv2
import numpy as np
import pytest

from cleanplate.errors import DeviceError
from cleanplate.live import run as run_module
from cleanplate.live.options import LiveOptions
from cleanplate.live.recording import Recording
from cleanplate.media.camera_device import DeviceCamera
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.stills import read_still
from clips import read
from commands import run
from live_scenes import SIDE, Session, small, until, write_room

RED, BLUE = "#c01010", "#1010c0"


@pytest.fixture(scope="module")
def room(tmp_path_factory, frame, plate):
    return write_room(tmp_path_factory.mktemp("live"), frame, plate)


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


@pytest.mark.parametrize("seconds", [None, 0.01], ids=["ctrl-c", "over"])
def test_an_interrupt_while_the_recording_is_finished_waits(room, tmp_path, monkeypatch, seconds):
    show, close, out = Recording.show, Recording.close, tmp_path / "out.mp4"
    shown, said = [], []

    def watched(recording, *frame):
        shown.append(recording)
        show(recording, *frame)

    def interrupted(recording):
        signal.raise_signal(signal.SIGINT)
        close(recording)

    def keys():
        if seconds is None and shown:
            signal.raise_signal(signal.SIGINT)
        return []

    monkeypatch.setattr(Recording, "show", watched)
    monkeypatch.setattr(Recording, "close", interrupted)
    options = LiveOptions(
        camera=f"file:{room / 'person.png'}",
        play="every",
        plate=room / "plate.png",
        record=out,
        seconds=seconds,
        threads=1,
    )
    with pytest.raises(KeyboardInterrupt):
        run_module.run_live(options, said.append, (keys,))
    assert "verified" in said[-1]
    assert len(read(out)) >= 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_third_interrupt_gives_the_recording_up(room, tmp_path, monkeypatch):
    join, out = threading.Thread.join, tmp_path / "out.mp4"

    def interrupted(thread, timeout=None):
        if thread.name == "recording":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        join(thread, timeout)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    options = LiveOptions(
        camera=f"file:{room / 'stays.mp4'}",
        play="every",
        plate=room / "plate.png",
        record=out,
        threads=1,
    )
    with pytest.raises(KeyboardInterrupt):
        run_module.run_live(options, [].append)
    assert not list(tmp_path.iterdir())


def test_every_frame_of_a_clip_is_cut(room, tmp_path):
    camera, out = f"file:{room / 'stays.mp4'}", tmp_path / "out.mkv"
    session = Session(camera=camera, play="every", plate=room / "plate.png", record=out)
    session.start().end()
    assert session.problem is None
    assert session.live.meter.pace().frames == 20


def test_help_names_the_sinks():
    text = io.StringIO(run("live", "--help").output).read()
    for option in ("--camera", "--preview", "--virtual-camera", "--record", "--serve"):
        assert option in text
