"""A video file before its frames are used: its first frame and the times of all."""

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from cleanplate.errors import InputError
from cleanplate.media.clip_colour import (
    Pixels,
    YuvCode,
    bit_depth,
    has_alpha,
    tags_of,
    to_rgb,
    yuv_code,
)
from cleanplate.media.clip_file import alpha_is_lost, decoder_for, opened
from cleanplate.media.clip_info import ClipInfo, SoundInfo
from cleanplate.media.clip_said import besides, said_by
from cleanplate.media.clip_times import FrameTimes, PacketReader, find_rate, times_from_index
from cleanplate.media.tone_map import HDR_TRANSFERS
from cleanplate.media.upright import Turn, turn_of

MAX_SIDE = 16384


@dataclass(frozen=True)
class Probe:
    """Info, and what the reader needs besides.

    tick_step: ticks between frames where they carry no times of their own.
    """

    info: ClipInfo
    times: FrameTimes
    turn: Turn
    code: YuvCode
    tick_step: int


def probe_file(path: Path) -> Probe:
    """Read the packets' times and the first frame of a video file.

    Raises InputError in words for what cannot be used.
    """
    with opened(path) as (container, stream):
        times = times_from_index(container, stream, str(path))
    with opened(path) as (container, stream):
        packets = PacketReader(container, stream)
        frame = _first_frame(packets, decoder_for(stream, threads=1))
        if frame is None:
            raise InputError(
                f"No frame of {path} can be decoded ({stream.codec_context.name}): "
                "the file is damaged or cut short; copy or export it again."
            )
        if times is None:
            for _ in packets:
                pass
            times = packets.times()
        return _described(path, container, stream, frame, times.from_first(frame.pts))


def _first_frame(packets: PacketReader, decoder: Any) -> Any:
    """Decode up to the first frame; what comes before the first keyframe may fail."""
    for packet in packets:
        try:
            for frame in decoder.decode(packet):
                return frame
        except av.error.FFmpegError:
            continue
    try:
        return next(iter(decoder.decode(None)), None)
    except av.error.FFmpegError:
        return None


def _described(path: Path, container: Any, stream: Any, frame: Any, times: FrameTimes) -> Probe:
    if max(frame.height, frame.width) > MAX_SIDE:
        raise InputError(
            f"{path} is {frame.width} x {frame.height} pixels, at most {MAX_SIDE} a side can be "
            "read: scale it down first."
        )
    tags = tags_of(frame, stream.codec_context)
    try:
        code = yuv_code(tags, frame)
    except InputError as problem:
        raise InputError(f"{path}: {problem}") from None
    turn = turn_of(frame)
    said_rates = (stream.base_rate, stream.average_rate, stream.guessed_rate)
    rate = find_rate(times, stream.time_base, said_rates if not times.counted else said_rates[2:])
    step = round(1 / ((rate or Fraction(25)) * stream.time_base)) or 1
    first, last = (times.pts[0], times.pts[-1]) if times.pts else (0, 0)
    count = len(times.pts) or stream.frames or None
    duration = (last - first + (times.last_duration or step)) * stream.time_base
    aspect = stream.sample_aspect_ratio or Fraction(1)
    height, width = frame.height, frame.width
    if turn.transposed:
        height, width, aspect = width, height, 1 / aspect
    context = stream.codec_context
    info = ClipInfo(
        path=path,
        format=container.format.name,
        codec=context.name,
        pixel_format=frame.format.name,
        height=height,
        width=width,
        pixel_aspect=Fraction(aspect),
        rate=rate,
        time_base=stream.time_base,
        start=first * stream.time_base,
        duration=duration if times.pts else _said_duration(container, stream),
        frame_count=count if times.one_each or times.counted else None,
        bit_depth=bit_depth(frame.format),
        interlaced=bool(frame.interlaced_frame) or context.field_order > 1,
        rotation=turn.degrees,
        colour=tags,
        hdr=tags.transfer in HDR_TRANSFERS,
        alpha="straight" if has_alpha(frame.format) else None,
        sounds=tuple(
            SoundInfo(sound.codec_context.name, sound.codec_context.sample_rate, sound.channels)
            for sound in container.streams.audio
            if sound.codec_context is not None
        ),
        notes=(),
        said=said_by(container, stream),
    )
    notes = tuple(_notes(info, stream, frame, times, turn, code))
    if len(info.sounds) < len(container.streams.audio):
        notes += ("a sound track of a kind that FFmpeg does not know is left out",)
    return Probe(replace(info, notes=notes), times, turn, code, step)


def _said_duration(container: Any, stream: Any) -> Fraction | None:
    if stream.duration:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, av.time_base) if container.duration else None


def _notes(
    info: ClipInfo, stream: Any, frame: Any, times: FrameTimes, turn: Turn, code: YuvCode
) -> list[str]:
    tags, notes = info.colour, []
    if times.damage:
        notes.append(f"the file {times.damage}")
    if info.rate is None and times.one_each:
        steps = np.diff(np.asarray(times.pts)) * float(info.time_base)
        notes.append(f"variable rate: {1 / steps.max():.6g} to {1 / steps.min():.6g} a second")
    if times.counted:
        notes.append("the frames carry no times that can be used: they are taken one after another")
    if info.interlaced:
        notes.append("interlaced: two half pictures a frame, comb edges where something moves")
    if turn.mirrored:
        notes.append("mirrored by its display matrix")
    if info.hdr:
        notes.append(
            f"HDR ({HDR_TRANSFERS[str(tags.transfer)]}): tone-map it, or deliver it as SDR"
        )
    elif tags.primaries in ("bt2020", "smpte432", "smpte431"):
        notes.append(f"wide gamut ({tags.primaries}): colours are passed on as they are, with tags")
    if not frame.format.is_rgb and tags.matrix != code.matrix:
        notes.append(f"colour matrix not said, taken for {code.matrix}")
    if tags.matrix == "bt2020c":
        notes.append("constant luminance is decoded as if it were not: colours may be off a little")
    if alpha_is_lost(stream):
        notes.append("has alpha that this build of FFmpeg cannot decode (libvpx is missing)")
    if has_alpha(frame.format):
        notes.extend(_alpha_notes(*to_rgb(frame, code)))
    if len(stream.container.streams.video) > 1:
        notes.append("more than one video stream: the first or default one is read")
    more = besides(stream.container)
    if more:
        notes.append(more)
    return notes


def _alpha_notes(picture: Pixels, alpha: Pixels | None) -> list[str]:
    if alpha is None:
        return []
    highest = np.iinfo(alpha.dtype).max
    if alpha.min() == highest:
        return ["its alpha is opaque throughout the first frame"]
    part = ((alpha > highest * 0.05) & (alpha < highest * 0.95))[..., 0]
    # Straight colour is independent of alpha: somewhere it exceeds it, unless all of it is dark.
    if part.sum() >= 64 and bool((picture[part] <= alpha[part] + highest * 0.02).all()):
        return ["no colour exceeds its alpha in the first frame: it may be premultiplied"]
    return []
