"""HDR to SDR: PQ and HLG decoded, BT.2020 to BT.709, highlights rolled off."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cleanplate.media.clip_colour import ColourTags

HDR_TRANSFERS = {"smpte2084": "PQ", "arib-std-b67": "HLG"}
AFTER = ColourTags("bt709", "bt709", "bt709", "tv")
REFERENCE_WHITE = 203.0  # cd/m2 of a white sheet in HDR programmes, ITU-R BT.2408
HLG_PEAK = 1000.0  # cd/m2 of the display that HLG's system gamma of 1.2 is meant for
KNEE = 0.5  # below half of reference white nothing changes
DISPLAY_GAMMA = 2.4  # ITU-R BT.1886
TO_BT709 = {  # linear RGB to linear RGB, ITU-R BT.2087 and the chromaticities of SMPTE 432
    "bt2020": [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    "smpte432": [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],
    "bt709": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
}


def tone_map(picture: NDArray[Any], tags: ColourTags) -> NDArray[np.uint16]:
    """Make an HDR picture (H W 3, uint8 or uint16, as coded) one for an SDR display.

    The code is decoded to light on the display (PQ: SMPTE ST 2084; HLG: ITU-R BT.2100 with its
    system gamma), 203 cd/m2 taken as 1; primaries are turned to BT.709; light is kept up to half
    of 1 and rolls off to 1 above (exponentially, on the largest channel, so that hues stay); the
    result is encoded for a BT.1886 display. Returns H W 3 uint16, which `AFTER` describes.
    """
    light = _light_table(str(tags.transfer), picture.dtype.itemsize)[picture]
    primaries = tags.primaries if tags.primaries in TO_BT709 else "bt2020"
    if tags.transfer == "arib-std-b67":
        luma = cv2.transform(light, np.array([[0.2627, 0.6780, 0.0593]], np.float32))
        light *= cv2.pow(luma, 0.2).reshape(*luma.shape[:2], 1) * (HLG_PEAK / REFERENCE_WHITE)
    light = np.maximum(cv2.transform(light, np.array(TO_BT709[primaries])), 0)
    # Channel by channel: a maximum over so short an axis takes ten times as long.
    red_green = np.maximum(light[..., 0], light[..., 1])
    brightest = np.maximum(np.maximum(red_green, light[..., 2]), KNEE)[..., None]
    rolled_off = KNEE + (1 - KNEE) * (1 - np.exp((KNEE - brightest) / (1 - KNEE)))
    light *= rolled_off / brightest
    return np.rint(cv2.pow(light, 1 / DISPLAY_GAMMA) * 65535).astype(np.uint16)


@lru_cache(maxsize=4)
def _light_table(transfer: str, item_size: int) -> NDArray[np.float32]:
    """Light for every code: PQ on the display, HLG in the scene (0..1)."""
    count = 256**item_size
    code = np.arange(count) / (count - 1)
    return (_pq(code) if transfer == "smpte2084" else _hlg(code)).astype(np.float32)


def _pq(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084, section 5: code to light, 1 is reference white."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = code ** (1 / m2)
    return (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) * (10000 / REFERENCE_WHITE)


def _hlg(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """ITU-R BT.2100, table 5: inverse of the camera's curve."""
    a = 0.17883277
    b, c = 1 - 4 * a, 0.5 - a * np.log(4 * a)
    return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
