"""Pictures as JPEG bytes, for a browser."""

import cv2
import numpy as np
from numpy.typing import NDArray


def encode_jpeg(picture: NDArray[np.uint8], quality: int = 85) -> bytes:
    """Encode H W 3 uint8, RGB; quality 1 to 100."""
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    return bytes(encoded)
