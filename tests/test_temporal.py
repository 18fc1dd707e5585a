"""Alpha held steady by neighbouring frames: less flicker, no lag of edges, exact after a stop."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from cleanplate.jobs.lookahead import HeldBack
from cleanplate.jobs.parts import CutFrame, PartEnd
from cleanplate.metrics import dtssd, mad
from cleanplate.temporal import Steadier, moment_arrays, moment_of, restore_moments

HEIGHT, WIDTH, COUNT = 120, 160, 10
WAYS = {"smooth": (0, 2), "lookahead": (2, 2)}


def walking():
    """Frames of a textured disc that walks over a scene, and its exact alpha, N H W 1."""
    rng = np.random.default_rng(3)
    scene = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 4)
    skin = cv2.GaussianBlur(rng.random((HEIGHT, 2 * WIDTH, 3)).astype(np.float32), (0, 0), 1.5)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    frames, alphas = [], []
    for index in range(COUNT):
        middle = 50 + 4 * index
        away = np.hypot(x - middle, y - 60)
        alpha = np.clip((35 - away) / 3 + 0.5, 0, 1)[..., None].astype(np.float32)
        coat = skin[:, WIDTH - middle : 2 * WIDTH - middle]
        frames.append(alpha * coat + (1 - alpha) * scene)
        alphas.append(alpha)
    return np.stack(frames), np.stack(alphas)


def doubtful(alphas, seed=4):
    """As a network sees them one at a time: edges judged differently in each frame."""
    rng = np.random.default_rng(seed)
    patches = rng.normal(0, 0.5, (COUNT, HEIGHT // 5, WIDTH // 5)).astype(np.float32)
    noise = np.stack([cv2.resize(each, (WIDTH, HEIGHT)) for each in patches])[..., None]
    return np.clip(alphas + noise * 4 * alphas * (1 - alphas), 0, 1).astype(np.float32)


def steadied(frames, alphas, ahead, behind):
    steadier, made = Steadier(ahead, behind), []
    for frame, alpha in zip(frames, alphas, strict=True):
        ready = steadier.push(moment_of(frame, alpha))
        if ready is not None:
            made.append(ready)
    return np.stack([*made, *steadier.finish()])


@pytest.mark.parametrize("way", WAYS)
def test_flickers_less_and_errs_no_more(way):
    frames, true = walking()
    noisy = doubtful(true)
    made = steadied(frames, noisy, *WAYS[way])
    assert made.shape == true.shape
    assert dtssd(made, true) < 0.8 * dtssd(noisy, true)
    assert mad(made, true) < mad(noisy, true)


@pytest.mark.parametrize("way", WAYS)
def test_edges_do_not_lag(way):
    frames, true = walking()
    made = steadied(frames, true, *WAYS[way])
    assert mad(made, true) < 3
    np.testing.assert_allclose(made.sum(), true.sum(), rtol=0.01)


def test_hole_of_one_frame_is_closed():
    frames, true = walking()
    holed = true.copy()
    holed[5, 55:65, 65:75] = 0.3
    made = steadied(frames, holed, 2, 2)
    assert made[5, 57:63, 67:73].mean() > 0.8
    np.testing.assert_allclose(made[4, 57:63, 67:73], 1, atol=0.1)


def test_another_scene_is_left_alone():
    frames, true = walking()
    frames[5:] = 1 - frames[5:, ::-1]
    cut = np.concatenate([true[:5], np.roll(true[5:], 60, axis=2)])
    made = steadied(frames, cut, 1, 1)
    assert np.abs(made[4:6] - cut[4:6]).mean() < 0.01


def test_waits_for_as_many_frames_as_said():
    frames, true = walking()
    steadier = Steadier(2, 2)
    ready = [steadier.push(moment_of(f, a)) for f, a in zip(frames, true, strict=True)]
    assert [each is None for each in ready] == [True] * 2 + [False] * (COUNT - 2)
    assert len(list(steadier.finish())) == 2


def item(index, frames, alphas):
    cutout = SimpleNamespace(alpha=alphas[index], foreground=frames[index])
    given = SimpleNamespace(picture=np.rint(frames[index] * 255).astype(np.uint8), index=index)
    return CutFrame(given, index, cutout, None)


@pytest.mark.parametrize("way", WAYS)
def test_goes_on_exactly_after_a_stop(way):
    frames, alphas = walking()
    alphas = doubtful(alphas)
    whole, first = (HeldBack(*WAYS[way], None) for _ in range(2))
    wanted = [ready for k in range(COUNT) for ready in whole.put(item(k, frames, alphas))]
    wanted += list(whole.finish())
    for k in range(6):
        list(first.put(item(k, frames, alphas)))
    second = HeldBack(*WAYS[way], {"alpha": np.zeros(1), **first.arrays()})
    made = [ready for k in range(6, COUNT) for ready in second.put(item(k, frames, alphas))]
    made += list(second.finish())
    assert [each.given.index for each in made] == list(range(6, COUNT))
    for one, other in zip(made, wanted[6:], strict=True):
        np.testing.assert_array_equal(one.cutout.alpha, other.cutout.alpha)


def test_ends_of_parts_come_after_their_frames():
    frames, alphas = walking()
    held, seen = HeldBack(2, 2, None), []
    for k in range(4):
        seen += list(held.put(item(k, frames, alphas)))
        if k == 2:
            seen += list(held.put(PartEnd(3, {})))
    seen += list(held.finish())
    told = [each.after if isinstance(each, PartEnd) else each.given.index for each in seen]
    assert told == [0, 1, 2, 3, 3]
    assert isinstance(seen[3], PartEnd)


def test_nothing_is_touched_where_no_frame_counts():
    frames, alphas = walking()
    held = HeldBack(0, 0, None)
    one = item(0, frames, alphas)
    assert list(held.put(one)) == [one]
    assert held.arrays() == {}


def test_moments_survive_as_arrays():
    frames, alphas = walking()
    moments = [moment_of(frames[k], alphas[k]) for k in range(3)]
    for one, other in zip(restore_moments(moment_arrays(moments)), moments, strict=True):
        for name, array in vars(other).items():
            np.testing.assert_array_equal(getattr(one, name), array)
