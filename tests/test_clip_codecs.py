"""Which codec fits a file, and whether a check of a written file sees what is missing."""

from fractions import Fraction

import numpy as np
import pytest

from cleanplate.errors import OutputError
from cleanplate.media.clip_codecs import CODECS, choose_codec, codec_notes
from cleanplate.media.clip_verify import Expected, sample_of, verify_clip
from clips import marked
from written_clips import soft_disc, whole, write


def test_odd_sizes_and_missing_bits_are_said():
    odd = codec_notes(CODECS["h264"], alpha=False, bit_depth=10, height=65, width=97)
    assert "4:4:4" in odd[0]
    assert "8 of 10 bits" in odd[1]
    assert not codec_notes(CODECS["hevc"], alpha=False, bit_depth=10, height=64, width=96)
    assert not codec_notes(CODECS["vp9"], alpha=True, bit_depth=8, height=65, width=97)


def shown(index, picture, alpha=None):
    return sample_of(index, picture, alpha, CODECS["prores"])


def expected(**changes):
    sent = soft_disc(64, 96)
    sample = shown(0, whole(marked(0, 64, 96), 8), whole(sent, 8))
    values = {
        "times": [0, 1, 2, 3],
        "end": 4,
        "time_base": Fraction(1, 25),
        "rate": Fraction(25),
        "alpha": True,
        "bits": 10,
        "samples": [sample],
    }
    return Expected(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"times": [0, 1, 2, 3, 4], "end": 5}, "4 of 5 frames"),
        ({"times": [0, 1, 2]}, "4 of 3 frames"),
        ({"times": [0, 1, 4, 3]}, "frame 2 at another time"),
        ({"rate": Fraction(25, 2)}, "rate of 25"),
        ({"digest": b"other"}, "what was written"),
        (
            {"samples": [shown(1, np.zeros((64, 96, 3), np.uint8))]},
            "frame 1 what was sent",
        ),
        (
            {"samples": [shown(0, whole(marked(0, 64, 96), 8), np.zeros((64, 96, 1), "u1"))]},
            "frame 0 what was sent",
        ),
        ({"samples": [shown(0, np.zeros((64, 97, 3), np.uint8))]}, "96 x 64 where"),
    ],
)
def test_verification_sees_what_is_missing(tmp_path, changes, words):
    path = tmp_path / "cut.mov"
    write(path, "prores")
    if words is None:
        verify_clip(path, path, expected(**changes), CODECS["prores"])
        return
    with pytest.raises(OutputError, match=words):
        verify_clip(path, path, expected(**changes), CODECS["prores"])


def test_verification_sees_that_alpha_was_dropped_or_the_file_cut(tmp_path):
    path = tmp_path / "cut.mov"
    write(path, "prores", alpha=False)
    with pytest.raises(OutputError, match="without its alpha"):
        verify_clip(path, path, expected(samples=[]), CODECS["prores"])
    write(path, "prores")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(OutputError, match="check the disk"):
        verify_clip(path, path, expected(), CODECS["prores"])


@pytest.mark.parametrize(
    ("path", "codec", "alpha", "chosen"),
    [
        ("a.mov", None, True, "prores"),
        ("a.MOV", None, False, "h264"),
        ("a.webm", None, True, "vp9"),
        ("a.mkv", None, True, "ffv1"),
        ("a.mp4", None, False, "h264"),
        ("a.mov", "QTRLE", True, "qtrle"),
        ("a.webm", "av1", False, "av1"),
        ("a.%04d.png", None, True, "png"),
        ("a.####.exr", None, True, "exr"),
        ("a.%d.tif", None, False, "tiff"),
    ],
)
def test_the_ending_or_the_name_chooses_the_codec(path, codec, alpha, chosen):
    assert choose_codec(path, codec, alpha).name == chosen


@pytest.mark.parametrize(
    ("path", "codec", "alpha", "words"),
    [
        ("a.mp4", None, True, "holds no alpha"),
        ("a.mp4", "h264", True, "holds no alpha"),
        ("a.webm", "av1", True, "AV1 as it is written here holds no alpha"),
        ("a.avi", None, False, ".mkv, .mov, .mp4"),
        ("a", None, False, ".mkv, .mov, .mp4"),
        ("a.webm", "prores", True, "a.mov"),
        ("a.mov", "divx", True, "prores, vp9"),
        ("a.png", None, True, "a.%04d.png"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(path, codec, alpha, words):
    with pytest.raises(OutputError) as caught:
        choose_codec(path, codec, alpha)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hevc_with_alpha_is_written_or_refused_as_the_encoder_can(tmp_path, monkeypatch):
    from cleanplate.media import clip_codecs

    codec = CODECS["hevc"]
    if clip_codecs._opens(codec.encoder, codec.transparent[0], codec.options):
        write(tmp_path / "a.mov", "hevc")
    monkeypatch.setattr(clip_codecs, "_opens", lambda _, pixel_format, __: "a" not in pixel_format)
    with pytest.raises(OutputError, match="refuses alpha"):
        choose_codec("a.mov", "hevc", True)


def test_an_encoder_that_is_not_there_is_said(monkeypatch):
    from cleanplate.media import clip_codecs

    monkeypatch.setattr(clip_codecs, "_opens", lambda *_: False)
    with pytest.raises(OutputError, match="no working encoder libx264"):
        choose_codec("a.mp4", None, False)
