"""What is encoded: nothing but the subject is computed, and nothing else shows it."""

import numpy as np
import pytest

from cleanplate.media import clip_planes
from cleanplate.media.clip_colour import ColourTags
from cleanplate.media.clip_planes import frame_of

FORMATS = ("yuva444p10le", "yuva420p", "gbrap16le", "bgra", "argb")


def planes_of(picture, alpha, pixel_format, range_):
    frame = frame_of(picture, alpha, pixel_format, ColourTags("bt709", "bt709", "bt709", range_))
    samples = 4 if pixel_format in clip_planes.PACKED else 1
    bytes_each = samples * (2 if clip_planes.bits_of(pixel_format) > 8 else 1)
    return [
        np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width * bytes_each]
        for plane in frame.planes
    ]


@pytest.mark.parametrize("range_", ["tv", "pc"])
@pytest.mark.parametrize("pixel_format", FORMATS)
@pytest.mark.parametrize(
    ("first", "last"), [(0, 0), (31, 31), (32, 32), (63, 63), (64, 95), (150, 150), (0, 150)]
)
@pytest.mark.parametrize("black_outside", [True, False])
def test_what_is_beside_the_subject_is_as_if_it_were_computed(
    monkeypatch, first, last, pixel_format, range_, black_outside
):
    height, width = 131, 151
    rng = np.random.default_rng(0)
    alpha = np.zeros((height, width, 1), np.float32)
    alpha[20:90, first : last + 1] = rng.random((70, last + 1 - first, 1))
    picture = rng.random((height, width, 3), np.float32)
    if black_outside:
        picture *= alpha > 0
    found = planes_of(picture, alpha, pixel_format, range_)
    monkeypatch.setattr(clip_planes, "STEP", 1024)  # wider than the picture: all is computed
    for plane, whole in zip(found, planes_of(picture, alpha, pixel_format, range_), strict=True):
        assert np.array_equal(plane, whole)
