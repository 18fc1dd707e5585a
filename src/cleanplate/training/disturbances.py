"""How frame and plate differ in the real world, one small function for each reason.

Pictures are float32 H W 3 in 0..1, sRGB-encoded; coverage and shadow maps are H W 1. Every function
takes its own random generator and returns new arrays. The recipes are those of the
paper where it has one, widened by what hand-held pairs show (docs/training.md).
"""

from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.float32]


@cache
def _noise_bank() -> Picture:
    bank = np.random.default_rng(0).standard_normal(1 << 22, dtype=np.float32)
    bank.flags.writeable = False  # what is cut from it is a view
    return bank


def gaussian(rng: Generator, shape: tuple[int, ...]) -> Picture:
    """N(0, 1) noise, cut from a bank at a random place: drawing it anew costs ten times as much."""
    count = int(np.prod(shape))
    bank = _noise_bank()
    if count > len(bank) // 2:
        return rng.standard_normal(shape, dtype=np.float32)
    start = int(rng.integers(len(bank) - count))
    return bank[start : start + count].reshape(shape)


def smooth_field(rng: Generator, height: int, width: int, cells: int) -> Picture:
    """Smooth random field, H W, roughly N(0, 1), with about `cells` bumps across."""
    grid = rng.standard_normal((cells + 1, cells + 1)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def blur(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur with `sigma` in pixels; the channel axis stays."""
    if sigma < 0.2:
        return picture
    height, width = picture.shape[:2]
    if sigma > 4:  # a wide kernel costs far more than a detour over a smaller picture
        shrunk = tuple(max(8, round(side * 2 / sigma)) for side in (width, height))
        small = cv2.resize(picture, shrunk, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 2, borderType=cv2.BORDER_REFLECT_101)
        wide = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(wide, np.float32).reshape(picture.shape)
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32).reshape(picture.shape)


def misalign(rng: Generator, plate: Picture, sigma: float, local: float = 0.0) -> Picture:
    """Displace a plate as an imperfect alignment does.

    sigma: standard deviation of each corner's displacement in pixels (a random homography).
    local: standard deviation of a smooth local displacement in pixels.
    """
    height, width = plate.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.normal(0, sigma, (4, 2)).astype(np.float32)
    back = cv2.getPerspectiveTransform(moved, corners)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    w = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    map_x = ((back[0, 0] * x + back[0, 1] * y + back[0, 2]) / w).astype(np.float32)
    map_y = ((back[1, 0] * x + back[1, 1] * y + back[1, 2]) / w).astype(np.float32)
    if local > 0:
        map_x += local * smooth_field(rng, height, width, 5)
        map_y += local * smooth_field(rng, height, width, 5)
    moved_plate = cv2.remap(plate, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved_plate.clip(0, 1), np.float32)


def expose(rng: Generator, picture: Picture, spread: float, white_balance: float) -> Picture:
    """Expose anew: gain and gamma ~ N(1, spread), each channel's gain ~ N(1, white_balance)."""
    gain = np.clip(rng.normal(1, spread), 0.4, 2.2)
    gamma = np.clip(rng.normal(1, spread), 0.5, 2.0)
    channels = np.clip(rng.normal(1, white_balance, 3), 0.7, 1.4)
    exposed = (gain * channels).astype(np.float32) * picture ** np.float32(gamma)
    return np.asarray(exposed.clip(0, 1))


def vignette(rng: Generator, picture: Picture, strength: float) -> Picture:
    """Darken toward the corners by up to `strength` (0..1), the centre a little off."""
    height, width = picture.shape[:2]
    cx, cy = (float(centre) for centre in rng.normal(0.5, 0.05, 2))
    y = (np.arange(height, dtype=np.float32)[:, None] / height - cy) * 2
    x = (np.arange(width, dtype=np.float32)[None] / width - cx) * 2
    return np.asarray(picture * (1 - strength * (x * x + y * y) / 2)[..., None])


def sensor_noise(rng: Generator, picture: Picture, levels: float, grain: float = 0.0) -> Picture:
    """Signal-dependent noise of `levels` (8-bit) in mid grey; `grain` blurs it (pixels)."""
    height, width, channels = picture.shape
    noise = gaussian(rng, (height, width, channels))
    if grain > 0.3:
        noise = blur(noise, grain)
        noise /= max(float(noise[::4, ::4].std()), 1e-6)
    shot = cv2.sqrt(0.3 + 1.4 * picture)
    return np.clip(picture + noise * shot * np.float32(levels / 255), 0, 1)


def paper_noise(rng: Generator, picture: Picture, region: Picture | None = None) -> Picture:
    """Add the paper's Gaussian noise: mean in [-7, 7], sigma in [2, 6] (8-bit), inside `region`."""
    mean, sigma = rng.uniform(-7, 7), rng.uniform(2, 6)
    noise = gaussian(rng, picture.shape) * sigma + mean
    noise = (noise / 255).astype(np.float32)
    return np.clip(picture + (noise if region is None else noise * region), 0, 1)


def ring(alpha: Picture, reach: int) -> Picture:
    """Where the subject is not but is near: alpha > 0.5 dilated by `reach` pixels, less itself."""
    mask = (alpha[..., 0] > 0.5).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return (cv2.dilate(mask, kernel) - mask).astype(np.float32)[..., None]


def jpeg(picture: Picture, quality: int) -> Picture:
    """Keep what is left after JPEG with the given quality (4:2:0 as cameras and video have it)."""
    coded = cv2.imencode(
        ".jpg",
        np.round(picture[..., ::-1] * 255).astype(np.uint8),
        [cv2.IMWRITE_JPEG_QUALITY, quality],
    )[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.float32)
    return np.ascontiguousarray(decoded[..., ::-1]) / np.float32(255)


def sharpen(picture: Picture, amount: float) -> Picture:
    """In-camera sharpening: unsharp mask with sigma 1."""
    return np.clip(picture + amount * (picture - blur(picture, 1.0)), 0, 1)


def denoise(picture: Picture) -> Picture:
    """In-camera noise reduction: a small edge-keeping (bilateral) filter."""
    return np.asarray(cv2.bilateralFilter(picture, 5, 0.06, 2.0), np.float32)


def motion_kernel(rng: Generator, length: float) -> NDArray[np.float32]:
    """Normalised anti-aliased line kernel of a random direction and `length` in pixels."""
    size = int(np.ceil(length)) | 1
    canvas = np.zeros((size, size), np.uint8)  # OpenCV smooths lines in 8 bits only
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (length - 1) / 2
    start, end = ((np.full(2, size // 2) + sign * reach) * 256 for sign in (-1, 1))
    corners = ([round(float(v)) for v in corner] for corner in (start, end))
    cv2.line(canvas, next(corners), next(corners), 255, 1, cv2.LINE_AA, 8)
    kernel = canvas.astype(np.float32)
    return kernel / max(float(kernel.sum()), 1e-6)


def cast_shadow(rng: Generator, alpha: Picture, strength: float) -> Picture:
    """Multiplicative shadow of the subject on what is behind it: H W 1, 1 is unshadowed.

    The subject's coverage, shifted, sheared, a little enlarged (0.95 to 1.3) and blurred by 0.2 %
    of the height (a bare lamp) to 6 % (a window); `strength` is how much light it takes where it
    is deepest.
    """
    height, width = alpha.shape[:2]
    shift = rng.uniform(-0.4, 0.4, 2) * (width, height * 0.5)
    shear, zoom = rng.uniform(-0.3, 0.3), rng.uniform(0.95, 1.3)
    matrix = np.array([[zoom, shear, 0], [0, zoom, 0]], np.float32)
    centre = np.array([width / 2, height / 2])
    matrix[:, 2] = centre - matrix[:, :2] @ centre + shift
    moved = np.asarray(cv2.warpAffine(alpha, matrix, (width, height)), np.float32)[..., None]
    softness = np.exp(rng.uniform(np.log(0.002), np.log(0.06)))
    return 1 - np.float32(strength) * blur(moved, float(softness) * height)


def reflection(rng: Generator, foreground: Picture, alpha: Picture, behind: Picture) -> Picture:
    """Background H W 3 with the subject mirrored in a polished floor below its lowest point."""
    rows = np.nonzero(alpha[..., 0].max(1) > 0.5)[0]
    height = alpha.shape[0]
    if not len(rows) or rows[-1] >= height - 4:
        return behind
    foot = int(rows[-1])
    reach = min(foot + 1, height - 1 - foot)
    mirrored = np.s_[foot + 1 - reach : foot + 1]
    fade = np.linspace(1, 0.3, reach, dtype=np.float32)[:, None, None]
    share = alpha[mirrored][::-1] * fade * np.float32(rng.uniform(0.05, 0.3))
    seen = np.concatenate([foreground[mirrored][::-1] * share, share], 2)
    seen = blur(seen, rng.uniform(0.3, 4))
    below = np.s_[foot + 1 : foot + 1 + reach]
    behind = behind.copy()
    behind[below] = behind[below] * (1 - seen[..., 3:]) + seen[..., :3]
    return behind


def uncover(rng: Generator, plate: Picture) -> tuple[Picture, Picture]:
    """Let the plate end up to 8 % before one side of the frame, and repeat its border there.

    Returns the plate and where it still covers the frame (H W 1, 1 or 0).
    """
    height, width = plate.shape[:2]
    turns = int(rng.integers(4))
    turned = np.rot90(plate, turns).copy()
    covered = np.ones((*turned.shape[:2], 1), np.float32)
    gap = max(1, round(rng.uniform(0.01, 0.08) * turned.shape[1]))
    turned[:, :gap], covered[:, :gap] = turned[:, gap : gap + 1], 0
    back = (np.rot90(picture, -turns) for picture in (turned, covered))
    uncovered, valid = (np.ascontiguousarray(picture, np.float32) for picture in back)
    return uncovered.reshape(height, width, 3), valid


def contact_shadow(rng: Generator, alpha: Picture, strength: float) -> Picture:
    """Dark soft ellipse where the subject stands or leans: H W 1, 1 is unshadowed."""
    height, width = alpha.shape[:2]
    rows, columns = np.nonzero(alpha[..., 0] > 0.5)
    shadow = np.zeros((height, width), np.float32)
    if len(rows):
        foot = int(np.quantile(rows, 0.99))
        near = columns[rows >= foot - height // 20]
        centre = (int(near.mean()), min(foot, height - 1))
        axes = (max(2, int(np.ptp(near) * rng.uniform(0.5, 0.9))), max(2, height // 30))
        cv2.ellipse(shadow, centre, axes, rng.uniform(-10, 10), 0, 360, 1.0, -1)
    return 1 - np.float32(strength) * blur(shadow[..., None], rng.uniform(0.01, 0.03) * height)


def ambient_shadow(rng: Generator, alpha: Picture, strength: float) -> Picture:
    """Light that the subject keeps from its surroundings: a wide soft dark ring, H W 1."""
    wide = blur(alpha, rng.uniform(0.05, 0.15) * alpha.shape[0])
    return np.asarray(1 - np.float32(strength) * np.clip(wide * 1.5, 0, 1))


def light_patch(rng: Generator, height: int, width: int, strength: float) -> Picture:
    """Smooth change of the light over the scene between the two shots: H W 1 around 1."""
    field = smooth_field(rng, height, width, int(rng.integers(1, 4)))[..., None]
    return np.asarray(np.clip(1 + np.float32(strength) * field, 0.5, 1.6))
