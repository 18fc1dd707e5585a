"""Bytes of a still picture to upright, straight RGB or RGBA samples."""

import importlib
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from cleanplate.errors import InputError, MissingExtraError
from cleanplate.media import exr
from cleanplate.media.icc import Conversion

ASSOCIATED = 1  # of TIFF's extra samples: alpha that colours were multiplied with
MAX_SIDE = 16384
MAX_PIXELS = 170_000_000
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "BMP", "GIF")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
GREY = ("1", "L", "LA", "La")
TRANSPOSED = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: pixels.swapaxes(0, 1)[:, ::-1],
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: pixels.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class Samples:
    """What a file holds.

    pixels: H W 3 or H W 4 (alpha last). uint8 or uint16: sRGB-encoded, straight;
    float32: from an EXR, linear and premultiplied.
    notes: what had to be converted on the way, a phrase each.
    """

    pixels: NDArray[Any]
    notes: tuple[str, ...] = ()


def decode(path: Path, colour_managed: bool = True) -> Samples:
    """Read a still picture; EXIF orientation applied, embedded profile converted to sRGB.

    colour_managed: False leaves the numbers as they are (masks, where they mean coverage).
    Raises InputError for what is missing, damaged, animated, too large or of an unknown kind;
    MissingExtraError for HEIC without pillow-heif.
    """
    data = _bytes_of(path)
    if data.startswith(exr.MAGIC):
        _check_size(path, *exr.exr_size(path, data))
        return Samples(*exr.read_exr(path))
    with warnings.catch_warnings():
        # Pillow's remarks on odd metadata; and its alarm at large pictures, which we size up next.
        warnings.simplefilter("ignore")
        return _decode(path, data, colour_managed)


def size_of(path: Path) -> tuple[int, int]:
    """Height and width as the file's header has them; no pixel is decoded.

    Raises InputError for what is missing, of an unknown kind or too large to be read.
    """
    data = _bytes_of(path)
    if data.startswith(exr.MAGIC):
        size = exr.exr_size(path, data)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = _open(path, data)
        size = (image.height, image.width)
    _check_size(path, *size)
    return size


def is_single_gif(path: Path) -> bool:
    """Whether the file is a GIF of one picture, and so a still."""
    if path.suffix.lower() != ".gif" or not path.is_file():
        return False
    try:
        with Image.open(path, formats=("GIF",)) as image:
            return not getattr(image, "is_animated", False)
    except Exception:  # as many kinds as there are damages
        return False


def check_file(path: Path) -> None:
    """Raise InputError unless the path names a file. Raises OSError where it cannot be told."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, a picture file was expected: name a file in it.")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the name and the folder.")
    if not path.is_file():
        raise InputError(f"{path} is a device or a pipe, a file was expected: save it as one.")


def _bytes_of(path: Path) -> bytes:
    try:
        check_file(path)
        data = path.read_bytes()
    except OSError as problem:
        raise InputError(f"{path} cannot be read ({problem.strerror}).") from problem
    if not data:
        raise InputError(f"{path} is empty (0 bytes): copy or export it again.")
    return data


def _decode(path: Path, data: bytes, colour_managed: bool) -> Samples:
    image = _open(path, data)
    _check_size(path, image.height, image.width)
    try:
        _check_single(path, image)
        image.load()
        if _bits(image, data) == 16 and image.mode not in ("CMYK", "RGBa"):
            return _deep(path, image, data, colour_managed)
        ImageOps.exif_transpose(image, in_place=True)
        return _shallow(path, image, colour_managed)
    except InputError:
        raise
    except Exception as problem:  # decoders raise many kinds for damaged files
        raise InputError(
            f"{path} is damaged or incomplete ({_first_line(problem)}): copy or export it again."
        ) from problem


def _open(path: Path, data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        _enable_heic(path)
    known = [name for name in FORMATS if name in _registered_formats()]
    try:
        return Image.open(BytesIO(data), formats=known)
    except Image.DecompressionBombError as problem:
        raise InputError(_too_large(path, "far")) from problem
    except Exception as problem:
        raise InputError(
            f"{path} is not a picture that can be read: "
            "JPEG, PNG, WebP, TIFF (8 or 16 bit), HEIC or EXR was expected."
        ) from problem


def _registered_formats() -> dict[str, Any]:
    Image.init()
    return Image.OPEN


def _enable_heic(path: Path) -> None:
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError as problem:
        raise MissingExtraError(
            f"{path} is HEIC, which needs an optional package: "
            'pip install "cleanplate[heic]", or export the picture as JPEG.'
        ) from problem


def _check_size(path: Path, height: int, width: int) -> None:
    if max(height, width) > MAX_SIDE or height * width > MAX_PIXELS:
        raise InputError(_too_large(path, f"{width} x {height} pixels,"))


def _too_large(path: Path, size: str) -> str:
    return (
        f"{path} is {size} too large: at most {MAX_SIDE} pixels a side and "
        f"{MAX_PIXELS // 1_000_000} megapixels can be cut, so scale it down first."
    )


def _check_single(path: Path, image: Image.Image) -> None:
    # An MPO is a photo with a depth or gain map behind it, a TIFF may carry a preview:
    # their first picture is the one meant. GIF, PNG, WebP, AVIF with several are animations.
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format not in ("MPO", "TIFF", "HEIF"):
        raise InputError(
            f"{path} is an animation of {count} pictures, a still was expected: "
            "export the one you want."
        )


def _bits(image: Image.Image, data: bytes) -> int:
    """Bits of a sample as the file stores them (Pillow's modes do not tell 16 from 8)."""
    if image.format == "PNG":
        return data[24]
    if image.format == "TIFF":
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        unsigned = all(kind == 1 for kind in tags.get(339, (1,)))
        return int(max(tags.get(258, (1,)))) if unsigned else 0
    return 8


def _deep(path: Path, image: Image.Image, data: bytes, colour_managed: bool) -> Samples:
    """16-bit grey, RGB or RGBA through OpenCV, which keeps all bits."""
    stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise InputError(f"{path} is a 16-bit picture of an unusual kind: save it as 16-bit PNG.")
    if image.format == "PNG":  # for TIFF the decoder has turned the picture already
        stored = TRANSPOSED.get(image.getexif().get(274, 1), lambda pixels: pixels)(stored)
    notes = []
    if stored.ndim == 2 or image.mode in GREY or image.mode.startswith("I"):
        notes.append("greyscale, read as RGB")
    if stored.ndim == 2:
        stored = np.repeat(stored[..., None], 3, axis=2)
    order = [2, 1, 0, 3][: stored.shape[2]]
    pixels: NDArray[Any] = np.ascontiguousarray(stored[..., order])
    if image.format == "TIFF" and tuple(image.tag_v2.get(338, ())) == (ASSOCIATED,):  # type: ignore[attr-defined]
        pixels = _straight(pixels)
    profile = image.info.get("icc_profile")
    if profile and colour_managed:
        try:
            conversion = Conversion(profile, "L" if notes else "RGB")
            if conversion.changes_colours:
                pixels = _convert_deep(conversion, pixels, notes)
        except Exception:  # a damaged profile is met as any of half a dozen kinds
            notes.append("its colour profile is damaged and was ignored")
    return Samples(pixels, tuple(notes))


def _straight(pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Divide colours (H W 4) by the alpha that they were multiplied with."""
    alpha = pixels[..., 3:].astype(np.float32) / 65535
    colour = np.minimum(np.rint(pixels[..., :3] / np.maximum(alpha, 1 / 65535)), 65535)
    return np.concatenate([colour.astype(np.uint16), pixels[..., 3:]], axis=2)


def _convert_deep(
    conversion: Conversion, pixels: NDArray[np.uint16], notes: list[str]
) -> NDArray[Any]:
    colour = conversion.in_16_bits(pixels[..., :3])
    notes.append(f"converted from {conversion.name} to sRGB")
    if colour is not None:
        return np.concatenate([colour, pixels[..., 3:]], axis=2)
    notes.append("in 8 bits, because that profile is made of tables")
    coarse = np.rint(pixels / 257).astype(np.uint8)
    converted = np.asarray(conversion(Image.fromarray(np.ascontiguousarray(coarse[..., :3]))))
    return np.concatenate([converted, coarse[..., 3:]], axis=2)


def _shallow(path: Path, image: Image.Image, colour_managed: bool) -> Samples:
    """8 bits through Pillow, from whatever mode."""
    notes: list[str] = []
    alpha = None
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA"))[..., 3:]
    if image.mode in ("P", "PA"):
        notes.append("palette colours, read as RGB")
        image = image.convert("RGBA").convert("RGB")
    elif image.mode in GREY:
        notes.append("greyscale, read as RGB")
        image = image.convert("L")
    elif image.mode == "CMYK":
        notes.append("CMYK, converted to RGB: colours may differ from print")
    elif image.mode in ("RGB", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV"):
        image = image.convert("RGBA" if alpha is not None else "RGB").convert("RGB")
    else:
        raise InputError(
            f"{path} has samples of an unusual kind ({image.mode}): save it as 8- or 16-bit RGB."
        )
    if colour_managed:
        image = _to_srgb(image, notes)
    pixels: NDArray[np.uint8] = np.asarray(image.convert("RGB"))
    if alpha is not None:
        pixels = np.concatenate([pixels, alpha], axis=2)
    return Samples(pixels, tuple(notes))


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile:
        return image
    try:
        conversion = Conversion(profile, image.mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        notes.append("its colour profile is damaged or of another kind of picture: ignored")
        return image
    if not conversion.changes_colours:
        return image
    notes.append(f"converted from {conversion.name} to sRGB")
    return conversion(image)


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [""])[0].rstrip(".") or type(problem).__name__
