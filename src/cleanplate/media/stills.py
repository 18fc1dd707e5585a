"""Still pictures: files to float arrays and back. The one place that knows their formats."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.color import linear_to_srgb
from cleanplate.composite import unpremultiply
from cleanplate.errors import InputError, OutputError
from cleanplate.media.decode import decode
from cleanplate.media.encode import LOSSY_ENDINGS, encode, samples_of, verify
from cleanplate.media.replacing import replacing

Picture = NDArray[np.float32]

MIN_SIDE = 16
TRANSPARENT_ENDINGS = (".png", ".webp", ".tif", ".tiff", ".exr")
ENDINGS = TRANSPARENT_ENDINGS + LOSSY_ENDINGS
# Masks drawn over a scaled copy of the frame are welcome; those of another crop are not.
MASK_ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True)
class Still:
    """A picture as it was read.

    picture: H W 3 float32, 0..1, sRGB-encoded, upright, straight.
    alpha: H W 1 float32, 0..1, or None where the file has no alpha channel.
    bit_depth: of a sample in the file: 8, 16, or 32 for the floating point of EXR.
    notes: what had to be converted on the way, a phrase each.
    """

    picture: Picture
    alpha: Picture | None
    bit_depth: int
    notes: tuple[str, ...] = ()


class ForegroundAndAlpha(Protocol):
    """What a cutout has: foreground H W 3 and alpha H W 1, straight, sRGB-encoded, 0..1."""

    @property
    def alpha(self) -> Picture: ...  # noqa: D102
    @property
    def foreground(self) -> Picture: ...  # noqa: D102


def read_still(path: str | os.PathLike[str]) -> Still:
    """Read JPEG, PNG, WebP, TIFF, HEIC (extra) or EXR.

    EXIF orientation is applied, an embedded colour profile converted to sRGB; EXR is encoded to
    sRGB and clipped to 0..1.
    Raises InputError in words for whatever cannot be used, MissingExtraError for HEIC without its
    package.
    """
    return _read(Path(path), colour_managed=True)


def read_mask(
    path: str | os.PathLike[str], size: tuple[int, int], alpha: bool | None = None
) -> Picture:
    """Read a mask for a frame of `size` (height, width): H W 1 float32, 0..1, white is 1.

    Its numbers are taken as they are stored, without a colour profile or the curve of EXR.
    alpha: whether its alpha channel is the mask, or its brightness; None: where that channel is not
    opaque everywhere. A mask of another size but the frame's shape is scaled.
    Raises InputError as `read_still`, and for a mask of another shape.
    """
    still = _read(Path(path), colour_managed=False)
    if alpha is None:
        alpha = still.alpha is not None and bool(still.alpha.min() < 1)
    return mask_of(still.picture, still.alpha if alpha else None, size, path)


def mask_of(
    picture: Picture, alpha: Picture | None, size: tuple[int, int], path: str | os.PathLike[str]
) -> Picture:
    """Make a mask for a frame of `size` of a picture, as `read_mask` does; path: for sentences.

    picture: h w 3, alpha: h w 1, which is taken then, or None, 0..1.
    """
    mask = picture.mean(axis=2, keepdims=True, dtype=np.float32) if alpha is None else alpha
    if mask.shape[:2] == size:
        return mask
    (height, width), (mask_height, mask_width) = size, mask.shape[:2]
    if abs(mask_width * height / (mask_height * width) - 1) > MASK_ASPECT_TOLERANCE:
        raise InputError(
            f"{path} is {mask_width} x {mask_height} pixels and the frame {width} x {height}: "
            "draw the mask over the frame, at its size."
        )
    way = cv2.INTER_AREA if mask_width > width else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask, (width, height), interpolation=way), np.float32)[..., None]


def write_still(
    path: str | os.PathLike[str], picture: Picture, alpha: Picture | None = None, bit_depth: int = 8
) -> None:
    """Write one picture; whole and read back, or not at all. See `write_stills`."""
    write_stills({Path(path): (picture, alpha)}, bit_depth)


def write_cutout(
    path: str | os.PathLike[str], cutout: ForegroundAndAlpha, bit_depth: int = 8
) -> None:
    """Write foreground and alpha as one RGBA picture. See `write_stills`."""
    write_stills({Path(path): (cutout.foreground, cutout.alpha)}, bit_depth)


def write_stills(files: Mapping[Path, tuple[Picture, Picture | None]], bit_depth: int = 8) -> None:
    """Write pictures that belong together: all are verified before the first takes its place.

    files: by path, a picture H W 3 (or H W 1, grey), sRGB-encoded, 0..1, straight, and its alpha
    H W 1 or None. The ending chooses the format: PNG, WebP and TIFF hold straight colour, EXR
    premultiplied linear, JPEG no alpha.
    bit_depth: 8, 16 or 32. PNG and TIFF: 16 from 16 on. EXR: half for 8, float from 16 on.
    Others: always 8.
    Raises OutputError where a file cannot be written or does not read back as it was meant.
    """
    for path, (_, alpha) in files.items():
        _check_ending(path, alpha)
    with ExitStack() as stack:
        for path, (picture, alpha) in files.items():
            temporary = stack.enter_context(replacing(path))
            samples = samples_of(temporary.suffix.lower(), picture, alpha, bit_depth)
            encode(path, temporary, samples)
            verify(path, temporary, samples)


def _read(path: Path, colour_managed: bool) -> Still:
    samples = decode(path, colour_managed)
    pixels, notes = samples.pixels, samples.notes
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(
            f"{path} is {width} x {height} pixels, at least {MIN_SIDE} x {MIN_SIDE} were "
            "expected: choose a larger picture."
        )
    if pixels.dtype == np.float32 and not colour_managed:
        stored = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0)
        return Still(stored[..., :3], stored[..., 3:] if pixels.shape[2] == 4 else None, 32, notes)
    if pixels.dtype == np.float32:
        return _from_linear(pixels, notes)
    scaled = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    alpha = scaled[..., 3:] if pixels.shape[2] == 4 else None
    return Still(scaled[..., :3], alpha, pixels.dtype.itemsize * 8, notes)


def _from_linear(pixels: Picture, notes: tuple[str, ...]) -> Still:
    """Premultiplied linear to straight sRGB-encoded."""
    pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
    light, alpha = pixels[..., :3], None
    if pixels.shape[2] == 4:
        alpha = np.clip(pixels[..., 3:], 0.0, 1.0)
        light = unpremultiply(light, alpha)
    if light.max(initial=0.0) > 1.001:  # rounding of half floats is no highlight
        notes = (*notes, "values above 1 were clipped to white")
    encoded = linear_to_srgb(np.clip(light, 0.0, 1.0))
    return Still(encoded.astype(np.float32, copy=False), alpha, 32, notes)


def _check_ending(path: Path, alpha: Picture | None) -> None:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise OutputError(
            f"{path} has an ending that cannot be written: use one of {', '.join(ENDINGS)}."
        )
    if alpha is not None and ending in LOSSY_ENDINGS:
        raise OutputError(
            f"{path} is a JPEG, which holds no transparency: use .png, or give a new background."
        )
