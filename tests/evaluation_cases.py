"""A tiny evaluation set, stills and clips, and a stand-in for the cutting."""

import json
from types import SimpleNamespace

import cv2
import numpy as np

HEIGHT, WIDTH = 48, 64


def disc(x):
    rows, columns = np.indices((HEIGHT, WIDTH))
    distance = np.hypot(rows - 24, columns - x)
    return np.clip(14 - distance, 0, 1).astype(np.float32)[..., None]


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.rint(np.asarray(picture) * 255).astype(np.uint8)
    cv2.imwrite(str(path), samples[..., ::-1] if samples.shape[-1] == 3 else samples)


def pictures(x=30, seed=0):
    random = np.random.default_rng(seed)
    plate = random.uniform(0.0, 0.5, (HEIGHT, WIDTH, 3)).astype(np.float32)
    foreground = np.full((HEIGHT, WIDTH, 3), 0.9, np.float32)
    alpha = disc(x)
    return alpha * foreground + (1 - alpha) * plate, plate, alpha, foreground * (alpha > 0)


def make_case(folder, x=30, seed=0):
    for name, picture in zip(
        ("frame", "plate", "alpha", "foreground"), pictures(x, seed), strict=True
    ):
        save(folder / f"{name}.png", picture)


def write_stills(root):
    """Five cases of one frame, with an index."""
    index = []
    for number in range(5):
        name = f"case{number}"
        make_case(root / name, 20 + 4 * number, number)
        condition = "clean" if number % 2 else "noisy"
        index.append({"case": name, "kind": "disc", "condition": condition})
    (root / "index.json").write_text(json.dumps(index))
    return root


def write_frames(root):
    """One case of three frames, without an index."""
    for number in range(3):
        frame, plate, alpha, _ = pictures(20 + 3 * number)
        save(root / "walk" / f"frame{number:03}.png", frame)
        save(root / "walk" / f"alpha{number:03}.png", alpha)
    save(root / "walk" / "plate.png", plate)
    return root


class StandIn:
    """Cuts by difference and remembers how often it was asked."""

    def __init__(self, offset=0.0):
        self.calls, self.offset = 0, offset

    def __call__(self, frame, plate, *, model):
        self.calls += 1
        assert frame.shape == plate.shape == (HEIGHT, WIDTH, 3)
        assert frame.dtype == np.float32
        difference = np.abs(frame - plate).max(axis=2, keepdims=True)
        alpha = np.clip((difference > 0.2) * 1.0 - self.offset, 0, 1).astype(np.float32)
        return SimpleNamespace(alpha=alpha, foreground=frame)
