"""What the person at the machine sees and presses: the window, the terminal, the words."""

import os
import pty
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from cleanplate.errors import DeviceError, MissingExtraError
from cleanplate.live.countdown import with_words
from cleanplate.live.keys import no_keys, terminal_keys
from cleanplate.live.preview import Preview
from cleanplate.live.sinks import Shown

SIZE = (48, 64)


@pytest.fixture
def display(monkeypatch):
    """A display without a screen, where the system has one to offer."""
    pytest.importorskip("tkinter")
    if shutil.which("Xvfb") is None:
        pytest.skip("there is no Xvfb")
    reading, writing = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(writing),
        "-screen",
        "0",
        "1400x900x24",
        "-nolisten",
        "tcp",
    ]
    process = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()
    if not number:
        pytest.skip("Xvfb does not start")
    monkeypatch.setenv("DISPLAY", f":{number}")
    yield
    process.terminate()
    process.wait()


def test_a_window_shows_pictures_and_takes_keys(display):
    preview = Preview("cleanplate live")
    wide = np.zeros((720, 1280, 3), np.uint8)
    wide[..., 0] = 200
    preview.show(Shown(wide, 0.0))
    preview.show(Shown(wide // 2, 0.1))
    assert (preview._photo.width(), preview._photo.height()) == (960, 540)
    assert preview.watched
    window = preview._window
    window.focus_force()
    window.update()
    for key in ("n", "space", "Escape"):
        window.event_generate("<Key>", keysym=key)
    assert preview.keys() == ["n", " ", "q"]
    assert preview.keys() == []
    window.destroy()  # somebody closes it by force
    preview.show(Shown(wide, 0.2))
    assert not preview.watched
    assert preview.keys() == ["q"]
    preview.close()


def test_no_display_is_said(monkeypatch):
    pytest.importorskip("tkinter")
    monkeypatch.delenv("DISPLAY", raising=False)
    if sys.platform == "linux":
        with pytest.raises(DeviceError, match="needs a display"):
            Preview("x")
    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(MissingExtraError, match="needs Tk"):
        Preview("x")


def test_keys_of_a_terminal_and_the_terminal_afterwards(monkeypatch):
    import termios

    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        before = termios.tcgetattr(theirs)
        with terminal_keys() as keys:
            os.write(ours, b"nb")
            time.sleep(0.1)
            assert keys() == ["n", "b"]
            assert keys() == []
            assert termios.tcgetattr(theirs) != before
        assert termios.tcgetattr(theirs) == before
    os.close(ours)


def test_no_terminal_no_keys(tmp_path, monkeypatch):
    with (tmp_path / "none").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with terminal_keys() as keys:
            assert keys is no_keys


def test_words_are_written_over_a_copy():
    picture = np.full((180, 320, 3), 90, np.uint8)
    worded = with_words(picture, "step out of the picture: 5")
    assert (picture == 90).all()
    assert worded.max() == 255
    changed = (worded != 90).any(axis=2)
    assert changed[:120].sum() == 0
    assert changed.any(axis=0).sum() > 150
