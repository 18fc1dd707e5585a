"""Procedural rooms, subjects and cameras whose plates and homographies are known."""

import cv2
import numpy as np

HEIGHT, WIDTH = 400, 640


def scene(seed, height=HEIGHT, width=WIDTH):
    """A room-like picture: boxes of many sizes over structure of several scales."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), random.uniform(0.35, 0.6, 3), np.float32)
    for sigma in (1.5, 4, 12, 40):
        grain = random.normal(size=(height, width, 3)).astype(np.float32)
        grain = cv2.GaussianBlur(grain, (0, 0), sigma)
        picture += 0.05 * grain / grain.std()
    for _ in range(40):
        x, y = random.integers(0, width), random.integers(0, height)
        w, h = random.integers(8, 120, 2)
        picture[y : y + h, x : x + w] *= random.uniform(0.5, 1.4, 3).astype(np.float32)
    return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.8), 0.03, 0.97)


def with_subject(picture, cover, seed=0):
    """Paste an ellipse of another texture over `cover` of the picture; gives its mask, too."""
    height, width = picture.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    tall = 0.48 * height
    wide = cover * height * width / (np.pi * tall)
    cv2.ellipse(mask, (width // 2, height // 2), (int(wide), int(tall)), 0, 0, 360, 1, -1)
    other = scene(1000 + seed, height, width)[:, :, ::-1] * np.float32([1.2, 0.8, 0.6])
    return np.where(mask[:, :, None] > 0, np.clip(other, 0, 1), picture), mask > 0


def hand_moved(shift, seed, height=HEIGHT, width=WIDTH):
    """A homography whose farthest corner moves by `shift` pixels."""
    random = np.random.default_rng(seed)
    corner = np.float32([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    move = random.normal(size=2) + 0.4 * random.normal(size=(4, 2))
    move *= shift / np.linalg.norm(move, axis=1).max()
    return cv2.getPerspectiveTransform(corner, (corner + move).astype(np.float32))


def moved_pair(shift=12, cover=0.25, seed=0, noise=0.9, height=HEIGHT, width=WIDTH):
    """Frame with a subject, plate from a moved camera, homography plate -> frame, the mask."""
    random = np.random.default_rng(seed)
    wide = scene(seed, height + 100, width + 100)
    inner = np.array([[1, 0, -50.3], [0, 1, -49.6], [0, 0, 1.0]])
    moved = hand_moved(shift, seed, height, width)
    size = (width, height)
    background = cv2.warpPerspective(wide, inner, size, flags=cv2.INTER_LANCZOS4)
    plate = cv2.warpPerspective(wide, moved @ inner, size, flags=cv2.INTER_LANCZOS4)
    frame, mask = with_subject(background, cover, seed)
    return noisy(frame, noise, random), noisy(plate, noise, random), np.linalg.inv(moved), mask


def noisy(picture, levels, random):
    shaken = picture * 255 + levels * random.normal(size=picture.shape)
    return (np.clip(np.round(shaken), 0, 255) / 255).astype(np.float32)


def left_over(found, truth, height=HEIGHT, width=WIDTH):
    """Distances in pixels between where two homographies (plate -> frame) put the plate."""
    y, x = np.mgrid[0 : height - 1 : 20j, 0 : width - 1 : 20j]
    at = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    placed = found @ np.linalg.inv(truth) @ at
    return np.linalg.norm(placed[:2] / placed[2] - at[:2], axis=0)
