"""Clips as numbered stills."""

import numpy as np
import pytest

from cleanplate.color import srgb_to_linear
from cleanplate.errors import OutputError
from cleanplate.media.decode import decode
from cleanplate.media.exr import read_exr
from cleanplate.media.sequence_write import (
    PASSES,
    SequenceWriter,
    join_sequences,
    numbered,
    pass_pattern,
)
from clips import index_of, marked, read
from pictures import only
from written_clips import soft_disc, whole

SIZE = (48, 64)


def write(pattern, count=3, first=0, bits=8, **options):
    with SequenceWriter(pattern, alpha=True, first=first, bit_depth=bits, **options) as writer:
        for index in range(first, first + count):
            composite = whole(marked(index, *SIZE)[:, ::-1], bits)
            alpha = whole(soft_disc(*SIZE, index), bits)
            writer.write(whole(marked(index, *SIZE), bits), alpha, index, 1, composite)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_stills_hold_what_was_sent(tmp_path, ending, bits):
    write(tmp_path / f"shot.%04d{ending}", first=7, bits=bits)
    assert only(tmp_path) == [f"shot.{number:04d}{ending}" for number in (7, 8, 9)]
    frames = read(tmp_path)
    assert [index_of(frame.picture) for frame in frames] == [7, 8, 9]
    for number, frame in zip((7, 8, 9), frames, strict=True):
        assert np.array_equal(frame.picture, whole(marked(number, *SIZE), bits))
        assert np.array_equal(frame.alpha, whole(soft_disc(*SIZE, number), bits))


def test_passes_lie_side_by_side(tmp_path):
    write(tmp_path / "shot.####.png", count=2, passes=PASSES)
    assert only(tmp_path) == [
        f"shot_{name}.000{number}.png" for name in ("Comp", "FG", "Matte") for number in (0, 1)
    ]
    foreground = decode(tmp_path / "shot_FG.0001.png").pixels
    matte = decode(tmp_path / "shot_Matte.0001.png").pixels
    composite = decode(tmp_path / "shot_Comp.0001.png").pixels
    assert np.array_equal(foreground[..., :3], whole(marked(1, *SIZE), 8))
    assert np.array_equal(foreground[..., 3:], whole(soft_disc(*SIZE, 1), 8))
    assert np.array_equal(matte[..., :1], whole(soft_disc(*SIZE, 1), 8))
    assert np.array_equal(composite[..., :3], whole(marked(1, *SIZE)[:, ::-1], 8))


def test_exr_is_linear_and_premultiplied_and_its_matte_a_plain_number(tmp_path):
    write(tmp_path / "shot.%03d.exr", count=1, bits=16, passes=("FG", "Matte"))
    alpha = whole(soft_disc(*SIZE, 0), 16) / np.float32(65535)
    foreground, _ = read_exr(tmp_path / "shot_FG.000.exr")
    matte, _ = read_exr(tmp_path / "shot_Matte.000.exr")
    colour = srgb_to_linear(whole(marked(0, *SIZE), 16) / np.float32(65535))
    assert np.abs(foreground[..., :3] - colour * alpha).max() < 1e-5
    assert np.abs(foreground[..., 3:] - alpha).max() < 1e-6
    assert np.abs(matte - alpha).max() < 1e-6


@pytest.mark.parametrize(
    ("pattern", "place", "named"),
    [
        ("a/shot.%04d.png", "a/shot.0012.png", "a/shot_FG.%04d.png"),
        ("shot-###.exr", "shot-012.exr", "shot_FG-###.exr"),
        ("%d.png", "12.png", "FG.%d.png"),
        ("a.#.b.tif", "a.12.b.tif", "a_FG.#.b.tif"),
    ],
)
def test_numbers_and_passes_in_names(pattern, place, named):
    assert numbered(pattern, 12).as_posix() == place
    assert pass_pattern(pattern, "FG").as_posix() == named


@pytest.mark.parametrize("pattern", ["shot.png", "%04d.%04d.png", "#-#.png"])
def test_names_without_one_place_for_the_number(tmp_path, pattern):
    with pytest.raises(OutputError, match="%04d"):
        SequenceWriter(tmp_path / pattern, alpha=True)
    assert only(tmp_path) == []


def test_an_exception_leaves_the_old_stills(tmp_path):
    (tmp_path / "shot.0000.png").write_bytes(b"old")
    writer = SequenceWriter(tmp_path / "shot.####.png", alpha=False)

    def interrupt():
        writer.write(np.zeros((*SIZE, 3), np.uint8), None, 0, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), writer:
        interrupt()
    with pytest.raises(OutputError, match="without frames"):
        SequenceWriter(tmp_path / "shot.####.png", alpha=False).close()
    with pytest.raises(OutputError, match="create it first"):
        SequenceWriter(tmp_path / "no" / "shot.####.png", alpha=False)
    assert only(tmp_path) == ["shot.0000.png"]
    assert (tmp_path / "shot.0000.png").read_bytes() == b"old"


def test_parts_join_in_one_folder_and_can_be_joined_again(tmp_path):
    parts = [tmp_path / "part0", tmp_path / "part3"]
    for first, part in zip((0, 3), parts, strict=True):
        part.mkdir()
        write(part / "shot.####.png", first=first)
    for _ in range(2):
        join_sequences(parts, tmp_path / "out")
    assert [index_of(frame.picture) for frame in read(tmp_path / "out")] == list(range(6))
    assert len(only(parts[0])) == 3
