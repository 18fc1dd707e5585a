"""Opening video files and decoding their packets; FFmpeg's errors in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

from cleanplate.errors import InputError

# FFmpeg's own VP8 and VP9 decoders drop alpha, which lies in packets beside those of the picture.
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a video file: its container and its video stream (the one that players choose).

    Raises InputError for what is missing, empty, no video or a still.
    """
    check_file(path)
    try:
        # By its absolute name, so that no name is ever taken for a network address.
        container = av.open(str(path.resolve()), metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as problem:
        raise InputError(
            f"{path} is not a video that can be read, or it is cut short: "
            "copy or export it again, as MP4, MOV, MKV or WebM if it is of another kind."
        ) from problem
    try:
        yield container, _video_stream(path, container)
    finally:
        container.close()


def says_alpha(stream: Any) -> bool:
    """Whether a WebM stream is marked as one with alpha; some muxers write the mark in capitals."""
    return any(
        name.lower() == "alpha_mode" and value == "1" for name, value in stream.metadata.items()
    )


def check_file(path: Path) -> None:
    """Raise InputError in words unless there is a file with something in it."""
    try:
        if not path.is_file():
            raise InputError(f"{path} does not exist: check the name and the folder.")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes): copy or export it again.")
        with path.open("rb"):
            pass
    except OSError as problem:
        raise InputError(f"{path} cannot be read ({problem.strerror}).") from problem


def decoder_for(stream: Any, threads: int | None) -> Any:
    """Codec context that decodes the stream, alpha included; threads None: as many as cores."""
    decoder = stream.codec_context
    name = ALPHA_DECODERS.get(decoder.name)
    if name and says_alpha(stream) and name in av.codecs_available:
        decoder = av.CodecContext.create(name, "r")
    decoder.thread_type = "AUTO"
    decoder.thread_count = threads or 0
    return decoder


def alpha_is_lost(stream: Any) -> bool:
    """Whether the file has alpha that this build of FFmpeg cannot decode."""
    name = ALPHA_DECODERS.get(stream.codec_context.name)
    wanted = name is not None and says_alpha(stream)
    return wanted and name not in av.codecs_available


def _video_stream(path: Path, container: Any) -> Any:
    format_name = container.format.name
    if format_name.endswith("_pipe") or format_name in ("image2", "ico"):
        raise InputError(f"{path} is a still, a video was expected: give a clip or a sequence.")
    moving = [
        stream
        for stream in container.streams.video
        if not stream.disposition & av.stream.Disposition.attached_pic
    ]
    if not moving or format_name == "tty":
        heard = " (it holds sound only)" if container.streams.audio else ""
        raise InputError(f"{path} holds no video{heard}: give a file with a picture track.")
    best = container.streams.best("video")
    stream = best if best in moving else moving[0]
    if stream.codec_context is None:
        raise InputError(
            f"{path} is coded in a way that this build of FFmpeg cannot decode: "
            "convert it to ProRes, H.264 or FFV1 first."
        )
    return stream
