"""Masks, steady mattes and plates of a moving camera through the job of a clip."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import takes
from cleanplate.clip_plate import PlateClip
from cleanplate.errors import InputError, OutputError
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import manifest as job_manifest
from cleanplate.jobs.clips import cut_clip
from cleanplate.jobs.options import ClipOptions
from cleanplate.jobs.plate_frames import PlateFrames, open_plate_clip
from cleanplate.media.stills import write_still
from takes import HEIGHT, WIDTH, StandInState, frames_of, stand_in

COUNT = 15


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a clip, its plate and masks, and the stand-in for the pipeline."""
    monkeypatch.chdir(tmp_path)
    takes.write_scene(tmp_path, count=COUNT)
    left = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    left[:, :8] = 1
    write_still("left.png", left)
    takes.write_take("masks.mkv", count=COUNT, picture=mask_picture)
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    monkeypatch.setattr(video_job, "ClipState", StandInState)
    model = SimpleNamespace(path=Path(__file__), device="cpu", integers=False)
    monkeypatch.setattr(video_job, "load_model", lambda *_, **__: model)
    monkeypatch.setattr(job_manifest, "_sync", lambda path: None)
    return tmp_path


def mask_picture(index):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[: 2 + 3 * index] = 255
    return picture


def cut(out, said=None, plate="plate.png", clip="take.mkv", **options):
    say = (lambda line: None) if said is None else said.append
    cut_clip(Path(clip), Path(plate), out, ClipOptions(**{"part_frames": 6, **options}), say)


class StoppedError(Exception):
    pass


def stopping(monkeypatch, count):
    calls = []

    def failing(*arguments, **options):
        calls.append(1)
        if len(calls) > count:
            raise StoppedError
        return stand_in(*arguments, **options)

    monkeypatch.setattr(video_job, "cut_next", failing)


def test_masks_hold(place):
    cut("out.mkv", holdout=Path("left.png"), garbage=Path("masks.mkv"))
    alpha = frames_of("out.mkv")[..., 3]
    for index in (0, 6, 14):
        assert (alpha[index, : 2 + 3 * index] == 0).all()
        assert (alpha[index, 2 + 3 * index :, :8] == 255).all()


@pytest.mark.parametrize("steady", [{"temporal": "lookahead"}, {"temporal": "smooth"}])
def test_a_stopped_job_goes_on_exactly(place, monkeypatch, steady):
    wanted = {"garbage": Path("masks.mkv"), **steady}
    cut("whole.mkv", **wanted)
    stopping(monkeypatch, 13)
    with pytest.raises(StoppedError):
        cut("out.mkv", **wanted)
    assert Path("out.mkv.job").exists()
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    said: list[str] = []
    cut("out.mkv", said, **wanted)
    assert any("going on after" in line for line in said)
    assert Path("out.mkv").read_bytes() == Path("whole.mkv").read_bytes()
    assert len(frames_of("out.mkv")) == COUNT


def test_another_mask_is_another_job(place, monkeypatch):
    stopping(monkeypatch, 13)
    with pytest.raises(StoppedError):
        cut("out.mkv", garbage=Path("masks.mkv"))
    write_still("left.png", np.ones((HEIGHT, WIDTH, 1), np.float32))
    with pytest.raises(OutputError, match="garbage"):
        cut("out.mkv", garbage=Path("left.png"))


def test_masks_are_no_place_to_write(place):
    before = Path("masks.mkv").read_bytes()
    with pytest.raises(OutputError, match="one of the inputs"):
        cut("masks.mkv", holdout=Path("masks.mkv"))
    assert Path("masks.mkv").read_bytes() == before


@pytest.mark.parametrize("clip", ["take.mp4", "take.mkv"])
def test_input_as_output_is_said_before_its_ending_is_judged(place, clip):
    if clip != "take.mkv":
        Path("take.mkv").rename(clip)
    with pytest.raises(OutputError, match="one of the inputs"):
        cut(clip, clip=clip)


def test_report_is_a_page(place):
    with pytest.raises(OutputError, match=r"end in \.html"):
        cut("out.mkv", report=Path("x.txt"))
    assert not Path("out.mkv.job").exists()


def test_rate_is_for_stills(place):
    with pytest.raises(InputError, match="--rate is for numbered stills"):
        cut("out.mkv", rate=24)


def test_passes_are_named_as_they_are_written(place):
    said: list[str] = []
    cut("out/", said, over="teal")
    (line,) = [line for line in said if "->" in line]
    for name in ("FG", "Matte", "Comp"):
        assert f"out/take_{name}.%06d.png" in line


def test_frames_of_a_plate_clip(place):
    frames = PlateFrames(Path("take.mkv"), ClipOptions())
    for number in (0, 1, 3, 2, 9, 8, 2, 14):
        found = frames(number)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(np.rint(found * 255), takes.frame_picture(number))
    with pytest.raises(InputError):
        frames(COUNT)
    frames.close()


def test_plate_clip_of_a_moving_camera(place, monkeypatch):
    plates = []

    def noting(frame, plate, state, **options):
        plates.append(plate)
        return stand_in(frame, plate.read(0), state, **options)

    monkeypatch.setattr(video_job, "cut_next", noting)
    takes.write_take("empty.mkv", count=4, picture=lambda index: takes.plate_picture())
    cut("out.mkv", plate="empty.mkv", camera="handheld", over="blur", codec="ffv1")
    assert all(isinstance(plate, PlateClip) for plate in plates)
    assert plates[0].index.thumbnails.shape[0] == 4


def test_thumbnails_are_kept_for_a_job_that_goes_on(place):
    kept = place / "kept.npy"
    one = open_plate_clip(Path("take.mkv"), ClipOptions(), kept)
    other = open_plate_clip(Path("take.mkv"), ClipOptions(), kept)
    assert one.index.shape == other.index.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(one.index.thumbnails, other.index.thumbnails)


@pytest.mark.parametrize("temporal", ["lookahead", "smooth"])
def test_masks_hold_where_alpha_is_held_steady(place, temporal):
    """A spot that is painted into one frame stands alone, and is not taken for a mistake."""

    def spot(index):
        picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        if index == 7:
            picture[8:14, 10:16] = 255
        return picture

    takes.write_take("spot.mkv", count=COUNT, picture=spot)
    painted = np.s_[7, 8:14, 10:16]
    cut("garbage.mkv", garbage=Path("spot.mkv"), temporal=temporal)
    assert (frames_of("garbage.mkv")[painted][..., 3] == 0).all()
    cut("holdout.mkv", holdout=Path("spot.mkv"), temporal=temporal)
    kept = frames_of("holdout.mkv")[painted]
    assert (kept[..., 3] == 255).all()
    assert np.abs(kept[..., :3] - takes.frame_picture(7)[painted[1:]].astype(int)).max() <= 3


def test_stills_keep_the_numbers_of_the_input(place):
    numbers = (10, 11, 14, 15, 20)
    Path("shots").mkdir()
    for index, number in enumerate(numbers):
        write_still(f"shots/f{number:03d}.png", takes.frame_picture(index) / np.float32(255))
    cut("out/g.%03d.png", clip="shots/f%03d.png", part_frames=2)
    assert sorted(os.listdir("out")) == [f"g.{number:03d}.png" for number in numbers]
    write_still("out/g.012.png", np.zeros((HEIGHT, WIDTH, 3), np.float32))
    with pytest.raises(OutputError, match="1 stills of another take"):
        cut("out/g.%03d.png", clip="shots/f%03d.png", part_frames=2)
