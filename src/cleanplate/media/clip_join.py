"""Parts of a clip to one file, with the sound of its source: packets are copied, not encoded."""

import heapq
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

from cleanplate.errors import InputError, OutputError
from cleanplate.media.clip_codecs import Codec
from cleanplate.media.clip_colour import tags_of, to_rgb, yuv_code
from cleanplate.media.clip_file import decoder_for
from cleanplate.media.clip_headers import MATROSKA, Timing, container_options
from cleanplate.media.clip_verify import (
    DECODER_THREADS,
    Expected,
    FrameSample,
    add_to_digest,
    has_alpha,
    verify_clip,
)
from cleanplate.media.replacing import replacing

MUXERS = {".mov": "mov", ".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
# Sound in these comes without the headers that other containers keep apart: copying changes bytes.
BARE_STREAMS = ("mpegts", "aac", "mpeg")


@dataclass
class _Track:
    """What went into one stream of the file: for each packet its pts, and all bytes hashed."""

    time_base: Fraction
    pts: "array[int]" = field(default_factory=lambda: array("q"))
    last_duration: int = 0
    digest: Any = field(default_factory=blake2b)

    def add(self, packet: Any) -> None:
        self.pts.append(packet.pts)
        self.last_duration = packet.duration or 0
        add_to_digest(self.digest, packet)


def check_sound(out: str | Path, source: str | Path) -> tuple[str, ...]:
    """See before the work starts that `out` can hold the sound of `source` as it is.

    Sound is copied packet by packet, never encoded again. Returns notes, a phrase each.
    Raises OutputError where the container cannot hold a codec; the sentence offers what can.
    """
    import av

    ending = Path(out).suffix.lower()
    if not Path(source).is_file():  # a numbered sequence
        return ()
    try:
        with av.open(str(source)) as container:
            streams = list(container.streams.audio)
            if not streams:
                return ()
            if ending not in MUXERS:
                return ("numbered stills hold no sound: it stays in the source alone",)
            if _holds(ending, streams):
                return ()
            fits = [each for each in MUXERS if _holds(each, streams)]
            names = ", ".join(stream.codec_context.name for stream in streams)
    except av.error.FFmpegError as problem:
        raise InputError(f"{source} cannot be read: is it a clip?") from problem
    raise OutputError(
        f"{out} cannot hold the sound of {source} ({names}), which is copied as it is: "
        f"write to {' or '.join(fits) or '.mkv'}, or leave the sound out with --no-sound."
    )


def join_clips(
    parts: Sequence[Path],
    out: str | Path,
    codec: Codec,
    timing: Timing,
    *,
    sound_from: Path | None = None,
) -> None:
    """Put parts that `ClipWriter` wrote one after another, and the sound of a source beside them.

    parts: in the order of the clip, of one codec, size and `timing`, each beginning with a key
    frame, with pts that count from the start of the clip, like those of the source.
    sound_from: the source, whose sound streams are copied packet by packet with their
    timestamps, so that sound and picture stay in step; None for none.
    The file is verified (every packet, timestamps, rate, alpha) before it takes its place.
    Raises OutputError where a part does not fit, where the container cannot hold the sound (see
    `check_sound`), where the disk refuses, or where the file does not hold what went into it.
    """
    import av

    out = Path(out)
    if sound_from is not None:
        check_sound(out, sound_from)
    with replacing(out) as temporary:
        try:
            picture, sounds, alpha = _mux(parts, temporary, timing, sound_from)
        except av.error.FFmpegError as problem:
            reason = problem.strerror or str(problem)
            raise OutputError(f"{out} cannot be written ({reason}).") from problem
        expected = Expected(
            times=picture.pts,
            end=picture.pts[-1] + picture.last_duration,
            time_base=picture.time_base,
            rate=timing.rate,
            alpha=alpha,
            bits=16,
            digest=picture.digest.digest(),
            samples=_samples(parts, picture),
        )
        verify_clip(temporary, out, expected, codec)
        if sound_from is not None:
            _verify_sound(temporary, out, sounds, sound_from)


def _mux(
    parts: Sequence[Path], temporary: Path, timing: Timing, sound_from: Path | None
) -> tuple[_Track, list[_Track], bool]:
    """Write all packets in the order of time. Returns what went in, and whether it has alpha."""
    import av

    with ExitStack() as stack:
        first = stack.enter_context(av.open(str(parts[0])))
        template: Any = first.streams.video[0]
        source = None if sound_from is None else stack.enter_context(av.open(str(sound_from)))
        inputs: list[Any] = [] if source is None else list(source.streams.audio)
        bases = [template.time_base, *(stream.time_base for stream in inputs)]
        options = container_options(temporary, bases) | {"avoid_negative_ts": "disabled"}
        if temporary.suffix.lower() == ".mp4":
            options["movflags"] = "+faststart"  # what lies on a web server starts at once
        output = stack.enter_context(av.open(str(temporary), "w", container_options=options))
        picture_out = _add_picture(output, template, timing, temporary)
        sound_out = {stream.index: _add_sound(output, stream) for stream in inputs}
        picture = _Track(template.time_base)
        sounds = {stream.index: _Track(stream.time_base) for stream in inputs}
        streams = [_packets_of_parts(parts, template)]
        if source is not None and inputs:
            streams.append(_packets(source.demux(inputs)))
        for packet in heapq.merge(*streams, key=_time):
            if packet.stream.type == "video":
                track, packet_out = picture, picture_out
            else:
                track, packet_out = sounds[packet.stream.index], sound_out[packet.stream.index]
            track.add(packet)
            packet.stream = packet_out
            output.mux(packet)
        return picture, list(sounds.values()), has_alpha(template)


def _add_picture(output: Any, template: Any, timing: Timing, path: Path) -> Any:
    stream = output.add_stream_from_template(template, opaque=True)
    context = stream.codec_context
    context.framerate = timing.rate or 0
    context.sample_aspect_ratio = timing.pixel_aspect
    stream.time_base = template.time_base
    if path.suffix.lower() not in MATROSKA:
        context.codec_tag = template.codec_context.codec_tag
    if template.codec_context.name == "vp9" and has_alpha(template):
        # By this the muxer knows that the blocks beside the packets are alpha.
        context.pix_fmt = "yuva420p"
    return stream


def _add_sound(output: Any, template: Any) -> Any:
    stream = output.add_stream_from_template(template)
    stream.disposition = template.disposition
    for key in ("language", "title"):
        if key in template.metadata:
            stream.metadata[key] = template.metadata[key]
    return stream


def _packets_of_parts(parts: Sequence[Path], template: Any) -> Iterator[Any]:
    import av

    for part in parts:
        with av.open(str(part)) as container:
            stream = container.streams.video[0]
            if _coding(stream) != _coding(template):
                raise OutputError(
                    f"{part} was encoded otherwise than {parts[0]}: start the job over "
                    "with --restart."
                )
            yield from _packets(container.demux(stream))


def _coding(stream: Any) -> tuple[Any, ...]:
    """Tell what must be the same for packets of two files to be one stream."""
    context = stream.codec_context
    size = (context.width, context.height, context.pix_fmt)
    return (*size, context.name, context.extradata, stream.time_base)


def _packets(packets: Iterable[Any]) -> Iterator[Any]:
    """Leave out the empty packets with which PyAV ends a stream."""
    return (packet for packet in packets if packet.size and packet.pts is not None)


def _time(packet: Any) -> Fraction:
    ticks = packet.pts if packet.dts is None else packet.dts
    return Fraction(ticks * packet.time_base)


def _samples(parts: Sequence[Path], picture: _Track) -> list[FrameSample]:
    """Decode the first frames of the first and of the last part: the joined file must show them."""
    import av

    samples: list[FrameSample] = []
    for part in dict.fromkeys((parts[0], parts[-1])):
        with av.open(str(part)) as container:
            stream = container.streams.video[0]
            packet = next(_packets(container.demux(stream)))
            index = picture.pts.index(packet.pts)
            decoder = decoder_for(stream, DECODER_THREADS)
            frame = (*decoder.decode(packet), *decoder.decode(None))[0]
            pixels, alpha = to_rgb(frame, yuv_code(tags_of(frame, decoder), frame))
            samples.append(FrameSample(index, pixels, alpha))
    return samples


def _verify_sound(temporary: Path, out: Path, sounds: Sequence[_Track], source: Path) -> None:
    """Compare each packet of sound with the source: bytes, and times to half a tick.

    Raises OutputError where one differs.
    """
    import av

    with av.open(str(source)) as container:
        same_bytes = container.format.name not in BARE_STREAMS
    with av.open(str(temporary)) as container:
        streams: list[Any] = list(container.streams.audio)
        found = {stream.index: _Track(stream.time_base) for stream in streams}
        for packet in _packets(container.demux(streams)) if streams else ():
            found[packet.stream.index].add(packet)
    for sent, got in zip(sounds, found.values(), strict=False):
        most = max(sent.time_base, got.time_base) / 2
        kept = len(sent.pts) == len(got.pts) and all(
            abs(one * sent.time_base - two * got.time_base) <= most
            for one, two in zip(sent.pts, got.pts, strict=True)
        )
        if not kept or (same_bytes and sent.digest.digest() != got.digest.digest()):
            raise OutputError(
                f"{out} does not hold the sound of {source} as it was: use another container, "
                "like .mkv, or leave the sound out with --no-sound."
            )
    if len(found) != len(sounds):
        raise OutputError(f"{out} holds {len(found)} of {len(sounds)} sound streams.")


def _holds(ending: str, sounds: Sequence[Any]) -> bool:
    """Whether the container takes these streams: only writing a header tells for sure."""
    import av

    memory = BytesIO()
    try:
        with av.open(memory, "w", format=MUXERS[ending]) as container:
            for sound in sounds:
                container.add_stream_from_template(sound)
            container.start_encoding()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
