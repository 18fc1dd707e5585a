"""Open a clip that was just written and see that all of it is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError, OutputError
from cleanplate.media.clip_codecs import Codec
from cleanplate.media.clip_colour import tags_of, to_rgb, yuv_code
from cleanplate.media.clip_file import decoder_for

# Matroska states a rate as whole nanoseconds a frame.
NANOSECOND = Fraction(1, 10**9)
ALPHA_BLOCK = "matroska_block_additional"
DECODER_THREADS = 2
BLOCK = 8
ARITHMETIC = 1e-4  # what scaling between 8, 10, 12 and 16 bits may add


@dataclass(frozen=True)
class FrameSample:
    """A frame as it was sent: index in the file, height and width, picture, alpha H W 1 or None.

    The picture is H W 3, or the means of its blocks where the codec is not lossless, which only
    keeps those, and which take less memory. Both uint8 or uint16 over their full span.
    """

    index: int
    size: tuple[int, int]
    picture: NDArray[Any]
    alpha: NDArray[Any] | None


def sample_of(
    index: int, picture: NDArray[Any], alpha: NDArray[Any] | None, codec: Codec
) -> FrameSample:
    """Keep of a frame (H W 3, H W 1) what a file of that codec is compared with."""
    kept = picture if codec.lossless else _block_means(picture)
    return FrameSample(index, (picture.shape[0], picture.shape[1]), kept, alpha)


@dataclass(frozen=True)
class Expected:
    """What a file must hold.

    times: when each frame is shown, in ticks of `time_base`. end: when the last one ends.
    rate: exact, or None where it varies. alpha: whether there must be one.
    bits: of a sample, as they were given to the encoder (a decoder may tell more).
    digest: that of all packets, by `add_to_digest`, where they are known.
    samples: frames to decode and compare, by ascending index.
    """

    times: Sequence[int]
    end: int
    time_base: Fraction
    rate: Fraction | None
    alpha: bool
    bits: int = 8
    digest: bytes | None = None
    samples: Sequence[FrameSample] = ()


@dataclass(frozen=True)
class Tolerances:
    """How far decoded samples may be from what was sent, in 0..1.

    by_blocks: whether pictures are compared by the means of blocks of BLOCK x BLOCK pixels, which
    lossy codecs keep whatever the picture; single pixels of coloured noise they do not.
    """

    picture_mean: float
    alpha_mean: float
    alpha_worst: float
    by_blocks: bool


def tolerances_of(codec: Codec, bits: int) -> Tolerances:
    """Tolerances of a codec whose encoder was given samples of `bits` bits.

    Half a step of rounding, which every file has, and what was measured for the codec
    (see tests/test_clip_write.py), which is nothing for lossless ones.
    """
    half_a_step = 0.5 / (2**bits - 1) + ARITHMETIC
    mean, worst = codec.alpha_tolerance
    return Tolerances(
        picture_mean=codec.colour_tolerance + half_a_step,
        alpha_mean=mean + half_a_step,
        alpha_worst=worst + half_a_step,
        by_blocks=not codec.lossless,
    )


def verify_clip(path: Path, shown: Path, expected: Expected, codec: Codec) -> None:
    """Open `path` again and compare frames, timestamps, rate, alpha and sampled pictures.

    shown: the name to use in sentences (path is a temporary file, mostly).
    Timestamps must be those sent, to within half a tick of the container: exact in MOV and MP4,
    to the millisecond in Matroska and WebM, which know no finer.
    Raises OutputError with what is wrong.
    """
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            _check_rate(shown, stream, expected)
            _check_frames(shown, container, stream, expected, codec)
    except (av.error.FFmpegError, IndexError, InputError) as problem:
        raise OutputError(f"{shown} was written but cannot be read back: check the disk.") from (
            problem
        )


def _check_rate(shown: Path, stream: Any, expected: Expected) -> None:
    if expected.rate is None or len(expected.times) < 2:
        return
    found = stream.average_rate
    if found == expected.rate:
        return
    # Times that were rounded to a coarse tick before they came here give a rate that is off by
    # as much, because MOV and MP4 state none of their own.
    length = (expected.end - expected.times[0]) * expected.time_base
    exact_ticks = (1 / (expected.rate * expected.time_base)).denominator == 1
    rounding = Fraction(0) if exact_ticks else expected.time_base / length
    slack = rounding + NANOSECOND * expected.rate
    if found is None or abs(found / expected.rate - 1) > slack:
        raise OutputError(
            f"{shown} has a rate of {found or 'nothing'} where {expected.rate} was meant: "
            "this is a fault of cleanplate, please report it."
        )


def _check_frames(
    shown: Path, container: Any, stream: Any, expected: Expected, codec: Codec
) -> None:
    wanted = {sample.index: sample for sample in expected.samples}
    tolerances = tolerances_of(codec, expected.bits)
    group: list[tuple[int, Any]] = []
    count, decoder, digest = 0, decoder_for(stream, DECODER_THREADS), blake2b()
    for packet in (each for each in container.demux(stream) if each.size):
        if packet.is_keyframe:
            _check_group(shown, decoder, group, wanted, tolerances)
            group = []
        if count < len(expected.times):
            _check_time(shown, count, packet, expected)
        if expected.digest is not None:
            add_to_digest(digest, packet)
        group.append((count, packet))
        count += 1
    _check_group(shown, decoder, group, wanted, tolerances)
    if count != len(expected.times):
        raise OutputError(
            f"{shown} was written with {count} of {len(expected.times)} frames: check the disk."
        )
    if expected.digest not in (None, digest.digest()):
        raise OutputError(f"{shown} does not hold what was written to it: check the disk.")
    if expected.alpha and not has_alpha(stream):
        raise OutputError(
            f"{shown} was written without its alpha: "
            "this is a fault of cleanplate, please report it."
        )


def add_to_digest(digest: Any, packet: Any) -> None:
    """Add a packet to a digest of hashlib, with the block in which WebM keeps its alpha."""
    digest.update(packet)
    if packet.has_sidedata(ALPHA_BLOCK):
        digest.update(packet.get_sidedata(ALPHA_BLOCK))


def has_alpha(stream: Any) -> bool:
    """Whether the stream's pixel format, or the tag that stands for it in WebM, says alpha."""
    said = {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode")
    return said == "1" or any(part.is_alpha for part in stream.codec_context.format.components)


def _check_time(shown: Path, index: int, packet: Any, expected: Expected) -> None:
    meant = expected.times[index] * expected.time_base
    off = None if packet.pts is None else abs(packet.pts * packet.time_base - meant)
    if off is None or off > packet.time_base / 2:
        raise OutputError(
            f"{shown} shows frame {index} at another time than {float(meant):.6f} s: "
            "this is a fault of cleanplate, please report it."
        )


def _check_group(
    shown: Path,
    decoder: Any,
    group: Sequence[tuple[int, Any]],
    wanted: dict[int, FrameSample],
    tolerances: Tolerances,
) -> None:
    """Decode the frames from one key frame to the next if one of them is to be compared."""
    last = max((at for at, (index, _) in enumerate(group) if index in wanted), default=None)
    if last is None:
        return
    group = group[: last + 1]
    for at, frame in enumerate(_decoded(decoder, group)):
        index = group[0][0] + at
        if index in wanted:
            _check_sample(shown, frame, decoder, wanted.pop(index), tolerances)
    if any(index in wanted for index, _ in group):
        raise OutputError(f"{shown} was written but cannot be decoded: check the disk.")


def _decoded(decoder: Any, group: Sequence[tuple[int, Any]]) -> Iterator[Any]:
    for _, packet in group:
        yield from decoder.decode(packet)
    yield from decoder.decode(None)
    decoder.flush_buffers()


def _check_sample(
    shown: Path, frame: Any, decoder: Any, sample: FrameSample, tolerances: Tolerances
) -> None:
    picture, alpha = to_rgb(frame, yuv_code(tags_of(frame, decoder), frame))
    if picture.shape[:2] != sample.size:
        raise OutputError(
            f"{shown} is {picture.shape[1]} x {picture.shape[0]} where "
            f"{sample.size[1]} x {sample.size[0]} was sent: "
            "this is a fault of cleanplate, please report it."
        )
    found = _block_means(picture) if tolerances.by_blocks else picture
    mean, _ = _difference(found, sample.picture)
    kept = mean <= tolerances.picture_mean
    if sample.alpha is not None:
        mean, worst = (1.0, 1.0) if alpha is None else _difference(alpha, sample.alpha)
        kept = kept and mean <= tolerances.alpha_mean and worst <= tolerances.alpha_worst
    if not kept:
        raise OutputError(
            f"{shown} does not show in frame {sample.index} what was sent: check the disk, "
            "or choose another --codec."
        )


def _block_means(picture: NDArray[Any]) -> NDArray[Any]:
    height, width = picture.shape[:2]
    size = (max(width // BLOCK, 1), max(height // BLOCK, 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _difference(found: NDArray[Any], sent: NDArray[Any]) -> tuple[float, float]:
    """Mean and greatest absolute difference, both brought to 0..1."""
    one = found.astype(np.float32) / np.iinfo(found.dtype).max
    other = sent.astype(np.float32) / np.iinfo(sent.dtype).max
    apart = np.abs(one - other)
    return float(apart.mean()), float(apart.max())
