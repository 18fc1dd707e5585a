"""Embedded ICC profiles: colours of any profile become sRGB."""

import struct
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from cleanplate.color import linear_to_srgb

# Two 8-bit levels: profiles called sRGB differ by about one through rounding.
SAME_COLOURS = 2

# The columns are the sRGB primaries in XYZ, adapted to the D50 of ICC's connection space.
SRGB_TO_XYZ = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)


class Conversion:
    """An embedded profile's way to sRGB, for pictures of one Pillow mode.

    mode: "RGB", "L" or "CMYK".
    Raises ImageCms.PyCMSError where the profile is damaged or not made for such pictures.
    """

    def __init__(self, profile: bytes, mode: str) -> None:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        self.name = ImageCms.getProfileDescription(source).strip() or "unnamed"
        self._profile = profile
        self._transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        self.changes_colours = mode == "CMYK" or not self._keeps(mode)

    def __call__(self, image: Image.Image) -> Image.Image:
        """Convert an 8-bit picture of the mode given at the start to 8-bit sRGB."""
        converted = ImageCms.applyTransform(image, self._transform)
        assert converted is not None  # None only for in-place conversion
        return converted

    def in_16_bits(self, pixels: NDArray[np.uint16]) -> NDArray[np.uint16] | None:
        """H W 3 uint16 of this profile as uint16 sRGB, or None for a profile made of tables.

        Pillow's colour management takes RGB in 8 bits only; profiles of cameras, displays and
        editing spaces are a curve for each channel and a matrix, which is easily done here.
        """
        parts = _curves_and_matrix(self._profile)
        if parts is None:
            return None
        curves, to_xyz = parts
        levels = np.linspace(0.0, 1.0, 65536)
        light = np.stack(
            [
                _apply_curve(curve, levels).astype(np.float32)[pixels[..., channel]]
                for channel, curve in enumerate(curves)
            ],
            axis=-1,
        )
        to_srgb = (np.linalg.inv(SRGB_TO_XYZ) @ to_xyz).astype(np.float32)
        encoded = linear_to_srgb(np.clip(light @ to_srgb.T, 0.0, 1.0))
        return np.asarray(np.rint(encoded * 65535), np.uint16)

    def _keeps(self, mode: str) -> bool:
        """Whether a grid over all colours comes out as it went in."""
        steps = np.linspace(0, 255, 9).astype(np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
        before = grid if mode == "RGB" else np.repeat(grid[..., :1], 3, axis=2)
        after = np.asarray(self(Image.fromarray(before if mode == "RGB" else before[..., 0])))
        return int(np.abs(after.astype(int) - before).max()) <= SAME_COLOURS


def _curves_and_matrix(profile: bytes) -> tuple[list[bytes], NDArray[np.float64]] | None:
    """Tone curve tags of the three channels and the matrix to XYZ; None if there are none."""
    (count,) = struct.unpack_from(">I", profile, 128)
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        tags[name] = profile[offset : offset + size]
    if b"kTRC" in tags:  # a grey profile
        return [tags[b"kTRC"]] * 3, SRGB_TO_XYZ
    wanted = [b"rTRC", b"gTRC", b"bTRC", b"rXYZ", b"gXYZ", b"bXYZ"]
    if not all(name in tags for name in wanted):
        return None
    columns = [struct.unpack_from(">3i", tags[name], 8) for name in wanted[3:]]
    return [tags[name] for name in wanted[:3]], np.array(columns).T / 65536


def _apply_curve(tag: bytes, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Apply a `curv` or `para` tone curve (ICC.1:2010, 10.5 and 10.15) to values 0..1."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return values
        samples = np.frombuffer(tag, ">u2", count, 12).astype(np.float64)
        if count == 1:
            return np.asarray(values ** (samples[0] / 256))
        return np.asarray(np.interp(values, np.linspace(0.0, 1.0, count), samples / 65535))
    (kind,) = struct.unpack_from(">H", tag, 8)
    numbers = np.frombuffer(tag, ">i4", (1, 3, 4, 5, 7)[kind], 12) / 65536
    gamma, scale, shift, slope, border, above, below = np.pad(numbers, (0, 7 - len(numbers)))
    if kind == 0:
        return np.asarray(values**gamma)
    if kind in (1, 2):
        above = below = numbers[3] if kind == 2 else 0.0
        slope, border = 0.0, -shift / scale
    curve = np.maximum(scale * values + shift, 0.0) ** gamma + above
    return np.asarray(np.where(values >= border, curve, slope * values + below))
