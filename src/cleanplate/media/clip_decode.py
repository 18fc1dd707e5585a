"""Frames of a video file with their times, from the start or exactly from a later one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import av

from cleanplate.errors import InputError
from cleanplate.media.clip_file import decoder_for, opened
from cleanplate.media.clip_probe import Probe
from cleanplate.media.clip_times import FrameTimes


@dataclass(frozen=True)
class TimedFrame:
    """A decoded av.VideoFrame, its index in the clip, and its times in ticks."""

    frame: Any
    index: int
    pts: int
    duration: int


class _NotFoundError(Exception):
    """Seeking did not lead to the frame wanted."""


class _DamagedError(Exception):
    """A packet could not be decoded; `rest` are frames that were still under way.

    sound: all of them come before the damage.
    """

    def __init__(self, rest: list[Any], sound: bool) -> None:
        super().__init__()
        self.rest, self.sound = rest, sound


def timed_frames(path: Path, probe: Probe, first: int, threads: int | None) -> Iterator[TimedFrame]:
    """Decode from the frame of index `first` on, the same frames as from the start.

    Where the times can be trusted decoding begins at the keyframe before, otherwise at the start.
    Raises InputError at damage, after the frames before it.
    """
    if first and probe.times.one_each:
        with suppress(_NotFoundError):
            yield from _sought(path, probe, first, threads)
            return
    with opened(path) as (container, stream):
        frames = _decoded(container.demux(stream), decoder_for(stream, threads))
        yield from islice(_timed(path, frames, probe, 0), first, None)


def _sought(path: Path, probe: Probe, first: int, threads: int | None) -> Iterator[TimedFrame]:
    times = probe.times
    wanted = times.pts[first]
    keys = times.keyframes[: bisect_right(times.keyframes, wanted)]
    for back in (1, 2, 4, 16):
        if back > len(keys):
            break
        with opened(path) as (container, stream):
            container.seek(keys[-back], stream=stream)
            packets = container.demux(stream)
            start = next((packet for packet in packets if packet.is_keyframe), None)
            if start is None or start.pts is None or start.pts > wanted:
                continue
            frames = _decoded(chain([start], packets), decoder_for(stream, threads))
            yield from _timed(path, _from_time(frames, wanted), probe, first)
            return
    raise _NotFoundError


def _from_time(frames: Iterator[Any], wanted: int) -> Iterator[Any]:
    """Leave out what comes before the time wanted; _NotFoundError if no frame has it."""
    for frame in frames:
        if frame.pts is None or frame.pts > wanted:
            raise _NotFoundError
        if frame.pts == wanted:
            yield frame
            break
    else:
        raise _NotFoundError
    yield from frames


def _decoded(packets: Iterable[Any], decoder: Any) -> Iterator[Any]:
    begun = False
    try:
        for packet in packets:
            if packet.size == 0 and packet.pts is None:
                continue  # the demuxer's sign of the end
            if begun and packet.is_corrupt:
                raise _DamagedError(_under_way(decoder), sound=True)
            try:
                frames = decoder.decode(packet)
            except av.error.FFmpegError:
                if begun:
                    raise
                continue  # a recording that began between two keyframes
            if begun and any(frame.is_corrupt for frame in frames):
                raise _DamagedError(frames, sound=False)
            begun = begun or bool(frames)
            yield from frames
        yield from decoder.decode(None)
    except av.error.FFmpegError as problem:
        raise _DamagedError(_under_way(decoder), sound=False) from problem


def _under_way(decoder: Any) -> list[Any]:
    with suppress(av.error.FFmpegError):
        return list(decoder.decode(None))
    return []


def _timed(path: Path, frames: Iterator[Any], probe: Probe, index: int) -> Iterator[TimedFrame]:
    clock = _Clock(probe, index)
    try:
        for frame in frames:
            _check_size(path, frame, probe)
            yield clock.timed(frame)
    except _DamagedError as problem:
        for frame in problem.rest:
            if frame.is_corrupt or not clock.follows(frame, problem.sound):
                break
            yield clock.timed(frame)
        second = float(clock.next_pts * probe.info.time_base)
        raise InputError(
            f"{path} is damaged at its frame {clock.next_index} ({second:.2f} s), and was read up "
            "to there: copy it again, or convert it with FFmpeg, which glosses over the damage."
        ) from problem.__cause__
    if probe.times.damage:
        raise InputError(
            f"{path} {probe.times.damage}; what could be read was read: copy or export it again."
        )


def _check_size(path: Path, frame: Any, probe: Probe) -> None:
    height, width = probe.info.height, probe.info.width
    if probe.turn.transposed:
        height, width = width, height
    if (frame.height, frame.width) != (height, width):
        raise InputError(
            f"{path} changes its size from {width} x {height} to {frame.width} x {frame.height} "
            "pixels on the way: cut it there and give the pieces."
        )


class _Clock:
    """Gives frames their index and times, as the packets have them."""

    def __init__(self, probe: Probe, index: int) -> None:
        self._times: FrameTimes = probe.times
        self._step = probe.tick_step
        self.next_index = index
        self.next_pts = self._counted_pts(index)
        self._last: int | None = None

    def timed(self, frame: Any) -> TimedFrame:
        pts = self._pts_of(frame)
        index = self.next_index
        if self._times.one_each:  # a jump where frames are missing
            index = max(index, bisect_left(self._times.pts, pts))
        duration = self._duration(frame, index, pts)
        self.next_index, self.next_pts, self._last = index + 1, pts + duration, pts
        return TimedFrame(frame, index, pts, duration)

    def follows(self, frame: Any, otherwise: bool) -> bool:
        """Whether the frame is the very next one, as times tell; where they do not, `otherwise`."""
        return frame.pts == self.next_pts if self._times.one_each else otherwise

    def _pts_of(self, frame: Any) -> int:
        if self._times.counted:
            return self._counted_pts(self.next_index)
        # Times that go backwards would be refused by every container that is written.
        if frame.pts is None or (self._last is not None and frame.pts <= self._last):
            return self.next_pts
        return int(frame.pts)

    def _counted_pts(self, index: int) -> int:
        known = self._times.pts
        if index < len(known):
            return known[index]
        return (known[-1] if known else 0) + (index - len(known) + bool(known)) * self._step

    def _duration(self, frame: Any, index: int, pts: int) -> int:
        later = self._times.pts[index + 1 : index + 2]
        if later and (self._times.one_each or self._times.counted) and later[0] > pts:
            return later[0] - pts
        if self._times.one_each and self._times.last_duration:
            return self._times.last_duration
        return frame.duration or self._step
