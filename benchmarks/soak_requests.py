"""What the clients of benchmarks/soak.py send, and what they should be answered."""

import struct
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from cleanplate.media.browser import png_bytes
from cleanplate.media.clip_codecs import CODECS
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_write import ClipWriter, Timing

SAMPLE = Path(__file__).parents[1] / "src" / "cleanplate" / "sample"
SIDE = 64  # of the pictures: what is done around the network is what a soak is after
FRAMES = 6  # of the clip
TOKEN = "soak"  # of a server that ends with this run

Files = Mapping[str, tuple[str, bytes]]


@dataclass(frozen=True)
class Kind:
    """A kind of request, and the status that it should get.

    weight: how often it is sent against the others. begins: first bytes of a right answer.
    """

    name: str
    weight: float
    status: int
    path: str
    body: bytes
    headers: Mapping[str, str]
    begins: bytes = b""


def _kind(
    name: str,
    weight: float,
    status: int,
    path: str,
    files: Files,
    data: Mapping[str, str] | None = None,
    token: str = TOKEN,
    begins: bytes = b"",
) -> Kind:
    # Encoded once: the clients share the machine with the server.
    made = httpx.Request("POST", "http://soak", files=files, data=data)
    headers = {"Content-Type": made.headers["content-type"], "Authorization": f"Bearer {token}"}
    return Kind(name, weight, status, path, made.read(), headers, begins)


@cache
def all_kinds() -> tuple[Kind, ...]:
    """All kinds of requests; a quarter of them are cuts."""
    frame, plate = (_picture(name, SIDE) for name in ("frame.jpg", "plate.jpg"))
    good = {"frame": ("frame.png", frame), "plate": ("plate.png", plate)}
    quick = {"prior": "none", "align": "false"}
    text = ("../../frame.png", b"I am no picture. " * 99)
    png, error = b"\x89PNG", b'{"error":'
    cut = "/v1/cutout"
    clip = {"clip": ("take.mp4", _clip()), "plate": good["plate"]}
    bad: dict[str, tuple[int, str, Files]] = {
        "text": (415, cut, good | {"frame": text}),
        "cut short": (422, cut, good | {"frame": ("f.png", frame[: len(frame) // 2])}),
        "no plate": (422, cut, {"frame": good["frame"]}),
        "too many pixels": (413, cut, good | {"frame": ("f.png", _claiming(frame, 12_000))}),
        "playlist": (415, "/v1/clips", {"clip": ("a.mp4", b"#EXTM3U\nfile:///etc/passwd\n")}),
        "clip cut short": (422, "/v1/clips", clip | {"clip": ("a.mp4", _clip()[:200])}),
        "unknown": (404, "/v1/nothing", good),
        "no such shot": (404, f"/v1/shots/{'x' * 24}/cut", {"holdout": good["frame"]}),
    }
    return (
        _kind("cut", 240, 200, cut, good, quick, begins=png),
        _kind("cut over a colour", 10, 200, cut, good, quick | {"over": "#1c7457"}, begins=png),
        _kind("cut, aligned, people looked for", 2, 200, cut, good, begins=png),
        _kind("check", 2, 200, "/v1/check", good, begins=b'{"verdict":'),
        _kind("shot kept", 3, 201, "/v1/shots", good, begins=b'{"id":'),
        _kind("clip", 1, 202, "/v1/clips", clip, {"format": "mkv"}, begins=b'{"id":'),
        _kind("wrong token", 90, 401, cut, good, token="wrong", begins=error),
        *(
            _kind(name, 80, status, path, files, begins=error)
            for name, (status, path, files) in bad.items()
        ),
    )


def _picture(name: str, side: int) -> bytes:
    return png_bytes(_pixels(name, side))


def _pixels(name: str, side: int) -> Any:
    """Shrink a picture of the sample: side x side x 3 uint8."""
    pixels = cv2.imread(str(SAMPLE / name), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    return np.ascontiguousarray(cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA))


def _clip() -> bytes:
    """Encode the sample's frame, FRAMES times, as H.264."""
    picture = _pixels("frame.jpg", SIDE).astype(np.float32) / 255
    timing = Timing(Fraction(1, 25), Fraction(25), ColourTags("bt709", "bt709", "bt709", "tv"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "take.mp4"
        with ClipWriter(path, CODECS["h264"], SIDE, SIDE, timing, alpha=False) as writer:
            for number in range(FRAMES):
                writer.write(picture, None, number, 1)
        return path.read_bytes()


def _claiming(png: bytes, side: int) -> bytes:
    """Let a PNG claim to be side x side pixels."""
    header = b"IHDR" + struct.pack(">II", side, side) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]
