"""Frames to a video file that appears whole, or not at all."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numpy.typing import NDArray

from cleanplate.devices import usable_cores
from cleanplate.errors import OutputError
from cleanplate.media.clip_codecs import Codec, pixel_format_of, quiet_encoders
from cleanplate.media.clip_headers import (
    Timing,
    check_pixel_aspect,
    container_options,
    set_colour,
    set_tag,
    written_colour,
    written_ticks,
)
from cleanplate.media.clip_planes import bits_of, frame_of, whole_numbers
from cleanplate.media.clip_verify import Expected, FrameSample, sample_of, verify_clip
from cleanplate.media.replacing import replacing

__all__ = ["ClipWriter", "Timing"]

Samples = NDArray[Any]

# Encoders may decide otherwise with other threads: a number of the machine's would make the
# result differ from one machine to the next.
THREADS = 2  # on few cores one does, where it changes nothing: each holds frames of 17 MB in HD
# For encoders that want a rate where there is none. It changes nothing but what the file says,
# until `join_clips` leaves it out.
NOMINAL_RATE = Fraction(30)
WANTS_RATE = ("libsvtav1",)


class ClipWriter:
    """Writes one video file, frame by frame.

    Nothing is seen at `path` before `close`, which opens the finished file again and verifies
    count, timestamps, rate, alpha and sampled pictures. As a context manager it closes at the
    end of the block; an exception leaves nothing behind, and what was at `path` as it was.
    The same frames written with the same parameters and `threads` give the same file.
    """

    def __init__(
        self,
        path: str | Path,
        codec: Codec,
        height: int,
        width: int,
        timing: Timing,
        *,
        alpha: bool,
        bit_depth: int = 8,
        threads: int | None = None,
    ) -> None:
        """Open the encoder; `codec` is of `choose_codec`.

        height, width: of every frame. alpha: whether one is written.
        bit_depth: that the file should hold; the nearest that the codec has is taken.
        threads: of the encoder; left out, 2, or 1 where that gives the same on few cores.
        Raises OutputError where the file cannot be written or the codec refuses.
        """
        self._path, self._codec, self._timing, self._alpha = Path(path), codec, timing, alpha
        self._size = (height, width)
        self._time_base, self._to_ticks = written_ticks(timing)
        self._format = pixel_format_of(codec, alpha, bit_depth, height, width)
        self._colour = written_colour(timing.colour, codec, self._format)
        self._times: list[int] = []
        self._durations: dict[int, int] = {}
        self._end = 0
        self._samples = _Samples(codec)
        check_pixel_aspect(self._path, codec, timing.pixel_aspect)
        self._container: Any = None
        self._stream: Any = None
        self._stack = ExitStack()
        try:
            self._temporary = self._stack.enter_context(replacing(self._path))
            few = codec.by_itself and usable_cores() < 2 * THREADS
            self._open(threads or (1 if few else THREADS))
        except BaseException as problem:
            self._leave(problem)
            raise

    def write(
        self,
        picture: Samples,
        alpha: Samples | None,
        pts: int,
        duration: int,
    ) -> None:
        """Add one frame.

        picture: H W 3 RGB, straight colour, encoded as the source's transfer says; uint8 or
        uint16 over their full span, or float32 0..1 (clipped). alpha: H W 1 likewise; None for a
        file without, or for 1 everywhere. pts, duration: in ticks of the time base; pts ascending.
        Raises OutputError where the encoder or the disk refuses, ValueError for wrong arrays.
        """
        pts, end = self._to_ticks(pts), self._to_ticks(pts + duration)
        self._check(picture, alpha, pts)
        alpha = alpha if self._alpha else None
        frame = frame_of(picture, alpha, self._format, self._colour)
        set_colour(frame, self._colour)
        frame.pts, frame.time_base = pts, self._time_base
        self._durations[pts] = end - pts
        self._samples.add(len(self._times), picture, alpha)
        self._times.append(pts)
        self._end = end
        with self._refusals():
            self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish, verify and put the file in its place.

        Raises OutputError where that fails, or where no frame was written; then nothing is left.
        """
        try:
            with self._refusals():
                self._mux(self._stream.encode(None))
                self._release()
            if not self._times:
                raise OutputError(f"{self._path} would be a clip without frames.")
            verify_clip(self._temporary, self._path, self._expected(), self._codec)
        except BaseException as problem:
            self._leave(problem)
            raise
        self._stack.close()

    def abort(self) -> None:
        """Stop and leave nothing behind."""
        self._leave(KeyboardInterrupt())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if problem is None:
            self.close()
        else:
            self.abort()

    def _open(self, threads: int) -> None:
        import av

        quiet_encoders()
        timing, path = self._timing, self._path
        with self._refusals():
            self._container = av.open(
                str(self._temporary),
                "w",
                container_options=container_options(path, [self._time_base]),
            )
            stream: Any = self._container.add_stream(
                self._codec.encoder,
                rate=timing.rate or NOMINAL_RATE,
                options=dict(self._codec.options),
            )
            stream.height, stream.width = self._size
            stream.pix_fmt, stream.time_base = self._format, self._time_base
            self._stream, context = stream, stream.codec_context
            context.time_base = self._time_base
            context.sample_aspect_ratio = timing.pixel_aspect
            context.thread_count, context.thread_type = threads, "AUTO"
            set_colour(context, self._colour)
            set_tag(context, path, self._codec)
            if timing.rate is None and self._codec.encoder not in WANTS_RATE:
                context.framerate = 0
            self._container.start_encoding()

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.duration = self._durations.pop(packet.pts, 0)
            self._container.mux(packet)

    def _check(self, picture: Samples, alpha: Samples | None, pts: int) -> None:
        if picture.shape != (*self._size, 3) or (
            alpha is not None and alpha.shape != (*self._size, 1)
        ):
            raise ValueError(f"frames of {self._size} (height, width) were announced")
        if self._times and pts <= self._times[-1]:
            raise ValueError(f"frames must be shown one after another, {pts} comes too late")

    def _expected(self) -> Expected:
        return Expected(
            times=self._times,
            end=self._end,
            time_base=self._time_base,
            rate=self._timing.rate,
            alpha=self._alpha,
            bits=bits_of(self._format),
            samples=self._samples.taken,
        )

    def _release(self) -> None:
        """Close the file and let go of the encoder: the decoder is to find its memory free."""
        container, self._container, self._stream = self._container, None, None
        if container is not None:
            container.close()

    def _leave(self, problem: BaseException) -> None:
        """Close and remove everything, without hiding `problem` behind what that raises."""
        with suppress(Exception):
            self._release()
        with suppress(Exception):
            self._stack.__exit__(type(problem), problem, problem.__traceback__)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn what FFmpeg raises into a sentence."""
        import av

        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            raise OutputError(
                f"{self._path} cannot be written as {self._codec.title} ({reason})."
            ) from problem


class _Samples:
    """The first frame, and one about half-way, of a clip whose length is not known."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.taken: list[FrameSample] = []

    def add(self, index: int, picture: Samples, alpha: Samples | None) -> None:
        """Keep a copy where `index` is 0 or a power of two; the last of those two remains."""
        if index & (index - 1) == 0:
            deep = whole_numbers(picture, picture).copy()
            deep_alpha = None if alpha is None else whole_numbers(alpha, picture).copy()
            self.taken = [*self.taken[:1], sample_of(index, deep, deep_alpha, self._codec)]
