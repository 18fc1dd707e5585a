"""Clips that are damaged, and files that are none."""

import av
import numpy as np
import pytest

from cleanplate.media.clip_read import ClipReader, inspect_clip, is_clip
from clips import (
    index_of,
    pictures,
    refused,
    write_clip,
)


def test_cut_short_gives_its_frames_and_then_says_so(tmp_path):
    path = write_clip(
        tmp_path / "a.mp4", pictures(60, 128, 192), options={"g": "10"},
        muxer={"movflags": "faststart"},
    )  # fmt: skip
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    seen = []
    with ClipReader(path) as reader:
        refused(lambda: [seen.append(frame.index) for frame in reader], str(path))
    assert seen == list(range(len(seen)))
    assert 20 < len(seen) < 60
    assert any("cut short" in note or "damaged" in note for note in inspect_clip(path).notes)


def test_damage_ends_the_reading_in_words(tmp_path):
    path = write_clip(tmp_path / "a.mp4", pictures(60, 128, 192), options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(byte ^ 0x5A for byte in data[middle : middle + 300])
    path.write_bytes(data)
    seen = []
    with ClipReader(path) as reader:
        refused(lambda: [seen.append(frame) for frame in reader], str(path), "damaged")
    assert len(seen) > 15
    assert [index_of(frame.picture) for frame in seen[:15]] == list(range(15))


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.mp4", None, "does not exist"),
        ("a.mp4", b"", "empty"),
        ("a.mp4", b"This is a letter, not a film.\n" * 50, "not a video"),
        ("a.txt", b"This is a letter, not a film.\n" * 50, "video"),
        ("a.mov", bytes(range(256)) * 40, "video"),
    ],
)
def test_what_is_no_clip(tmp_path, name, content, word):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    refused(lambda: inspect_clip(path), str(path), word)
    refused(lambda: ClipReader(path), str(path), word)


def test_sound_alone_is_no_clip(tmp_path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    refused(lambda: inspect_clip(path), "no video", "sound")
    assert not is_clip(path)


def test_changing_size_is_refused_in_words(tmp_path):
    path = tmp_path / "a.h264"
    for part, size in (("one", (48, 64)), ("two", (64, 96))):
        write_clip(tmp_path / f"{part}.h264", pictures(5, *size))
    path.write_bytes((tmp_path / "one.h264").read_bytes() + (tmp_path / "two.h264").read_bytes())
    seen = []
    with ClipReader(path) as reader:
        refused(lambda: [seen.append(frame) for frame in reader], "size", "64 x 48", "96 x 64")
    assert len(seen) == 5
