"""The compositing equation I = alpha F + (1 - alpha) B, with operators only.

One copy serves NumPy (H W C) and torch (N C H W): alpha keeps its channel axis.
"""

from typing import TypeVar

from cleanplate.color import linear_to_srgb, srgb_to_linear

Pixels = TypeVar("Pixels")


def over(
    foreground: Pixels, alpha: Pixels, new_background: Pixels, linear: bool = False
) -> Pixels:
    """Place a straight foreground over a new background.

    foreground, new_background: sRGB-encoded, 0..1, H W 3 (or N 3 H W).
    alpha: 0..1, H W 1 (or N 1 H W).
    linear: mix in linear light, as light itself mixes; the result is encoded again.
    Returns the composite, shaped as the foreground. (Section 3 of the paper.)
    """
    if linear:
        mixed = over(srgb_to_linear(foreground), alpha, srgb_to_linear(new_background))
        return linear_to_srgb(mixed)
    return alpha * foreground + (1 - alpha) * new_background  # type: ignore[operator,no-any-return]


def premultiply(foreground: Pixels, alpha: Pixels) -> Pixels:
    """foreground x alpha; shapes as in `over`."""
    return foreground * alpha  # type: ignore[operator,no-any-return]


def unpremultiply(foreground_premultiplied: Pixels, alpha: Pixels) -> Pixels:
    """Straight foreground from a premultiplied one; where alpha is 0 it stays as it is."""
    empty = (alpha <= 0) * 1.0  # type: ignore[operator]
    return foreground_premultiplied / (alpha + empty)  # type: ignore[operator,no-any-return]
