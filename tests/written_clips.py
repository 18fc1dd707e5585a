"""Clips written with cleanplate's own writer, for tests of writing, verifying and joining."""

from fractions import Fraction

import numpy as np

from cleanplate.media.clip_codecs import choose_codec
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_headers import Timing
from cleanplate.media.clip_write import ClipWriter
from clips import marked

UNSAID = ColourTags(None, None, None, None)
SDR = ColourTags("bt709", "bt709", "bt709", "tv")
STEADY = Timing(Fraction(1, 25), Fraction(25), UNSAID)
TRANSPARENT = [
    ("prores", ".mov"),
    ("vp9", ".webm"),
    ("vp9", ".mkv"),
    ("ffv1", ".mkv"),
    ("qtrle", ".mov"),
]
OPAQUE = [("h264", ".mp4"), ("h264", ".mov"), ("h264", ".mkv"), ("hevc", ".mp4"), ("av1", ".webm")]


def soft_disc(height, width, index=0):
    """Alpha H W 1 with a soft edge, fine strands above, and both ends of its span."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    disc = (0.3 * height - np.hypot(columns - width / 2 - index, rows - height / 2)) / 4 + 0.5
    strands = (np.sin(columns * 0.9 + index) * 3 - 2) * (rows < 0.4 * height)
    return np.clip(np.maximum(disc, strands), 0, 1)[..., None].astype(np.float32)


def whole(samples, bits):
    """0..1 to whole numbers over the full span of their type."""
    kind = np.uint8 if bits == 8 else np.uint16
    return np.rint(samples * np.iinfo(kind).max).astype(kind)


def unit(samples):
    return samples.astype(np.float64) / np.iinfo(samples.dtype).max


def write(path, name=None, count=4, timing=STEADY, alpha=True, bits=8, size=(64, 96), times=None):
    """Write frames that know their number; returns alpha as it was sent, by index."""
    codec = choose_codec(path, name, alpha)
    sent = [whole(soft_disc(*size, index), bits) if alpha else None for index in range(count)]
    times = times or [(index, 1) for index in range(count)]
    with ClipWriter(path, codec, *size, timing, alpha=alpha, bit_depth=bits) as writer:
        for index, (pts, duration) in enumerate(times):
            writer.write(whole(marked(index, *size), bits), sent[index], pts, duration)
    return sent
