"""Numbered stills as clips."""

import errno
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cleanplate.errors import InputError
from cleanplate.media.clip_read import ClipReader, inspect_clip, is_clip
from cleanplate.media.sequences import is_sequence, sequence_name
from cleanplate.media.stills import write_still
from clips import index_of, marked


def write(folder, names, alpha=None, bit_depth=8, size=(48, 64)):
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        picture = marked(number, *size).astype(np.float32)
        write_still(folder / name, picture, alpha, bit_depth)


def read(path, **options):
    with ClipReader(path, **options) as reader:
        return list(reader)


@pytest.mark.parametrize("pattern", ["shot.%04d.png", "shot.####.png", "shot.%d.png", ""])
def test_patterns_and_folders(tmp_path, pattern):
    folder = tmp_path / "shot"
    write(folder, [f"shot.{number:04d}.png" for number in range(8, 13)])
    path = folder / pattern
    assert is_clip(path)
    frames = read(path)
    assert [index_of(frame.picture) for frame in frames] == [0, 1, 2, 3, 4]
    assert [(frame.index, frame.pts, frame.duration) for frame in frames] == [
        (number, number, 1) for number in range(5)
    ]
    info = inspect_clip(path, rate=Fraction(30000, 1001))
    assert (info.rate, info.frame_count) == (Fraction(30000, 1001), 5)
    assert info.duration == 5 * Fraction(1001, 30000)


def test_numbers_sort_as_numbers(tmp_path):
    write(tmp_path, [f"f{number}.png" for number in range(1, 12)])
    assert [index_of(frame.picture) for frame in read(tmp_path)] == list(range(11))


@pytest.mark.parametrize(
    ("ending", "bit_depth", "kind"),
    [
        (".jpg", 8, np.uint8),
        (".png", 16, np.uint16),
        (".tif", 16, np.uint16),
        (".exr", 16, np.uint16),
    ],
)
def test_formats(tmp_path, ending, bit_depth, kind):
    write(tmp_path, [f"f{number:03d}{ending}" for number in range(3)], bit_depth=bit_depth)
    frames = read(tmp_path, first=1)
    assert [frame.index for frame in frames] == [1, 2]
    for frame in frames:
        assert frame.picture.dtype == kind
        error = frame.picture / np.iinfo(kind).max - marked(frame.index)
        assert np.abs(error).max() * 255 < (12 if ending == ".jpg" else 0.1)


def test_exr_comes_out_straight(tmp_path):
    alpha = np.tile(np.linspace(0.1, 1, 64, dtype=np.float32)[None, :, None], (48, 1, 1))
    write(tmp_path, ["f001.exr", "f002.exr"], alpha, bit_depth=16)
    assert inspect_clip(tmp_path).alpha == "premultiplied"
    frame = read(tmp_path)[0]
    assert np.abs(frame.alpha / 65535 - alpha).max() < 0.001
    assert np.abs(frame.picture / 65535 - marked(0)).max() < 0.002


def test_missing_numbers_leave_a_gap_in_time(tmp_path):
    write(tmp_path, [f"f{number:03d}.png" for number in (10, 11, 14, 15)])
    info = inspect_clip(tmp_path)
    assert info.rate is None
    assert any("2 numbers are missing" in note for note in info.notes)
    assert [(frame.pts, frame.duration) for frame in read(tmp_path)] == [
        (0, 1), (1, 3), (4, 1), (5, 1),
    ]  # fmt: skip


def test_every_third_number_is_complete(tmp_path):
    write(tmp_path, [f"in{number:06d}.png" for number in (510, 513, 516)])
    assert inspect_clip(tmp_path).rate == 24
    assert [frame.pts for frame in read(tmp_path)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("names", "path", "word"),
    [
        ([], "", "no numbered stills"),
        (["a1.png", "a2.png", "b1.png"], "", "2 sequences (a####.png, b####.png)"),
        (["a01.png"], "a.####.png", "No file fits"),
        (["a1.png", "a01.png"], "", "same number twice"),
        (["a1.png"], "%d.%d.png", "one %04d or one ####"),
    ],
)
def test_refused(tmp_path, names, path, word):
    write(tmp_path, names)
    with pytest.raises(InputError) as caught:
        inspect_clip(tmp_path / path)
    assert word in str(caught.value)


def test_another_size_ends_the_reading(tmp_path):
    write(tmp_path, ["a1.png", "a2.png"])
    write_still(tmp_path / "a3.png", np.zeros((40, 64, 3), np.float32))
    seen = []
    with ClipReader(tmp_path) as reader, pytest.raises(InputError) as caught:
        seen.extend(frame.index for frame in reader)
    assert "a3.png is 64 x 40 pixels" in str(caught.value)


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    write(tmp_path, ["a1.png"])

    def refuse(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "listdir", refuse)
    for path in (tmp_path, tmp_path / "a%d.png"):
        with pytest.raises(InputError, match=r"cannot be read \(Permission denied\)"):
            inspect_clip(path)


def test_a_name_that_is_too_long_is_no_sequence():
    assert not is_sequence(Path("x" * 300))
    assert is_sequence(Path("x" * 300 + "%04d.png"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/shot.%04d.png", "shot"),
        ("shot_####.exr", "shot"),
        ("%d.png", "frame"),
        ("a.b.mov", "a.b"),
    ],
)
def test_name_without_the_number(path, name):
    assert sequence_name(Path(path)) == name


def test_a_single_still_is_no_clip(tmp_path):
    write(tmp_path, ["still.png"])
    assert not is_clip(tmp_path / "still.png")
    assert not is_clip(tmp_path)
