"""Where live pictures go, each by itself; the scenery behind them and the meter beside."""

import sys
import time
import types
import urllib.error
import urllib.request
from contextlib import ExitStack
from threading import Event

import cv2
import numpy as np
import pytest

from cleanplate.errors import DeviceError, OutputError
from cleanplate.live import recording as recording_module
from cleanplate.live.browser import MOST_CLIENTS, BrowserSource
from cleanplate.live.meter import Meter
from cleanplate.live.recording import Recording
from cleanplate.live.scenery import GREEN, Scenery
from cleanplate.live.sinks import Shown
from cleanplate.live.virtual_camera import VirtualCamera
from clips import pictures, read, write_clip

SIZE = (48, 64)


def shown(level, grabbed=0.0):
    return Shown(np.full((*SIZE, 3), level, np.uint8), grabbed)


@pytest.fixture
def source():
    source = BrowserSource(0, lambda: None)
    yield source
    source.close()


def test_a_slow_client_gets_the_newest_picture(source):
    for level in (10, 20, 30):
        source.show(shown(level, grabbed=float(level)))
    found = source.after(0, 1)
    assert found.number == 3
    assert found.shown.grabbed == 30.0
    picture = cv2.imdecode(np.frombuffer(found.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(picture.astype(int) - 30).max() <= 2
    assert source.after(3, 0.01) is None
    assert source.after(2, 1) is found  # encoded once for all


def test_clients_are_counted_and_not_too_many(source):
    assert not source.watched
    source.show(shown(50))
    with ExitStack() as stack:
        for _ in range(MOST_CLIENTS):
            answer = stack.enter_context(urllib.request.urlopen(source.url + "stream", timeout=10))
            answer.readline()
        assert source.watched
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(source.url + "stream", timeout=10)
        assert refused.value.code == 503
    for level in range(200):  # those that went are noticed when something is sent
        source.show(shown(level % 250))
        if not source.watched:
            break
        time.sleep(0.05)
    assert not source.watched


def test_a_recording_keeps_the_times_and_the_order(tmp_path):
    path = tmp_path / "out.mkv"
    recording = Recording(path, SIZE)
    for count, grabbed in enumerate((5.0, 5.04, 5.14, 5.16)):
        recording.show(shown(40 * count + 20, grabbed))
    recording.close()
    assert "4 frames, verified" in recording.outcome
    frames = read(path)
    assert [frame.pts - frames[0].pts for frame in frames] == [0, 40, 140, 160]
    levels = [float(frame.picture.mean()) for frame in frames]
    assert levels == pytest.approx([20, 60, 100, 140], abs=3)


def test_a_slow_encoder_leaves_frames_out_and_says_so(tmp_path, monkeypatch):
    go = Event()
    recording = Recording(tmp_path / "out.mkv", SIZE)
    write = recording._writer.write

    def slow(*arguments):
        go.wait(10)
        write(*arguments)

    monkeypatch.setattr(recording._writer, "write", slow)
    began = time.monotonic()
    for count in range(4 * recording_module.WAITING):
        recording.show(shown(count, count / 25))
    assert time.monotonic() - began < 5  # it never waits for the encoder
    go.set()
    recording.close()
    assert recording.left_out >= 2 * recording_module.WAITING
    assert f"{recording.left_out} left out" in recording.outcome
    assert len(read(tmp_path / "out.mkv")) == recording.frames


def test_a_recording_that_fails_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    recording = Recording(tmp_path / "out.mkv", SIZE)

    def full(*_):
        raise OutputError("The disk is full.")

    monkeypatch.setattr(recording._writer, "write", full)
    recording.show(shown(1, 0.0))
    recording.show(shown(2, 0.1))
    with pytest.raises(OutputError, match="disk is full"):
        recording.close()
    assert not list(tmp_path.iterdir())


def test_a_recording_without_a_frame_is_no_file(tmp_path):
    recording = Recording(tmp_path / "out.mp4", SIZE)
    recording.close()
    assert "no frame was shown" in recording.outcome
    assert not list(tmp_path.iterdir())


class _Device:
    """Stands for pyvirtualcam.Camera."""

    opened = None

    def __init__(self, width, height, fps, *, fmt, device):
        if device == "/dev/none":
            raise RuntimeError("no v4l2 loopback device found.\nDid you load it?")
        self.about, self.device = (width, height, fps, fmt, device), device or "/dev/video9"
        self.sent, self.closed = [], False
        _Device.opened = self

    def send(self, picture):
        self.sent.append(picture)

    def close(self):
        self.closed = True


def test_a_virtual_camera_is_sent_what_is_shown(monkeypatch):
    module = types.SimpleNamespace(Camera=_Device, PixelFormat=types.SimpleNamespace(RGB="rgb"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", module)
    camera = VirtualCamera(SIZE, 30.0, "")
    camera.show(shown(77))
    camera.close()
    device = _Device.opened
    assert device.about == (64, 48, 30.0, "rgb", None)
    assert camera.name == "virtual camera /dev/video9"
    assert device.sent[0].mean() == 77
    assert device.closed
    with pytest.raises(DeviceError) as refused:
        VirtualCamera(SIZE, 30.0, "/dev/none")
    assert "\n" not in str(refused.value)
    assert "no v4l2 loopback device found" in str(refused.value)


def test_the_real_package_without_a_device():
    pytest.importorskip("pyvirtualcam")
    with pytest.raises(DeviceError, match="virtual camera cannot be opened"):
        VirtualCamera(SIZE, 30.0, "/dev/video987")


def test_scenery_plays_a_clip_and_blurs_the_plate(tmp_path):
    clip = write_clip(tmp_path / "waves.mp4", pictures(4))
    plate = np.zeros((*SIZE, 3), np.float32)
    plate[:, 32:] = 1
    with Scenery(["green", str(clip), "#010203", "blur"], SIZE) as scenery:
        scenery.take_plate(plate)
        assert (scenery.now() == np.array(GREEN)).all()
        scenery.next()
        scenery.now()
        seen = set()
        for _ in range(100):
            seen.add(scenery.now().tobytes())
            if len(seen) > 2:
                break
            time.sleep(0.05)
        assert len(seen) > 2
        scenery.next()
        assert (scenery.now() == (1, 2, 3)).all()
        scenery.toggle_blur()
        assert scenery.title == "blur"
        row = scenery.now()[20, :, 0].astype(int)
        assert row[0] < 10
        assert row[-1] > 245
        assert (np.diff(row) >= 0).all()
        assert 20 < row[31] < 235
        scenery.next()
        assert scenery.title == "blur"  # the last of the four


def test_the_meter_counts_delay_and_rate():
    meter = Meter()
    assert meter.pace() is None
    for count in range(101):
        meter.count(count / 20, count / 20 + (0.2 if count % 10 == 0 else 0.1))
    pace = meter.pace()
    assert pace.frames == 101
    assert pace.rate == pytest.approx(20, rel=0.01)
    assert pace.median_ms == pytest.approx(100)
    assert pace.late_ms == pytest.approx(200)
    assert meter.pace(last=1.0).frames == pytest.approx(20, abs=2)
