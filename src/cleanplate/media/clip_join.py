"""Parts of a clip to one file, with the sound of its source: packets are copied."""

import heapq
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

from cleanplate.errors import OutputError
from cleanplate.media.clip_codecs import Codec
from cleanplate.media.clip_colour import tags_of, to_rgb, yuv_code
from cleanplate.media.clip_file import decoder_for
from cleanplate.media.clip_headers import MATROSKA, Timing, container_options
from cleanplate.media.clip_sound import (
    Sent,
    Track,
    check_sound,
    known_sounds,
    open_sounds,
    opened_source,
    packets_of,
    sent,
    verify_sound,
)
from cleanplate.media.clip_verify import (
    DECODER_THREADS,
    Expected,
    FrameSample,
    has_alpha,
    sample_of,
    verify_clip,
)
from cleanplate.media.replacing import replacing


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
    timestamps, so that sound and picture stay in step; for WebM those that it cannot hold are
    encoded as Opus. None for none.
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
            samples=_samples(parts, picture, codec),
        )
        verify_clip(temporary, out, expected, codec)
        if sound_from is not None:
            verify_sound(temporary, out, sounds, sound_from)


def _mux(
    parts: Sequence[Path], temporary: Path, timing: Timing, sound_from: Path | None
) -> tuple[Track, list[Track], bool]:
    """Write all packets in the order of time. Returns what went in, and whether it has alpha."""
    import av

    with ExitStack() as stack:
        first = stack.enter_context(av.open(str(parts[0])))
        template: Any = first.streams.video[0]
        sounds: list[Track] = []
        streams: list[Iterator[Sent]] = []
        bases = [template.time_base, *_time_bases(sound_from)]
        options = container_options(temporary, bases) | {"avoid_negative_ts": "disabled"}
        if temporary.suffix.lower() == ".mp4":
            options["movflags"] = "+faststart"  # what lies on a web server starts at once
        output = stack.enter_context(av.open(str(temporary), "w", container_options=options))
        # A timecode counts frames, so that it wants a rate.
        kept = timing.said.items()
        output.metadata.update(
            {key: value for key, value in kept if key != "timecode" or timing.rate}
        )
        picture = Track(template.time_base)
        added = _add_picture(output, template, timing, temporary)
        if sound_from is not None:
            ending = temporary.suffix.lower()
            sounds, streams = open_sounds(sound_from, output, ending, stack)
        streams.insert(0, sent(_packets_of_parts(parts, template), picture, added))
        for each in heapq.merge(*streams, key=lambda one: one.time):
            each.track.add(each.packet)
            each.packet.stream = each.stream
            output.mux(each.packet)
        return picture, sounds, has_alpha(template)


def _time_bases(source: Path | None) -> list[Fraction]:
    if source is None:
        return []
    with opened_source(source) as container:
        return [Fraction(stream.time_base) for stream in known_sounds(container)]


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
            yield from packets_of(container.demux(stream))


def _coding(stream: Any) -> tuple[Any, ...]:
    """Tell what must be the same for packets of two files to be one stream."""
    context = stream.codec_context
    size = (context.width, context.height, context.pix_fmt)
    return (*size, context.name, context.extradata, stream.time_base)


def _samples(parts: Sequence[Path], picture: Track, codec: Codec) -> list[FrameSample]:
    """Decode the first frames of the first and of the last part: the joined file must show them."""
    import av

    samples: list[FrameSample] = []
    for part in dict.fromkeys((parts[0], parts[-1])):
        with av.open(str(part)) as container:
            stream = container.streams.video[0]
            packet = next(packets_of(container.demux(stream)))
            index = picture.pts.index(packet.pts)
            decoder = decoder_for(stream, DECODER_THREADS)
            frame = (*decoder.decode(packet), *decoder.decode(None))[0]
            pixels, alpha = to_rgb(frame, yuv_code(tags_of(frame, decoder), frame))
            samples.append(sample_of(index, pixels, alpha, codec))
    return samples
