"""Masks of a clip: stills for all frames, clips and sequences frame by frame."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import takes
from cleanplate.errors import InputError
from cleanplate.jobs.masks import ClipMasks
from cleanplate.media.stills import write_still
from takes import HEIGHT, WIDTH

SIZE = (HEIGHT, WIDTH)


def mask_picture(index, height=HEIGHT, width=WIDTH):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : 4 + 3 * index] = 255
    return picture


@pytest.fixture
def masks(tmp_path, monkeypatch):
    """The same six masks as a clip and as stills."""
    monkeypatch.chdir(tmp_path)
    takes.write_take("masks.mkv", count=6, picture=mask_picture)
    Path("stills").mkdir()
    for index in range(6):
        write_still(f"stills/m.{index:04d}.png", mask_picture(index) / np.float32(255))


@pytest.mark.parametrize("path", ["masks.mkv", "stills", "stills/m.####.png"])
def test_frame_by_frame(masks, path):
    given = ClipMasks({"holdout": Path(path)}, SIZE, 6)
    for index in (0, 1, 4, 5):  # frames of a damaged stretch are missing
        (found,) = given.at(index).values()
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, mask_picture(index)[..., :1] / np.float32(255))
    given.close()
    again = ClipMasks({"holdout": Path(path)}, SIZE, 6)  # a job that goes on
    np.testing.assert_array_equal(again.at(3)["holdout"][..., 0], mask_picture(3)[..., 0] / 255)
    again.close()


def test_still_holds_for_all(masks):
    given = ClipMasks({"garbage": Path("stills/m.0002.png")}, SIZE, 100)
    np.testing.assert_array_equal(given.at(0)["garbage"], given.at(99)["garbage"])
    assert given.at(0)["garbage"].shape == (HEIGHT, WIDTH, 1)


def test_too_few(masks):
    with pytest.raises(InputError, match=r"has 6 frames and the clip 7.*one still"):
        ClipMasks({"prior": Path("masks.mkv")}, SIZE, 7)
    given = ClipMasks({"prior": Path("stills")}, SIZE, None)  # the length was not known before
    with pytest.raises(InputError, match="ends before frame 6"):
        given.at(6)


def test_another_shape(masks):
    given = ClipMasks({"prior": Path("masks.mkv")}, (100, 100), 6)
    with pytest.raises(InputError, match="64 x 48"):
        given.at(0)


def test_a_gif_of_one_picture_is_a_still_mask(tmp_path):
    picture = np.zeros((20, 30), np.uint8)
    picture[5:12] = 255
    Image.fromarray(picture).save(tmp_path / "mask.gif")
    masks = ClipMasks({"garbage": tmp_path / "mask.gif"}, (20, 30), 9)
    for index in (0, 8):
        assert np.array_equal(masks.at(index)["garbage"][..., 0], picture / 255)


def test_alpha_of_a_cutout_is_the_mask_in_every_frame(tmp_path):
    """Also where somebody fills the frame, or nobody is there."""
    colours = np.full((HEIGHT, WIDTH, 3), 0.6, np.float32)
    for index, level in enumerate((1.0, 0.3, 0.0)):
        alpha = np.full((HEIGHT, WIDTH, 1), level, np.float32)
        write_still(tmp_path / f"m.{index:04d}.png", colours, alpha)
    masks = ClipMasks({"holdout": tmp_path / "m.####.png"}, SIZE, 3)
    levels = [masks.at(index)["holdout"].mean() for index in range(3)]
    masks.close()
    np.testing.assert_allclose(levels, [1, 0.3, 0], atol=0.01)


def test_numbered_masks_belong_to_the_frames_of_their_numbers(masks):
    """A frame is missing, its mask is not; where numbers do not fit, the order counts."""
    for numbers, expected in (((0, 1, 4, 5), (0, 1, 4, 5)), ((1001, 1002), (0, 1))):
        given = ClipMasks({"prior": Path("stills")}, SIZE, len(numbers), numbers)
        for index, wanted in enumerate(expected):
            found = given.at(index)["prior"]
            np.testing.assert_array_equal(found[..., 0], mask_picture(wanted)[..., 0] / 255)
        given.close()
