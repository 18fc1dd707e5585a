"""Decoded frames to RGB, with the right matrix and range, whatever their pixel format."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError

Pixels = NDArray[Any]

# The numbers of ITU-T H.273, by the names that FFmpeg gives them.
PRIMARIES = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "film",
    9: "bt2020",
    10: "smpte428",
    11: "smpte431",
    12: "smpte432",
    22: "ebu3213",
}
TRANSFERS = {
    1: "bt709",
    4: "bt470m",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "linear",
    9: "log100",
    10: "log316",
    11: "iec61966-2-4",
    12: "bt1361e",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    17: "smpte428",
    18: "arib-std-b67",
}
MATRICES = {
    0: "gbr",
    1: "bt709",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
}
RANGES = {1: "tv", 2: "pc"}
# Weights of red and blue in luma (H.273 table 4).
LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
    "bt2020c": (0.2627, 0.0593),  # constant luminance: taken for its sibling, close for most hues
}


@dataclass(frozen=True)
class ColourTags:
    """What a file says about its colours, in FFmpeg's names; None where it says nothing."""

    primaries: str | None
    transfer: str | None
    matrix: str | None
    range_: str | None


@dataclass(frozen=True)
class YuvCode:
    """How YUV samples are to be decoded: a key of LUMA_WEIGHTS, full or limited range."""

    matrix: str
    full_range: bool


def tags_of(frame: Any, context: Any) -> ColourTags:
    """Colour tags of a decoded frame, or where it says nothing of its stream's codec context."""

    def said(names: dict[int, str], attribute: str) -> str | None:
        return names.get(int(getattr(frame, attribute))) or names.get(
            int(getattr(context, attribute))
        )

    matrix = said(MATRICES, "colorspace")
    range_ = said(RANGES, "color_range")
    if frame.format.name.startswith("yuvj"):
        range_ = "pc"
    return ColourTags(
        said(PRIMARIES, "color_primaries"), said(TRANSFERS, "color_trc"), matrix, range_
    )


def yuv_code(tags: ColourTags, frame: Any) -> YuvCode:
    """Matrix and range to decode with; what is not said is guessed as players do it.

    No matrix: BT.2020 where the primaries are, BT.709 from 1280 wide or 720 high on, else BT.601.
    No range: limited for YUV, full for grey.
    Raises InputError for a matrix that cannot be decoded here (ICtCp, YCgCo).
    """
    matrix = tags.matrix
    if matrix is None or (matrix == "gbr" and not frame.format.is_rgb):
        high_definition = frame.width >= 1280 or frame.height >= 720
        matrix = "bt709" if high_definition else "smpte170m"
        if tags.primaries == "bt2020":
            matrix = "bt2020nc"
    if matrix not in LUMA_WEIGHTS and not frame.format.is_rgb:
        raise InputError(
            f"Its colours are coded as {matrix}, which cannot be read here: "
            "convert the clip to BT.709 or BT.2020 YCbCr first."
        )
    grey = len(frame.format.components) < 3
    return YuvCode(matrix, tags.range_ == "pc" or (grey and tags.range_ is None))


def bit_depth(pixel_format: Any) -> int:
    """Bits of the deepest component of an av.VideoFormat."""
    return 8 if pixel_format.has_palette else max(part.bits for part in pixel_format.components)


def has_alpha(pixel_format: Any) -> bool:
    """Whether an av.VideoFormat carries alpha (a palette may)."""
    return pixel_format.has_palette or any(part.is_alpha for part in pixel_format.components)


def to_rgb(frame: Any, code: YuvCode) -> tuple[Pixels, Pixels | None]:
    """Turn an av.VideoFrame into RGB, H W 3, and its alpha, H W 1 or None.

    uint8 for up to 8 bits, uint16 above, both over the whole range of the type: nominal white is
    255 or 65535. Chroma is interpolated (between luma sites as MPEG-2 and later place it), because
    swscale's fast way repeats it, which frays coloured edges, and is up to three levels off.
    """
    pixel_format = frame.format
    parts = pixel_format.components
    depth = bit_depth(pixel_format)
    apart = len({part.plane for part in parts}) == len(parts)
    if 8 <= depth <= 16 and apart and not pixel_format.has_palette:
        planes = [_plane(frame, part.plane, depth) for part in parts]
        alpha = planes.pop() if has_alpha(pixel_format) else None
        if pixel_format.is_rgb:
            picture = cv2.merge([_stretched(plane, depth) for plane in planes])
        else:
            picture = _from_yuv(planes, depth, code, pixel_format.name.startswith("yuvj"))
        return picture, None if alpha is None else _stretched(alpha, depth)[..., None]
    if pixel_format.is_rgb or pixel_format.has_palette or len(parts) < 3:
        return _from_packed_rgb(frame, depth)
    return to_rgb(frame.reformat(format=_planar_name(frame, depth)), code)


def _plane(frame: Any, index: int, depth: int) -> Pixels:
    plane = frame.planes[index]
    order = ">u2" if frame.format.is_big_endian else "<u2"
    kind = np.dtype(np.uint8) if depth == 8 else np.dtype(order)
    rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
    return rows[: plane.height, : plane.width].astype(kind.newbyteorder("="), copy=False)


def _stretched(plane: Pixels, depth: int) -> Pixels:
    """Stretch samples of `depth` bits to their type's whole range: leading bits repeated below."""
    if depth in (8, 16):
        return plane
    return (plane << (16 - depth)) | (plane >> (2 * depth - 16))


def _from_yuv(planes: list[Pixels], depth: int, code: YuvCode, centred: bool) -> Pixels:
    luma = planes[0]
    height, width = luma.shape
    if len(planes) == 1:  # grey
        planes = [luma, *[np.full_like(luma, 1 << (depth - 1))] * 2]
    chroma = [_at_luma_sites(plane, height, width, centred) for plane in planes[1:]]
    return cv2.transform(cv2.merge([luma, *chroma]), _to_rgb_matrix(code, depth))


def _at_luma_sites(chroma: Pixels, height: int, width: int, centred: bool) -> Pixels:
    """Interpolate a chroma plane to the size of luma.

    Rows lie half-way between those of luma; columns on every second one of luma, or half-way too
    where `centred` (JPEG).
    """
    rows, columns = chroma.shape
    twice_wide = columns == (width + 1) // 2 and width > 1
    if chroma.shape != (height, columns) and rows == (height + 1) // 2:
        chroma = cv2.resize(chroma, (columns, 2 * rows))[:height]
    if columns == width:
        return chroma
    if not twice_wide or centred:  # a quarter of the columns (DV, old formats) lies centred enough
        ratio = -(-width // columns)
        return cv2.resize(chroma, (columns * ratio, height))[:, :width]
    after = np.concatenate([chroma[:, 1:], chroma[:, -1:]], axis=1)
    between = cv2.addWeighted(chroma, 0.5, after, 0.5, 0)
    return cv2.merge([chroma, between]).reshape(height, 2 * columns)[:, :width]


@lru_cache(maxsize=16)
def _to_rgb_matrix(code: YuvCode, depth: int) -> Pixels:
    """3 x 4: YUV samples of `depth` bits and 1, to RGB over the whole range of the type."""
    red, blue = LUMA_WEIGHTS[code.matrix]
    green = 1 - red - blue
    step = 1 << (depth - 8)
    highest = 255 if depth == 8 else 65535
    top = (1 << depth) - 1
    low, luma, chroma = (0, top, top) if code.full_range else (16 * step, 219 * step, 224 * step)
    from_u, from_v = 2 * (1 - blue), 2 * (1 - red)
    matrix = highest * np.array(
        [
            [1 / luma, 0, from_v / chroma],
            [1 / luma, -blue * from_u / green / chroma, -red * from_v / green / chroma],
            [1 / luma, from_u / chroma, 0],
        ]
    )
    offset = matrix @ np.array([low, 1 << (depth - 1), 1 << (depth - 1)])
    return np.hstack([matrix, -offset[:, None]])


def _from_packed_rgb(frame: Any, depth: int) -> tuple[Pixels, Pixels | None]:
    alpha = has_alpha(frame.format)
    name = ("rgba" if alpha else "rgb24") if depth <= 8 else ("rgba64le" if alpha else "rgb48le")
    plane = frame.reformat(format=name).planes[0]
    kind, channels = (np.uint8 if depth <= 8 else np.uint16), 4 if alpha else 3
    rows = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width * channels]
    pixels: Pixels = rows.reshape(plane.height, plane.width, channels)
    if not alpha:
        return pixels, None
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), cv2.extractChannel(pixels, 3)[..., None]


def _planar_name(frame: Any, depth: int) -> str:
    """Name the planar format of the same samples as a packed or semi-planar YUV format."""
    wide, high = frame.format.chroma_width(8), frame.format.chroma_height(8)
    sampling = {(8, 8): "444", (4, 8): "422", (4, 4): "420", (2, 8): "411"}[wide, high]
    a = "a" if has_alpha(frame.format) else ""
    return f"yuv{a}{sampling}p" + (f"{16 if a else depth}le" if depth > 8 else "")
