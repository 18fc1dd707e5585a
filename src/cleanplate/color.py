"""The sRGB curve, with operators only: one copy serves NumPy and torch."""

from typing import TypeVar

Pixels = TypeVar("Pixels")


def srgb_to_linear(encoded: Pixels) -> Pixels:
    """Undo the sRGB curve (IEC 61966-2-1).

    Any shape, values 0..1 (clamp first); array in, array of the same kind out.
    """
    low = encoded <= 0.04045  # type: ignore[operator]
    curve = ((encoded + 0.055) / 1.055) ** 2.4  # type: ignore[operator]
    return low * (encoded / 12.92) + (1 - low * 1.0) * curve  # type: ignore[operator,no-any-return]


def linear_to_srgb(linear: Pixels) -> Pixels:
    """Apply the sRGB curve (IEC 61966-2-1).

    Any shape, values 0..1 (clamp first); array in, array of the same kind out.
    """
    low = linear <= 0.0031308  # type: ignore[operator]
    curve = 1.055 * linear ** (1 / 2.4) - 0.055  # type: ignore[operator]
    return low * (linear * 12.92) + (1 - low * 1.0) * curve  # type: ignore[operator,no-any-return]
