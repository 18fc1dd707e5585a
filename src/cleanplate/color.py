"""The sRGB curve, with operators only: one copy serves NumPy and torch."""

from typing import Any

Pixels = Any  # a NumPy array or a torch tensor; what comes in goes out


def srgb_to_linear(encoded: Pixels) -> Pixels:
    """Undo the sRGB curve (IEC 61966-2-1). Any shape, values 0..1 (clamp first)."""
    low = encoded <= 0.04045
    return low * (encoded / 12.92) + (1 - low * 1) * ((encoded + 0.055) / 1.055) ** 2.4


def linear_to_srgb(linear: Pixels) -> Pixels:
    """Apply the sRGB curve (IEC 61966-2-1). Any shape, values 0..1 (clamp first)."""
    low = linear <= 0.0031308
    return low * (linear * 12.92) + (1 - low * 1) * (1.055 * linear ** (1 / 2.4) - 0.055)
