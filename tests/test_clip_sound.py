"""Sound that WebM cannot hold is encoded as Opus: said, in step, the rest copied as it is."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cleanplate.errors import OutputError
from cleanplate.media import clip_sound
from cleanplate.media.clip_codecs import CODECS
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_headers import Timing
from cleanplate.media.clip_join import join_clips
from cleanplate.media.clip_read import inspect_clip
from cleanplate.media.clip_sound import check_sound
from cleanplate.media.clip_write import ClipWriter
from clips import marked, trimmed

RATE = 44100
STARTS = 0.6  # seconds until the tone sets in
TIMING = Timing(Fraction(1, 25), Fraction(25), ColourTags("bt709", "bt709", "bt709", "tv"))


def write_heard(path, sounds=(("aac", "stereo"),), seconds=2):
    """A clip whose sound is silent, and then a tone."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=25)
        picture.height, picture.width, picture.pix_fmt = 48, 64, "yuv420p"
        streams = [
            container.add_stream(codec, rate=48000 if codec == "libopus" else RATE, layout=layout)
            for codec, layout in sounds
        ]
        for index in range(25 * seconds):
            pixels = np.full((48, 64, 3), 3 * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        time = np.arange(RATE * seconds) / RATE
        tone = np.where(time < STARTS, 0, 0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
        for stream in streams:
            channels = stream.codec_context.layout.nb_channels
            layout = stream.codec_context.layout.name
            heard = av.AudioFrame.from_ndarray(np.tile(tone, (channels, 1)), "fltp", layout)
            heard.sample_rate, heard.pts, heard.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(stream.encode(heard))
            container.mux(stream.encode(None))
    return path


def write_part(path, name="vp9"):
    with ClipWriter(path, CODECS[name], 48, 64, TIMING, alpha=True) as writer:
        for index in range(50):
            alpha = np.full((48, 64, 1), 255, np.uint8)
            writer.write((marked(index, 48, 64) * 255).astype(np.uint8), alpha, index, 1)
    return path


def heard_from(path, number=0):
    """Samples (mono, 48 kHz) of a sound stream, and when the first is heard."""
    resampler, samples, first = av.AudioResampler("fltp", "mono", 48000), [], None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[number]):
            first = frame.time if first is None else first
            samples += [each.to_ndarray()[0] for each in resampler.resample(frame)]
    return np.concatenate(samples), first


def onset(path, number=0):
    samples, first = heard_from(path, number)
    return first + np.argmax(np.abs(samples) > 0.1) / 48000


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_aac_becomes_opus_in_step(tmp_path, layout):
    heard = write_heard(tmp_path / "heard.mp4", (("aac", layout),))
    (note,) = check_sound("out.webm", heard)
    assert "Opus" in note
    assert "aac" in note
    out = tmp_path / "out.webm"
    join_clips([write_part(tmp_path / "part.webm")], out, CODECS["vp9"], TIMING, sound_from=heard)
    (sound,) = inspect_clip(out).sounds
    assert (sound.codec, sound.rate) == ("opus", 48000)
    assert sound.channels == {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    assert abs(onset(out) - onset(heard)) < 0.004
    before, after = heard_from(heard)[0], heard_from(out)[0]
    assert abs(len(before) - len(after)) < 0.05 * 48000
    tail = slice(48000, 76000)
    powers = [float(np.square(each[tail]).mean()) for each in (before, after)]
    assert powers[0] == pytest.approx(powers[1], rel=0.1)


def test_only_what_does_not_fit_is_encoded(tmp_path):
    heard = write_heard(tmp_path / "heard.mkv", (("libopus", "mono"), ("aac", "stereo")))
    out = tmp_path / "out.webm"
    join_clips([write_part(tmp_path / "part.webm")], out, CODECS["vp9"], TIMING, sound_from=heard)
    assert [sound.codec for sound in inspect_clip(out).sounds] == ["opus", "opus"]
    packets = []
    for path in (heard, out):
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            packets.append([bytes(packet) for packet in container.demux(stream) if packet.size])
    assert packets[0] == packets[1]
    assert abs(onset(out, 1) - onset(heard, 1)) < 0.004


def test_the_delay_of_ac3_is_no_reason_to_refuse_matroska(tmp_path):
    heard = write_heard(tmp_path / "heard.mov", (("aac", "stereo"), ("ac3", "stereo")))
    out = tmp_path / "out.mkv"
    join_clips([write_part(tmp_path / "part.mkv")], out, CODECS["vp9"], TIMING, sound_from=heard)
    assert [sound.codec for sound in inspect_clip(out).sounds] == ["aac", "ac3"]
    assert abs(onset(out, 1) - onset(heard, 1)) < 0.002


@pytest.mark.parametrize("ending", [".mov", ".mkv"])
def test_sound_that_an_edit_list_hides_stays_hidden(tmp_path, ending):
    heard, out = trimmed(write_heard(tmp_path / "heard.mov"), 0.4), tmp_path / f"out{ending}"
    name = {".mov": "prores", ".mkv": "vp9"}[ending]
    part = write_part(tmp_path / f"part{ending}", name)
    join_clips([part], out, CODECS[name], TIMING, sound_from=heard)
    samples, first = heard_from(out)
    assert -0.13 < first <= 0
    assert abs(onset(out) - (STARTS - 0.4)) < 0.004
    assert len(samples) < 1.75 * 48000


def test_encoded_twice_is_the_same_file(tmp_path):
    heard, part = write_heard(tmp_path / "heard.mp4"), write_part(tmp_path / "part.webm")
    for name in ("one.webm", "two.webm"):
        join_clips([part], tmp_path / name, CODECS["vp9"], TIMING, sound_from=heard)
    assert (tmp_path / "one.webm").read_bytes() == (tmp_path / "two.webm").read_bytes()


def test_without_the_encoder_it_is_refused(tmp_path, monkeypatch):
    heard = write_heard(tmp_path / "heard.mp4", seconds=1)
    monkeypatch.setattr(clip_sound, "OPUS", "an encoder that nobody has")
    with pytest.raises(OutputError, match=r"\.mov or \.mp4 or \.mkv.*--no-sound"):
        check_sound("out.webm", heard)


def test_where_no_container_holds_it_none_is_named(tmp_path, monkeypatch):
    heard = write_heard(tmp_path / "heard.mp4", seconds=1)
    monkeypatch.setattr(clip_sound, "_holds", lambda ending, sounds: False)
    with pytest.raises(OutputError, match="as it is: leave the sound out with --no-sound"):
        check_sound("out.mkv", heard)


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    write_heard(tmp_path / "take:1.mov")
    monkeypatch.chdir(tmp_path)
    source = Path("take:1.mov")
    assert check_sound("out.mov", source) == ()
    part = write_part(tmp_path / "part.mov", "prores")
    join_clips([part], tmp_path / "out.mov", CODECS["prores"], TIMING, sound_from=source)
    assert len(inspect_clip(tmp_path / "out.mov").sounds) == 1


def test_sound_of_an_unknown_kind_is_left_out_and_said(tmp_path):
    heard = write_heard(tmp_path / "heard.mov", (("aac", "stereo"), ("ac3", "stereo")))
    data = heard.read_bytes()
    assert b"ac-3" in data
    heard.write_bytes(data.replace(b"ac-3", b"qqqq"))
    assert any("does not know is left out" in note for note in inspect_clip(heard).notes)
    assert check_sound("out.mov", heard) == ()
    part = write_part(tmp_path / "part.mov", "prores")
    join_clips([part], tmp_path / "out.mov", CODECS["prores"], TIMING, sound_from=heard)
    assert [sound.codec for sound in inspect_clip(tmp_path / "out.mov").sounds] == ["aac"]


def test_a_damaged_packet_of_sound_is_no_reason_to_lose_the_clip(tmp_path):
    heard = write_heard(tmp_path / "heard.mov")
    with av.open(str(heard)) as container:
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
    data, worst = heard.read_bytes(), packets[len(packets) // 2]
    assert data.count(worst) == 1
    heard.write_bytes(data.replace(worst, b"\xff" * len(worst)))
    part, out = write_part(tmp_path / "part.webm", "vp9"), tmp_path / "out.webm"
    join_clips([part], out, CODECS["vp9"], TIMING, sound_from=heard)
    assert [sound.codec for sound in inspect_clip(out).sounds] == ["opus"]
