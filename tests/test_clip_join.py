"""Joining parts: the same packets, the same sound, in step, or no file."""

import shutil
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from cleanplate.errors import InputError, OutputError
from cleanplate.media import clip_join
from cleanplate.media.clip_codecs import CODECS
from cleanplate.media.clip_headers import Timing
from cleanplate.media.clip_join import join_clips
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.clip_sound import check_sound
from cleanplate.media.clip_verify import tolerances_of
from cleanplate.media.clip_write import ClipWriter
from clips import index_of, marked, pictures, read, write_clip
from written_clips import OPAQUE, SDR, TRANSPARENT, soft_disc, unit, whole

SAID = {
    "timecode": "01:00:00:12",
    "title": "Take 7",
    "creation_time": "2024-05-01T10:00:00.000000Z",
}
NTSC = Timing(Fraction(1, 30000), Fraction(30000, 1001), SDR)
SIZE = (48, 64)


def write_part(path, name, first, count=4, *, alpha=True, times=None, timing=NTSC, size=SIZE):
    """Frames `first` to `first + count - 1` of a clip that starts after 3 frames."""
    with ClipWriter(path, CODECS[name], *size, timing, alpha=alpha) as writer:
        for index in range(first, first + count):
            pts, duration = times[index] if times else (1001 * (3 + index), 1001)
            disc = whole(soft_disc(*size, index), 8) if alpha else None
            writer.write(whole(marked(index, *size), 8), disc, pts, duration)
    return path


def write_parts(folder, name, ending, parts=3, **options):
    return [
        write_part(folder / f"part{part}{ending}", name, 4 * part, **options)
        for part in range(parts)
    ]


def sound_of(path):
    """Bytes of every packet of sound, and when it is heard."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(container.streams.audio) if packet.size]
        return [bytes(packet) for packet in packets], [
            packet.pts * packet.time_base for packet in packets
        ]


def source(path, codec="libx264", **options):
    return write_clip(path, pictures(25), codec=codec, sound=True, **options)


@pytest.mark.parametrize(("name", "ending"), TRANSPARENT + OPAQUE)
def test_all_frames_of_all_parts_in_their_order_and_time(tmp_path, name, ending):
    alpha, out = (name, ending) in TRANSPARENT, tmp_path / f"out{ending}"
    parts = write_parts(tmp_path, name, ending, alpha=alpha)
    join_clips(parts, out, CODECS[name], NTSC)
    info, frames = inspect_clip(out), read(out)
    assert [index_of(frame.picture) for frame in frames] == list(range(12))
    assert info.rate == NTSC.rate
    assert info.colour == inspect_clip(parts[0]).colour
    slack = Fraction(1, 2000) if ending in (".mkv", ".webm") else 0
    for frame in frames:
        meant = (3 + frame.index) * Fraction(1001, 30000)
        assert abs(frame.pts * info.time_base - meant) <= slack
    apart = [frame for part in parts for frame in read(part)]
    for joined, single in zip(frames, apart, strict=True):
        assert np.array_equal(joined.picture, single.picture)


@pytest.mark.parametrize(("name", "ending"), TRANSPARENT)
def test_alpha_survives_the_join(tmp_path, name, ending):
    out = tmp_path / f"out{ending}"
    join_clips(write_parts(tmp_path, name, ending), out, CODECS[name], NTSC)
    assert inspect_clip(out).alpha == "straight"
    for frame in read(out):
        assert frame.alpha is not None
        apart = np.abs(unit(frame.alpha) - soft_disc(*SIZE, frame.index))
        assert apart.max() <= tolerances_of(CODECS[name], 8).alpha_worst + 0.002


def test_vp9_alpha_is_marked_and_lies_beside_every_packet(tmp_path):
    out = tmp_path / "out.webm"
    join_clips(write_parts(tmp_path, "vp9", ".webm"), out, CODECS["vp9"], NTSC)
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.metadata.get("alpha_mode") == "1"
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert all(packet.has_sidedata("matroska_block_additional") for packet in packets)
        decoder = av.CodecContext.create("libvpx-vp9", "r")
        assert decoder.decode(packets[0])[0].format.name == "yuva420p"


@pytest.mark.parametrize("ending", [".mov", ".mkv", ".mp4"])
def test_a_part_made_again_fits(tmp_path, ending):
    name, alpha = ("h264", False) if ending == ".mp4" else ("prores", True)
    name = "ffv1" if ending == ".mkv" else name
    parts = write_parts(tmp_path, name, ending, alpha=alpha)
    join_clips(parts, tmp_path / f"one{ending}", CODECS[name], NTSC)
    before = parts[1].read_bytes()
    write_part(parts[1], name, 4, alpha=alpha)
    assert parts[1].read_bytes() == before
    join_clips(parts, tmp_path / f"two{ending}", CODECS[name], NTSC)
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


@pytest.mark.parametrize(
    ("spoken", "codec", "name", "ending"),
    [
        (".mp4", "libx264", "prores", ".mov"),
        (".mp4", "libx264", "ffv1", ".mkv"),
        (".mp4", "libx264", "h264", ".mp4"),
        (".mkv", "libx264", "vp9", ".webm"),
        (".webm", "libvpx-vp9", "ffv1", ".mkv"),
        (".webm", "libvpx-vp9", "h264", ".mp4"),
        (".ts", "libx264", "prores", ".mov"),
    ],
)
def test_sound_is_copied_packet_by_packet_and_in_step(tmp_path, spoken, codec, name, ending):
    heard, out = source(tmp_path / f"heard{spoken}", codec), tmp_path / f"out{ending}"
    parts = write_parts(tmp_path, name, ending, alpha=name != "h264")
    assert check_sound(out, heard) == ()
    join_clips(parts, out, CODECS[name], NTSC, sound_from=heard)
    (sent, times), (found, found_times) = sound_of(heard), sound_of(out)
    if spoken == ".ts":  # each packet has a header there that others keep once
        assert [each[7:] for each in sent] == found
    else:
        assert sent == found
    coarse = Fraction(1, 2000) if {spoken, ending} & {".mkv", ".webm"} else Fraction(1, 48000)
    assert max(abs(a - b) for a, b in zip(times, found_times, strict=True)) <= coarse
    assert abs(inspect_clip(out).start - Fraction(3003, 30000)) <= Fraction(1, 2000)
    assert inspect_clip(out).sounds == inspect_clip(heard).sounds


def test_variable_rate_is_kept(tmp_path):
    times = [(index * index * 700 + 3000 * index, 700) for index in range(12)]
    timing = Timing(Fraction(1, 90000), None, SDR)
    heard = source(tmp_path / "heard.mkv")
    for name, ending in (("prores", ".mov"), ("vp9", ".webm"), ("av1", ".webm"), ("h264", ".mp4")):
        parts = write_parts(
            tmp_path, name, ending, times=times, timing=timing, alpha=name in ("prores", "vp9")
        )
        out = tmp_path / f"{name}{ending}"
        join_clips(parts, out, CODECS[name], timing, sound_from=None if ending == ".mov" else heard)
        info = inspect_clip(out)
        found = [frame.pts * info.time_base for frame in read(out)]
        slack = Fraction(1, 2000) if ending == ".webm" else 0
        assert all(
            abs(a - Fraction(b, 90000)) <= slack for a, (b, _) in zip(found, times, strict=True)
        )
        assert info.rate is None


@pytest.mark.parametrize(
    ("spoken", "codec", "out", "offered"),
    [
        (".mkv", "libx264", "out.mov", ".mp4 or .mkv or .webm"),
    ],
)
def test_sound_that_does_not_fit_is_said_before_the_work(tmp_path, spoken, codec, out, offered):
    heard = source(tmp_path / f"heard{spoken}", codec)
    with pytest.raises(OutputError, match=offered) as caught:
        check_sound(tmp_path / out, heard)
    assert "--no-sound" in str(caught.value)


def test_sources_without_sound_and_outputs_without_room_for_it(tmp_path):
    heard, silent = source(tmp_path / "heard.mp4"), tmp_path / "silent.mp4"
    write_clip(silent, pictures(3))
    assert check_sound("out.webm", silent) == ()
    assert check_sound("out.mov", "shot.%04d.png") == ()
    assert "no sound" in check_sound("out.%04d.png", heard)[0]
    (tmp_path / "text.mp4").write_text("no clip")
    with pytest.raises(InputError):
        check_sound("out.mov", tmp_path / "text.mp4")
    out = tmp_path / "out.mov"
    join_clips(
        write_parts(tmp_path, "prores", ".mov"), out, CODECS["prores"], NTSC, sound_from=silent
    )
    assert inspect_clip(out).sounds == ()


def test_parts_that_do_not_fit_leave_the_old_file(tmp_path):
    (tmp_path / "parts").mkdir()
    out = tmp_path / "out.mov"
    out.write_bytes(b"old")
    one = write_part(tmp_path / "parts" / "one.mov", "prores", 0)
    larger = write_part(tmp_path / "parts" / "two.mov", "prores", 4, size=(64, 96))
    with pytest.raises(OutputError, match="--restart"):
        join_clips([one, larger], out, CODECS["prores"], NTSC)
    other = write_part(tmp_path / "parts" / "three.mov", "qtrle", 4)
    with pytest.raises(OutputError, match="--restart"):
        join_clips([one, other], out, CODECS["prores"], NTSC)
    damaged = tmp_path / "parts" / "four.mov"
    damaged.write_bytes(one.read_bytes()[:-2000])
    with pytest.raises(OutputError):
        join_clips([one, damaged], out, CODECS["prores"], NTSC)
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mov", "parts"]


def test_what_does_not_arrive_is_seen(tmp_path, monkeypatch):
    parts, heard = write_parts(tmp_path, "prores", ".mov"), source(tmp_path / "heard.mp4")
    out = tmp_path / "out.mov"

    def spoiled(spoil):
        def mux(*arguments):
            result = unspoiled(*arguments)
            spoil(arguments[1], result)
            return result

        return mux

    def cut_short(path, _):
        path.write_bytes(path.read_bytes()[:-200])

    def another(path, _):
        shutil.copyfile(parts[0], path)

    def lose_a_packet_of_sound(_, result):
        result[1][0].pts.pop()

    def other_sound(_, result):
        result[1][0].digest.update(b"more")

    unspoiled = clip_join._mux
    for spoil in (cut_short, another, lose_a_packet_of_sound, other_sound):
        monkeypatch.setattr(clip_join, "_mux", spoiled(spoil))
        with pytest.raises(OutputError):
            join_clips(parts, out, CODECS["prores"], NTSC, sound_from=heard)
        assert not out.exists()


@pytest.mark.parametrize(
    ("name", "ending"), [("prores", ".mov"), ("h264", ".mp4"), ("ffv1", ".mkv"), ("vp9", ".webm")]
)
def test_timecode_title_and_date_are_carried(tmp_path, name, ending):
    timing, out = replace(NTSC, said=SAID), tmp_path / f"out{ending}"
    parts = write_parts(tmp_path, name, ending, alpha=ending != ".mp4")
    join_clips(parts, out, CODECS[name], timing)
    assert dict(inspect_clip(out).said) == SAID


def test_a_variable_rate_has_no_timecode(tmp_path):
    timing, out = Timing(Fraction(1, 90000), None, SDR, said=SAID), tmp_path / "out.mov"
    times = [(0, 3000), (3000, 4000), (7000, 3000), (10000, 3000)]
    join_clips(
        [write_part(tmp_path / "a.mov", "prores", 0, times=times, timing=timing)],
        out, CODECS["prores"], timing,
    )  # fmt: skip
    assert inspect_clip(out).said == {key: SAID[key] for key in ("title", "creation_time")}
