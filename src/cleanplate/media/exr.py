"""OpenEXR: premultiplied, linear, as its specification asks for."""

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError

# One at a time: who came second would keep what the first had put in place, for good.
_SILENCE = Lock()
MAGIC = b"\x76\x2f\x31\x01"


def read_exr(path: Path) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read the first part: H W 3 or H W 4 as stored (linear; premultiplied), and notes.

    The array covers the display window; where the data window leaves it uncovered it is 0.
    Raises InputError for a damaged file and for one without R, G, B or Y channels.
    """
    import OpenEXR

    try:
        with _without_library_messages():
            file = OpenEXR.File(str(path))
            header, channels = file.header(), file.channels()
            stored = {name: np.array(channel.pixels) for name, channel in channels.items()}
    except Exception as problem:  # the library raises several kinds for damaged files
        raise InputError(f"{path} is damaged or incomplete: export the EXR again.") from problem
    notes: list[str] = []
    if "RGBA" in stored or "RGB" in stored:
        pixels = stored["RGBA"] if "RGBA" in stored else stored["RGB"]
    elif "Y" in stored and stored["Y"].ndim == 2:
        pixels = np.repeat(stored["Y"][..., None], 3, axis=2)
        notes.append("greyscale, read as RGB")
    else:
        names = ", ".join(sorted(stored)) or "none"
        raise InputError(
            f"{path} has no plain R, G, B channels (it has {names}): "
            "export a single-layer RGB or RGBA EXR."
        )
    if "chromaticities" in header:
        notes.append("its primaries were taken for those of sRGB (Rec. 709)")
    return _in_display_window(pixels.astype(np.float32), header), tuple(notes)


def exr_size(path: Path, data: bytes) -> tuple[int, int]:
    """Height and width of the larger of display and data window, from the first header in `data`.

    Parsed here, because the library's header-only reading came after its version 3.3.
    Raises InputError where the header is damaged.
    """
    heights, widths = [0], [0]
    try:
        at = 8  # after the magic number and the version
        while data[at] != 0:
            name, kind, rest = data[at : at + 600].split(b"\0", 2)
            at += len(name) + len(kind) + 2
            (length,) = struct.unpack_from("<i", rest)
            if name in (b"dataWindow", b"displayWindow"):
                left, top, right, bottom = struct.unpack_from("<4i", rest, 4)
                heights.append(bottom - top + 1)
                widths.append(right - left + 1)
            at += 4 + max(length, 0)
    except (IndexError, ValueError, struct.error) as problem:
        raise InputError(f"{path} is damaged or incomplete: export the EXR again.") from problem
    return max(heights), max(widths)


def write_exr(path: Path, pixels: NDArray[np.float16] | NDArray[np.float32]) -> None:
    """Write H W 3 or H W 4 (linear, premultiplied), half or float, ZIP-compressed.

    Raises OSError where the library cannot write.
    """
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    name = "RGBA" if pixels.shape[2] == 4 else "RGB"
    try:
        OpenEXR.File(header, {name: np.ascontiguousarray(pixels)}).write(str(path))
    except RuntimeError as problem:
        raise OSError(str(problem)) from problem


def _in_display_window(pixels: NDArray[np.float32], header: dict[str, Any]) -> NDArray[np.float32]:
    """Crop overscan away and pad a partial data window, so that the whole frame comes out."""
    data_low, _ = header["dataWindow"]
    low, high = header["displayWindow"]
    width, height = int(high[0]) - int(low[0]) + 1, int(high[1]) - int(low[1]) + 1
    left, top = int(data_low[0]) - int(low[0]), int(data_low[1]) - int(low[1])
    if (left, top) == (0, 0) and pixels.shape[:2] == (height, width):
        return pixels
    whole = np.zeros((height, width, pixels.shape[2]), np.float32)
    rows = slice(max(top, 0), min(top + pixels.shape[0], height))
    columns = slice(max(left, 0), min(left + pixels.shape[1], width))
    if rows.start < rows.stop and columns.start < columns.stop:
        whole[rows, columns] = pixels[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return whole


@contextmanager
def _without_library_messages() -> Iterator[None]:
    """Keep what the library prints about damaged files off the terminal: we say it once.

    Its C part writes to the error descriptor, its Python part to sys.stdout.
    """
    with _SILENCE:
        sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 2)
            with redirect_stdout(StringIO()):
                yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
