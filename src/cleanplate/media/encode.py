"""Pictures to the samples of a file, and a look whether they arrived."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cleanplate.color import srgb_to_linear
from cleanplate.composite import premultiply
from cleanplate.errors import CleanplateError, OutputError
from cleanplate.media.decode import decode
from cleanplate.media.exr import read_exr, write_exr
from cleanplate.media.tiff import write_tiff

Picture = NDArray[np.float32]

LOSSY_ENDINGS = (".jpg", ".jpeg")


def samples_of(
    ending: str, picture: Picture, alpha: Picture | None, bit_depth: int
) -> NDArray[Any]:
    """Turn a picture into what a file of this ending holds, H W C.

    picture, alpha, bit_depth: as in `stills.write_stills`. ending: lower case, with its dot.
    A picture of one channel is a matte: EXR holds its numbers, without the curve.
    """
    matte = picture.shape[2] == 1
    picture = np.clip(picture, 0.0, 1.0)
    if picture.shape[2] == 1 and ending not in (".png", ".tif", ".tiff"):
        picture = np.repeat(picture, 3, axis=2)
    parts = [picture]
    if alpha is not None:
        parts.append(np.clip(alpha, 0.0, 1.0))
    if ending == ".exr":
        parts[0] = picture if matte else srgb_to_linear(picture)
        if alpha is not None:
            parts[0] = premultiply(parts[0], parts[1])
        return np.concatenate(parts, axis=2).astype(np.float16 if bit_depth == 8 else np.float32)
    deep = bit_depth > 8 and ending in (".png", ".tif", ".tiff")
    kind = np.uint16 if deep else np.uint8
    return np.rint(np.concatenate(parts, axis=2) * np.iinfo(kind).max).astype(kind)


def encode(path: Path, temporary: Path, samples: NDArray[Any]) -> None:
    """Write samples of `samples_of` to `temporary`, which is to become `path`.

    Raises OutputError for what the format cannot hold, OSError where the disk refuses.
    """
    ending = temporary.suffix.lower()
    channels = samples.shape[2]
    if ending == ".exr":
        write_exr(temporary, samples)
    elif ending in (".tif", ".tiff"):
        write_tiff(temporary, samples)
    elif ending == ".png":
        order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
        _, encoded = cv2.imencode(".png", np.ascontiguousarray(samples[..., order]))
        temporary.write_bytes(encoded.tobytes())
    elif ending == ".webp":
        try:
            # `exact` keeps the straight colour where alpha is 0.
            Image.fromarray(samples).save(temporary, lossless=True, exact=True, method=2)
        except ValueError as problem:
            raise OutputError(
                f"{path} cannot be written (WebP holds 16383 pixels a side): use .png."
            ) from problem
    else:
        Image.fromarray(samples).save(temporary, quality=95, subsampling=0)


def verify(path: Path, temporary: Path, samples: NDArray[Any]) -> None:
    """Read the file back and compare: a full disk or a faulty encoder shows here.

    Raises OutputError where samples differ (of a JPEG: where the size does).
    """
    try:
        if temporary.suffix.lower() == ".exr":
            found: NDArray[Any] = read_exr(temporary)[0]
        else:
            found = decode(temporary, colour_managed=False).pixels
    except CleanplateError as problem:
        raise OutputError(f"{path} was written but cannot be read back.") from problem
    if samples.shape[2] == 1:
        found = found[..., :1]
    if samples.shape[2] == 4 and found.shape[2] == 3:  # WebP drops an alpha that is 1 everywhere
        opaque = np.full_like(found[..., :1], np.iinfo(found.dtype).max)
        found = np.concatenate([found, opaque], axis=2)
    lossy = temporary.suffix.lower() in LOSSY_ENDINGS
    same = found.shape == samples.shape and (lossy or np.array_equal(found, samples))
    if not same:
        raise OutputError(f"{path} did not read back as it was written: check the disk.")
