"""Writing clips: what was sent is in the file, in time and colour, or there is no file."""

import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from cleanplate.errors import OutputError
from cleanplate.media.clip_codecs import CODECS, pixel_format_of
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_headers import Timing
from cleanplate.media.clip_planes import bits_of
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.clip_verify import tolerances_of
from cleanplate.media.clip_write import ClipWriter
from clips import CELLS, cells, chart, index_of, marked, read
from written_clips import OPAQUE, SDR, STEADY, TRANSPARENT, unit, whole, write


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize(("name", "ending"), TRANSPARENT)
def test_alpha_comes_back_as_it_was_sent(tmp_path, name, ending, bits):
    path = tmp_path / f"cut{ending}"
    sent = write(path, name, bits=bits)
    info, frames = inspect_clip(path), read(path)
    assert info.alpha == "straight"
    assert [index_of(frame.picture) for frame in frames] == [0, 1, 2, 3]
    codec = CODECS[name]
    allowed = tolerances_of(codec, bits_of(pixel_format_of(codec, True, bits, 64, 96)))
    for frame, alpha in zip(frames, sent, strict=True):
        apart = np.abs(unit(frame.alpha) - unit(alpha))
        assert apart.mean() <= allowed.alpha_mean
        assert apart.max() <= allowed.alpha_worst
        if name != "vp9":
            assert frame.alpha.max() == np.iinfo(frame.alpha.dtype).max  # opaque stays opaque
            assert frame.alpha.min() == 0
    if codec.lossless and bits == 8:
        assert all(np.array_equal(a.alpha, b) for a, b in zip(frames, sent, strict=True))


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_lossless_is_lossless_at_every_depth(tmp_path, bits):
    path = tmp_path / "cut.mkv"
    size, steps = (32, 48), 2**bits - 1
    rng = np.random.default_rng(bits)
    codes = rng.integers(0, steps + 1, (*size, 4))
    samples = whole(codes / steps, bits)
    with ClipWriter(path, CODECS["ffv1"], *size, STEADY, alpha=True, bit_depth=bits) as writer:
        writer.write(samples[..., :3], samples[..., 3:], 0, 1)
    (frame,) = read(path)
    found = np.concatenate([frame.picture, frame.alpha], axis=2)
    assert np.array_equal(np.rint(unit(found) * steps), codes)


@pytest.mark.parametrize("range_", ["tv", "pc"])
@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc"])
@pytest.mark.parametrize(
    ("name", "ending", "alpha"),
    [
        ("h264", ".mp4", False),
        ("hevc", ".mov", False),
        ("vp9", ".webm", True),
        ("prores", ".mov", True),
        ("av1", ".mp4", False),
    ],
)
def test_colours_and_their_tags_arrive(tmp_path, name, ending, alpha, matrix, range_):
    path = tmp_path / f"chart{ending}"
    tags = ColourTags("bt709", "iec61966-2-1", matrix, range_)
    picture = whole(chart(), 8)
    opaque = np.full((*picture.shape[:2], 1), 255, np.uint8) if alpha else None
    timing = Timing(Fraction(1, 25), Fraction(25), tags)
    codec = CODECS[name]
    with ClipWriter(path, codec, *picture.shape[:2], timing, alpha=alpha) as writer:
        writer.write(picture, opaque, 0, 1)
    found = inspect_clip(path).colour
    assert (found.primaries, found.transfer, found.matrix) == ("bt709", "iec61966-2-1", matrix)
    assert found.range_ == ("tv" if name == "prores" else range_)
    assert np.abs(cells(read(path)[0].picture) - CELLS).max() < 0.02


def test_what_the_source_leaves_open_is_tagged_bt709(tmp_path):
    path = tmp_path / "comp.mp4"
    write(path, alpha=False)
    assert inspect_clip(path).colour == SDR


@pytest.mark.parametrize(("name", "ending"), TRANSPARENT + OPAQUE)
def test_odd_sizes_keep_every_row_and_column(tmp_path, name, ending):
    path = tmp_path / f"odd{ending}"
    alpha = (name, ending) in TRANSPARENT
    write(path, name, alpha=alpha, size=(65, 97), count=2)
    frame = read(path)[1]
    assert frame.picture.shape == (65, 97, 3)
    assert np.abs(unit(frame.picture) - marked(1, 65, 97))[:, -1].mean() < 0.03
    assert np.abs(unit(frame.picture) - marked(1, 65, 97))[-1].mean() < 0.03


@pytest.mark.parametrize(
    "rate", ["25", "24000/1001", "30000/1001", "60000/1001", "120", "1000/999"]
)
@pytest.mark.parametrize(("name", "ending"), TRANSPARENT + OPAQUE)
def test_the_rate_is_an_exact_fraction(tmp_path, name, ending, rate):
    path, rate = tmp_path / f"rate{ending}", Fraction(rate)
    alpha = (name, ending) in TRANSPARENT
    # Starts after 3 frames, as clips do whose sound begins first.
    times = [(3 + index, 1) for index in range(6)]
    write(path, name, count=6, timing=Timing(1 / rate, rate, SDR), alpha=alpha, times=times)
    info = inspect_clip(path)
    tick = Fraction(1, 1000) if ending in (".mkv", ".webm") else Fraction(0)
    assert abs(info.start - 3 / rate) <= tick / 2
    if (ending, rate) != (".mkv", 1000 / 999) and tick == 0:
        assert info.rate == rate
    else:  # Matroska knows nanoseconds a frame
        assert abs(1 / info.rate - 1 / rate) < Fraction(1, 10**9)


@pytest.mark.parametrize(("name", "ending"), [*TRANSPARENT, *OPAQUE])
def test_variable_rate_keeps_every_time(tmp_path, name, ending):
    path = tmp_path / f"vfr{ending}"
    times = [(9000, 3003), (12003, 2997), (15000, 9000), (24000, 1500), (25500, 4500)]
    alpha = (name, ending) in TRANSPARENT
    timing = Timing(Fraction(1, 90000), None, SDR)
    write(path, name, count=5, timing=timing, alpha=alpha, times=times)
    matroska = ending in (".mkv", ".webm")
    slack = Fraction(1, 2000) if matroska else 0
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    for packet, (pts, duration) in zip(packets, times, strict=True):
        assert abs(packet.pts * packet.time_base - Fraction(pts, 90000)) <= slack
        if not matroska:  # which says no durations
            assert packet.duration * packet.time_base == Fraction(duration, 90000)
    assert [index_of(frame.picture) for frame in read(path)] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("first", [0, 21])
def test_times_rounded_to_milliseconds_become_exact_again(tmp_path, rate, first):
    path = tmp_path / "from_matroska.mov"
    times = [first + round(index * 1000 / rate) for index in range(7)]
    times = [(one, two - one) for one, two in pairwise(times)]
    timing = Timing(Fraction(1, 1000), rate, SDR, first=first)
    write(path, count=6, timing=timing, times=times)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == rate
        found = [packet.pts * packet.time_base for packet in container.demux(stream) if packet.size]
    assert found == [Fraction(first, 1000) + index / rate for index in range(6)]


def test_pixels_that_are_not_square(tmp_path):
    wide = Timing(Fraction(1, 25), Fraction(25), SDR, pixel_aspect=Fraction(64, 45))
    for name in ("a.mov", "b.mp4"):
        write(tmp_path / name, alpha=name == "a.mov", timing=wide)
        assert inspect_clip(tmp_path / name).pixel_aspect == Fraction(64, 45)
    with pytest.raises(OutputError, match="not square"):
        write(tmp_path / "c.webm", timing=wide)


@pytest.mark.parametrize(("name", "ending"), TRANSPARENT + OPAQUE)
def test_the_same_frames_give_the_same_file(tmp_path, name, ending):
    alpha = (name, ending) in TRANSPARENT
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / f"cut{ending}", name, alpha=alpha, size=(144, 176))
    one, two = (tmp_path / folder / f"cut{ending}" for folder in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_codec_that_needs_fewer_threads_on_few_cores_gives_the_same_file(tmp_path, monkeypatch):
    for cores in (1, 16):
        monkeypatch.setattr("cleanplate.media.clip_write.usable_cores", lambda: cores)  # noqa: B023
        write(tmp_path / f"{cores}.mov", "prores", count=7, bits=16, size=(272, 480))
    assert (tmp_path / "1.mov").read_bytes() == (tmp_path / "16.mov").read_bytes()


def test_floats_are_clipped_and_rounded(tmp_path):
    path = tmp_path / "cut.mov"
    picture = np.full((32, 32, 3), 1.7, np.float32)
    picture[:16] = -0.3
    with ClipWriter(path, CODECS["qtrle"], 32, 32, STEADY, alpha=True) as writer:
        writer.write(picture, np.full((32, 32, 1), 0.5, np.float32), 0, 1)
    (frame,) = read(path)
    assert (frame.picture[:16] == 0).all()
    assert (frame.picture[16:] == 255).all()
    assert (frame.alpha == 128).all()


def test_a_key_frame_every_two_seconds_at_most(tmp_path):
    path = tmp_path / "comp.mp4"
    write(path, alpha=False, count=60)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    keys = [index for index, packet in enumerate(packets) if packet.is_keyframe]
    assert keys[0] == 0
    assert max(np.diff([*keys, 60])) <= 48
    assert all(packet.dts == packet.pts for packet in packets)


def interrupt(writer):
    writer.write(np.zeros((64, 96, 3), np.uint8), None, 0, 1)
    raise KeyboardInterrupt


def test_an_exception_leaves_nothing_and_the_old_file(tmp_path):
    path = tmp_path / "cut.mov"
    path.write_bytes(b"old")
    writer = ClipWriter(path, CODECS["prores"], 64, 96, STEADY, alpha=True)
    with pytest.raises(KeyboardInterrupt), writer:
        interrupt(writer)
    with pytest.raises(OutputError, match="without frames"):
        ClipWriter(path, CODECS["prores"], 64, 96, STEADY, alpha=True).close()
    ClipWriter(path, CODECS["prores"], 64, 96, STEADY, alpha=True).abort()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_wrong_frames_are_refused(tmp_path):
    picture = np.zeros((64, 96, 3), np.uint8)
    with ClipWriter(tmp_path / "a.mov", CODECS["prores"], 64, 96, STEADY, alpha=True) as writer:
        writer.write(picture, None, 5, 1)
        with pytest.raises(ValueError, match="too late"):
            writer.write(picture, None, 5, 1)
        with pytest.raises(ValueError, match="announced"):
            writer.write(picture[:-2], None, 6, 1)
    assert len(read(tmp_path / "a.mov")) == 1
    (tmp_path / "a.mov").unlink()
    with pytest.raises(OutputError, match="folder does not exist"):
        ClipWriter(tmp_path / "no" / "a.mov", CODECS["prores"], 64, 96, STEADY, alpha=True)
    assert not list(tmp_path.iterdir())


FULL_DISK = """
import resource, sys, numpy as np
from fractions import Fraction
from itertools import pairwise
from cleanplate.errors import OutputError
from cleanplate.media.clip_codecs import CODECS
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_write import ClipWriter, Timing
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
timing = Timing(Fraction(1, 25), Fraction(25), ColourTags(None, None, None, None))
noise = np.random.default_rng(0).integers(0, 256, (144, 176, 4), np.uint8)
try:
    with ClipWriter(sys.argv[1], CODECS[sys.argv[2]], 144, 176, timing, alpha=True) as writer:
        for index in range(20):
            writer.write(np.roll(noise[..., :3], index), noise[..., 3:], index, 1)
except OutputError as problem:
    print(problem)
    sys.exit(2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
@pytest.mark.parametrize(("name", "ending"), [("qtrle", ".mov"), ("ffv1", ".mkv")])
def test_a_full_disk_leaves_the_old_file(tmp_path, name, ending):
    path = tmp_path / f"cut{ending}"
    path.write_bytes(b"old")
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), name], capture_output=True, text=True
    )
    assert ended.returncode == 2, ended.stderr
    assert path.name in ended.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
