"""The soft prior: a rough guess of where the subject is, and trimaps.

The paper erodes, dilates and blurs a person segmentation, so that the network
looks for the true edge itself. Here the segmentation may also be what differs from the plate.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.channels import largest
from cleanplate.errors import InputError

Picture = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIDE = 512  # longer side in pixels on which the paper's numbers hold
DEEPEST_SHADOW = 0.4  # of the plate's brightness; darker than that is a thing
DEEP_SHADOW = 0.6  # from here on a shadow becomes doubtful
LIGHTEST = 1.08  # of the plate's brightness: light that the subject throws back
SPECK = 0.0004  # of the picture's area
SAID_BY_PLATE = 0.2  # share of a joined prior; chosen on held-out samples
JOINED_SIDE = 256  # longer side on which it is found; the network was trained on as much


def soften(mask: Picture) -> Picture:
    """Make a soft prior of a mask as the paper does.

    mask: H W 1, 0..1. Returns H W 1, 0..1: eroded by 5 x 5 five times, dilated ten times,
    blurred by 5 x 5 with sigma 5, all at 512 pixels and scaled with the picture.
    """
    _check_one_channel("mask", mask)
    height, width = mask.shape[:2]
    small = _shrink(np.ascontiguousarray(mask[:, :, 0]))
    scale = max(small.shape) / SIDE
    eroded = cv2.erode(small, _square(10 * scale))
    dilated = cv2.dilate(eroded, _square(20 * scale))
    reach = 2 * max(round(2 * scale), 1) + 1
    blurred = cv2.GaussianBlur(dilated, (reach, reach), 5 * scale)
    return _enlarge(_floats(blurred), height, width)


def estimate_prior(
    frame: Picture, aligned_plate: Picture, valid: Picture | None = None, side: int = SIDE
) -> Picture:
    """Guess where the subject is from its difference to the plate alone.

    frame, aligned_plate: H W 3, 0..1, sRGB-encoded; the plate lies on the frame in its
    colours. valid: H W 1, 0 where the plate does not cover the frame; None for everywhere.
    side: pixels of the longer side at which it looks at most.
    Returns the softened guess, H W 1, 0..1. Everything that is new counts, however many pieces it
    has; soft shadows do not.
    """
    if frame.shape != aligned_plate.shape:
        raise InputError(
            f"The frame has shape {frame.shape}, the plate {aligned_plate.shape}: align the "
            "plate to the frame first."
        )
    height, width = frame.shape[:2]
    small_frame, small_plate = _shrink(frame, side), _shrink(aligned_plate, side)
    known = np.ones(small_frame.shape[:2], dtype=bool)
    if valid is not None:
        known = _shrink(valid[:, :, 0], side) > 0.99
    mask = _tidy(_differs(small_frame, small_plate, known))
    if not known.all() and known.any():
        mask = _extend(mask, known)
    return _enlarge(soften(mask.astype(np.float32)[:, :, None])[:, :, 0], height, width)


def differing(frame: Picture, aligned_plate: Picture, valid: Picture | None = None) -> Picture:
    """Do what `estimate_prior` does, as coarsely as it is wanted for `join_priors`."""
    return estimate_prior(frame, aligned_plate, valid, JOINED_SIDE)


def join_priors(people: Picture, different: Picture) -> Picture:
    """Make one prior of where people are and of what differs from the plate (see `differing`).

    All H W 1, 0..1. The four cases stay apart (both, one, the other, none), so that the network
    can tell an arm that a segmenter missed from the background, and the shadow of a person, which
    it may take for one, from the person.
    """
    return people + np.float32(SAID_BY_PLATE) * (different - people)


JOINED = differing, join_priors  # as `Model` takes them


def trimap(alpha: Picture, band: float = 0.0) -> Picture:
    """Trimap of an alpha matte: 0 background, 0.5 unknown, 1 foreground.

    alpha: H W 1, 0..1. band: pixels by which the unknown is widened to both sides.
    """
    _check_one_channel("alpha", alpha)
    near = _square(band)
    sure = cv2.erode((alpha[:, :, 0] > 0.98).astype(np.uint8), near)
    possible = cv2.dilate((alpha[:, :, 0] > 0.02).astype(np.uint8), near)
    return _floats((sure + possible)[:, :, None] * np.float32(0.5))


def trimap_from_prior(prior: Picture) -> Picture:
    """Trimap of a softened prior (H W 1, 0..1), which reaches beyond the subject.

    The unknown spans what `soften` added and as much on the inner side.
    """
    _check_one_channel("prior", prior)
    reach = 30 * max(prior.shape[:2]) / SIDE
    sure = cv2.erode((prior[:, :, 0] > 0.95).astype(np.uint8), _square(reach))
    possible = prior[:, :, 0] > 0.05
    return _floats((sure + possible)[:, :, None] * np.float32(0.5))


def _differs(frame: Picture, plate: Picture, known: Mask) -> Mask:
    """Where the frame shows something else than the plate or the plate in shadow."""
    frame = _floats(cv2.GaussianBlur(frame, (0, 0), 0.8))
    plate = _floats(cv2.GaussianBlur(plate, (0, 0), 0.8))
    energy = _total(plate * plate) + 1e-4
    dimming = _total(frame * plate) / energy
    lit = np.clip(dimming, DEEPEST_SHADOW, LIGHTEST)
    # A shadow explains little where it would have to be a deep one.
    doubt = np.clip((DEEP_SHADOW - lit) / (DEEP_SHADOW - DEEPEST_SHADOW), 0, 1)
    plain = largest(np.abs(frame - plate))
    unexplained = largest(np.abs(frame - lit[:, :, None] * plate))
    difference = unexplained + doubt * np.maximum(plain - unexplained, 0)

    noise = _noise(plain[known]) if known.any() else 0.0
    around = np.ones((3, 3), np.uint8)
    edges = largest(cv2.dilate(plate, around) - cv2.erode(plate, around))
    threshold = float(np.clip(4 * noise, 0.035, 0.1)) + 0.25 * edges
    structure = _new_structure(frame, lit[:, :, None] * plate, noise)
    strong = (difference > 1.5 * threshold) | structure
    return _grow(strong, difference > 0.7 * threshold) & known


def _noise(difference: Picture) -> float:
    """Estimate the standard deviation of the noise, from the pixels that differ by little."""
    close = difference[difference < 0.08]
    return 1.48 * float(np.median(close)) / 1.6 if close.size else 0.0


def _new_structure(frame: Picture, explained: Picture, noise: float) -> Mask:
    """Sharp edges in the frame that the (shaded) plate does not have: shadows are soft."""
    strength = _steepness(_total(frame - explained))
    before = _steepness(_total(explained))
    before = _floats(cv2.dilate(before, np.ones((5, 5), np.uint8)))
    return np.asarray(strength > 3 * (0.02 + 2 * noise) + 0.5 * before)


def _floats(values: NDArray[Any]) -> Picture:
    return np.asarray(values, dtype=np.float32)


def _steepness(grey: Picture) -> Picture:
    """Length of the gradient, per pixel."""
    across = cv2.Scharr(grey, cv2.CV_32F, 1, 0, scale=1 / 32)
    down = cv2.Scharr(grey, cv2.CV_32F, 0, 1, scale=1 / 32)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def _total(channels: Picture) -> Picture:
    """Take the sum of the three channels: H W."""
    return np.asarray(cv2.transform(channels, np.ones((1, 3), np.float32)), dtype=np.float32)


def _grow(strong: Mask, weak: Mask) -> Mask:
    """Keep the weak regions that hold a strong pixel, and the strong pixels."""
    count, labels = cv2.connectedComponents((strong | weak).astype(np.uint8), connectivity=8)
    held = np.bincount(labels[strong], minlength=count) > 0
    held[0] = False
    return np.asarray(held[labels])


def _tidy(mask: Mask) -> Mask:
    """Close gaps, fill what is enclosed, drop specks; every larger piece stays."""
    scale = max(mask.shape) / SIDE
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _square(4 * scale))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, _square(scale)).astype(np.uint8)
    filled = opened.astype(bool) | _enclosed(opened)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(filled.astype(np.uint8), connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] > SPECK * mask.size
    large[0] = False
    kept: Mask = large[labels]
    return kept


def _enclosed(mask: NDArray[np.uint8]) -> Mask:
    """Background that nowhere reaches the border and is under a fifth of the picture."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inner = facts[:, cv2.CC_STAT_AREA] < 0.2 * mask.size
    inner[border] = False
    enclosed: Mask = inner[labels] & (mask == 0)
    return enclosed


def _extend(mask: Mask, known: Mask) -> Mask:
    """Where the plate is unknown, repeat the nearest known pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(labels.max() + 1, dtype=bool)
    of_label[labels[known]] = mask[known]
    return np.asarray(of_label[labels])


def _square(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(round(radius), 0) + 1
    return np.ones((side, side), np.uint8)


def _shrink(picture: Picture, side: int = SIDE) -> Picture:
    """Shrunk by area to at most `side` pixels; never enlarged."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _enlarge(picture: Picture, height: int, width: int) -> Picture:
    if picture.shape != (height, width):
        picture = _floats(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR))
    return picture[:, :, None]


def _check_one_channel(name: str, picture: Picture) -> None:
    if picture.ndim != 3 or picture.shape[2] != 1 or picture.size == 0:
        raise InputError(f"The {name} has shape {picture.shape}; expected height, width, 1.")
