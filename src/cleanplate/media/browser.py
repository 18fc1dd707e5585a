"""What browsers send and show: kinds of files told by their content, pictures as bytes."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cleanplate.errors import InputError
from cleanplate.media import exr
from cleanplate.media.decode import HEIC_BRANDS

Picture = NDArray[np.float32]

HEAD = 64  # bytes at the start of a file that tell its kind
QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # over a local connection time counts more than size


def still_ending(head: bytes) -> str | None:
    """Choose the ending for a still picture with these first bytes; None where it is none."""
    starts = (
        (b"\x89PNG\r\n\x1a\n", ".png"),
        (b"\xff\xd8\xff", ".jpg"),
        (b"II*\0", ".tif"),
        (b"MM\0*", ".tif"),
        (b"BM", ".bmp"),
        (exr.MAGIC, ".exr"),
    )
    for start, ending in starts:
        if head.startswith(start):
            return ending
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ".webp"
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
        return ".heic"
    if head[4:8] == b"ftyp" and head[8:12] == b"avif":
        return ".avif"
    return None


def clip_ending(head: bytes) -> str | None:
    """Choose the ending for a video which begins with these bytes; None where it is none of these.

    Only containers that hold their own pictures: FFmpeg would follow a playlist to other files.
    """
    if still_ending(head):
        return None
    if head[4:8] == b"ftyp":
        return ".mov" if head[8:12] == b"qt  " else ".mp4"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return ".mov"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return ".webm" if b"webm" in head else ".mkv"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    return ".y4m" if head.startswith(b"YUV4MPEG2 ") else None


def jpeg_bytes(picture: NDArray[Any], quality: int = 90, full_colour: bool = True) -> bytes:
    """Encode H W 3 or H W 1 (float 0..1, or uint8) as JPEG.

    full_colour: keep the colour of every pixel; otherwise of every second one, as videos do.
    """
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if full_colour:
        settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encoded(".jpg", _to_bytes(picture), settings)


def png_bytes(picture: NDArray[Any], alpha: Picture | None = None) -> bytes:
    """Encode H W 3 or H W 1 (float 0..1, or uint8) as PNG, with alpha H W 1 where it is given."""
    samples = _to_bytes(picture)
    if alpha is not None:
        samples = np.concatenate([samples, _to_bytes(alpha)], axis=2)
    return _encoded(".png", samples, QUICK)


def frame_of_jpeg(data: bytes, most: int) -> NDArray[np.uint8]:
    """Decode the JPEG of a camera's frame: H W 3 uint8 RGB, of at most `most` pixels.

    Raises InputError for whatever else it is.
    """
    try:
        size = Image.open(BytesIO(data), formats=["JPEG"]).size
    except Exception as problem:  # damaged headers are met as any of half a dozen kinds
        raise InputError("A frame of the camera is no JPEG: send JPEG pictures.") from problem
    if min(size) < 16 or size[0] * size[1] > most:
        raise InputError(
            f"A frame of the camera is {size[0]} x {size[1]} pixels: at least 16 a side and at "
            f"most {most / 1e6:.1f} megapixels were expected."
        )
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if decoded is None:
        raise InputError("A frame of the camera is damaged: send it again.")
    return np.asarray(decoded, np.uint8)


def _to_bytes(picture: NDArray[Any]) -> NDArray[np.uint8]:
    if picture.dtype == np.uint8:
        return picture
    samples: NDArray[np.uint8] = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    return samples


def _encoded(ending: str, samples: NDArray[np.uint8], settings: list[int]) -> bytes:
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(samples.shape[2])
    _, data = cv2.imencode(
        ending, samples if order is None else cv2.cvtColor(samples, order), settings
    )
    return bytes(data)
