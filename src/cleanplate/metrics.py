"""How far a matte is from the truth: the metrics that matting papers report.

Every function returns one number, already scaled. The same scales serve both conventions:

- mad, mse, foreground_mse, composite_error: the mean over the region x 1e3
- sad, gradient_error, connectivity_error: the sum over the region / 1000
- dtssd: the mean over pairs of frames x 1e2; messddt: the same x 1e3

Robust Video Matting (Lin et al. 2021) measures the whole frame: `region=None`.
BackgroundMattingV2 (Lin et al. 2020) measures the unknown band: `region=unknown_band(alpha_true)`.

Arrays are H W or H W 1 (clips: T H W or T H W 1). Floating point is taken as it is, 0..1 and not
clipped; integers are divided by the greatest value of their type. All sums are in float64.
A region is an array of the same shape, counted where it is greater than 0.
All raise InputError for other arrays (H W 3 is taken for colours) and where shapes differ.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.errors import InputError

Array = NDArray[Any]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def mad(alpha: Array, alpha_true: Array, region: Array | None = None) -> float:
    """Mean absolute difference x 1e3 (RVM's scale)."""
    return float(np.abs(_difference(alpha, alpha_true, region)).mean() * 1e3)


def mse(alpha: Array, alpha_true: Array, region: Array | None = None) -> float:
    """Mean squared difference x 1e3 (the scale of RVM and of BackgroundMattingV2)."""
    return float((_difference(alpha, alpha_true, region) ** 2).mean() * 1e3)


def sad(alpha: Array, alpha_true: Array, region: Array | None = None) -> float:
    """Sum of absolute differences / 1000 (BackgroundMattingV2's scale)."""
    return float(np.abs(_difference(alpha, alpha_true, region)).sum() / 1e3)


def gradient_error(
    alpha: Array, alpha_true: Array, region: Array | None = None, *, stretch: bool = False
) -> float:
    """Sum of squared differences of gradient magnitudes / 1000 (Rhemann et al. 2009).

    First-order Gaussian derivatives, sigma 1.4, in a 9 x 9 window (where the Gaussian falls below
    1e-2), normalised so that the squares of the kernel sum to 1; the border is replicated.
    stretch: stretch each matte to 0..1 first, as the Matlab code that later papers use and RVM do.
    It changes nothing where both reach 0 and 1, and it forgives a matte of too little contrast,
    so it is off. alpha, alpha_true: H W or H W 1.
    """
    mattes = [_picture(alpha, "alpha"), _picture(alpha_true, "alpha_true")]
    counted = _counted(mattes[0], mattes[1], region)
    if stretch:
        mattes = [(matte - matte.min()) / (np.ptp(matte) or 1) for matte in mattes]
    magnitude, magnitude_true = (_gradient_magnitude(matte) for matte in mattes)
    return float(((magnitude - magnitude_true) ** 2)[counted].sum() / 1e3)


def connectivity_error(alpha: Array, alpha_true: Array, region: Array | None = None) -> float:
    """Sum of differences in connectedness / 1000 (Rhemann et al. 2009; theta 0.15, step 0.1).

    At each of the thresholds 0.1, 0.2 .. 1 the largest 4-connected part of what reaches it in both
    mattes is the body; l is the last threshold at which a pixel belongs to all bodies so far.
    A pixel is unconnected by d = alpha - l where d >= 0.15, else by nothing.
    Of several largest parts the one whose first pixel comes first counts.
    alpha, alpha_true: H W or H W 1.
    """
    predicted = _picture(alpha, "alpha")
    truth = _picture(alpha_true, "alpha_true")
    counted = _counted(predicted, truth, region)
    level = _connected_level(np.minimum(predicted, truth))
    difference = _unconnected(predicted, level) - _unconnected(truth, level)
    return float(np.abs(difference)[counted].sum() / 1e3)


def foreground_mse(
    foreground: Array, foreground_true: Array, alpha_true: Array, region: Array | None = None
) -> float:
    """Mean squared difference of the straight foreground x 1e3, where alpha_true > 0 (as RVM).

    foreground, foreground_true: H W 3, sRGB-encoded, 0..1; the mean is over pixels and channels.
    alpha_true: H W or H W 1. Raises InputError where nothing is foreground, too.
    """
    visible = _picture(alpha_true, "alpha_true") > 0
    if region is not None:
        visible &= _mask(region, visible.shape)
    colours, colours_true = _colours(foreground, "foreground"), _colours(foreground_true, "truth")
    _same_shape(colours, colours_true)
    _same_shape(colours[..., 0], visible)
    if not visible.any():
        raise InputError("alpha_true is 0 everywhere: there is no foreground colour to compare.")
    return float(((colours - colours_true) ** 2)[visible].mean() * 1e3)


def composite_error(
    alpha: Array,
    alpha_true: Array,
    foreground: Array,
    foreground_true: Array,
    new_background: Array,
    region: Array | None = None,
) -> float:
    """Mean squared difference of two composites over the same new background x 1e3.

    It is what a viewer sees of the errors in alpha and in the foreground together; both are mixed
    sRGB-encoded (`cleanplate.composite.over`). foreground, foreground_true, new_background: H W 3,
    0..1; alpha, alpha_true: H W or H W 1; the mean is over pixels and channels.
    """
    predicted = _picture(alpha, "alpha")
    truth = _picture(alpha_true, "alpha_true")
    counted = _counted(predicted, truth, region)
    background = _colours(new_background, "new_background")
    colours, colours_true = _colours(foreground, "foreground"), _colours(foreground_true, "truth")
    for picture in (colours, colours_true, background):
        _same_shape(picture[..., 0], truth)
    composite = predicted[..., None] * (colours - background)
    composite_true = truth[..., None] * (colours_true - background)
    return float(((composite - composite_true) ** 2)[counted].mean() * 1e3)


def dtssd(alpha: Array, alpha_true: Array, region: Array | None = None) -> float:
    """Flicker: root mean squared difference of the changes from frame to frame x 1e2 (RVM's scale).

    Erofeev et al. 2015. The mean over the T - 1 pairs of frames; RVM's tables also count a 0 for
    the first frame, so they are smaller by (T - 1) / T. A region that changes from frame to frame
    counts where it holds in the pair's first frame; a pair without a region counts 0.
    alpha, alpha_true: T H W or T H W 1, T >= 2.
    """
    predicted, truth, counted = _clips(alpha, alpha_true, region)
    square = (np.diff(predicted, axis=0) - np.diff(truth, axis=0)) ** 2
    pairs = [_mean_of(pair, mask) ** 0.5 for pair, mask in zip(square, counted[:-1], strict=True)]
    return float(np.mean(pairs) * 1e2)


def messddt(
    alpha: Array, alpha_true: Array, region: Array | None = None, *, flow: Array | None = None
) -> float:
    """Flicker along the motion: how the squared error changes from frame to frame x 1e3.

    Erofeev et al. 2015: |e(t, p) - e(t + 1, p + v)| with e = (alpha - alpha_true)^2 and v the
    motion of alpha_true, rounded to whole pixels and clamped to the frame; the mean over the
    region in the pair's first frame, then over the T - 1 pairs.
    flow: T-1 H W 2 (x, y), pixels from each frame to the next; without it Farneback's optical
    flow of alpha_true at 8 bits (pyramid 0.5, 5 levels, window 10, 2 iterations, polynomials of 7
    and 1.5, Gaussian window). alpha, alpha_true: T H W or T H W 1, T >= 2.
    """
    predicted, truth, counted = _clips(alpha, alpha_true, region)
    motion = _motion(truth) if flow is None else _numbers(flow, "The flow")
    if motion.shape != (len(truth) - 1, *truth.shape[1:], 2):
        raise InputError(f"The flow is {motion.shape}; expected H W 2 for each pair of frames.")
    error = (predicted - truth) ** 2
    rows, columns = np.indices(truth.shape[1:])
    pairs = []
    for now, after, shift, mask in zip(error[:-1], error[1:], motion, counted[:-1], strict=True):
        x = np.clip(columns + np.rint(shift[..., 0]).astype(int), 0, truth.shape[2] - 1)
        y = np.clip(rows + np.rint(shift[..., 1]).astype(int), 0, truth.shape[1] - 1)
        pairs.append(_mean_of(np.abs(now - after[y, x]), mask))
    return float(np.mean(pairs) * 1e3)


def unknown_band(alpha_true: Array, radius: int = 10) -> Mask:
    """Where a trimap made from the truth says unknown: the region of BackgroundMattingV2's tables.

    Everything within `radius` pixels (chessboard distance) of 0.06 < alpha_true < 0.96.
    alpha_true: H W or H W 1. Returns H W, bool. An alpha without such pixels has an empty band.
    radius: 0 or more.
    """
    if not isinstance(radius, (int, np.integer)) or radius < 0:
        raise InputError(f"The radius is {radius!r}; expected a whole number of pixels, 0 or more.")
    truth = _picture(alpha_true, "alpha_true")
    fractional = ((truth > 0.06) & (truth < 0.96)).astype(np.uint8)
    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    return cv2.dilate(fractional, window) > 0


def _difference(alpha: Array, alpha_true: Array, region: Array | None) -> Floats:
    """Difference of each pixel that counts: n."""
    predicted, truth = _fractions(alpha, "alpha"), _fractions(alpha_true, "alpha_true")
    counted = _counted(predicted, truth, region)
    return (predicted - truth)[counted]


def _gradient_magnitude(matte: Floats) -> Floats:
    sigma, epsilon = 1.4, 1e-2
    half = int(np.ceil(sigma * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * sigma * epsilon))))
    offset = np.arange(-half, half + 1)
    gauss = np.exp(-(offset**2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    slope = -offset * gauss / sigma**2
    # The two-dimensional kernel is their outer product, so its norm is the product of theirs.
    gauss, slope = gauss / np.linalg.norm(gauss), slope / np.linalg.norm(slope)
    border = cv2.BORDER_REPLICATE
    across = cv2.sepFilter2D(matte, cv2.CV_64F, slope, gauss, borderType=border)
    down = cv2.sepFilter2D(matte, cv2.CV_64F, gauss, slope, borderType=border)
    magnitude: Floats = np.sqrt(across**2 + down**2)
    return magnitude


def _connected_level(both: Floats) -> Floats:
    level = np.ones_like(both)
    body = np.ones(both.shape, bool)
    for step in range(1, 11):
        # i / 10, not i * 0.1: 153 / 255 reaches 0.6 and must not miss it by a rounding error.
        reached = (both >= step / 10).astype(np.uint8)
        _, labels, stats, _ = cv2.connectedComponentsWithStats(reached, connectivity=4)
        sizes = stats[1:, cv2.CC_STAT_AREA]
        kept = labels == 1 + sizes.argmax() if len(sizes) else np.zeros(both.shape, bool)
        level[body & ~kept] = (step - 1) / 10
        body &= kept
    return level


def _unconnected(matte: Floats, level: Floats) -> Floats:
    excess = matte - level
    return np.where(excess >= 0.15, excess, 0.0)


def _motion(truth: Floats) -> Array:
    frames = np.rint(truth * 255).clip(0, 255).astype(np.uint8)
    flags = cv2.OPTFLOW_FARNEBACK_GAUSSIAN
    flow = np.zeros((len(frames) - 1, *frames.shape[1:], 2), np.float32)
    for now, after, field in zip(frames[:-1], frames[1:], flow, strict=True):
        cv2.calcOpticalFlowFarneback(now, after, field, 0.5, 5, 10, 2, 7, 1.5, flags)
    return flow


def _clips(alpha: Array, alpha_true: Array, region: Array | None) -> tuple[Floats, Floats, Mask]:
    predicted = _fractions(alpha, "alpha", three=True)  # pixels wide, of a clip
    truth = _fractions(alpha_true, "alpha_true", three=True)
    if truth.ndim != 3 or len(truth) < 2:
        raise InputError(f"alpha_true is {truth.shape}; expected two frames or more, T H W.")
    return predicted, truth, _counted(predicted, truth, region)


def _mean_of(values: Floats, mask: Mask) -> float:
    return float(values[mask].mean()) if mask.any() else 0.0


def _picture(matte: Array, name: str) -> Floats:
    picture = _fractions(matte, name)
    if picture.ndim != 2:
        raise InputError(f"{name} is {picture.shape}; expected one matte, H W or H W 1.")
    return picture


def _colours(picture: Array, name: str) -> Floats:
    values = _fractions(picture, name, three=True)
    if values.ndim != 3 or values.shape[-1] != 3:
        raise InputError(f"{name} is {values.shape}; expected a colour picture, H W 3.")
    return values


def _fractions(values: Array, name: str, three: bool = False) -> Floats:
    values = _numbers(values, name)
    scale = np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else 1
    fractions = values.astype(np.float64) / scale
    if fractions.ndim < 2 or not fractions.size:
        raise InputError(f"{name} is {fractions.shape}; expected a picture that is not empty, H W.")
    if fractions.ndim > 2 and fractions.shape[-1] == 1:
        fractions = fractions[..., 0]
    if not three and (fractions.ndim > 3 or fractions.shape[2:] == (3,)):
        raise InputError(f"{name} is {values.shape}; expected one matte, H W, or a clip, T H W.")
    return fractions


def _numbers(values: Array, name: str) -> Array:
    values = np.asarray(values)
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise InputError(f"{name} holds values that are not numbers; expected real, finite ones.")
    return values


def _counted(alpha: Floats, alpha_true: Floats, region: Array | None) -> Mask:
    _same_shape(alpha, alpha_true)
    if region is None:
        return np.ones(alpha.shape, bool)
    mask = _mask(region, alpha.shape)
    if not mask.any():
        raise InputError("The region is empty: there is nothing to measure. Give a larger one.")
    return mask


def _mask(region: Array, shape: tuple[int, ...]) -> Mask:
    mask = _numbers(region, "The region") > 0
    if mask.ndim > 2 and mask.shape[-1] == 1 and mask.shape != shape:
        mask = mask[..., 0]
    if mask.shape != shape and mask.shape != shape[1:]:
        raise InputError(f"The region is {mask.shape} and the matte {shape}; they must agree.")
    return np.broadcast_to(mask, shape)


def _same_shape(alpha: Array, alpha_true: Array) -> None:
    if alpha.shape != alpha_true.shape:
        sizes = f"{alpha.shape} against {alpha_true.shape}"
        raise InputError(f"The pictures differ in size, {sizes}: bring them to one size first.")
