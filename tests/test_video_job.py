"""A clip from files to files, with a stand-in for the network: outputs and plates."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import takes
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import plate as job_plate
from cleanplate.jobs.options import PlateFrom
from cleanplate.media.clip_read import ClipReader, inspect_clip
from cleanplate.media.stills import read_still, write_still
from commands import files
from takes import HEIGHT, WIDTH, frames_of, stand_in
from video_jobs import COUNT, StoppedError, cut, expected_alphas, our_threads, prepare


@pytest.fixture
def place(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


def test_cutout(place):
    said: list[str] = []
    cut("out.mkv", said)
    assert not our_threads()
    found = frames_of("out.mkv")
    np.testing.assert_allclose(found[..., 3:] / 255, expected_alphas(), atol=0.003)
    np.testing.assert_array_equal(found[5, 20, 20, :3], takes.frame_picture(5)[20, 20])
    assert files(place) == ["out.mkv", "plate.png", "take.mkv"]
    assert any("out.mkv (20 frames)" in line for line in said)
    assert any("lost in frames 2:" in line for line in said)


def test_composite_over_a_colour(place):
    cut("out.mkv", over="#0000ff", codec="ffv1")
    found = frames_of("out.mkv")
    assert (found[..., 3] == 255).all()
    np.testing.assert_allclose(found[0, 0, 0, :3], (0, 0, 255), atol=1)
    np.testing.assert_allclose(found[0, 20, 5, :3], (230, 30, 30), atol=1)


@pytest.mark.parametrize("over", ["blur", "plate.png"])
def test_composite_over_a_picture(place, over):
    cut("out.mkv", over=over, codec="ffv1")
    assert frames_of("out.mkv").shape == (COUNT, HEIGHT, WIDTH, 4)


def test_further_files(place):
    cut("out.mkv", matte=Path("matte.mov"), foreground=Path("colour.mkv"), report=Path("page.html"))
    matte, colour = frames_of("matte.mov"), frames_of("colour.mkv")
    assert len(matte) == len(colour) == COUNT
    np.testing.assert_allclose(matte[..., 1] / 255, expected_alphas()[..., 0], atol=0.1)
    page = Path("page.html").read_text()
    assert page.count("<svg") == 5
    assert "data:image/jpeg" in page
    assert "lost in frames 2:" in page


def test_times_of_a_variable_rate_are_kept(place):
    pts = [0, 40, 80, 200, 210, 400, 1000, 1040]
    takes.write_take(place / "take.mkv", count=len(pts), pts=pts)
    cut("out.mov", part_frames=3)
    with ClipReader("out.mov") as reader:
        times = [float(frame.pts * reader.info.time_base - reader.info.start) for frame in reader]
    np.testing.assert_allclose(times, np.array(pts) / 1000, atol=1e-6)


def test_sound_is_carried_over_or_left(place):
    takes.write_take(place / "take.mkv", count=COUNT, sound=True)
    cut("out.mkv")
    assert [sound.codec for sound in inspect_clip("out.mkv").sounds] == ["pcm_s16le"]
    cut("quiet.mkv", sound=False)
    assert inspect_clip("quiet.mkv").sounds == ()


def test_a_sequence_goes_in(place):
    Path("shots").mkdir()
    for index in range(5):
        write_still(f"shots/a.{index:04d}.png", takes.frame_picture(index) / np.float32(255))
    cut("out.mkv", clip="shots", part_frames=2)
    cut("same.mkv", clip="shots/a.####.png", part_frames=2)
    found = frames_of("out.mkv")
    np.testing.assert_allclose(found[..., 3:] / 255, expected_alphas(5), atol=0.003)
    np.testing.assert_array_equal(found, frames_of("same.mkv"))


def test_a_folder_gets_passes(place):
    cut("out/", over="#0000ff")
    names = [f"{index:06d}.png" for index in range(COUNT)]
    wanted = [f"take_{kind}.{name}" for kind in ("Comp", "FG", "Matte") for name in names]
    assert files(place / "out") == wanted
    foreground, matte = (
        read_still("out/take_FG.000007.png"),
        read_still("out/take_Matte.000007.png"),
    )
    np.testing.assert_allclose(foreground.alpha, expected_alphas()[7], atol=0.003)
    np.testing.assert_allclose(matte.picture[..., :1], foreground.alpha, atol=0.003)
    composite = read_still("out/take_Comp.000000.png")
    np.testing.assert_allclose(composite.picture[0, 0], (0, 0, 1), atol=0.003)


def test_a_pattern_keeps_the_numbers_of_the_input(place):
    Path("shots").mkdir()
    for number in range(1001, 1006):
        picture = takes.frame_picture(number - 1001) / np.float32(255)
        write_still(f"shots/a.{number}.png", picture)
    cut("b.%04d.exr", clip="shots", part_frames=2)
    assert [name for name in files(place) if name.startswith("b")] == [
        f"b.{number}.exr" for number in range(1001, 1006)
    ]
    assert read_still("b.1003.exr").alpha is not None


def test_sequence_goes_into_a_folder_that_is_made(place):
    cut("new/out.%04d.png")
    assert len(list(Path("new").glob("out.*.png"))) == COUNT


def test_rate_of_a_source_in_milliseconds_is_kept(place):
    """Matroska rounds 24 frames a second to milliseconds; MP4 says the rate by its times."""
    takes.write_take(place / "film.mkv", count=24, rate=24)
    cut("film.mp4", clip="film.mkv", over="teal")
    assert inspect_clip(Path("film.mp4")).rate == 24


def with_empty_start(index):
    return takes.plate_picture() if index < 10 else takes.frame_picture(index - 10)


@pytest.mark.parametrize("seconds", [None, Fraction(2, 5)])
def test_plate_from_the_clip(place, monkeypatch, seconds):
    takes.write_take(place / "take.mkv", count=40, picture=with_empty_start)
    plates = []

    def stopped(frame, plate, state, **options):
        plates.append(plate)
        if len(plates) == 15:
            raise StoppedError
        return stand_in(frame, plate, state, **options)

    monkeypatch.setattr(video_job, "cut_next", stopped)
    with pytest.raises(StoppedError):
        cut("out.mkv", plate=PlateFrom(seconds))
    with monkeypatch.context() as patch:  # the plate of the first run is kept
        patch.setattr(job_plate, "estimate_plate", None)
        cut("out.mkv", plate=PlateFrom(seconds))
    assert np.abs(plates[0] - takes.plate_picture() / np.float32(255)).max() < 0.03
    np.testing.assert_array_equal(plates[0], plates[-1])
    assert files(place) == ["out.mkv", "plate.png", "take.mkv"]


def test_plate_that_is_a_clip(place):
    takes.write_take(place / "empty.mkv", count=9, picture=lambda index: takes.plate_picture())
    cut("out.mkv", plate="empty.mkv")
    cut("same.mkv")
    np.testing.assert_allclose(frames_of("out.mkv"), frames_of("same.mkv"), atol=1)
