"""Cameras: files that play one, devices, and the newest frame of either."""

import time
from threading import Event, active_count
from threading import enumerate as threads

import cv2
import numpy as np
import pytest

from cleanplate.errors import DeviceError, InputError
from cleanplate.media import camera_device
from cleanplate.media.camera import Grabber, open_camera
from cleanplate.media.camera_device import DeviceCamera
from cleanplate.media.cover import cover
from cleanplate.media.stills import write_still
from clips import index_of, marked, pictures, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("camera") / "clip.mp4", pictures(6))


def taken(grabber, count=1000):
    frames = []
    while len(frames) < count and not grabber.ended:
        frame = grabber.newest(timeout=1)
        if frame is not None:
            frames.append(frame)
    return frames


def test_every_frame_is_given_in_order_and_once(clip):
    with Grabber(open_camera(f"file:{clip}", play="every")) as grabber:
        frames = taken(grabber)
    assert [index_of(frame.picture) for frame in frames] == list(range(6))
    assert [frame.number for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert [frame.seconds for frame in frames] == pytest.approx([k / 25 for k in range(6)])
    assert all(frame.picture.dtype == np.uint8 for frame in frames)


def test_a_clip_keeps_its_own_rate_and_ends(clip):
    began = time.monotonic()
    with Grabber(open_camera(f"file:{clip}", play="once")) as grabber:
        frames = taken(grabber)
        assert grabber.ended
        assert grabber.newest(timeout=0) is None
    assert time.monotonic() - began > 0.18  # five times 1/25 s, less what starting takes
    assert index_of(frames[-1].picture) == 5
    grabbed = [frame.grabbed for frame in frames]
    assert grabbed == sorted(grabbed)


def test_a_clip_plays_again(clip):
    with Grabber(open_camera(f"file:{clip}", play="loop")) as grabber:
        frames = taken(grabber, 14)
    assert not grabber.ended
    numbers = [(frame.number, index_of(frame.picture)) for frame in frames]
    assert all((number - 1) % 6 == index for number, index in numbers)
    assert frames[-1].seconds > 0.24


def test_stills_in_a_folder_and_one_still_play_the_camera(tmp_path):
    folder = tmp_path / "stills"
    folder.mkdir()
    for index in range(3):
        write_still(folder / f"s.{index:03d}.png", marked(index).astype(np.float32))
    with Grabber(open_camera(f"file:{folder}", play="every")) as grabber:
        assert [index_of(frame.picture) for frame in taken(grabber)] == [0, 1, 2]
    with Grabber(open_camera(f"file:{folder / 's.002.png'}", play="every")) as grabber:
        frames = taken(grabber, 3)
    assert [index_of(frame.picture) for frame in frames] == [2, 2, 2]
    assert frames[2].seconds == pytest.approx(2 / 25)


class _Fast:
    """A camera that shows a number as often as it is let."""

    name, waits, stale = "fast", False, 2

    def __init__(self):
        self.reads, self.closed, self.more = 0, False, Event()

    def read(self):
        self.more.wait(5)
        self.reads += 1
        if self.reads == 50:
            self.more.clear()
        return np.full((4, 4, 3), self.reads, np.uint8), time.monotonic(), self.reads / 30

    def lock(self):
        return ()

    def unlock(self):
        pass

    def close(self):
        self.closed = True


def test_a_slow_taker_gets_the_newest_frame():
    camera = _Fast()
    with Grabber(camera) as grabber:
        camera.more.set()
        while camera.reads < 50:
            time.sleep(0.01)
        time.sleep(0.05)
        frame = grabber.newest()
        assert frame.picture[0, 0, 0] == frame.number == 50
        assert grabber.newest(timeout=0.05) is None  # each once
        camera.more.set()
    assert camera.closed


def test_nothing_is_read_at_rest_and_what_is_stale_is_dropped():
    camera = _Fast()
    with Grabber(camera) as grabber:
        camera.more.set()
        assert grabber.newest() is not None
        grabber.rest()
        time.sleep(0.3)
        reads = camera.reads
        time.sleep(0.3)
        assert camera.reads == reads
        camera.more.set()
        frame = grabber.newest(timeout=2)
        assert frame.picture[0, 0, 0] > reads + camera.stale
        camera.more.set()


def test_the_thread_ends_whatever_happens(clip):
    before = active_count()
    with pytest.raises(RuntimeError), Grabber(open_camera(f"file:{clip}")):
        raise RuntimeError
    assert active_count() == before
    assert not any(thread.name == "camera" for thread in threads())


def test_pictures_are_brought_to_a_size():
    picture = np.zeros((90, 160, 3), np.uint8)
    picture[:, 80:] = 200
    assert cover(picture, None) is picture
    wide = cover(picture, (48, 64))
    assert wide.shape == (48, 64, 3)
    assert wide[20, 10, 0] == 0
    assert wide[20, 60, 0] == 200


def test_a_damaged_clip_is_said_after_its_good_frames(tmp_path, clip):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:40])
    with pytest.raises(InputError, match="not a video"):
        open_camera(f"file:{broken}")
    with pytest.raises(InputError, match="does not exist"):
        open_camera(f"file:{tmp_path / 'none.mp4'}")
    with pytest.raises(InputError, match="is no camera"):
        open_camera("front")


def test_no_such_device(capfd):
    with pytest.raises(DeviceError, match="no camera 7 that"):
        open_camera("7")
    assert capfd.readouterr().err == ""


def test_opencv_reads_pictures_and_a_lost_device_is_said(clip, monkeypatch):
    # OpenCV takes a file for a device that says no to every control, and is lost at its end.
    monkeypatch.setattr(camera_device, "PAUSE", 0.0)
    camera = DeviceCamera(str(clip), (48, 64))
    with Grabber(camera) as grabber:
        sentences = camera.lock()
        assert grabber.newest(timeout=5).picture.shape == (48, 64, 3)
        with pytest.raises(DeviceError, match="gives no pictures any more"):
            taken(grabber)
    assert len(sentences) == 3
    for name, sentence in zip(("exposure", "white balance", "focus"), sentences, strict=True):
        assert f"does not let {name} be locked" in sentence


def test_a_lost_device_is_said_however_late_one_asks(clip, monkeypatch):
    monkeypatch.setattr(camera_device, "PAUSE", 0.0)
    with Grabber(DeviceCamera(str(clip), (48, 64))) as grabber:
        while any(thread.name == "camera" for thread in threads()):
            time.sleep(0.01)
        assert grabber.newest(timeout=1) is not None  # the last picture
        assert not grabber.ended
        with pytest.raises(DeviceError, match="gives no pictures any more"):
            grabber.newest(timeout=1)


class _Driver:
    """Stands for a driver that OpenCV asks: some controls hold, some do not say the truth."""

    def __init__(self, *_):
        self.values = {
            cv2.CAP_PROP_AUTO_EXPOSURE: 3.0,
            cv2.CAP_PROP_EXPOSURE: 157.0,
            cv2.CAP_PROP_AUTO_WB: 1.0,
            cv2.CAP_PROP_WB_TEMPERATURE: 4600.0,
            cv2.CAP_PROP_AUTOFOCUS: 1.0,
            cv2.CAP_PROP_FOCUS: 30.0,
        }
        self.released = False

    def isOpened(self):
        return True

    def getBackendName(self):
        return "V4L2"

    def get(self, control):
        return self.values.get(control, -1.0)

    def set(self, control, value):
        if control not in self.values:
            return False
        if control == cv2.CAP_PROP_AUTO_WB:
            return True  # taken, and forgotten
        if control == cv2.CAP_PROP_AUTOFOCUS:
            self.values[cv2.CAP_PROP_FOCUS] = 0.0  # jumps when the automatic goes off
        self.values[control] = value
        return True

    def release(self):
        self.released = True


def test_what_locks_is_locked_read_back_and_undone(monkeypatch):
    monkeypatch.setattr(camera_device.cv2, "VideoCapture", _Driver)
    camera = DeviceCamera(0, (720, 1280))
    driver = camera._capture
    sentences = camera.lock()
    assert len(sentences) == 1
    assert "white balance" in sentences[0]
    assert driver.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1.0
    assert driver.values[cv2.CAP_PROP_EXPOSURE] == 157.0
    assert driver.values[cv2.CAP_PROP_FOCUS] == 30.0
    driver.values[cv2.CAP_PROP_EXPOSURE] = 90.0
    camera.unlock()  # for another plate: the automatic finds other values
    assert driver.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 3.0
    assert len(camera.lock()) == 1
    assert driver.values[cv2.CAP_PROP_EXPOSURE] == 90.0
    camera.close()
    assert driver.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 3.0
    assert driver.values[cv2.CAP_PROP_AUTOFOCUS] == 1.0
    assert driver.released
