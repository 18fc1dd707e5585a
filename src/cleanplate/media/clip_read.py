"""Clips, frame by frame: video files through FFmpeg, numbered stills, one memory-constant way."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from cleanplate.errors import InputError
from cleanplate.media.clip_colour import ColourTags, Pixels, to_rgb
from cleanplate.media.clip_decode import timed_frames
from cleanplate.media.clip_file import opened
from cleanplate.media.clip_info import ClipInfo, SoundInfo
from cleanplate.media.clip_probe import Probe, probe_file
from cleanplate.media.decode import is_single_gif
from cleanplate.media.deinterlace import deinterlaced
from cleanplate.media.sequences import Sequence, describe_sequence, is_sequence, read_sequence
from cleanplate.media.tone_map import AFTER, HDR_TRANSFERS, tone_map

__all__ = [
    "ClipFrame",
    "ClipInfo",
    "ClipReader",
    "ColourTags",
    "SoundInfo",
    "inspect_clip",
    "is_clip",
]

PathLike = str | os.PathLike[str]

# Files with these endings are videos whatever is in them: their errors speak of videos.
VIDEO_ENDINGS = frozenset(
    {".mp4", ".mov", ".m4v", ".qt", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".ogv"}
    | {".mxf", ".mts", ".m2ts", ".ts", ".mpg", ".mpeg", ".vob", ".m2v", ".y4m", ".dv", ".gif"}
    | {".h264", ".264", ".h265", ".265", ".hevc", ".ivf", ".nut"}
)
STILL_ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".exr", ".heic", ".heif", ".avif", ".bmp"}
)


@dataclass(frozen=True)
class ClipFrame:
    """One frame, upright, straight.

    picture: H W 3 RGB, uint8 for clips of up to 8 bits, uint16 (whole range) above; coded with the
    clip's own transfer and primaries. alpha: H W 1 of the same type, or None.
    index: counts all frames of the clip from 0, also where reading began later; it jumps where
    frames of a damaged stretch are missing. pts, duration: in ticks of the clip's time base.
    """

    picture: Pixels
    alpha: Pixels | None
    index: int
    pts: int
    duration: int


def inspect_clip(path: PathLike, *, rate: Fraction | None = None) -> ClipInfo:
    """Say what a clip is; reads all packets of a video, decodes one frame.

    path: a video file, a pattern of numbered stills (shot.%04d.png, shot.####.exr), or a folder
    of numbered stills. rate: of numbered stills, which say none themselves (24 if left out).
    Raises InputError in words for what cannot be used.
    """
    return _probe(Path(path), rate)[0]


def clips_in(folder: Path) -> list[Path]:
    """List the clips that lie in a folder, sorted by name, without hidden files."""
    seen = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in seen if is_clip(path))


def is_moving(path: PathLike) -> bool:
    """Whether it is a clip; a GIF of one picture is a still."""
    return is_clip(path) and not is_single_gif(Path(path))


def is_clip(path: PathLike) -> bool:
    """Whether the path names a video or numbered stills, and no single still.

    A file with a video's ending counts, even missing or damaged, so that reading it says why.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if is_sequence(path):
        return True
    if ending in VIDEO_ENDINGS:
        return True
    if ending in STILL_ENDINGS or not os.path.isfile(path):
        return False
    with suppress(InputError), opened(path):
        return True
    return False


class ClipReader:
    """Reads a clip frame by frame; memory does not grow with its length.

    `for frame in reader` starts at the frame of index `first`, each time anew; a file cut short or
    damaged gives its good frames and then raises InputError.
    deinterlace: make whole frames out of half pictures (bwdif, the rate stays).
    tone_map: make HDR (PQ, HLG) fit for SDR; without it HDR raises InputError.
    threads: of the decoder, as many as cores if None. rate: of numbered stills.

    info: what the clip is. colour: what the delivered pictures are; info.colour unless tone-mapped.
    """

    def __init__(
        self,
        path: PathLike,
        *,
        deinterlace: bool = False,
        tone_map: bool = False,
        first: int = 0,
        threads: int | None = None,
        rate: Fraction | None = None,
    ) -> None:
        self._path = Path(path)
        self.info, self._source = _probe(self._path, rate)
        self._first, self._threads, self._deinterlace = first, threads, deinterlace
        self._tone_map = tone_map and self.info.hdr
        self.colour = AFTER if self._tone_map else self.info.colour
        self._running: Iterator[ClipFrame] | None = None
        if self.info.hdr and not tone_map:
            name = HDR_TRANSFERS[str(self.info.colour.transfer)]
            raise InputError(
                f"{self._path} is HDR ({name}, {self.info.colour.transfer}), whose colours would "
                "come out wrong: ask for --tone-map, or convert the clip to SDR (BT.709) first."
            )
        count = self.info.frame_count
        if first < 0 or (first > 0 and count is not None and first >= count):
            raise InputError(
                f"{self._path} was to be read from frame {first} on, and has the frames 0 to "
                f"{(count or 1) - 1}: begin earlier."
            )

    def __enter__(self) -> "ClipReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[ClipFrame]:
        """Read from the first frame wanted."""
        self.close()
        if isinstance(self._source, Sequence):
            self._running = self._stills(self._source)
        else:
            self._running = self._frames(self._source)
        return self._running

    def close(self) -> None:
        """Stop reading and let go of the file; harmless when done already."""
        running, self._running = self._running, None
        if running is not None:
            running.close()  # type: ignore[attr-defined]  # always a generator

    def _stills(self, sequence: Sequence) -> Iterator[ClipFrame]:
        ticks = sequence.ticks()
        ends = (*ticks[1:], ticks[-1] + 1)
        for index, still in enumerate(read_sequence(sequence, self._first), self._first):
            duration = ends[index] - ticks[index]
            yield ClipFrame(still.picture, still.alpha, index, ticks[index], duration)

    def _frames(self, probe: Probe) -> Iterator[ClipFrame]:
        # A frame's half pictures are completed from its neighbours: one more is read before.
        lead = min(self._first, 1) if self._deinterlace else 0
        decoded = timed_frames(self._path, probe, self._first - lead, self._threads)
        if self._deinterlace:
            decoded = islice(deinterlaced(decoded, probe.info.interlaced), lead, None)
        for timed in decoded:
            pixels = self._pixels(timed.frame, probe)
            yield ClipFrame(*pixels, timed.index, timed.pts, timed.duration)

    def _pixels(self, frame: Any, probe: Probe) -> tuple[Pixels, Pixels | None]:
        picture, alpha = to_rgb(frame, probe.code)
        picture = probe.turn.apply(picture)
        if self._tone_map:
            picture = tone_map(picture, self.info.colour)
        return picture, None if alpha is None else probe.turn.apply(alpha)


def _probe(path: Path, rate: Fraction | None) -> tuple[ClipInfo, Probe | Sequence]:
    if is_sequence(path) or os.path.isdir(path):
        return describe_sequence(path, rate)
    probe = probe_file(path)
    return probe.info, probe
