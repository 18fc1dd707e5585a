"""Every way in which a still picture can be wrong, or a place to write it."""

import struct
import sys
import tempfile
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cleanplate.color import srgb_to_linear
from cleanplate.errors import CleanplateError, MissingExtraError, OutputError
from cleanplate.media.exr import read_exr
from cleanplate.media.replacing import replacing
from cleanplate.media.stills import (
    ENDINGS,
    TRANSPARENT_ENDINGS,
    read_still,
    write_cutout,
    write_still,
    write_stills,
)
from pictures import Cut, only, picture, png_chunk, refused

# ---- what cannot be read


def test_missing_folder_empty_nonsense(tmp_path):
    refused(tmp_path / "nothing.jpg", "does not exist")
    refused(tmp_path, "folder")
    (tmp_path / "a.jpg").write_bytes(b"")
    refused(tmp_path / "a.jpg", "empty")
    (tmp_path / "a.jpg").write_text("no picture at all" * 50)
    refused(tmp_path / "a.jpg", "not a picture")


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("ending", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated(tmp_path, ending, depth, share, capfd):
    path = tmp_path / f"a{ending}"
    write_still(path, picture(120, 90), bit_depth=depth)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)
    assert capfd.readouterr().err == ""


def test_a_tiff_whose_next_picture_has_no_size(tmp_path):
    path = tmp_path / "a.tif"
    write_still(path, picture(24, 24))
    data = bytearray(path.read_bytes())
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", data, 4)
    (entries,) = struct.unpack_from(f"{order}H", data, first)
    struct.pack_into(f"{order}I", data, first + 2 + 12 * entries, len(data))
    path.write_bytes(data + bytes(6))  # a directory without entries
    refused(path)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([".png", ".tif", ".webp", ".jpg", ".exr"]),
    st.sampled_from([8, 16]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_any_damage_is_read_or_refused(ending, depth, damage):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        write_still(path, picture(24, 24), bit_depth=depth)
        data = bytearray(path.read_bytes())
        for place, value in damage:
            data[int(place * (len(data) - 1))] = value
        path.write_bytes(data)
        try:
            still = read_still(path)
        except CleanplateError as caught:
            problem = str(caught)
            still = None
    if still is None:
        assert str(path) in problem
    else:
        assert still.picture.ndim == 3
        assert 0 <= still.picture.min() <= still.picture.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (15, 16)])
def test_too_small(tmp_path, size):
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(tmp_path / "a.png")
    refused(tmp_path / "a.png", f"{size[1]} x {size[0]}", "at least")


def test_too_large(tmp_path):
    Image.fromarray(np.zeros((20, 20000, 3), np.uint8)).save(tmp_path / "wide.png")
    refused(tmp_path / "wide.png", "20000 x 20", "16384", "scale")
    wide = np.zeros((16, 20000, 3), np.float16)
    OpenEXR.File({}, {"RGB": wide}).write(str(tmp_path / "wide.exr"))
    refused(tmp_path / "wide.exr", "20000 x 16")


@pytest.mark.parametrize("side", [13500, 60000])
def test_a_bomb_is_refused_by_its_header(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x" * 100)
    (tmp_path / "bomb.png").write_bytes(data)
    refused(tmp_path / "bomb.png", "too large", "megapixels")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_are_refused(tmp_path, kind):
    first, second = (Image.fromarray(np.full((20, 20, 3), v, np.uint8)) for v in (0, 200))
    first.save(tmp_path / "a", kind, save_all=True, append_images=[second])
    refused(tmp_path / "a", "animation of 2")


def test_first_picture_of_phone_photos_and_tiffs(tmp_path):
    for kind in ("MPO", "TIFF"):
        first, second = (Image.fromarray(np.full((20, 20, 3), v, np.uint8)) for v in (40, 200))
        first.save(tmp_path / "a", kind, save_all=True, append_images=[second])
        assert read_still(tmp_path / "a").picture.mean() == pytest.approx(40 / 255, abs=0.01)


def test_heic_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    refused(tmp_path / "a.heic", 'pip install "cleanplate[heic]"', error=MissingExtraError)


# ---- what cannot be written


@pytest.mark.parametrize("name", ["a.gif", "a", "a.mp4"])
def test_endings_that_cannot_be_written(tmp_path, name):
    with pytest.raises(OutputError, match="ending"):
        write_still(tmp_path / name, picture())
    assert only(tmp_path) == []


def test_transparency_in_jpeg_is_refused(tmp_path):
    with pytest.raises(OutputError, match="transparency"):
        write_cutout(tmp_path / "a.jpg", Cut(picture(), picture(channels=1)))
    assert only(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_still(tmp_path / "folder.png", picture())
    with pytest.raises(OutputError, match="does not exist"):
        write_still(tmp_path / "none" / "a.png", picture())
    assert only(tmp_path) == ["folder.png"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_faulty_write_leaves_the_old_file(tmp_path, monkeypatch, ending):
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"old")

    def half(path, temporary, samples):
        temporary.write_bytes(b"\x89PNG half a picture")

    monkeypatch.setattr("cleanplate.media.stills.encode", half)
    with pytest.raises(OutputError, match="read back"):
        write_still(path, picture())
    assert path.read_bytes() == b"old"
    assert only(tmp_path) == [path.name]


@pytest.mark.parametrize("ending", TRANSPARENT_ENDINGS)
def test_one_wrong_sample_is_noticed(tmp_path, monkeypatch, ending):
    from cleanplate.media import encode, stills

    def faulty(path, temporary, samples):
        changed = samples.copy()
        changed[3, 4, 3] = 1 - changed[3, 4, 3] if ending == ".exr" else changed[3, 4, 3] ^ 1
        encode.encode(path, temporary, changed)

    monkeypatch.setattr(stills, "encode", faulty)
    with pytest.raises(OutputError, match="read back"):
        write_still(tmp_path / f"a{ending}", picture(), picture(channels=1))
    assert only(tmp_path) == []


def test_several_files_appear_together_or_not_at_all(tmp_path):
    good, bad = tmp_path / "a.png", tmp_path / "none" / "b.png"
    with pytest.raises(OutputError):
        write_stills({good: (picture(), None), bad: (picture(), None)})
    assert only(tmp_path) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ValueError])
def test_interruption_leaves_nothing(tmp_path, interruption):
    def interrupted():
        with replacing(tmp_path / "a.png") as temporary:
            temporary.write_bytes(b"half")
            assert len(only(tmp_path)) == 1
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert only(tmp_path) == []


def test_a_full_disk_is_an_output_error(tmp_path, monkeypatch):
    def full(path, temporary, samples):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cleanplate.media.stills.encode", full)
    with pytest.raises(OutputError, match="No space left"):
        write_still(tmp_path / "a.png", picture())
    assert only(tmp_path) == []


def test_links_are_followed_and_permissions_are_ordinary(tmp_path):
    (tmp_path / "real.png").write_bytes(b"old")
    (tmp_path / "link.png").symlink_to("real.png")
    write_still(tmp_path / "link.png", picture())
    assert (tmp_path / "link.png").is_symlink()
    assert read_still(tmp_path / "real.png").picture.shape == (20, 31, 3)
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "real.png").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_webp_beyond_its_limit(tmp_path):
    with pytest.raises(OutputError, match="16383"):
        write_still(tmp_path / "a.webp", np.zeros((16, 16384, 3), np.float32))
    assert only(tmp_path) == []


def test_exr_read_back_is_what_was_written(tmp_path):
    write_still(tmp_path / "a.exr", picture(), bit_depth=32)
    pixels, notes = read_exr(tmp_path / "a.exr")
    np.testing.assert_array_equal(pixels, srgb_to_linear(picture()).astype(np.float32))
    assert notes == ()
