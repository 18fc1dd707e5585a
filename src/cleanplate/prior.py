"""The soft prior: a rough guess of where the subject is (section 3.1 of the paper).

The paper erodes, dilates and blurs a segmentation. Here the segmentation is a mask that the user
gives, or what the plate alone tells: where the frame differs by more than noise and shadow.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Mask = NDArray[np.uint8]

SIDE = 512  # longer side that the paper's numbers are meant for
DARKEST_SHADOW = 0.35  # what a shadow leaves of the light at least
SPECK = 4e-4  # share of the picture below which a region is noise
HOLE = 0.02  # share of the picture up to which an enclosed hole is filled


def soften(mask: Picture) -> Picture:
    """Soft prior from a segmentation: H W 1 in 0..1 in and out (the paper's recipe).

    At 512 pixels: erode 5 x 5 five times, dilate 5 x 5 ten times, blur 5 x 5 with sigma 5. The
    reach grows with the picture.
    """
    height, width = mask.shape[:2]
    unit = max(height, width) / SIDE
    solid = (mask[..., 0] > 0.5).astype(np.uint8)
    solid = cv2.erode(solid, _square(10 * unit))
    solid = cv2.dilate(solid, _square(20 * unit))
    side = 2 * round(2 * unit) + 1
    soft = cv2.GaussianBlur(solid.astype(np.float32), (side, side), 5 * unit)
    return soft.reshape(height, width, 1)


def estimate_prior(frame: Picture, aligned_plate: Picture, valid: Picture | None = None) -> Picture:
    """Soft prior from the plate difference alone: H W 1 in 0..1.

    frame, aligned_plate: H W 3; valid: H W 1, 1 where the plate covers the frame. Shadows count
    little, as does an exposure that is a little off; enclosed holes are filled; every region
    that is more than a speck stays, not only the largest.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (frame, aligned_plate)]
    difference = shadowless_difference(*small)
    if valid is not None:
        difference *= cv2.resize(valid, size, interpolation=cv2.INTER_NEAREST)
    # Most of a frame is background: its lower half tells how large noise and misfit are.
    noise = float(np.median(difference[difference <= np.median(difference)]))
    mask = (difference > max(0.03, 6 * noise)).astype(np.uint8)
    mask = _fill_holes(_drop_specks(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _square(3))))
    prior = soften(mask[..., None].astype(np.float32))
    resized = cv2.resize(prior, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized.reshape(height, width, 1)


def shadowless_difference(frame: Picture, plate: Picture) -> Picture:
    """Largest channel difference, H W, after the plate was dimmed as a soft shadow would dim it."""
    near = (5, 5)
    luma_frame, luma_plate = (cv2.blur(picture.mean(2), near) for picture in (frame, plate))
    dimming = np.clip((luma_frame + 0.01) / (luma_plate + 0.01), DARKEST_SHADOW, 1.05)
    shaded = cv2.absdiff(frame, plate * dimming[..., None]).max(2)
    # Even dimming is what a shadow does, but also a dark coat before a grey wall: count a third.
    plain = cv2.absdiff(frame, plate).max(2)
    return cv2.blur(np.maximum(shaded, plain / 3), (3, 3)).astype(np.float32)


def trimap(alpha: Picture, band: int = 0) -> Picture:
    """0 background, 0.5 unknown, 1 foreground, H W 1; unknown grows by `band` pixels."""
    unknown = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)[..., 0]
    if band:
        edge = cv2.morphologyEx((alpha[..., 0] > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, _square(1))
        unknown = cv2.dilate(unknown | edge, _square(band))
    known = (alpha > 0.5).astype(np.float32)
    return np.where(unknown[..., None] > 0, np.float32(0.5), known)


def _square(reach: float) -> Mask:
    return np.ones((2 * round(reach) + 1,) * 2, np.uint8)


def _drop_specks(mask: Mask) -> Mask:
    labels, statistics = cv2.connectedComponentsWithStats(mask)[1:3]
    large = statistics[:, cv2.CC_STAT_AREA] >= SPECK * mask.size
    large[0] = False
    return large[labels].astype(np.uint8)


def _fill_holes(mask: Mask) -> Mask:
    """Fill what is enclosed and small; a large hole may be an arm's crook with wall behind."""
    padded = np.pad(1 - mask, 1, constant_values=1)
    labels, statistics = cv2.connectedComponentsWithStats(padded, connectivity=4)[1:3]
    small = statistics[:, cv2.CC_STAT_AREA] <= HOLE * mask.size
    small[0] = small[labels[0, 0]] = False
    return mask | small[labels[1:-1, 1:-1]].astype(np.uint8)
