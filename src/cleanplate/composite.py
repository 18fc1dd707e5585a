"""The compositing equation I = alpha F + (1 - alpha) B, with operators only.

One copy serves NumPy (H W C) and torch (N C H W): alpha keeps its channel axis.
"""

from cleanplate.color import Pixels, linear_to_srgb, srgb_to_linear

SOLID = 0.975  # alpha above which the foreground is the frame itself (the paper's threshold)


def over(foreground: Pixels, alpha: Pixels, new_background: Pixels, linear: bool = False) -> Pixels:
    """Place a straight foreground over a new background (section 3 of the paper).

    foreground, new_background: sRGB-encoded, 0..1, H W 3 (or N 3 H W).
    alpha: 0..1, H W 1 (or N 1 H W).
    linear: mix in linear light, as light itself mixes; the result is encoded again.
    Returns the composite, shaped as the foreground.
    """
    if linear:
        mixed = over(srgb_to_linear(foreground), alpha, srgb_to_linear(new_background))
        return linear_to_srgb(mixed)
    return alpha * foreground + (1 - alpha) * new_background


def premultiply(foreground: Pixels, alpha: Pixels) -> Pixels:
    """Foreground x alpha; shapes as in `over`."""
    return foreground * alpha


def unpremultiply(foreground_premultiplied: Pixels, alpha: Pixels) -> Pixels:
    """Straight foreground from a premultiplied one; where alpha is 0 it stays as it is."""
    return foreground_premultiplied / (alpha + (alpha <= 0) * 1)
