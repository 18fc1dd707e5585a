"""Pixels of clips: matrix, range, depth, alpha, HDR."""

import numpy as np
import pytest

from cleanplate.media.clip_colour import YuvCode, to_rgb
from cleanplate.media.clip_read import ClipReader, inspect_clip
from clips import (
    CELLS,
    cells,
    chart,
    frame_of,
    index_of,
    pictures,
    read,
    refused,
    write_clip,
)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize(
    "pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p16le"]
)
def test_known_colours_come_out_right(tmp_path, pixel_format, matrix, full):
    path = tmp_path / "chart.mkv"
    write_clip(path, [chart()], codec="ffv1", pixel_format=pixel_format, matrix=matrix, full=full)
    (frame,) = read(path)
    assert frame.picture.dtype == (np.uint8 if pixel_format.endswith("p") else np.uint16)
    # 8-bit YUV itself is coarser than RGB: 2 levels; more bits: well under one.
    limit = 2.1 if frame.picture.dtype == np.uint8 else 0.6
    assert np.abs(cells(frame.picture) - CELLS).max() * 255 < limit


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "limit"),
    [
        ("a.mkv", "ffv1", "bgr0", 0.51),
        ("a.mkv", "ffv1", "gbrp10le", 0.2),
        ("a.mkv", "ffv1", "bgra", 0.51),
        ("a.mov", "qtrle", "rgb24", 0.51),
        ("a.mov", "png", "rgb48be", 0.02),
    ],
)
def test_rgb_clips(tmp_path, name, codec, pixel_format, limit):
    write_clip(tmp_path / name, [chart()], codec=codec, pixel_format=pixel_format)
    (frame,) = read(tmp_path / name)
    assert np.abs(cells(frame.picture) - CELLS).max() * 255 < limit


@pytest.mark.parametrize(
    ("pixel_format", "planar", "limit"),
    [
        ("nv12", "yuv420p", 2.1),
        ("yuyv422", "yuv422p", 2.1),
        ("uyvy422", "yuv422p", 2.1),
        ("p010le", "yuv420p10le", 0.6),
        ("y210le", "yuv422p10le", 0.6),
        ("yuv420p10be", "yuv420p10le", 0.6),
    ],
)
def test_other_layouts_of_yuv(pixel_format, planar, limit):
    frame = frame_of(chart(), planar, "bt601").reformat(format=pixel_format)
    picture, alpha = to_rgb(frame, YuvCode("smpte170m", full_range=False))
    assert alpha is None
    assert np.abs(cells(picture) - CELLS).max() * 255 < limit


def test_grey_is_full_range_unless_said(tmp_path):
    path = write_clip(
        tmp_path / "grey.mkv",
        [np.full((32, 32, 3), 1.0)],
        codec="ffv1",
        pixel_format="gray",
        full=True,
        tags=False,
    )
    (frame,) = read(path)
    assert (frame.picture == 255).all()


def test_matrix_not_said_goes_by_size(tmp_path):
    for name, height, width, matrix in (("sd", 32, 64, "bt601"), ("hd", 32, 1280, "bt709")):
        path = tmp_path / f"{name}.mkv"
        write_clip(
            path, [chart(height, width)], codec="ffv1", pixel_format="yuv444p", matrix=matrix,
            tags=False,
        )  # fmt: skip
        (frame,) = read(path)
        assert np.abs(cells(frame.picture) - CELLS).max() * 255 < 2.1
        info = inspect_clip(path)
        assert info.colour.matrix is None
        assert any("matrix not said" in note for note in info.notes)


def test_chroma_lies_where_it_was_sampled(tmp_path):
    """A ramp of colour comes back as the same ramp, not shifted by half a pixel."""
    ramp = np.linspace(0.2, 0.8, 64)
    picture = np.stack([np.tile(ramp, (32, 1)), np.full((32, 64), 0.5), np.full((32, 64), 0.4)], -1)
    path = write_clip(tmp_path / "ramp.mkv", [picture], codec="ffv1", pixel_format="yuv422p16le")
    (frame,) = read(path)
    error = frame.picture[:, :-2] / 65535 - picture[:, :-2]  # the last has no chroma after it
    assert np.abs(error).max() * 255 < 0.05


@pytest.mark.parametrize(("height", "width"), [(17, 19), (31, 64), (32, 65), (33, 33)])
def test_odd_sizes(tmp_path, height, width):
    path = write_clip(
        tmp_path / "odd.mkv", [chart(height, width)], codec="ffv1", pixel_format="yuv420p"
    )
    (frame,) = read(path)
    assert frame.picture.shape == (height, width, 3)
    assert frame.picture.flags.c_contiguous
    error = np.abs(frame.picture / 255 - chart(height, width))
    assert np.median(error) * 255 < 2


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format", "kind", "tolerance"),
    [
        ("a.mov", "prores_ks", "yuva444p10le", np.uint16, 3),
        ("a.webm", "libvpx-vp9", "yuva420p", np.uint8, 6),
        ("a.mkv", "ffv1", "yuva444p", np.uint8, 0.51),
        ("a.mov", "qtrle", "argb", np.uint8, 0.51),
        ("a.mkv", "ffv1", "gbrap12le", np.uint16, 0.05),
    ],
)
def test_alpha(tmp_path, name, codec, pixel_format, kind, tolerance):
    alpha = np.tile(np.linspace(0, 1, 64), (48, 1))
    path = tmp_path / name
    write_clip(
        path, pictures(3), codec=codec, pixel_format=pixel_format, alphas=[alpha] * 3,
        options={"crf": "4", "b": "0"} if codec == "libvpx-vp9" else None,
    )  # fmt: skip
    assert inspect_clip(path).alpha == "straight"
    for frame in read(path):
        assert frame.alpha.dtype == frame.picture.dtype == kind
        assert frame.alpha.shape == (48, 64, 1)
        error = frame.alpha[..., 0] / np.iinfo(kind).max - alpha
        assert np.abs(error).max() * 255 < tolerance
        assert index_of(frame.picture) == frame.index


def test_opaque_clip_has_no_alpha(tmp_path):
    path = write_clip(tmp_path / "a.mp4", pictures(2))
    assert inspect_clip(path).alpha is None
    assert read(path)[0].alpha is None


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_is_refused_or_tone_mapped(tmp_path, transfer):
    grey = np.tile(np.linspace(0, 1, 64)[None, :, None], (32, 1, 3))
    path = write_clip(
        tmp_path / "a.mkv", [grey], codec="ffv1", pixel_format="yuv444p10le", matrix="bt2020",
        tags=(9, transfer),
    )  # fmt: skip
    info = inspect_clip(path)
    assert info.hdr
    assert info.colour.primaries == "bt2020"
    refused(lambda: ClipReader(path), "HDR", "--tone-map")
    with ClipReader(path, tone_map=True) as reader:
        (frame,) = reader
        assert (reader.colour.primaries, reader.colour.transfer) == ("bt709", "bt709")
    ramp = frame.picture[16].astype(int)
    assert frame.picture.dtype == np.uint16
    assert (np.diff(ramp[:, 1]) >= 0).all()
    assert ramp[0].max() < 700
    assert ramp[-1].min() > 60000
    assert (ramp.max(axis=1) - ramp.min(axis=1)).max() < 300  # grey stays grey
    # Reference white: 58 % of PQ, 75 % of HLG, is bright, and no longer the brightest.
    white = ramp[round(63 * (0.58 if transfer == 16 else 0.75)), 1] / 65535
    assert 0.88 < white < 0.96


@pytest.mark.parametrize("pixel_format", ["yuva444p10le", "yuv422p10le"])
def test_deinterlacing_leaves_colours_and_alpha_of_a_still_scene(tmp_path, pixel_format):
    path = write_clip(
        tmp_path / "a.mov", [chart()] * 3, codec="prores_ks", pixel_format=pixel_format
    )
    for before, after in zip(read(path), read(path, deinterlace=True), strict=True):
        assert np.abs(cells(after.picture) - cells(before.picture)).max() * 255 < 0.1
        if before.alpha is not None:
            assert before.alpha.min() == after.alpha.min() == 65535
