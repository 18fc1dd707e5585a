"""What a video file says besides its pictures: times, colours, the shape of its pixels."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

from cleanplate.errors import OutputError
from cleanplate.media.clip_codecs import Codec
from cleanplate.media.clip_colour import (
    LUMA_WEIGHTS,
    MATRICES,
    PRIMARIES,
    RANGES,
    TRANSFERS,
    ColourTags,
)
from cleanplate.media.clip_planes import is_rgb

MATROSKA = (".mkv", ".webm")
# MOV and MP4 count in 32 bits; finer ticks than this are not needed for any rate in use.
FINEST_TICK = 10_000_000


@dataclass(frozen=True)
class Timing:
    """When frames are shown, and what else a file says of all of them.

    time_base: seconds a tick of pts and durations. rate: exact; None where it varies.
    colour: of the source; what it leaves open is written as BT.709, limited range.
    pixel_aspect: width of a pixel in its heights.
    first: pts of the clip's first frame. Where it is given and the rate is constant, but no whole
    number of ticks, times that were rounded to ticks (Matroska's milliseconds) are written as
    exact again, counted from there; otherwise they are written as they come.
    said: what the source says of itself, by FFmpeg's names: timecode, title, ...
    """

    time_base: Fraction
    rate: Fraction | None
    colour: ColourTags
    pixel_aspect: Fraction = Fraction(1)
    first: int | None = None
    said: Mapping[str, str] = field(default_factory=dict)


def written_ticks(timing: Timing) -> tuple[Fraction, Callable[[int], int]]:
    """Return the time base to write with, and what turns a pts of the source into its ticks."""
    base, rate, first = timing.time_base, timing.rate, timing.first
    if rate is None or first is None or (1 / (rate * base)).denominator == 1:
        return base, lambda pts: pts
    exact = Fraction(1, lcm(base.denominator, rate.numerator))

    def to_ticks(pts: int) -> int:
        frames = round((pts - first) * base * rate)
        return round((first * base + frames / rate) / exact)

    return exact, to_ticks


def written_colour(colour: ColourTags, codec: Codec, pixel_format: str) -> ColourTags:
    """Tell what a file says of its colours: as the source, with BT.709 for what that leaves open.

    The matrix is "gbr" for formats that hold RGB; one that cannot be computed becomes that of
    the primaries. The range is the source's, limited where the codec cannot say.
    """
    primaries, transfer = colour.primaries or "bt709", colour.transfer or "bt709"
    if is_rgb(pixel_format):
        return ColourTags(primaries, transfer, "gbr", "pc")
    matrix = "bt2020nc" if primaries == "bt2020" else "bt709"
    if colour.matrix in LUMA_WEIGHTS and colour.matrix != "bt2020c":
        matrix = colour.matrix
    range_ = colour.range_ if codec.full_range else None
    return ColourTags(primaries, transfer, matrix, range_ or "tv")


def set_colour(holder: Any, colour: ColourTags) -> None:
    """Write colour tags into a codec context, or into a frame: ProRes takes them from there."""
    holder.color_primaries = _number(PRIMARIES, colour.primaries)
    holder.color_trc = _number(TRANSFERS, colour.transfer)
    holder.colorspace = _number(MATRICES, colour.matrix)
    holder.color_range = _number(RANGES, colour.range_ or "tv")


def set_tag(context: Any, path: Path, codec: Codec) -> None:
    """Name the codec as players of MOV and MP4 want it."""
    if codec.tag and path.suffix.lower() not in MATROSKA:
        context.codec_tag = codec.tag


def container_options(path: Path, time_bases: list[Fraction]) -> dict[str, str]:
    """Options of the muxer: ticks that hold every start offset exactly, nothing of this machine."""
    options = {"fflags": "+bitexact"}
    if path.suffix.lower() in MATROSKA:
        return options
    finest = lcm(*(base.denominator for base in time_bases))
    if finest > FINEST_TICK:
        finest = min(time_bases[0].denominator, FINEST_TICK)
    return options | {"movie_timescale": str(finest)}


def check_pixel_aspect(path: Path, codec: Codec, pixel_aspect: Fraction) -> None:
    """Refuse pixels that are not square where the file could not say so.

    H.264 and HEVC say it themselves; for the others in Matroska the muxer does not pass it on.
    """
    said_by_codec = codec.name in ("h264", "hevc")
    if pixel_aspect != 1 and path.suffix.lower() in MATROSKA and not said_by_codec:
        raise OutputError(
            f"{path} cannot say that the clip's pixels are not square "
            f"({pixel_aspect.numerator}:{pixel_aspect.denominator}): use .mov."
        )


def _number(names: dict[int, str], name: str | None) -> int:
    """H.273's number for FFmpeg's name; 2 means unspecified there."""
    return next((number for number, known in names.items() if known == name), 2)
