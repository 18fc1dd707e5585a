"""Every format of still pictures there and back."""

import io
import struct
import tempfile
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cleanplate.color import srgb_to_linear
from cleanplate.errors import InputError
from cleanplate.media.stills import (
    read_mask,
    read_still,
    write_cutout,
    write_still,
)
from pictures import Cut, only, picture, png_chunk, refused, smooth

ORIENTED = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: np.swapaxes(p, 0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.swapaxes(np.rot90(p, 2), 0, 1),
    8: lambda p: np.rot90(p, 1),
}


# ---- there and back


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([".png", ".tif", ".TIFF", ".webp", ".exr"]),
    st.sampled_from([8, 16, 32]),
    st.integers(16, 90),
    st.integers(16, 90),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_round_trip(ending, depth, height, width, with_alpha, seed):
    colour = picture(height, width, 3, seed)
    alpha = picture(height, width, 1, seed + 1) if with_alpha else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a picture{ending}"
        write_still(path, colour, alpha, depth)
        still = read_still(path)
        assert only(Path(folder)) == [path.name]
    assert still.picture.shape == colour.shape
    assert still.picture.dtype == np.float32
    deep = depth > 8 and ending in (".png", ".tif", ".TIFF")
    exact = 0.5 / (65535 if deep else 255) + 1e-6
    if ending == ".exr":
        assert still.bit_depth == 32
        exact = 1e-3 if depth == 8 else 1e-5
    else:
        assert still.bit_depth == (16 if deep else 8)
    if alpha is None:
        assert still.alpha is None
        assert np.abs(still.picture - colour).max() <= exact
    else:
        assert np.abs(still.alpha - alpha).max() <= exact
        seen = alpha[..., 0] > 0.1  # premultiplied colour is coarse where alpha is small
        tolerance = exact * (20 if ending == ".exr" else 1)
        assert np.abs(still.picture - colour)[seen].max() <= tolerance


@pytest.mark.parametrize("ending", [".png", ".tif", ".webp"])
def test_colour_is_straight_even_where_alpha_is_zero(tmp_path, ending):
    colour = picture()
    write_cutout(tmp_path / f"a{ending}", Cut(colour, np.zeros_like(colour[..., :1])))
    still = read_still(tmp_path / f"a{ending}")
    assert np.abs(still.picture - colour).max() < 0.003
    assert still.alpha.max() == 0


def test_exr_is_linear_and_premultiplied(tmp_path):
    colour, alpha = picture(seed=3), picture(channels=1, seed=4)
    write_cutout(tmp_path / "a.exr", Cut(colour, alpha), bit_depth=16)
    stored = OpenEXR.File(str(tmp_path / "a.exr")).channels()["RGBA"].pixels
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored[..., :3], srgb_to_linear(colour) * alpha, atol=1e-6)
    np.testing.assert_allclose(stored[..., 3:], alpha)
    write_cutout(tmp_path / "half.exr", Cut(colour, alpha), bit_depth=8)
    half = OpenEXR.File(str(tmp_path / "half.exr")).channels()["RGBA"].pixels
    assert half.dtype == np.float16


def test_tiff_declares_its_alpha_as_straight(tmp_path):
    for depth in (8, 16):
        write_still(tmp_path / "a.tif", picture(400, 300), picture(400, 300, 1), depth)
        with Image.open(tmp_path / "a.tif") as image:
            assert image.mode == "RGBA"
            assert image.tag_v2[338] == (2,)
            assert image.tag_v2[258] == (depth,) * 4
            assert len(image.tag_v2[273]) > 1


def test_grey_matte_stays_one_channel(tmp_path):
    matte = picture(channels=1)
    for ending in (".png", ".tif"):
        path = tmp_path / f"alpha{ending}"
        write_still(path, matte, bit_depth=16)
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 2
        np.testing.assert_allclose(read_mask(path, matte.shape[:2]), matte, atol=1e-5)


def test_jpeg_comes_close(tmp_path):
    write_still(tmp_path / "a.jpg", smooth())
    still = read_still(tmp_path / "a.jpg")
    assert np.abs(still.picture - smooth()).max() < 0.02
    assert still.bit_depth == 8


def test_values_out_of_range_are_clipped(tmp_path):
    write_still(tmp_path / "a.png", picture() * 4 - 2)
    still = read_still(tmp_path / "a.png")
    np.testing.assert_allclose(still.picture, np.clip(picture() * 4 - 2, 0, 1), atol=0.003)


def test_writing_replaces_what_was_there(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    write_still(path, picture())
    assert read_still(path).picture.shape == (20, 31, 3)


# ---- orientation


def with_exif(kind, pixels, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    lossless = {"JPEG": {"quality": 98}, "WEBP": {"lossless": True}}.get(kind, {})
    Image.fromarray(pixels).save(buffer, kind, exif=exif, **lossless)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_once(tmp_path, kind, orientation):
    pixels = np.rint(smooth() * 255).astype(np.uint8)
    (tmp_path / "a").write_bytes(with_exif(kind, pixels, orientation))
    found = read_still(tmp_path / "a").picture
    expected = ORIENTED[orientation](smooth())
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 0.03


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_orientation_of_16_bits(tmp_path, ending, orientation):
    path = tmp_path / f"a{ending}"
    write_still(path, smooth(), bit_depth=16)
    data = path.read_bytes()
    if ending == ".png":
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = data[:33] + png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + data[33:]
    else:
        upright = struct.pack("<HHIHH", 274, 3, 1, 1, 0)
        assert data.count(upright) == 1
        data = data.replace(upright, struct.pack("<HHIHH", 274, 3, 1, orientation, 0))
    path.write_bytes(data)
    still = read_still(path)
    assert still.bit_depth == 16
    np.testing.assert_allclose(still.picture, ORIENTED[orientation](smooth()), atol=1e-4)


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.rint(smooth(96, 64) * 255).astype(np.uint8))
    image.save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    found = read_still(tmp_path / "a.heic").picture
    assert np.abs(found - ORIENTED[6](smooth(96, 64))).mean() < 0.02
    (tmp_path / "a.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:-200])
    refused(tmp_path / "a.heic")


# ---- modes


def test_modes_are_converted_with_a_note(tmp_path):
    colour = Image.fromarray(np.rint(smooth() * 255).astype(np.uint8))
    for mode, kind, word in [
        ("L", "PNG", "greyscale"),
        ("LA", "PNG", "greyscale"),
        ("1", "PNG", "greyscale"),
        ("P", "PNG", "palette"),
        ("P", "GIF", "palette"),
        ("CMYK", "JPEG", "CMYK"),
        ("CMYK", "TIFF", "CMYK"),
        ("L", "JPEG", "greyscale"),
    ]:
        path = tmp_path / f"a.{kind.lower()}"
        colour.convert(mode).save(path, kind)
        still = read_still(path)
        assert still.picture.shape == (32, 48, 3)
        assert any(word in note for note in still.notes), (mode, kind)
    colour.save(tmp_path / "plain.png")
    assert read_still(tmp_path / "plain.png").notes == ()


def test_cmyk_keeps_its_colours(tmp_path):
    colour = Image.fromarray(np.rint(smooth() * 255).astype(np.uint8))
    colour.convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert np.abs(read_still(tmp_path / "a.jpg").picture - smooth()).max() < 0.05


def test_16_bit_grey_keeps_its_bits(tmp_path):
    grey = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48) + 1000
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    still = read_still(tmp_path / "a.png")
    assert still.bit_depth == 16
    np.testing.assert_allclose(still.picture[..., 1] * 65535, grey, atol=0.01)
    assert "greyscale" in still.notes[0]


def test_palette_transparency_becomes_alpha(tmp_path):
    image = Image.fromarray((np.arange(400).reshape(20, 20) % 3).astype(np.uint8)).convert("P")
    image.save(tmp_path / "a.png", transparency=0)
    alpha = read_still(tmp_path / "a.png").alpha
    assert set(np.unique(alpha)) == {0, 1}


def test_samples_of_other_kinds_are_refused(tmp_path):
    Image.fromarray(np.zeros((20, 20), np.int32)).save(tmp_path / "int.tif")
    refused(tmp_path / "int.tif", "unusual kind")
    Image.fromarray(smooth()[..., 0]).save(tmp_path / "float.tif")
    refused(tmp_path / "float.tif", "unusual kind")


# ---- masks


def test_mask_takes_alpha_or_brightness(tmp_path):
    alpha = picture(channels=1)
    write_still(tmp_path / "cut.png", picture(), alpha)
    np.testing.assert_allclose(read_mask(tmp_path / "cut.png", (20, 31)), alpha, atol=0.003)
    write_still(tmp_path / "opaque.png", np.repeat(alpha, 3, 2), np.ones_like(alpha))
    np.testing.assert_allclose(read_mask(tmp_path / "opaque.png", (20, 31)), alpha, atol=0.003)


def test_a_matte_in_exr_is_the_number_itself(tmp_path):
    matte = picture(channels=1)
    write_still(tmp_path / "matte.exr", matte, bit_depth=16)
    np.testing.assert_allclose(read_mask(tmp_path / "matte.exr", (20, 31)), matte, atol=1e-6)
    write_still(tmp_path / "cut.exr", picture(), matte, bit_depth=16)
    np.testing.assert_allclose(read_mask(tmp_path / "cut.exr", (20, 31)), matte, atol=1e-6)


def test_mask_of_an_empty_cutout_is_empty(tmp_path):
    write_still(tmp_path / "empty.png", picture(), np.zeros_like(picture(channels=1)))
    assert not read_mask(tmp_path / "empty.png", (20, 31)).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 80), st.integers(16, 80), st.floats(0.3, 3))
def test_mask_fits_the_frame_or_is_refused(height, width, scale):
    size = max(16, round(height * scale)), max(16, round(width * scale))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        write_still(path, np.full((height, width, 1), 0.5, np.float32))
        if abs(width * size[0] / (height * size[1]) - 1) > 0.01:
            with pytest.raises(InputError, match=f"{width} x {height}"):
                read_mask(path, size)
            return
        mask = read_mask(path, size)
    assert mask.shape == (*size, 1)
    assert mask.dtype == np.float32
    np.testing.assert_allclose(mask, 0.5, atol=0.01)


def test_16_bit_tiff_with_associated_alpha_is_divided_by_it(tmp_path):
    colour, alpha = picture(40, 30), np.full((40, 30, 1), 0.5, np.float32)
    write_still(tmp_path / "a.tif", colour * alpha, alpha, 16)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    tag = struct.pack("<HHI", 338, 3, 1)
    assert data.count(tag) == 1
    data[data.index(tag) + 8] = 1  # associated
    (tmp_path / "a.tif").write_bytes(data)
    read = read_still(tmp_path / "a.tif")
    np.testing.assert_allclose(read.picture, colour, atol=1e-4)
    np.testing.assert_allclose(read.alpha, alpha, atol=1e-4)
