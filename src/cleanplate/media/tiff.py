"""TIFF as the cutout needs it: 16 bits, and an alpha that is declared as straight.

OpenCV writes 16-bit RGBA but leaves out ExtraSamples, so a reader may take the fourth channel for
anything; Pillow declares it but has no 16-bit RGB. The part of TIFF 6.0 that is needed is small.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

STRIP_BYTES = 1 << 18
SHORT, LONG = 3, 4


def write_tiff(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write H W C, C 1 (grey), 3 (RGB) or 4 (straight RGBA), uint8 or uint16, losslessly.

    Deflate with the horizontal predictor, strips of about 256 kB, little-endian.
    Raises OSError where the file cannot be written.
    """
    height, width, channels = pixels.shape
    bits = pixels.dtype.itemsize * 8
    rows = max(1, STRIP_BYTES // (width * channels * pixels.dtype.itemsize))
    strips = [_strip(pixels[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    offsets = [8 + sum(lengths[:index]) for index in range(len(strips))]
    entries = [
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [bits] * channels),
        (259, SHORT, [8]),  # Deflate
        (262, SHORT, [1 if channels == 1 else 2]),  # black is zero, or RGB
        (273, LONG, offsets),
        (274, SHORT, [1]),  # upright
        (277, SHORT, [channels]),
        (278, LONG, [rows]),
        (279, LONG, lengths),
        (284, SHORT, [1]),  # channels interleaved
        (317, SHORT, [2]),  # horizontal predictor
    ]
    if channels == 4:
        entries.append((338, SHORT, [2]))  # the extra sample is unassociated (straight) alpha
    directory_at = 8 + sum(lengths)
    padding = b"\0" * (directory_at % 2)  # a directory starts on an even byte
    directory = _directory(entries, directory_at + len(padding))
    header = struct.pack("<2sHI", b"II", 42, directory_at + len(padding))
    with path.open("wb") as file:
        file.write(header)
        file.writelines(strips)
        file.write(padding + directory)


def _strip(rows: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Rows as differences to the left neighbour (modulo the sample's range), deflated."""
    differences = rows.copy()
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.astype(differences.dtype.newbyteorder("<")).tobytes(), 6)


def _directory(entries: list[tuple[int, int, list[int]]], at: int) -> bytes:
    """Lay out the image file directory for byte `at`, then the values too long for an entry."""
    values_at = at + 2 + 12 * len(entries) + 4
    table, values = struct.pack("<H", len(entries)), b""
    for tag, kind, numbers in entries:
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == SHORT else 'I'}", *numbers)
        if len(packed) > 4:
            field = struct.pack("<I", values_at + len(values))
            values += packed
        else:
            field = packed.ljust(4, b"\0")
        table += struct.pack("<HHI", tag, kind, len(numbers)) + field
    return table + struct.pack("<I", 0) + values
