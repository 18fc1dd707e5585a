"""A clip as the new background of a clip: looped by time, gone on with from any place."""

from fractions import Fraction

import pytest

import takes
from cleanplate.jobs.background import ClipBackground, Place
from takes import HEIGHT, WIDTH
from video_jobs import shade


@pytest.mark.parametrize("rate", [25, 10, 50])
def test_background_clip_is_looped_by_time(tmp_path, rate):
    takes.write_take(tmp_path / "sky.mkv", count=5, rate=rate, picture=shade)
    times = [Fraction(index, 25) for index in range(40)]
    wanted = [10 + 20 * (int(time * rate) % 5) for time in times]
    with ClipBackground(tmp_path / "sky.mkv", (HEIGHT, WIDTH)) as background:
        shown = [round(float(background.at(time)[0, 0, 0]) * 255) for time in times]
    assert shown == wanted


def test_background_clip_goes_on_from_any_place(tmp_path):
    takes.write_take(tmp_path / "sky.mkv", count=5, rate=10, picture=shade)
    times = [Fraction(index, 25) for index in range(40)]
    with ClipBackground(tmp_path / "sky.mkv", (HEIGHT, WIDTH)) as background:
        seen = [(background.at(time)[0, 0, 0], background.place) for time in times]
    for index in range(0, 39, 3):
        place: Place = seen[index][1]
        with ClipBackground(tmp_path / "sky.mkv", (HEIGHT, WIDTH), place) as background:
            assert background.at(times[index + 1])[0, 0, 0] == seen[index + 1][0]


def test_background_of_one_frame_and_of_another_size(tmp_path):
    takes.write_take(tmp_path / "sky.mkv", count=1, picture=shade)
    with ClipBackground(tmp_path / "sky.mkv", (30, 90)) as background:
        for time in (0, 1, 1, 50):
            assert background.at(Fraction(time)).shape == (30, 90, 3)
