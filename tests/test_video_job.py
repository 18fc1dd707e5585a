"""A clip from files to files, with a stand-in for the network: outputs, resume, refusals."""

import errno
import os
import re
import threading
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import takes
from cleanplate.errors import InputError, OutputError
from cleanplate.jobs import clips as video_job
from cleanplate.jobs import manifest as job_manifest
from cleanplate.jobs import outputs as job_outputs
from cleanplate.jobs import plate as job_plate
from cleanplate.jobs.background import ClipBackground, Place
from cleanplate.jobs.clips import cut_clip
from cleanplate.jobs.options import ClipOptions, PlateFrom
from cleanplate.media.clip_read import ClipReader, inspect_clip
from cleanplate.media.stills import read_still, write_still
from commands import files
from takes import HEIGHT, WIDTH, StandInState, frames_of, stand_in

COUNT = 20


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a clip and its plate, and the stand-in for the pipeline."""
    monkeypatch.chdir(tmp_path)
    takes.write_scene(tmp_path, count=COUNT)
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    monkeypatch.setattr(video_job, "ClipState", StandInState)
    weights = Path(__file__)  # any file: only its hash is asked for
    monkeypatch.setattr(
        video_job, "load_model", lambda *_, **__: SimpleNamespace(path=weights, device="cpu")
    )
    monkeypatch.setattr(job_manifest, "_sync", lambda path: None)  # slow on a busy disk
    return tmp_path


def cut(out, said=None, plate="plate.png", clip="take.mkv", **options):
    given = {"part_frames": 6, **options}
    say = (lambda line: None) if said is None else said.append
    plate = Path(plate) if isinstance(plate, str) else plate
    cut_clip(Path(clip), plate, out, ClipOptions(**given), say)


def our_threads():
    names = {thread.name for thread in threading.enumerate()}
    return names & {"reading ahead", "writing behind"}


def expected_alphas(count=COUNT):
    plate, state, alphas = takes.plate_picture() / np.float32(255), None, []
    for index in range(count):
        frame = takes.frame_picture(index) / np.float32(255)
        cutout, state, _ = stand_in(frame, plate, state, model=None, options=None)
        alphas.append(cutout.alpha)
    return np.stack(alphas)


# ---- outputs


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


def test_stills_of_a_stopped_job(place, monkeypatch):
    stop_after(monkeypatch, 15, StoppedError())
    with pytest.raises(StoppedError):
        cut("out/")
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    cut("out/")
    cut("same/")
    assert files(place / "out") == files(place / "same")
    for name in files(place / "out"):
        assert (place / "out" / name).read_bytes() == (place / "same" / name).read_bytes()


# ---- the plate out of the clip


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


# ---- a clip as new background


def shade(index):
    return np.full((HEIGHT, WIDTH, 3), 10 + 20 * index, np.uint8)


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


# ---- going on


class StoppedError(Exception):
    pass


def stop_after(monkeypatch, count, problem):
    """Let the pipeline fail at a frame; returns how many it has cut in all."""
    calls = []

    def failing(*arguments, **options):
        if len(calls) == count:
            raise problem
        calls.append(1)
        return stand_in(*arguments, **options)

    monkeypatch.setattr(video_job, "cut_next", failing)
    return calls


@pytest.mark.parametrize(
    ("stop", "problem"),
    [(1, StoppedError()), (6, StoppedError()), (13, KeyboardInterrupt()), (19, StoppedError())],
)
def test_a_stopped_job_goes_on(place, monkeypatch, stop, problem):
    takes.write_take(place / "sky.mkv", count=7, rate=20, picture=shade)
    wanted = {"over": "sky.mkv", "codec": "ffv1", "matte": Path("matte.mkv")}
    cut("whole.mkv", **{**wanted, "matte": Path("whole-matte.mkv")})
    stop_after(monkeypatch, stop, problem)
    said: list[str] = []
    with pytest.raises(type(problem)):
        cut("out.mkv", said, **wanted)
    assert not our_threads()
    assert not Path("out.mkv").exists()
    done = stop // 6 * 6
    if isinstance(problem, KeyboardInterrupt) and done > 6:
        assert any("frames are kept in" in line for line in said)
    calls, said = stop_after(monkeypatch, 10**9, None), []
    cut("out.mkv", said, **wanted)
    # What was waiting for the encoder when the job stopped may have made no part any more.
    assert COUNT - done <= len(calls) <= COUNT - max(0, done - 6)
    assert Path("out.mkv").read_bytes() == Path("whole.mkv").read_bytes()
    assert Path("matte.mkv").read_bytes() == Path("whole-matte.mkv").read_bytes()
    assert not Path("out.mkv.job").exists()


def test_a_job_stopped_while_joining_cuts_nothing_again(place, monkeypatch):
    def fail(*arguments, **options):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(job_outputs, "join_clips", fail)
        with pytest.raises(StoppedError):
            cut("out.mkv", report=Path("page.html"))
    calls = stop_after(monkeypatch, 10**9, None)
    cut("out.mkv", report=Path("page.html"))
    assert not calls
    assert len(frames_of("out.mkv")) == COUNT
    assert "20</b><span>frames" in Path("page.html").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: write_still("plate.png", np.zeros((HEIGHT, WIDTH, 3), np.float32)), "plate.png"),
        (lambda: takes.write_take("take.mkv", count=9), "take.mkv has changed"),
        ({"codec": "ffv1"}, "--codec was not given, now ffv1"),
        ({"over": "teal", "codec": "ffv1"}, "--over was not given, now teal"),
        ({"camera": "handheld"}, "--camera was fixed, now handheld"),
    ],
)
def test_another_job_is_refused_until_restarted(place, monkeypatch, change, words):
    stop_after(monkeypatch, 13, StoppedError())
    with pytest.raises(StoppedError):
        cut("out.mkv")
    monkeypatch.setattr(video_job, "cut_next", stand_in)
    other = change if isinstance(change, dict) else {}
    if callable(change):
        change()
    with pytest.raises(OutputError, match="--restart") as caught:
        cut("out.mkv", **other)
    assert words in str(caught.value)
    cut("out.mkv", restart=True, **other)
    assert not Path("out.mkv.job").exists()


# ---- refusals


def test_full_disk_leaves_the_old_file_and_the_parts(place, monkeypatch):
    Path("out.mkv").write_bytes(b"an older result")
    written = []

    def full(self, *arguments):
        written.append(1)
        if len(written) > 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(self, *arguments)

    original = job_outputs.ClipWriter.write
    with monkeypatch.context() as patch:
        patch.setattr(job_outputs.ClipWriter, "write", full)
        with pytest.raises(OutputError, match="disk is full: make room") as caught:
            cut("out.mkv")
    assert "same command" in str(caught.value)
    assert Path("out.mkv").read_bytes() == b"an older result"
    calls = stop_after(monkeypatch, 10**9, None)
    cut("out.mkv")
    assert len(calls) == COUNT - 6
    assert len(frames_of("out.mkv")) == COUNT


@pytest.mark.parametrize("name", ["take.mkv", "link.mkv", "sky.mkv"])
def test_output_over_an_input(place, name):
    takes.write_take(place / "sky.mkv", count=2)
    Path("link.mkv").symlink_to("take.mkv")
    before = {path: (place / path).read_bytes() for path in files(place)}
    with pytest.raises(OutputError, match="one of the inputs"):
        cut(name, over="sky.mkv", codec="ffv1")
    with pytest.raises(OutputError, match="one of the inputs"):
        cut("out.mkv", over="sky.mkv", matte=Path(name))
    assert before == {path: (place / path).read_bytes() for path in files(place)}


def test_the_same_output_twice(place):
    with pytest.raises(OutputError, match="twice"):
        cut("out.mkv", matte=Path("./out.mkv"))


def test_stills_into_the_folder_of_the_input(place):
    Path("shots").mkdir()
    for index in range(3):
        write_still(f"shots/a.{index}.png", takes.frame_picture(index) / np.float32(255))
    for clip in ("shots", "shots/a.%d.png"):
        for out in ("shots/", "shots/b.%04d.png"):
            with pytest.raises(OutputError, match="one of the inputs"):
                cut(out, clip=clip)
    assert files(place / "shots") == ["a.0.png", "a.1.png", "a.2.png"]


@pytest.mark.parametrize(
    "out", ["out.gif", "out.mp4", "none/out.mov", "out.webm", "out.png", "none/out/", "plate.png/"]
)
def test_bad_output(place, out):
    options = {"codec": "prores"} if out.endswith(".webm") else {}
    with pytest.raises(OutputError, match=re.escape(out.removesuffix("/"))):
        cut(out, **options)
    assert files(place) == ["plate.png", "take.mkv"]


def test_damaged_clip_keeps_what_was_done(place):
    data = (place / "take.mkv").read_bytes()
    (place / "take.mkv").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=r"take\.mkv"):
        cut("out.mkv")
    assert not Path("out.mkv").exists()


def test_plate_that_is_transparent(place):
    picture = takes.plate_picture() / np.float32(255)
    write_still("clear.png", picture, picture[..., :1])
    with pytest.raises(InputError, match="transparent"):
        cut("out.mkv", plate="clear.png")
    assert files(place) == ["clear.png", "plate.png", "take.mkv"]


def test_missing_plate_is_named(place):
    with pytest.raises(InputError, match=r"nope\.png does not exist"):
        cut("out.mkv", plate="nope.png")
    assert not Path("out.mkv").exists()


def test_sequence_goes_into_a_folder_that_is_made(place):
    cut("new/out.%04d.png")
    assert len(list(Path("new").glob("out.*.png"))) == COUNT


def test_rate_of_a_source_in_milliseconds_is_kept(place):
    """Matroska rounds 24 frames a second to milliseconds; MP4 says the rate by its times."""
    takes.write_take(place / "film.mkv", count=24, rate=24)
    cut("film.mp4", clip="film.mkv", over="teal")
    assert inspect_clip(Path("film.mp4")).rate == 24
