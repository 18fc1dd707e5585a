"""Reading clips: frames and their times, rotation, from any index."""

from fractions import Fraction

import numpy as np
import pytest

from cleanplate.media.clip_read import ClipReader, clips_in, inspect_clip, is_clip
from clips import (
    chart,
    index_of,
    pictures,
    read,
    refused,
    trimmed,
    write_clip,
)

LOSSLESS = {"qp": "0"}


@pytest.mark.parametrize(("rotation", "turns"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_rotation_is_applied_once(tmp_path, rotation, turns):
    path = write_clip(
        tmp_path / "a.mp4", [chart(32, 64)] * 2, options=LOSSLESS, pixel_format="yuv444p",
        rotation=rotation, aspect=Fraction(4, 3),
    )  # fmt: skip
    expected = np.rot90(chart(32, 64), turns)
    frame = read(path)[0]
    assert frame.picture.shape == expected.shape
    assert np.abs(frame.picture / 255 - expected).max() * 255 < 2.1
    info = inspect_clip(path)
    assert (info.height, info.width) == expected.shape[:2]
    assert info.rotation == -rotation % 360
    assert info.pixel_aspect == (Fraction(3, 4) if turns % 2 else Fraction(4, 3))


@pytest.mark.parametrize("options", [{}, {"g": "1"}, {"bf": "0"}])
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_what_an_edit_list_hides_is_not_missing(tmp_path, name, options):
    path = trimmed(write_clip(tmp_path / name, pictures(12), options=options), 4 / 25)
    assert [index_of(frame.picture) for frame in read(path)] == list(range(4, 12))
    info = inspect_clip(path)
    assert info.frame_count == 8
    assert not any("cut short" in note for note in info.notes)


def test_hidden_files_are_no_clips_of_a_folder(tmp_path):
    for name in ("b.mp4", "a.mp4", "._a.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in clips_in(tmp_path)] == ["a.mp4", "b.mp4"]


def test_variable_rate_keeps_every_time(tmp_path):
    times = [int(90 * time) for time in np.cumsum([9, 33, 50, 16, 200, 41, 8, 33, 33, 70] * 3)]
    path = write_clip(
        tmp_path / "a.mp4", pictures(30), times=times, time_base=Fraction(1, 90000),
        options={"g": "7"},
    )  # fmt: skip
    info = inspect_clip(path)
    assert info.rate is None
    assert any("variable" in note for note in info.notes)
    frames = read(path)
    assert [frame.pts for frame in frames] == times
    assert [frame.duration for frame in frames[:-1]] == list(np.diff(times))
    assert [index_of(frame.picture) for frame in frames] == list(range(30))


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_constant_rate_is_an_exact_fraction(tmp_path, name, rate):
    path = write_clip(tmp_path / name, pictures(40), rate=rate, time_base=1 / rate)
    info = inspect_clip(path)
    assert info.rate == rate
    assert info.frame_count == 40
    assert abs(info.duration - 40 / rate) < 2 * info.time_base
    frames = read(path)
    assert [index_of(frame.picture) for frame in frames] == list(range(40))
    seconds = [(frame.pts - frames[0].pts) * info.time_base for frame in frames]
    assert all(abs(time - n / rate) <= info.time_base for n, time in enumerate(seconds))


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"g": "12", "bf": "3"}),
        ("a.mkv", "libx264", {"g": "12", "x264-params": "open-gop=1"}),
        ("a.ts", "mpeg2video", {"g": "12", "bf": "2"}),
        ("a.ts", "libx264", {"g": "9"}),
        ("a.webm", "libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
        ("a.webm", "libvpx", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "10"}),
        ("a.avi", "libx264", {"g": "12"}),
        ("a.mov", "prores_ks", {}),
        ("a.mp4", "libx265", {"x265-params": "keyint=12:log-level=none"}),
    ],
)
def test_first_gives_the_same_frames_as_reading_from_the_start(tmp_path, name, codec, options):
    path = tmp_path / name
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    write_clip(path, pictures(41), codec=codec, pixel_format=pixel_format, options=options)
    whole = read(path)
    assert [frame.index for frame in whole] == list(range(41))
    for first in (1, 11, 12, 13, 27, 40):
        later = read(path, first=first)
        assert len(later) == 41 - first
        for one, two in zip(later, whole[first:], strict=True):
            assert (one.index, one.pts, one.duration) == (two.index, two.pts, two.duration)
            np.testing.assert_array_equal(one.picture, two.picture)


def test_first_beyond_the_end_is_refused(tmp_path):
    path = write_clip(tmp_path / "a.mp4", pictures(4))
    refused(lambda: ClipReader(path, first=4), str(path), "0 to 3")


def test_reading_again_starts_again(tmp_path):
    path = write_clip(tmp_path / "a.mp4", pictures(5))
    with ClipReader(path) as reader:
        assert next(iter(reader)).index == 0
        assert [frame.index for frame in reader] == [0, 1, 2, 3, 4]
        reader.close()
        reader.close()


def test_interlaced_is_said_and_repaired_on_request(tmp_path):
    # A bar that moves between the two fields of each frame leaves a comb.
    frames = []
    for number in range(6):
        frame = np.full((48, 64, 3), 0.2)
        frame[0::2, 6 * number : 6 * number + 12] = 0.8
        frame[1::2, 6 * number + 3 : 6 * number + 15] = 0.8
        frames.append(frame)
    path = write_clip(
        tmp_path / "a.mov", frames, interlaced=True, pixel_format="yuv420p",
        options={"x264-params": "tff=1:bframes=0", "qp": "4"},
    )  # fmt: skip
    info = inspect_clip(path)
    assert info.interlaced
    assert any("interlaced" in note for note in info.notes)

    def comb(picture):
        luma = picture[..., 1].astype(float)
        return np.abs(luma[1:-1] - (luma[:-2] + luma[2:]) / 2).mean()

    before, after = read(path), read(path, deinterlace=True)
    assert [frame.pts for frame in after] == [frame.pts for frame in before]
    assert comb(after[3].picture) < 0.5 * comb(before[3].picture)
    later = read(path, deinterlace=True, first=3)
    assert [frame.index for frame in later] == [3, 4, 5]
    for one, two in zip(later, after[3:], strict=True):
        np.testing.assert_array_equal(one.picture, two.picture)


def test_sound_does_not_disturb(tmp_path):
    path = write_clip(tmp_path / "a.mp4", pictures(25), sound=True)
    info = inspect_clip(path)
    assert [(sound.codec, sound.rate, sound.channels) for sound in info.sounds] == [
        ("aac", 48000, 1)
    ]
    assert len(read(path)) == 25


def test_is_clip(tmp_path):
    write_clip(tmp_path / "a.mp4", pictures(2))
    (tmp_path / "a.mp4").rename(tmp_path / "a.take")
    assert is_clip(tmp_path / "a.take")
    assert is_clip(tmp_path / "missing.mov")
    assert not is_clip(tmp_path / "missing.png")
    assert not is_clip(tmp_path)


@pytest.mark.parametrize(("gap", "rate"), [(0, 25), (10, None)])
def test_an_interlaced_broadcast_with_a_gap_has_no_constant_rate(tmp_path, gap, rate):
    times = [number + gap * (number >= 10) for number in range(20)]
    path = write_clip(
        tmp_path / "a.ts", pictures(20), interlaced=True, times=times,
        options={"x264-params": "tff=1:bframes=0"},
    )  # fmt: skip
    info = inspect_clip(path)
    assert info.interlaced
    assert info.rate == rate
    assert len(read(path)) == 20
    shown = [frame.pts * info.time_base for frame in read(path)]
    assert shown[10] - shown[9] == Fraction(1 + gap, 25)
