"""When the frames of a stream are shown, read from its packets without decoding them."""

from __future__ import annotations  # array[int] came with Python 3.12

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from os import stat
from typing import Any

import av

# What cameras and containers mean when their times are rounded.
COMMON_RATES = tuple(Fraction(n) for n in (24, 25, 30, 48, 50, 60, 100, 120)) + tuple(
    Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)
)


@dataclass(frozen=True)
class FrameTimes:
    """Times of the frames of a stream, in ticks of its time base.

    pts: ascending, one for each frame. keyframes: those that can be decoded first.
    last_duration: ticks that the last frame is shown (0: not said).
    one_each: each entry of pts is a frame that the decoder delivers, with that pts.
    counted: frames come without usable pts of their own: the n-th has the n-th time.
    damage: what reading the packets met, as the end of a sentence, or None.
    """

    pts: array[int]
    keyframes: array[int]
    last_duration: int
    one_each: bool
    counted: bool
    damage: str | None

    def from_first(self, first_pts: int | None) -> FrameTimes:
        """Leave out what lies before the first frame that can be decoded."""
        if self.counted or first_pts is None:
            return self
        skipped = bisect_left(self.pts, first_pts)
        known = skipped < len(self.pts) and self.pts[skipped] == first_pts
        return FrameTimes(
            self.pts[skipped:],
            array("q", (key for key in self.keyframes if key >= first_pts)),
            self.last_duration,
            self.one_each and known,
            self.counted,
            self.damage,
        )


class PacketReader:
    """Passes packets through and remembers their times."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container = container
        self._stream = stream
        self._times: list[tuple[int, int, bool]] = []
        self._without_pts = 0
        self._damage: str | None = None

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the packets up to the end or to damage."""
        hidden = self._stream.codec_context.name.removeprefix("lib") == "vp8"
        try:
            for packet in self._container.demux(self._stream):
                if packet.size == 0 and packet.pts is None:
                    continue
                if packet.is_corrupt and self._damage is None:
                    self._damage = f"is damaged near its frame {len(self._times)}"
                # VP8 keeps pictures that are never shown in packets of their own (RFC 6386, 9.1).
                if not packet.is_discard and not (hidden and not bytes(packet)[0] & 16):
                    self._note(packet)
                yield packet
        except av.error.FFmpegError:
            self._damage = f"is damaged or cut short after its frame {len(self._times)}"

    def _note(self, packet: Any) -> None:
        if packet.pts is None:
            self._without_pts += 1
        else:
            self._times.append((packet.pts, packet.duration or 0, packet.is_keyframe))

    def times(self) -> FrameTimes:
        """Sum up what was read so far."""
        stream, format_name = self._stream, self._container.format.name
        self._times.sort()
        pts = array("q", (time for time, _, _ in self._times))
        unique = all(one < two for one, two in pairwise(pts))
        # AVI knows the order in the file only, which is not that of display where frames wait.
        counted = self._without_pts > 0 or (
            format_name == "avi" and bool(stream.codec_context.has_b_frames)
        )
        # Broadcasts may send each field of a frame with a time of its own.
        fields = format_name == "mpegts" and stream.codec_context.field_order > 1
        return FrameTimes(
            array("q") if self._without_pts else pts,
            array("q", (time for time, _, key in self._times if key)),
            self._times[-1][1] if self._times else 0,
            unique and not counted and not fields and len(pts) > 0,
            counted,
            self._damage or self._shortfall(len(self._times) + self._without_pts),
        )

    def _shortfall(self, count: int) -> str | None:
        if self._container.format.name.startswith("mov"):
            # What an edit list hides is marked in the index, or not there.
            said = sum(not entry.is_discard for entry in self._stream.index_entries)
            if said > count:
                return f"is cut short: it should hold {said} frames, and {count} can be read"
        promised, last = _said_duration(self._stream), max(self._times, default=None)
        if promised is not None and last is not None:
            reached = float((last[0] + last[1]) * self._stream.time_base)
            if reached < promised - 0.25:
                return (
                    f"is cut short: it should last {promised:.2f} s, and {reached:.2f} s are there"
                )
        return None


def times_from_index(container: Any, stream: Any, path: str) -> FrameTimes | None:
    """Take times from the index of a MOV or MP4 of keyframes only, without reading it through.

    None where the index does not tell (other formats, frames out of order, files cut short).
    """
    entries = stream.index_entries
    if not container.format.name.startswith("mov") or not 0 < len(entries) == stream.frames:
        return None
    first, last = entries[0], entries[len(entries) - 1]
    if last.pos + last.size > stat(path).st_size:
        return None
    pts = array("q")
    for entry in entries:
        if not entry.is_keyframe or entry.is_discard or (pts and entry.timestamp <= pts[-1]):
            return None
        pts.append(entry.timestamp)
    packet = next(iter(container.demux(stream)))
    if packet.pts != first.timestamp or packet.dts != packet.pts:
        return None
    return FrameTimes(pts, pts, packet.duration or 0, True, False, None)


def find_rate(
    times: FrameTimes, time_base: Fraction, said: Iterable[Fraction | None]
) -> Fraction | None:
    """Find the exact constant rate that explains every time to within a tick, or None.

    said: rates that the container states, the most trustworthy first; they win over those that
    are usual and over the distance between frames.
    """
    candidates = [rate for rate in said if rate]
    if len(times.pts) < 2 or not times.one_each:
        rate = candidates[0] if candidates else None
        return None if rate and _has_gap(rate, times, time_base) else rate
    span = (times.pts[-1] - times.pts[0]) * time_base
    mean = (len(times.pts) - 1) / span
    near = [rate for rate in COMMON_RATES if abs(rate / mean - 1) < 0.1]
    step = times.pts[1] - times.pts[0]
    for rate in (*candidates, *near, 1 / (step * time_base), mean.limit_denominator(1001)):
        if _explains(rate, times.pts, time_base):
            return rate
    return None


def _has_gap(rate: Fraction, times: FrameTimes, time_base: Fraction) -> bool:
    """Whether frames are missing between two that have a time each, or one for each field."""
    longest = Fraction(3, 2) / (rate * time_base)
    return not times.counted and any(two - one > longest for one, two in pairwise(times.pts))


def _explains(rate: Fraction, pts: array[int], time_base: Fraction) -> bool:
    step = 1 / (rate * time_base)  # in ticks; whole-number arithmetic from here, it is many frames
    over, under = step.numerator, step.denominator
    return all(
        abs((time - pts[0]) * under - index * over) <= under for index, time in enumerate(pts)
    )


def _said_duration(stream: Any) -> float | None:
    """Seconds from the tag that Matroska files carry for each stream."""
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
