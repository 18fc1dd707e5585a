"""The sound of a source for a clip: packets are copied; for WebM, if need be, made Opus."""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

from cleanplate.errors import InputError, OutputError
from cleanplate.media.clip_headers import MATROSKA
from cleanplate.media.clip_verify import add_to_digest

MUXERS = {".mov": "mov", ".mp4": "mp4", ".mkv": "matroska", ".webm": "webm"}
# Sound in these comes without the headers that other containers keep apart: copying changes bytes.
BARE_STREAMS = ("mpegts", "aac", "mpeg")
OPUS, OPUS_RATE, OPUS_BITS = "libopus", 48000, 80_000  # bits a second and channel: transparent
LONGEST_DELAY = 0.1  # seconds of an encoder
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


@dataclass
class Track:
    """What went into one stream of a file: for each packet its pts, and all bytes hashed.

    encoded: whether its packets were made here, and not copied.
    """

    time_base: Fraction
    encoded: bool = False
    pts: "array[int]" = field(default_factory=lambda: array("q"))
    last_duration: int = 0
    digest: Any = field(default_factory=blake2b)

    def add(self, packet: Any) -> None:
        """Note a packet, before it is written."""
        self.pts.append(packet.pts)
        self.last_duration = packet.duration or 0
        add_to_digest(self.digest, packet)


@dataclass(frozen=True)
class Sent:
    """A packet on its way: when it is due in seconds, what notes it, the stream it goes into."""

    time: Fraction
    packet: Any
    track: Track
    stream: Any


def sent(packets: Iterator[Any], track: Track, stream: Any) -> Iterator[Sent]:
    """Address packets to a stream."""
    for packet in packets:
        ticks = packet.pts if packet.dts is None else packet.dts
        yield Sent(Fraction(ticks * packet.time_base), packet, track, stream)


def check_sound(out: str | Path, source: str | Path) -> tuple[str, ...]:
    """See before the work starts that `out` can hold the sound of `source`.

    Sound is copied packet by packet; only what WebM cannot hold is encoded anew, as Opus. Returns
    notes, a phrase each.
    Raises OutputError where the container cannot hold a codec; the sentence offers what can.
    """
    import av

    ending = Path(out).suffix.lower()
    if not Path(source).is_file():  # a numbered sequence
        return ()
    try:
        with opened_source(source) as container:
            streams = known_sounds(container)
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
    if ending == ".webm" and OPUS in av.codecs_available:
        return (f"WebM holds no {names}: the sound is encoded anew, as Opus",)
    elsewhere = f"write to {' or '.join(fits)}, or " if fits else ""
    raise OutputError(
        f"{out} cannot hold the sound of {source} ({names}), which is copied as it is: "
        f"{elsewhere}leave the sound out with --no-sound."
    )


def opened_source(source: str | Path) -> Any:
    """Open a clip for its sound, by its absolute name: none is taken for a network address."""
    import av

    return av.open(str(Path(source).resolve()))


def known_sounds(container: Any) -> list[Any]:
    """List the streams of sound that FFmpeg knows; of others nothing can be said or written."""
    return [stream for stream in container.streams.audio if stream.codec_context is not None]


def open_sounds(
    source: Path, output: Any, ending: str, stack: ExitStack
) -> tuple[list[Track], list[Iterator[Sent]]]:
    """Add the sound streams of a source to a file that is opened for writing.

    ending: of that file. Returns what notes each stream, in their order, and the packets to write,
    each iterator in the order of time. Files are closed by the stack.
    """
    container = stack.enter_context(opened_source(source))
    copied: dict[int, tuple[Track, Any]] = {}
    tracks: list[Track] = []
    packets: list[Iterator[Sent]] = []
    for number, stream in enumerate(known_sounds(container)):
        encodes = ending == ".webm" and not _holds(ending, [stream])
        if encodes:
            track, added = Track(Fraction(1, OPUS_RATE), encoded=True), _add_opus(output, stream)
            packets.append(sent(_encoded(source, number, added), track, added))
        else:
            track, added = Track(stream.time_base), output.add_stream_from_template(stream)
            copied[stream.index] = track, added
        tracks.append(track)
        added.disposition = stream.disposition
        for key in ("language", "title"):
            if key in stream.metadata:
                added.metadata[key] = stream.metadata[key]
    if copied:
        streams = [container.streams[index] for index in copied]
        heard = packets_of(container.demux(streams))
        if ending in MATROSKA:  # MOV hides what an edit list hid; here it would be heard
            heard = (packet for packet in heard if not packet.is_discard or _is_delay(packet))
        packets.append(_copied(heard, copied))
    return tracks, packets


def packets_of(packets: Iterator[Any]) -> Iterator[Any]:
    """Leave out the empty packets with which PyAV ends a stream."""
    return (packet for packet in packets if packet.size and packet.pts is not None)


def verify_sound(temporary: Path, out: Path, sounds: Sequence[Track], source: Path) -> None:
    """Compare each packet of sound with what was sent: bytes, and times to half a tick.

    Raises OutputError where one differs.
    """
    import av

    with opened_source(source) as container:
        same_bytes = container.format.name not in BARE_STREAMS
    with av.open(str(temporary)) as container:
        streams: list[Any] = list(container.streams.audio)
        found = {stream.index: Track(stream.time_base) for stream in streams}
        for packet in packets_of(container.demux(streams)) if streams else ():
            found[packet.stream.index].add(packet)
    for given, got in zip(sounds, found.values(), strict=False):
        # Matroska rounds times and the delay of an encoder, which its reader takes off: two halves.
        most = max(given.time_base, got.time_base) / (1 if out.suffix.lower() in MATROSKA else 2)
        kept = len(given.pts) == len(got.pts) and all(
            abs(one * given.time_base - two * got.time_base) <= most
            for one, two in zip(given.pts, got.pts, strict=True)
        )
        compared = same_bytes or given.encoded
        if not kept or (compared and given.digest.digest() != got.digest.digest()):
            raise OutputError(
                f"{out} does not hold the sound of {source} as it was: use another container, "
                "like .mkv, or leave the sound out with --no-sound."
            )
    if len(found) != len(sounds):
        raise OutputError(f"{out} holds {len(found)} of {len(sounds)} sound streams.")


def _add_opus(output: Any, template: Any) -> Any:
    layout = LAYOUTS.get(template.codec_context.layout.nb_channels, "stereo")
    stream = output.add_stream(OPUS, rate=OPUS_RATE, layout=layout)
    stream.bit_rate = OPUS_BITS * stream.codec_context.layout.nb_channels
    return stream


def _copied(packets: Iterator[Any], streams: dict[int, tuple[Track, Any]]) -> Iterator[Sent]:
    for packet in packets:
        yield from sent(iter((packet,)), *streams[packet.stream.index])


def _is_delay(packet: Any) -> bool:
    """Whether a decoder may need this hidden packet before the first one that is heard."""
    return bool(packet.pts * packet.time_base >= -LONGEST_DELAY)


def _encoded(source: Path, number: int, stream: Any) -> Iterator[Any]:
    """Decode a sound stream of the source, by its number among them, and encode it."""
    with opened_source(source) as container:
        for packet in container.demux(known_sounds(container)[number]):
            for frame in _decoded(packet):
                yield from packets_of(iter(stream.encode(frame)))
        yield from packets_of(iter(stream.encode(None)))


def _decoded(packet: Any) -> list[Any]:
    """Decode a packet of sound; one that is damaged is silent, as in players."""
    import av

    try:
        return list(packet.decode())
    except av.error.FFmpegError:
        return []


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
