"""Plates of other scenes are refused and true ones are not, however the frame was encoded."""

from functools import lru_cache
from io import BytesIO

import av
import cv2
import numpy as np
import pytest

from cleanplate.errors import PlateError
from cleanplate.plate import check_plate, fit_plate
from plate_scenes import moved_pair, noisy, scene, with_subject

HEIGHT, WIDTH = 240, 400
ENCODINGS = ["png", "jpeg", "h264 23", "h264 34", "vp9"]


def encoded(picture, encoding):
    """A frame (H W 3, 0..1) as it comes out of a file of this encoding."""
    samples = np.rint(picture * 255).astype(np.uint8)
    name, _, quality = encoding.partition(" ")
    if name == "png":
        return samples.astype(np.float32) / np.float32(255)
    if name == "jpeg":
        _, data = cv2.imencode(".jpg", samples[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        return decoded.astype(np.float32) / np.float32(255)
    codec, options = {
        "h264": ("libx264", {"crf": quality, "preset": "superfast"}),
        "vp9": ("libvpx-vp9", {"crf": "40", "b": "0", "deadline": "realtime", "cpu-used": "8"}),
    }[name]
    memory = BytesIO()
    with av.open(memory, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = samples.shape[:2]
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(samples, format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    memory.seek(0)
    with av.open(memory) as container:
        decoded = next(container.decode(video=0)).to_ndarray(format="rgb24")
    return decoded.astype(np.float32) / np.float32(255)


@lru_cache
def shot(seed):
    """A frame with somebody in it."""
    return with_subject(scene(seed, HEIGHT, WIDTH), 0.2, seed)[0]


def calm(seed):
    """Another scene, of few large shapes: its colours can be fitted to nearly anything."""
    soft = cv2.GaussianBlur(scene(seed, HEIGHT, WIDTH), (0, 0), 5)
    return noisy(soft, 1, np.random.default_rng(seed))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("wrong", [scene(301, HEIGHT, WIDTH), calm(302)])
def test_plate_of_another_scene(encoding, wrong):
    for seed in (310, 311):
        with pytest.raises(PlateError, match="does not show the scene"):
            check_plate(wrong, encoded(shot(seed), encoding))


@pytest.mark.parametrize("encoding", ["png", "h264 30"])
def test_plate_with_shapes_before_a_plain_wall(encoding):
    """Colours flattened until they fit make the plate agree with any wall, whichever way round."""
    wall = np.full((HEIGHT, WIDTH, 3), 0.55, np.float32)
    wall += np.linspace(-0.05, 0.05, WIDTH, dtype=np.float32)[None, :, None]
    frame = noisy(with_subject(wall, 0.15, 5)[0], 2, np.random.default_rng(5))
    with pytest.raises(PlateError, match="does not show the scene"):
        check_plate(scene(320, HEIGHT, WIDTH), encoded(frame, encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_true_plate(encoding):
    """Moved by a hand, darker and noisy, behind somebody who hides much of it."""
    frame, plate, _, mask = moved_pair(8, 0.45, 330, 2.0, HEIGHT, WIDTH)
    assert mask.mean() > 0.4
    _, report = fit_plate(plate * np.float32(0.85), encoded(frame, encoding))
    assert report.agreement > 0.4


@pytest.mark.parametrize("noise", [2, 5])
def test_true_plain_wall_in_noise(noise):
    random = np.random.default_rng(noise)
    wall = np.full((HEIGHT, WIDTH, 3), [0.5, 0.52, 0.48], np.float32)
    frame = noisy(with_subject(wall, 0.4, 6)[0], noise, random)
    assert check_plate(noisy(wall, noise, random), encoded(frame, "h264 28")).agreement > 0.3
