"""The codecs that clips are written with, and which of them fits a file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

from cleanplate.errors import OutputError
from cleanplate.media.clip_planes import bits_of
from cleanplate.media.sequences import is_sequence


@dataclass(frozen=True)
class Codec:
    """A way to write clips.

    name: what `--codec` takes. title: for sentences. encoder: FFmpeg's; "" for numbered stills.
    endings: of the files that hold it. opaque, transparent: FFmpeg's pixel formats without and
    with alpha, the shallowest first; no transparent one: no alpha.
    opaque_odd: what takes the place of `opaque` where a side is odd, "" where none has to.
    options: of the encoder. tag: the code that MOV and MP4 need for the codec, "" for the usual.
    full_range: whether it can say that its range is full. by_itself: whether each frame is encoded
    so, and other threads change nothing but time and memory.
    alpha_tolerance: how far alpha may be from what was sent, mean and worst pixel, in 0..1,
    beyond half a step of the file's bits. colour_tolerance: the mean for the picture, taken over
    blocks of 8 x 8 pixels.
    """

    name: str
    title: str
    encoder: str
    endings: tuple[str, ...]
    opaque: tuple[str, ...] = ()
    transparent: tuple[str, ...] = ()
    opaque_odd: str = ""
    options: tuple[tuple[str, str], ...] = ()
    tag: str = ""
    full_range: bool = False
    by_itself: bool = False
    alpha_tolerance: tuple[float, float] = (0.0, 0.0)
    colour_tolerance: float = 0.0

    @property
    def is_sequence(self) -> bool:
        """Whether it is numbered stills, which `SequenceWriter` writes, and not a video file."""
        return not self.encoder

    @property
    def lossless(self) -> bool:
        """Whether a file gives back what was sent, but for rounding to its bits."""
        return self.colour_tolerance == 0.0

    @property
    def holds_alpha(self) -> bool:
        """Whether it can hold alpha at all (encoders of a given FFmpeg may still refuse)."""
        return self.is_sequence or bool(self.transparent)


# No codec may reorder frames: each packet is decoded when it is shown (dts = pts), so that parts
# can be joined without touching timestamps. The key frame distance bounds what a seek decodes.
_KEY_FRAMES = ("g", "48")

QUALITY_STEP = 118  # FFmpeg counts quantisers in these (FF_QP2LAMBDA)

_ALL = (
    Codec(
        "prores",
        "ProRes 4444",
        # Not prores_aw, which writes an alpha of 1 as 4092 of 4095. A fixed quantiser is what
        # makes this one quick: its rate control takes six times as long, for 70 dB
        # where this gives 59, both far under the noise of any camera.
        "prores_ks",
        (".mov",),
        opaque=("yuv444p10le",),
        transparent=("yuva444p10le",),
        options=(
            ("profile", "4444"),
            ("alpha_bits", "16"),
            ("flags", "+qscale"),
            ("global_quality", str(4 * QUALITY_STEP)),
        ),
        by_itself=True,
        alpha_tolerance=(0.0001, 0.0003),
        colour_tolerance=0.01,
    ),
    Codec(
        "vp9",
        "VP9",
        "libvpx-vp9",
        (".webm", ".mkv"),
        opaque=("yuv420p",),
        transparent=("yuva420p",),
        options=(
            ("deadline", "realtime"),
            ("cpu-used", "8"),
            ("crf", "16"),
            ("b", "0"),
            ("row-mt", "1"),
            ("tile-columns", "2"),
            # Alternate references and look-ahead hide frames, which alpha's second stream and
            # dts = pts do not bear.
            ("auto-alt-ref", "0"),
            ("lag-in-frames", "0"),
            _KEY_FRAMES,
        ),
        full_range=True,
        alpha_tolerance=(0.012, 0.15),
        colour_tolerance=0.1,
    ),
    Codec(
        "av1",
        "AV1",
        "libsvtav1",
        (".webm", ".mkv", ".mp4"),
        opaque=("yuv420p", "yuv420p10le"),
        # Frames that refer to earlier ones only take half the memory and lose nothing in size.
        options=(("preset", "9"), ("crf", "20"), ("svtav1-params", "pred-struct=1"), _KEY_FRAMES),
        full_range=True,
        colour_tolerance=0.1,
    ),
    Codec(
        "ffv1",
        "FFV1",
        "ffv1",
        (".mkv",),
        opaque=("bgr0", "gbrp10le", "gbrp12le", "gbrp16le"),
        transparent=("bgra", "gbrap10le", "gbrap12le", "gbrap16le"),
        # The number of slices is part of the picture's coding: it must not follow the machine.
        options=(("level", "3"), ("slices", "4"), ("slicecrc", "1"), ("g", "1")),
        full_range=True,
    ),
    Codec(
        "qtrle",
        "QuickTime Animation",
        "qtrle",
        (".mov",),
        opaque=("rgb24",),
        transparent=("argb",),
        options=(_KEY_FRAMES,),
        full_range=True,
    ),
    Codec(
        "h264",
        "H.264",
        "libx264",
        (".mp4", ".mov", ".mkv"),
        opaque=("yuv420p",),
        opaque_odd="yuv444p",
        options=(("preset", "superfast"), ("crf", "16"), ("bf", "0"), _KEY_FRAMES),
        full_range=True,
        colour_tolerance=0.1,
    ),
    Codec(
        "hevc",
        "HEVC",
        "libx265",
        (".mp4", ".mov", ".mkv"),
        opaque=("yuv420p", "yuv420p10le"),
        transparent=("yuva420p",),
        opaque_odd="yuv444p10le",
        options=(
            ("preset", "ultrafast"),
            ("crf", "16"),
            ("x265-params", "log-level=none:bframes=0:frame-threads=1"),
            _KEY_FRAMES,
        ),
        tag="hvc1",
        full_range=True,
        alpha_tolerance=(0.012, 0.15),
        colour_tolerance=0.1,
    ),
    Codec("png", "PNG", "", (".png",)),
    Codec("tiff", "TIFF", "", (".tif", ".tiff")),
    Codec("exr", "OpenEXR", "", (".exr",)),
)
CODECS = {codec.name: codec for codec in _ALL}
_STILLS = {each: known.name for known in _ALL if known.is_sequence for each in known.endings}
_USUAL = {
    True: {".mov": "prores", ".webm": "vp9", ".mkv": "ffv1"},
    False: {".mov": "h264", ".mp4": "h264", ".webm": "vp9", ".mkv": "h264"},
}
_WITH_ALPHA = "ProRes 4444 (.mov), VP9 (.webm), FFV1 (.mkv), or numbered stills (out.%04d.png)"


def choose_codec(path: str | Path, codec: str | None, alpha: bool) -> Codec:
    """Choose how to write `path`: by its ending, or as `codec` (a name of CODECS) says.

    alpha: whether the file must hold alpha. Nothing is written.
    Raises OutputError where ending, codec and alpha do not fit, and where this build of FFmpeg
    has no such encoder; the sentence says what does fit.
    """
    ending = Path(path).suffix.lower()
    endings = sorted({each for known in _ALL for each in known.endings})
    if ending not in endings:
        raise OutputError(
            f"{path} has an ending that no clip can be written to: use {', '.join(endings)}."
        )
    if ending in _STILLS and not is_sequence(Path(path)):
        raise OutputError(
            f"{path} names one still, and a clip has many: put %04d in its place, "
            f"{Path(path).stem}.%04d{ending}."
        )
    name = codec.lower() if codec else _usual(ending, alpha)
    if name is None:
        raise OutputError(
            f"{path} would be an MP4, which holds no alpha: use {_WITH_ALPHA}, "
            "or give a new background with --over."
        )
    chosen = CODECS.get(name)
    if chosen is None:
        raise OutputError(f"{codec} is no codec that is written here: use {', '.join(CODECS)}.")
    if ending not in chosen.endings:
        raise OutputError(
            f"{path} cannot hold {chosen.title}: name the file "
            f"{' or '.join(Path(path).stem + each for each in chosen.endings)}, "
            "or choose another --codec."
        )
    if alpha and not chosen.holds_alpha:
        raise OutputError(
            f"{chosen.title} as it is written here holds no alpha: use {_WITH_ALPHA}, "
            "or give a new background with --over."
        )
    _check_encoder(chosen, alpha)
    return chosen


def pixel_format_of(codec: Codec, alpha: bool, bit_depth: int, height: int, width: int) -> str:
    """FFmpeg's pixel format: the shallowest with at least `bit_depth` bits, or the deepest."""
    if not alpha and codec.opaque_odd and (height % 2 or width % 2):
        return codec.opaque_odd
    formats = codec.transparent if alpha else codec.opaque
    return next((each for each in formats if bits_of(each) >= bit_depth), formats[-1])


def codec_notes(
    codec: Codec, *, alpha: bool, bit_depth: int, height: int, width: int
) -> tuple[str, ...]:
    """Tell what a user should know before the work starts, a phrase each."""
    if codec.is_sequence:
        return ()
    notes = []
    written = pixel_format_of(codec, alpha, bit_depth, height, width)
    if written == codec.opaque_odd:
        notes.append(
            f"{width} x {height} has an odd side, so {codec.title} is written as 4:4:4, "
            "which browsers and phones may not play"
        )
    if bits_of(written) < bit_depth:
        notes.append(f"{codec.title} is written with {bits_of(written)} of {bit_depth} bits")
    return tuple(notes)


def _usual(ending: str, alpha: bool) -> str | None:
    return _STILLS.get(ending) or _USUAL[alpha].get(ending)


def _check_encoder(codec: Codec, alpha: bool) -> None:
    if codec.is_sequence:
        return
    others: Sequence[str] = [name for name in CODECS if name != codec.name]
    if not _opens(codec.encoder, codec.opaque[0], codec.options):
        raise OutputError(
            f"{codec.title} cannot be written: the FFmpeg of this installation has no working "
            f"encoder {codec.encoder}. Use --codec with one of {', '.join(others)}."
        )
    if alpha and not _opens(codec.encoder, codec.transparent[0], codec.options):
        raise OutputError(
            f"{codec.title} with alpha cannot be written: the encoder {codec.encoder} of this "
            f"installation refuses alpha. Use {_WITH_ALPHA}."
        )


def quiet_encoders() -> None:
    """Keep SVT-AV1 from printing its settings; the log of FFmpeg itself is off in PyAV."""
    os.environ.setdefault("SVT_LOG", "1")


@cache
def _opens(encoder: str, pixel_format: str, options: tuple[tuple[str, str], ...]) -> bool:
    """Whether FFmpeg has the encoder and it takes the format: what it lists is not always so."""
    import av

    quiet_encoders()
    try:
        context: Any = av.CodecContext.create(encoder, "w")
        context.width, context.height, context.pix_fmt = 64, 64, pixel_format
        context.framerate, context.time_base = Fraction(25), Fraction(1, 25)
        context.options = dict(options)
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
