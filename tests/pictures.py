"""Pictures and files that several tests want."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import pytest

from cleanplate.errors import InputError
from cleanplate.media.stills import read_still


@dataclass(frozen=True)
class Cut:
    foreground: np.ndarray
    alpha: np.ndarray


def picture(height=20, width=31, channels=3, seed=0):
    return np.random.default_rng(seed).random((height, width, channels)).astype(np.float32)


def smooth(height=32, width=48):
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = np.stack([rows / height, columns / width, (rows + columns) / (height + width)], -1)
    return 0.2 + 0.6 * ramp


def only(folder):
    return sorted(path.name for path in folder.iterdir())


def refused(path, *words, error=InputError):
    with pytest.raises(error) as caught:
        read_still(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert message.endswith(".") or "pip install" in message
    for word in words:
        assert word in message
    return message


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
