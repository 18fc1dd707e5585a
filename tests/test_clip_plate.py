"""A plate made of a clip: walkers, people who stand still, drifting exposure, moved cameras."""

from functools import lru_cache

import cv2
import numpy as np
import pytest

from cleanplate.clip_plate import EstimateOptions, estimate_plate
from cleanplate.errors import InputError, PlateError
from cleanplate.plates import clip_vote
from cleanplate.plates.clip_stack import gather
from plate_scenes import hand_moved, noisy, scene

HEIGHT, WIDTH = 120, 200


def figure(x):
    """Mask H W of somebody who stands at x."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (round(x), 70), (16, 44), 0, 0, 360, 1, -1)
    return mask > 0


@lru_cache
def clothes():
    return scene(900, HEIGHT, WIDTH)[:, ::-1] * np.float32([0.4, 0.5, 0.9])


def stand(room, x, seed, noise=1.5):
    """The room with somebody dressed in another texture."""
    mask = figure(x)[:, :, None]
    shifted = np.roll(clothes(), round(x), axis=1)
    return noisy(np.where(mask, shifted, room), noise, np.random.default_rng(seed))


def walk(room, places):
    return [stand(room, x, seed) for seed, x in enumerate(places)]


def levels(one, other):
    return np.abs(one - other) * 255


def test_walker_leaves_the_plate():
    room = scene(1, HEIGHT, WIDTH)
    estimated = estimate_plate(walk(room, np.linspace(-20, 220, 30)))
    assert levels(estimated.plate, room).mean() < 0.6
    assert np.percentile(levels(estimated.plate, room), 99.9) < 4
    assert estimated.frames == 30
    assert estimated.doubtful == 0
    assert estimated.seen.shape == (HEIGHT, WIDTH, 1)
    assert estimated.seen[70, 100, 0] < 1


@pytest.mark.parametrize("still", [8, 16, 22])
def test_somebody_who_stands_still_for_long_is_not_the_plate(still):
    """Not even when the subject was to be seen more often than the scene behind it."""
    room = scene(2, HEIGHT, WIDTH)
    frames = walk(room, [*[100] * still, *np.linspace(110, 240, 8), *[300] * (24 - still)])
    estimated = estimate_plate(frames)
    assert levels(estimated.plate, room)[figure(100)].mean() < 3
    assert levels(estimated.plate, room)[~figure(100)].mean() < 1


def test_two_things_neither_of_which_is_the_scene_are_refused():
    room = scene(12, HEIGHT, WIDTH)
    frames = []
    for k in range(24):
        shown = room.copy()
        shown[30:90, 60:140] = scene(120 + (k > 12), HEIGHT, WIDTH)[30:90, 60:140] ** 0.3
        frames.append(noisy(shown, 1.5, np.random.default_rng(k)))
    with pytest.raises(PlateError, match=r"two things .*Give masks"):
        estimate_plate(frames)
    assert estimate_plate(frames, refuse=False).doubtful > 0.005


def test_masks_tell_what_was_never_free():
    room = scene(3, HEIGHT, WIDTH)
    places = [100 + 3 * (-1) ** k for k in range(20)]
    masks = [figure(x).astype(np.float32)[:, :, None] for x in places]
    with pytest.raises(PlateError, match="never free") as refused:
        estimate_plate(walk(room, places), alphas=masks)
    said = float(str(refused.value).split("%")[0]) / 100
    core = (figure(97) & figure(103)).mean()
    assert core < said < 1.6 * core
    estimated = estimate_plate(walk(room, places), alphas=masks, refuse=False)
    assert "never free" in estimated.warnings[0]
    assert (estimated.seen[:, :, 0] == 0)[figure(97) & figure(103)].all()
    assert levels(estimated.plate, room)[estimated.seen[:, :, 0] > 0].mean() < 1


def test_masks_are_asked_for_only_where_a_frame_was_kept():
    room = scene(4, HEIGHT, WIDTH)
    places = [*[60] * 40, *[140] * 20]
    asked = []

    def find(frame):
        asked.append(frame.dtype)
        there = np.abs(cv2.GaussianBlur(frame - room, (0, 0), 2)).max(axis=2) > 0.03
        return there.astype(np.float32)[:, :, None]

    options = EstimateOptions(most=16)
    estimated = estimate_plate(walk(room, places), find_subject=find, options=options)
    assert len(asked) == estimated.frames <= 16
    assert levels(estimated.plate, room).mean() < 1


def test_empty_frames_are_averaged():
    room = scene(5, HEIGHT, WIDTH)
    frames = [noisy(room, 3, np.random.default_rng(seed)) for seed in range(16)]
    estimated = estimate_plate(frames, empty=True)
    assert estimated.warnings == ()
    assert levels(estimated.plate, room).mean() < 0.4 * levels(frames[0], room).mean()
    assert estimated.seen.min() > 0.5


def test_movement_in_empty_frames_is_refused():
    room = scene(6, HEIGHT, WIDTH)
    frames = walk(room, np.linspace(60, 140, 12))
    with pytest.raises(PlateError, match=r"Something moves in .*middle"):
        estimate_plate(frames, empty=True)
    assert "moves" in estimate_plate(frames, empty=True, refuse=False).warnings[0]


@pytest.mark.parametrize("count", [1, 4])
def test_of_few_empty_frames_it_is_said_that_movement_cannot_be_seen(count):
    frames = [scene(7, HEIGHT, WIDTH)] * count
    (warning,) = estimate_plate(frames, empty=True).warnings
    assert f"made of {count} frame" in warning
    assert "at least 5" in warning


def test_exposure_is_equalised():
    room = scene(7, HEIGHT, WIDTH)
    places = np.linspace(-20, 220, 21)
    drift = np.linspace(0.8, 1.2, 21)
    frames = [
        np.clip(stand(room, x, k) * np.float32(gain), 0, 1)
        for k, (x, gain) in enumerate(zip(places, drift, strict=True))
    ]
    estimated = estimate_plate(frames)
    assert levels(estimated.plate, room)[room.max(axis=2) < 0.8].mean() < 1.2


def test_hand_held_frames_are_laid_on_one_another():
    wide = scene(8, HEIGHT + 60, WIDTH + 60)
    inner = np.array([[1, 0, -30], [0, 1, -30], [0, 0, 1.0]])
    frames = []
    for k, x in enumerate(np.linspace(-20, 220, 15)):
        moved = hand_moved(0.01 if k == 7 else 4, k, HEIGHT, WIDTH)
        view = cv2.warpPerspective(wide, moved @ inner, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        frames.append(stand(view, x, k))
    room = wide[30:-30, 30:-30]
    options = EstimateOptions(camera="handheld")
    estimated = estimate_plate(frames, options=options, refuse=False)
    assert levels(estimated.plate, room).mean() < 2
    at_rest = estimate_plate(frames, refuse=False)
    assert levels(estimated.plate, room).mean() < 0.5 * levels(at_rest.plate, room).mean()


def test_kept_frames_are_bounded_and_even():
    frames = (np.full((8, 8, 3), k % 256, np.uint8) for k in range(1000))
    kept, count = gather(frames, None, 20, 10**9)
    steps = np.diff([one.index for one in kept])
    assert count == 1000
    assert 10 <= len(kept) <= 20
    assert len(set(steps)) == 1
    assert kept[-1].index >= 1000 - steps[0]
    few, _ = gather(
        (np.zeros((64, 64, 3), np.uint8) for _ in range(100)), None, 48, 15 * 64 * 64 * 3
    )
    assert len(few) <= 15


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_frames_of_any_depth(kind):
    room = scene(9, HEIGHT, WIDTH)
    top = 1 if kind is np.float32 else np.iinfo(kind).max
    frames = [(room * top).astype(kind)] * 6
    assert levels(estimate_plate(frames, empty=True).plate, room).max() < 1.1


@pytest.mark.parametrize(
    ("frames", "alphas", "sentence"),
    [
        ([], None, "no frames"),
        ([np.zeros((9, 9), np.uint8)], None, "height, width, 3"),
        ([np.zeros((9, 9, 3), np.int32)] * 6, None, "int32"),
        ([np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)], None, "one size"),
        ([np.zeros((9, 9, 3), np.uint8)] * 6, [np.zeros((9, 9))] * 3, "masks end at 3"),
        ([np.zeros((9, 9, 3), np.uint8)] * 6, [np.zeros((9, 8))] * 6, "mask has shape"),
        ([np.full((9, 9, 3), np.nan, np.float32)] * 6, None, "no numbers"),
    ],
)
def test_bad_frames_are_named(frames, alphas, sentence):
    with pytest.raises(InputError, match=sentence):
        estimate_plate(frames, alphas=alphas)


def test_too_few_frames_are_refused():
    with pytest.raises(PlateError, match="from 3 frames"):
        estimate_plate([np.zeros((20, 20, 3), np.uint8)] * 3)


def test_more_than_255_frames_may_vote():
    frames = np.zeros((300, 3, 4, 4), np.uint8)
    frames[260:] = 200
    best, votes = clip_vote._densest(frames, np.ones((300, 4, 4), bool), 4)
    assert (best < 260).all()
    assert (votes == 260).all()
