"""Colour profiles and EXR files as other programs make them."""

import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import OpenEXR
import pytest
from PIL import Image, ImageCms

from cleanplate.color import linear_to_srgb
from cleanplate.media.exr import read_exr
from cleanplate.media.icc import SRGB_TO_XYZ
from cleanplate.media.stills import (
    read_mask,
    read_still,
    write_still,
)
from pictures import picture, png_chunk, refused, smooth

# ---- colour profiles


def s15(*numbers):
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def matrix_profile(gamma, columns, parametric=False):
    """An ICC v2 display profile: one gamma for all channels and the primaries' XYZ at D50."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    if parametric:
        curve = b"para" + struct.pack(">IHH", 0, 3, 0)
        curve += s15(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    xyz = [b"XYZ " + bytes(4) + s15(*column) for column in columns]
    text = b"desc" + struct.pack(">II", 0, 6) + b"Wide!\0" + bytes(78)
    tags = {b"desc": text, b"wtpt": b"XYZ " + bytes(4) + s15(0.9642, 1.0, 0.8249)}
    tags |= {b"cprt": b"text" + bytes(4) + b"none\0\0\0\0"}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    offset, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, offset + len(body), len(data))
        body += data
    version = 0x04200000 if parametric else 0x02100000
    size = offset + len(body)
    header = struct.pack(">I4xI4s4s4s", size, version, b"mntr", b"RGB ", b"XYZ ") + bytes(12)
    header += b"acsp" + bytes(28) + s15(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


# Adobe RGB's primaries adapted to D50.
WIDE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def expected_srgb(colour, gamma, columns):
    light = (colour.astype(np.float64) ** gamma) @ np.array(columns)
    to_srgb = np.linalg.inv(SRGB_TO_XYZ)
    return linear_to_srgb(np.clip(light @ to_srgb.T, 0, 1))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_profile_is_converted_to_srgb(tmp_path, kind):
    profile = matrix_profile(2.2, WIDE)
    pixels = np.rint(smooth() * 255).astype(np.uint8)
    options = {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
    options |= {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(pixels).save(tmp_path / "a", kind, icc_profile=profile, **options)
    still = read_still(tmp_path / "a")
    assert any("Wide!" in note for note in still.notes)
    assert np.abs(smooth() - expected_srgb(smooth(), 2.2, WIDE)).max() > 0.05
    # Loose at the most, where colours at the edge of sRGB magnify the rounding of JPEG.
    error = np.abs(still.picture - expected_srgb(smooth(), 2.2, WIDE))
    assert error.mean() < 0.005
    assert error.max() < 0.1


def deep_png_with_profile(path, colour, profile):
    write_still(path, colour, bit_depth=16)
    data = path.read_bytes()
    chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))
    path.write_bytes(data[:33] + chunk + data[33:])


def test_profile_of_16_bits_keeps_16_bits(tmp_path):
    colour = smooth(64, 512)
    deep_png_with_profile(tmp_path / "a.png", colour, matrix_profile(2.2, WIDE))
    still = read_still(tmp_path / "a.png")
    assert still.bit_depth == 16
    assert "Wide!" in still.notes[0]
    # The profile stores 2.2 as 563/256 and its primaries in 1/65536.
    expected = expected_srgb(colour, 563 / 256, WIDE)
    assert np.abs(still.picture - expected).mean() < 2e-5
    assert np.abs(still.picture - expected).max() < 1e-3
    assert len(np.unique(still.picture[..., 1])) > 600  # 8 bits would leave 256 at most


def test_profiles_that_are_srgb_change_nothing(tmp_path):
    ours = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    spelled_out = matrix_profile(0, SRGB_TO_XYZ.T, parametric=True)
    for profile in (ours, spelled_out):
        pixels = np.rint(smooth() * 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=profile)
        still = read_still(tmp_path / "a.png")
        assert still.notes == ()
        np.testing.assert_array_equal(np.rint(still.picture * 255), pixels)


def test_damaged_profile_is_ignored_with_a_note(tmp_path):
    pixels = np.rint(smooth() * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=b"nonsense" * 40)
    still = read_still(tmp_path / "a.png")
    assert "profile" in still.notes[0]
    np.testing.assert_array_equal(np.rint(still.picture * 255), pixels)
    deep_png_with_profile(tmp_path / "b.png", smooth(), b"nonsense" * 40)
    assert "profile" in read_still(tmp_path / "b.png").notes[0]


def test_mask_is_data_not_colour(tmp_path):
    pixels = np.rint(smooth() * 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=matrix_profile(2.2, WIDE))
    mask = read_mask(tmp_path / "a.png", (32, 48))
    np.testing.assert_allclose(mask[..., 0], smooth().mean(2), atol=0.003)


# ---- EXR from elsewhere


def test_exr_highlights_and_windows(tmp_path):
    light = np.full((20, 30, 3), 0.5, np.float32)
    light[4, 5] = 7.0
    light[6, 7] = np.nan
    header = {"displayWindow": (np.array([0, 0], np.int32), np.array([39, 29], np.int32))}
    header["dataWindow"] = (np.array([4, 2], np.int32), np.array([33, 21], np.int32))
    OpenEXR.File(header, {"RGB": light}).write(str(tmp_path / "a.exr"))
    still = read_still(tmp_path / "a.exr")
    assert still.picture.shape == (30, 40, 3)
    assert still.picture[0, 0].max() == 0
    np.testing.assert_allclose(still.picture[2, 4], linear_to_srgb(np.float32(0.5)), atol=1e-5)
    assert still.picture[6, 9].min() > 0.99999
    assert np.isfinite(still.picture).all()
    assert any("clipped" in note for note in still.notes)


def test_exr_without_colour(tmp_path):
    depth = np.ones((20, 30), np.float32)
    OpenEXR.File({}, {"Z": depth}).write(str(tmp_path / "z.exr"))
    refused(tmp_path / "z.exr", "Z")
    OpenEXR.File({}, {"Y": depth * 0.2}).write(str(tmp_path / "y.exr"))
    still = read_still(tmp_path / "y.exr")
    assert still.picture.shape == (20, 30, 3)
    assert "greyscale" in still.notes[0]


def test_damaged_exr_says_so_once(tmp_path, capfd):
    write_still(tmp_path / "a.exr", picture(200, 200))
    data = (tmp_path / "a.exr").read_bytes()
    for share in (0.001, 0.3, 0.9):
        (tmp_path / "a.exr").write_bytes(data[: max(5, int(len(data) * share))])
        refused(tmp_path / "a.exr", "damaged")
    out, err = capfd.readouterr()
    assert out + err == ""
    sys.stderr.write("still there")
    assert capfd.readouterr().err == "still there"


def test_exr_read_in_two_threads_leaves_the_terminal_as_it_was(tmp_path, capfd):
    light = np.random.default_rng(0).random((240, 320, 3)).astype(np.float32)
    OpenEXR.File({}, {"RGB": light}).write(str(tmp_path / "a.exr"))
    before = sys.stdout
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(read_exr, [tmp_path / "a.exr"] * 80):
            pass
    assert sys.stdout is before
    os.write(2, b"still heard")
    assert capfd.readouterr().err == "still heard"
