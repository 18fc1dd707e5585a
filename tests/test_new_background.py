"""What a cutout is placed over."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanplate import new_background
from cleanplate.errors import InputError
from cleanplate.media.cover import cover
from cleanplate.media.stills import read_still, write_still
from commands import refused, run


@given(st.sampled_from(["teal", "White", "#fff", "#102030", "rgb(1,2,3)", "hsl(120,50%,50%)"]))
def test_colours(name):
    colour = new_background.read_new_background(name)
    picture = new_background.fit_new_background(colour, None, (5, 7))
    assert picture.shape == (5, 7, 3)
    assert np.ptp(picture, axis=(0, 1)).max() == 0


def test_no_new_background_at_all_is_not_blur(scene, calls):
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", "--over", ""]
    refused(scene, run(*command), "folder")


@pytest.mark.parametrize("name", ["", "tealish", "#12", "#11223344", "beach.jpg"])
def test_no_colour(name):
    with pytest.raises(InputError):
        new_background.read_new_background(name)


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70))
def test_cover_keeps_shape_and_centre(height, width, new_height, new_width):
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture = np.broadcast_to(rows, (height, width, 3))
    covered = cover(np.ascontiguousarray(picture), (new_height, new_width))
    assert covered.shape == (new_height, new_width, 3)
    assert 0 <= covered.min() <= covered.max() <= 1
    if height > 8 and new_height % 2 == height % 2 and width % 2 == new_width % 2:
        assert covered.mean() == pytest.approx(0.5, abs=0.1)


def test_cover_of_the_same_size_changes_nothing():
    picture = np.random.default_rng(0).random((9, 13, 3)).astype(np.float32)
    assert cover(picture, (9, 13)) is not None
    np.testing.assert_array_equal(cover(picture, (9, 13)), picture)


def test_blur_keeps_flat_colour_and_removes_detail():
    flat = np.full((60, 80, 3), 0.3, np.float32)
    np.testing.assert_allclose(new_background.blurred(flat), flat, atol=1e-3)
    noise = np.random.default_rng(0).random((60, 80, 3)).astype(np.float32)
    assert new_background.blurred(noise).std() < noise.std() / 2


def test_picture_and_blur_as_new_background(scene, calls):
    beach = np.zeros((50, 90, 3), np.float32)
    beach[..., 2] = 1
    write_still("beach.jpg", beach)
    for over_what, expected in [("beach.jpg", (0, 0, 1)), ("blur", (0.4, 0.4, 0.4))]:
        command = ["cut", "one.png", "--plate", "plate.png", "--over", over_what, "-o", "out.png"]
        assert run(*command, "--linear").exit_code == 0
        np.testing.assert_allclose(read_still("out.png").picture[2, 30], expected, atol=0.03)
