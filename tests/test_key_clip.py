"""`cleanplate key` for a clip: every frame keyed, a hidden screen said, none refused."""

import numpy as np
import pytest

import screens
import takes
from cleanplate.media.stills import read_still, write_still
from commands import files, run

SIZE = (60, 80)


def write_frames(folder, frames):
    folder.mkdir()
    for index, frame in enumerate(frames):
        write_still(folder / f"shot.{index:04d}.png", frame)


def test_numbered_stills_are_keyed(tmp_path):
    alpha = screens.disc(3, SIZE)
    shot = screens.shot(screens.light("green", 0.2, size=SIZE), alpha, screens.SKIN, 0.001)
    hidden = np.full((*SIZE, 3), 0.5, np.float32)
    write_frames(tmp_path / "take", [shot.frame, hidden, shot.frame])
    result = run("key", tmp_path / "take" / "shot.%04d.png", "-o", f"{tmp_path / 'out'}/")
    assert result.exit_code == 0, result.output
    assert "From frame 1" in result.stderr
    assert len(files(tmp_path / "out")) == 6
    found = read_still(tmp_path / "out" / "shot_FG.000002.png").alpha
    assert np.abs(found - alpha).mean() < 0.02
    # What was screen in the frame before is the subject's place in this one.
    assert read_still(tmp_path / "out" / "shot_Matte.000001.png").picture.mean() > 0.98


def test_a_take_without_a_screen_is_refused(tmp_path):
    write_frames(tmp_path / "take", [np.full((*SIZE, 3), 0.5, np.float32)] * 2)
    result = run("key", tmp_path / "take" / "shot.%04d.png", "-o", f"{tmp_path / 'out'}/")
    assert result.exit_code == 2
    assert files(tmp_path) == ["take/shot.0000.png", "take/shot.0001.png"]


@pytest.mark.parametrize("out", ["garbage.mkv", "take/"])
def test_nothing_that_is_read_is_written(tmp_path, out):
    write_frames(tmp_path / "take", [np.full((*SIZE, 3), 0.5, np.float32)] * 2)
    takes.write_take(tmp_path / "garbage.mkv", count=2)
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    given = ["--garbage", tmp_path / "garbage.mkv", "-o", f"{tmp_path}/{out}"]
    result = run("key", tmp_path / "take", *given)
    assert result.exit_code == 2
    assert "one of the inputs" in result.stderr
    assert before == {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
