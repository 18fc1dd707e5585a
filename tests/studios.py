"""The studio's application and its uploads, for tests."""

import io
import struct
import zlib
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from fastapi.testclient import TestClient

from cleanplate.media.browser import png_bytes
from cleanplate.studio.app import create_app
from cleanplate.studio.settings import Settings

SAMPLE = Path(str(resources.files("cleanplate"))) / "sample"
TOKEN = "a-token-of-tests"


@contextmanager
def client_of(folder, token=TOKEN, **settings):
    """A client that shows the token, of a studio that is closed at the end."""
    app = create_app(Settings(folder / "kept", token=token, **settings))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with TestClient(app, headers=headers) as client:
        yield client


def small(name, side=240):
    """A picture of the bundled sample, `side` pixels square, as PNG bytes."""
    pixels = cv2.imread(str(SAMPLE / name))
    shrunk = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return png_bytes(np.ascontiguousarray(shrunk[..., ::-1]))


def decoded(data):
    """The samples of a PNG or JPEG as stored (BGR)."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def huge_png(side):
    """A PNG of side x side pixels in some kilobytes: one bit each, all black."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer, packed = zlib.compressobj(9), io.BytesIO()
    for _ in range(side):
        packed.write(packer.compress(b"\0" * (1 + (side + 7) // 8)))
    packed.write(packer.flush())
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", packed.getvalue()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def kept(client):
    """Names of all that the studio keeps."""
    folder = client.app.state.studio.settings.folder
    return sorted(path.name for path in folder.rglob("*"))


def refused(answer, status, *words):
    """Status and words of a refusal, which names no path of this machine."""
    assert answer.status_code == status, answer.text
    sentence = answer.json()["error"]
    for word in words:
        assert word in sentence
    assert "/" not in sentence.replace("and/or", "")  # no path of this machine
    return sentence
