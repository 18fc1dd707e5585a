"""What a clip is: size, times, colours, alpha, sound."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from cleanplate.media.clip_colour import ColourTags


@dataclass(frozen=True)
class SoundInfo:
    """An audio stream: FFmpeg's name of its codec, samples a second, channels."""

    codec: str
    rate: int
    channels: int


@dataclass(frozen=True)
class ClipInfo:
    """What a clip is.

    height, width: upright, after the file's rotation, in stored pixels (pixel_aspect: width of
    one over its height, as shown upright).
    rate: frames a second, exact; None when it varies.
    time_base: seconds a tick of all pts. start: seconds at which the first frame is shown.
    duration: seconds of picture. frame_count: None where only decoding would tell.
    rotation: degrees that the stored picture is turned clockwise to be upright: 0, 90, 180, 270.
    colour: what the file says. hdr: PQ or HLG.
    alpha: "straight" or "premultiplied" as the file's format has it, None without alpha.
    said: what the file says of itself, by FFmpeg's names (see `clip_said`): timecode, title, ...
    Frames that a ClipReader delivers are upright and straight whatever is said here.
    notes: what a careful person would want to know, a phrase each.
    """

    path: Path
    format: str
    codec: str
    pixel_format: str
    height: int
    width: int
    pixel_aspect: Fraction
    rate: Fraction | None
    time_base: Fraction
    start: Fraction
    duration: Fraction | None
    frame_count: int | None
    bit_depth: int
    interlaced: bool
    rotation: int
    colour: ColourTags
    hdr: bool
    alpha: str | None
    sounds: tuple[SoundInfo, ...]
    notes: tuple[str, ...]
    said: Mapping[str, str] = field(default_factory=dict)
