"""The soft prior and trimaps."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanplate.errors import InputError
from cleanplate.prior import (
    differing,
    estimate_prior,
    join_priors,
    soften,
    trimap,
    trimap_from_prior,
)

HEIGHT, WIDTH = 288, 512


def room(seed, height=HEIGHT, width=WIDTH):
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), (0.62, 0.58, 0.5), np.float32)
    picture[2 * height // 3 :] = (0.4, 0.3, 0.22)
    for _ in range(12):
        x, y = random.integers(0, width), random.integers(0, height)
        w, h = random.integers(10, 90, 2)
        picture[y : y + h, x : x + w] = random.uniform(0.2, 0.8, 3)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def shot(seed, boxes, color=(0.15, 0.35, 0.7), shade=None):
    """Frame, plate and mask: boxes (x, y, w, h) of one colour before a room, with noise."""
    random = np.random.default_rng(seed)
    plate = room(seed)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = True
    frame = plate if shade is None else plate * shade[:, :, None]
    frame = np.where(mask[:, :, None], np.float32(color), frame)
    noise = random.normal(size=(2, *frame.shape)).astype(np.float32) / 255
    return np.clip(frame + noise[0], 0, 1), np.clip(plate + noise[1], 0, 1), mask


def test_soften_is_the_papers_recipe_at_512():
    mask = np.zeros((512, 512, 1), np.float32)
    mask[100:400, 150:350] = 1
    mask[20:30, 20:30] = 1  # 10 pixels wide: eroded away
    square = np.ones((5, 5), np.uint8)
    expected = cv2.erode(mask[:, :, 0], square, iterations=5)
    expected = cv2.dilate(expected, square, iterations=10)
    expected = cv2.GaussianBlur(expected, (5, 5), 5)
    np.testing.assert_allclose(soften(mask)[:, :, 0], expected, atol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_soften_scales_with_the_picture(scale):
    mask = np.zeros((288, 512), np.float32)
    mask[80:220, 150:350] = 1
    size = (int(512 * scale), int(288 * scale))
    scaled = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    soft = soften(scaled[:, :, None])
    assert soft.shape == (size[1], size[0], 1)
    back = cv2.resize(soft, (512, 288), interpolation=cv2.INTER_AREA)
    assert np.abs(back - soften(mask[:, :, None])[:, :, 0]).mean() < 0.01


def test_subject_is_covered_and_the_rest_is_not():
    frame, plate, mask = shot(1, [(200, 60, 90, 228)])
    prior = estimate_prior(frame, plate)[:, :, 0]
    far = cv2.dilate(mask.astype(np.uint8), np.ones((35, 35))) == 0
    assert prior[mask].min() > 0.9
    assert prior[far].max() < 0.02


def test_every_piece_counts_and_specks_do_not():
    boxes = [(60, 60, 60, 200), (240, 120, 40, 150), (400, 30, 70, 90), (330, 200, 3, 3)]
    frame, plate, mask = shot(2, boxes)
    prior = estimate_prior(frame, plate)[:, :, 0]
    for x, y, w, h in boxes[:3]:
        assert prior[y + 5 : y + h - 5, x + 5 : x + w - 5].min() > 0.9
    assert prior[195:210, 325:340].max() < 0.02
    assert mask.any()


def test_what_is_enclosed_is_filled():
    frame, plate, _ = shot(3, [(200, 60, 100, 160)])
    frame[110:150, 230:270] = plate[110:150, 230:270]
    assert estimate_prior(frame, plate)[110:150, 230:270].min() > 0.95


def test_soft_shadow_does_not_count():
    shade = np.zeros((HEIGHT, WIDTH), np.float32)
    shade[150:260, 320:460] = 0.35
    shade = 1 - cv2.GaussianBlur(shade, (0, 0), 12)
    frame, plate, mask = shot(4, [(120, 60, 90, 228)], shade=shade)
    prior = estimate_prior(frame, plate)[:, :, 0]
    assert prior[mask].min() > 0.9
    assert prior[:, 300:].mean() < 0.05


def test_dark_thing_counts_although_it_could_be_a_shadow():
    frame, plate, mask = shot(5, [(180, 40, 100, 200)], color=(0.06, 0.055, 0.05))
    assert estimate_prior(frame, plate)[:, :, 0][mask].min() > 0.9


def test_noise_alone_gives_nothing():
    frame, plate, _ = shot(6, [])
    random = np.random.default_rng(6)
    grain = 4 / 255 * random.normal(size=(2, *frame.shape)).astype(np.float32)
    noisy = np.clip(frame + grain[0], 0, 1), np.clip(plate + grain[1], 0, 1)
    assert estimate_prior(*noisy).max() < 0.02


def test_uncovered_border_follows_its_neighbours():
    frame, plate, _ = shot(7, [(200, 60, 90, 228)])
    valid = np.ones((HEIGHT, WIDTH, 1), np.float32)
    valid[-20:] = 0
    plate[-20:] = 0
    prior = estimate_prior(frame, plate, valid)[:, :, 0]
    assert prior[-10:, 210:280].min() > 0.9
    assert prior[-10:, :150].max() < 0.02


def test_a_joined_prior_keeps_people_and_difference_apart():
    frame, plate, _ = shot(1, [(100, 60, 90, 228), (330, 60, 90, 228)])
    people = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    people[:, 60:230] = 1  # the first box and the wall beside it; nothing of the second one
    prior = join_priors(people, differing(frame, plate))[:, :, 0]
    assert prior[80:270, 110:180].min() == pytest.approx(1, abs=0.01)
    assert prior[:, 62:70].max() == pytest.approx(0.8, abs=0.01)
    assert prior[80:270, 340:410].min() == pytest.approx(0.2, abs=0.01)
    assert prior[:, 470:].max() == pytest.approx(0, abs=0.01)


def test_a_joined_prior_does_not_ask_the_plate_where_it_ends():
    frame, plate, _ = shot(1, [(100, 60, 90, 228)])
    frame[:, 450:] = (0.2, 0.5, 0.3)
    people, covered = (np.full((HEIGHT, WIDTH, 1), value, np.float32) for value in (0, 1))
    covered[:, 440:] = 0
    plate[:, 440:] = plate[:, 439:440]
    assert join_priors(people, differing(frame, plate, covered))[:, 480:].max() < 0.01
    assert join_priors(people, differing(frame, plate))[60:, 480:].min() > 0.19


def test_sizes_must_agree():
    with pytest.raises(InputError, match="align"):
        estimate_prior(room(8), room(8)[:-1])
    with pytest.raises(InputError, match="height, width, 1"):
        soften(np.zeros((8, 8), np.float32))


def test_trimap():
    alpha = np.zeros((9, 9, 1), np.float32)
    alpha[3:6] = 1
    alpha[6] = 0.4
    assert trimap(alpha)[:, 0, 0].tolist() == [0, 0, 0, 1, 1, 1, 0.5, 0, 0]
    assert trimap(alpha, band=1)[:, 0, 0].tolist() == [0, 0, 0.5, 0.5, 1, 0.5, 0.5, 0.5, 0]


def test_trimap_of_a_prior_never_contradicts_the_mask():
    mask = np.zeros((288, 512, 1), np.float32)
    mask[60:260, 180:330] = 1
    levels = trimap_from_prior(soften(mask))
    assert mask[levels == 1].all()
    assert not mask[levels == 0].any()
    assert (levels == 1).mean() > 0.1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 700), st.integers(1, 60), st.booleans(), st.integers(0, 1000))
def test_any_size_gives_a_prior_of_the_frames_size(long, short, upright, seed):
    random = np.random.default_rng(seed)
    size = (long, short) if upright else (short, long)
    frame, plate = random.random((2, *size, 3), np.float32)
    valid = (random.random((*size, 1)) > 0.3).astype(np.float32)
    prior = estimate_prior(frame, plate, valid)
    assert prior.shape == (*size, 1)
    assert prior.dtype == np.float32
    assert 0 <= prior.min() <= prior.max() <= 1
