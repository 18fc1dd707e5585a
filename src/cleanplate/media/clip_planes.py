"""RGB pictures to the planes of a video frame, ready to encode."""

import math
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.media.clip_colour import LUMA_WEIGHTS, ColourTags

Samples = NDArray[Any]  # uint8 or uint16

BAND = 64  # rows, even: two share their chroma
STEP = 32  # columns, likewise
PACKED = ("rgb24", "argb", "bgra", "bgr0")
_CHANNELS = {"r": 0, "g": 1, "b": 2}


def is_rgb(pixel_format: str) -> bool:
    """Whether FFmpeg's pixel format stores R, G and B, so that no matrix is needed."""
    return pixel_format in PACKED or pixel_format.startswith("gbr")


@cache
def bits_of(pixel_format: str) -> int:
    """Bits of a sample in FFmpeg's pixel format: 8, 10, 12 or 16."""
    import av

    return int(av.VideoFormat(pixel_format).components[0].bits)


def at_depth(samples: Samples | NDArray[np.float32], bits: int) -> Samples:
    """Scale samples to whole numbers of `bits` bits, rounded.

    samples: H W C float32 0..1 (clipped), or whole numbers that use their uint8 or uint16 fully.
    Returns H W C uint8 for 8 bits, uint16 with values up to 2 ** bits - 1 otherwise.
    """
    full = float(2**bits - 1)
    kind = np.dtype(np.uint8 if bits == 8 else np.uint16)
    if samples.dtype == kind and bits in (8, 16):
        return samples
    most = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    if samples.dtype.kind == "f":
        samples = np.asarray(samples, np.float32)
        if bits not in (8, 16):  # there OpenCV clips what is beyond the type
            samples = np.clip(samples, 0.0, 1.0)
    depth = cv2.CV_8U if bits == 8 else cv2.CV_16U
    # Half the time of `multiply` by a number, which computes in double precision.
    scaled = cv2.addWeighted(samples, full / most, samples, 0.0, 0.0, dtype=depth)
    return np.asarray(scaled).reshape(samples.shape)


def frame_of(
    picture: Samples | NDArray[np.float32],
    alpha: Samples | NDArray[np.float32] | None,
    pixel_format: str,
    colour: ColourTags,
) -> Any:
    """Make a video frame (av.VideoFrame) of a picture, straight colour.

    picture: H W 3 RGB; alpha: H W 1, left out where the format holds none; both as `at_depth`
    takes them. colour: its matrix and range are those of the frame.
    """
    import av

    height, width = picture.shape[:2]
    frame = av.VideoFrame(width, height, pixel_format)
    black = whole_numbers(np.zeros_like(picture[:2]), picture)
    empty = _planes(black, black[..., :1], pixel_format, colour)
    pixels = [_pixels(plane, lines) for plane, lines in zip(frame.planes, empty, strict=True)]
    if alpha is not None:
        for plane, lines in zip(pixels, empty, strict=True):
            plane[:] = lines[:1]
    # A few rows at a time: they stay in the processor's cache, and no more memory is taken.
    # Of those, what lies beside the subject is left as it is now: most of a frame is.
    for top in range(0, height, BAND):
        band = np.s_[top : top + BAND]
        left, right = (0, width) if alpha is None else _in_use(picture[band], alpha[band])
        box = np.s_[band, left:right]
        part = whole_numbers(picture[box], picture)
        part_alpha = None if alpha is None else whole_numbers(alpha[box], picture)
        planes = _planes(part, part_alpha, pixel_format, colour)
        for plane, samples in zip(pixels, planes, strict=True):
            down, across = top * plane.shape[0] // height, left * plane.shape[1] // width
            plane[down:, across:][: samples.shape[0], : samples.shape[1]] = samples
    return frame


def _pixels(plane: Any, like: Samples) -> Samples:
    """View a plane of a frame as an array to write to, H W, or H W C where `like` has C."""
    rows = np.frombuffer(plane, like.dtype).reshape(plane.height, -1)
    shape = (plane.height, plane.width, *like.shape[2:])
    return rows[:, : math.prod(shape[1:])].reshape(shape)


def _in_use(picture: Samples, alpha: Samples) -> tuple[int, int]:
    """Find the first and last + 1 of the columns beyond which all is black and transparent.

    picture: H W 3; alpha: H W 1. Both are even, and no pixel beyond them shares its chroma with
    one between them that is not black.
    """
    columns = np.flatnonzero(alpha.max(axis=0))
    first, last = (int(columns[0]), int(columns[-1])) if len(columns) else (0, 0)
    left, right = max(first - 1, 0) // STEP * STEP, ((last + 1) // STEP + 1) * STEP
    flat = picture.reshape(len(picture), -1)
    if cv2.hasNonZero(flat[:, : 3 * left]) or cv2.hasNonZero(flat[:, 3 * right :]):
        return 0, picture.shape[1]
    return left, right


def whole_numbers(samples: Samples | NDArray[np.float32], like: Samples) -> Samples:
    """Bring samples to 8 bits where `like` has 8, else to 16."""
    return at_depth(samples, 8 if like.dtype == np.uint8 else 16)


def _planes(
    picture: Samples, alpha: Samples | None, pixel_format: str, colour: ColourTags
) -> list[Samples]:
    if is_rgb(pixel_format):
        return _rgb_planes(picture, alpha, pixel_format)
    planes = _yuv_planes(picture, pixel_format, colour)
    if pixel_format.startswith("yuva"):
        planes.append(_opaque_or(alpha, picture, bits_of(pixel_format))[..., 0])
    return planes


def _opaque_or(alpha: Samples | None, picture: Samples, bits: int) -> Samples:
    if alpha is None:
        alpha = np.full((*picture.shape[:2], 1), np.iinfo(picture.dtype).max, picture.dtype)
    return at_depth(alpha, bits)


def _rgb_planes(picture: Samples, alpha: Samples | None, pixel_format: str) -> list[Samples]:
    bits = bits_of(pixel_format)
    scaled = at_depth(picture, bits)
    if pixel_format not in PACKED:
        planes = [np.ascontiguousarray(scaled[..., _CHANNELS[name]]) for name in "gbr"]
        if pixel_format.startswith("gbra"):
            planes.append(_opaque_or(alpha, picture, bits)[..., 0])
        return planes
    if pixel_format == "rgb24":
        return [scaled]
    packed = np.empty((*picture.shape[:2], 4), np.uint8)
    for position, letter in enumerate(pixel_format):
        if letter in _CHANNELS:
            packed[..., position] = scaled[..., _CHANNELS[letter]]
        else:
            packed[..., position] = _opaque_or(alpha if letter == "a" else None, picture, 8)[..., 0]
    return [packed]


def _yuv_planes(picture: Samples, pixel_format: str, colour: ColourTags) -> list[Samples]:
    bits = bits_of(pixel_format)
    deep = at_depth(picture, 16)
    scale, offset = _span(colour.range_, bits)
    rows = np.column_stack([_matrix(colour.matrix) * scale[:, None] / 65535, offset])
    if "420" in pixel_format:
        chroma = cv2.transform(_at_chroma_sites(deep), rows[1:])
        planes = [cv2.transform(deep, rows[:1]), *cv2.split(chroma)]
    else:
        planes = [*cv2.split(cv2.transform(deep, rows))]
    return [_clipped(plane, bits, colour.range_) for plane in planes]


def _at_chroma_sites(deep: Samples) -> Samples:
    """Average a picture to half its size, at the places where 4:2:0 has its chroma.

    They lie on the even columns and between two rows ("left", what H.264 takes for granted), so
    the weights are 1 2 1 across and 1 1 down: the mean of two boxes, one column apart.
    An odd side is continued by its last line.
    """
    height, width = deep.shape[:2]
    down, across = height % 2, width % 2
    wider = cv2.copyMakeBorder(deep, 0, down, 1, across, cv2.BORDER_REPLICATE)
    even, earlier = wider[:, 1:], wider[:, : width + across]
    size = ((width + across) // 2, (height + down) // 2)
    boxes = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (even, earlier)]
    return np.asarray(cv2.addWeighted(boxes[0], 0.5, boxes[1], 0.5, 0.0))


def _clipped(plane: Samples, bits: int, range_: str | None) -> Samples:
    """Bring samples that were computed in 16 bits into `bits`: full range can overshoot by one."""
    if bits == 8:
        return np.asarray(cv2.convertScaleAbs(plane))
    if range_ == "pc":
        np.minimum(plane, 2**bits - 1, out=plane)
    return plane


@cache
def _matrix(name: str | None) -> NDArray[np.float64]:
    """R, G, B in 0..1 to Y in 0..1 and Cb, Cr in -0.5..0.5 (H.273, table 4)."""
    red, blue = LUMA_WEIGHTS[name or "bt709"]
    luma = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    return np.stack([luma, cb, cr])


def _span(range_: str | None, bits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and offset from Y 0..1 and Cb, Cr -0.5..0.5 to whole numbers."""
    one, middle = 2 ** (bits - 8), 2 ** (bits - 1)
    if range_ == "pc":
        full = 2**bits - 1
        return np.array([full, full, full], float), np.array([0, middle, middle], float)
    return np.array([219, 224, 224]) * float(one), np.array([16 * one, middle, middle], float)
