"""Training on clips: samples of several moments, the past of the last one, and the loss of it."""

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from cleanplate.motion import follow as follow_picture  # noqa: E402
from cleanplate.training import clips, subjects  # noqa: E402
from cleanplate.training.data import read_pool  # noqa: E402
from cleanplate.training.losses import temporal_loss  # noqa: E402
from cleanplate.training.networks.compact import CompactNetwork  # noqa: E402
from cleanplate.training.stream import Synthesis  # noqa: E402
from cleanplate.training.synthesis import Recipe, synthesize_clip  # noqa: E402

pytestmark = pytest.mark.usefixtures("same_torch_numbers")


@pytest.fixture(scope="module")
def both(folders):
    return read_pool(folders[0], foregrounds=True), read_pool(folders[1], foregrounds=False)


def test_clip_has_one_plate_and_a_subject_that_moves(both):
    moved = told = 0
    for seed in range(12):
        made = synthesize_clip(np.random.default_rng(seed), *both, Recipe(size=64), moments=3)
        assert len(made) == 3
        for sample in made[1:]:
            assert sample["plate"] is made[0]["plate"]
            assert np.array_equal(sample["background"], made[0]["background"])
            assert not np.array_equal(sample["frame"], made[0]["frame"])
        told += bool(made[0]["prior"].any())
        moved += np.abs(made[2]["alpha"] - made[0]["alpha"]).max() > 0.2
    assert 4 <= moved <= 12
    assert 0 < told < 12  # priors come and go in the first frame as in the last


def test_subject_walks_at_a_steady_pace():
    y, x = np.mgrid[:96, :96].astype(np.float32)
    alpha = (np.hypot(y - 48, x - 48) < 12).astype(np.float32)[..., None]
    colour = np.repeat(alpha, 3, 2)
    ratios = []
    for seed in range(30):
        steps = []
        for _, now in subjects.walk(np.random.default_rng(seed), colour, alpha, 3):
            middle = [float((axis[..., None] * now).sum() / max(now.sum(), 1)) for axis in (y, x)]
            steps.append(np.array(middle))
        first, second = (np.linalg.norm(b - a) for a, b in pairwise(steps))
        if first > 0.5 and steps[2].min() > 14 and steps[2].max() < 82:
            ratios.append(second / first)
    assert len(ratios) > 5
    assert np.median(ratios) == pytest.approx(1, abs=0.2)


def test_batches_are_stills_or_clips(both):
    data = Synthesis(*both, Recipe(size=64), seed=3, clips=0.5)
    moments = [data.moments(first) for first in range(0, 800, 8)]
    assert set(moments) == {1, 2, 3}
    assert 25 < moments.count(1) < 75
    still, clip = data[5, 1], data[5, 3]
    assert "flows" not in still
    shapes = {name: tuple(clip[name].shape) for name in clip.keys() - still.keys()}
    assert shapes == {
        "frames_before": (2, 3, 64, 64),
        "priors_before": (2, 2, 64, 64),
        "alphas_before": (2, 1, 64, 64),
        "flows": (2, 2, 64, 64),
        "spoilt": (1, 64, 64),
        "is_spoilt": (1, 1, 1),
    }


def test_following_in_torch_is_following_in_pictures():
    rng = np.random.default_rng(0)
    picture = rng.random((20, 30, 2), dtype=np.float32)
    flow = rng.normal(0, 3, (20, 30, 2)).astype(np.float32)
    planes = (torch.from_numpy(array.transpose(2, 0, 1)[None].copy()) for array in (picture, flow))
    ours = clips.follow(*planes)[0].numpy().transpose(1, 2, 0)
    assert np.abs(ours - follow_picture(picture, flow)).max() < 0.05  # OpenCV has 1/32 of a pixel
    assert np.abs(ours - follow_picture(picture, flow)).mean() < 0.01


def batch(count=2, moments=2, side=32):
    torch.manual_seed(1)
    before = moments - 1
    return {
        "prior": torch.zeros(count, 2, side, side),
        "plate": torch.rand(count, 3, side, side),
        "frames_before": torch.rand(count, before, 3, side, side),
        "priors_before": torch.rand(count, before, 2, side, side),
        "alphas_before": torch.rand(count, before, 1, side, side),
        "flows": torch.zeros(count, before, 2, side, side),
        "spoilt": torch.full((count, 1, side, side), 0.25),
        "is_spoilt": torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1),
    }


def test_memory_is_what_the_network_said_or_spoilt():
    network = CompactNetwork().eval()
    given = batch()
    past = clips.recall(network, given)
    with torch.no_grad():
        frame, prior = (given[f"{what}_before"][:, 0] for what in ("frames", "priors"))
        said = network(frame, given["plate"], prior).alpha
    torch.testing.assert_close(past.memory[0, :1], said[0], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(past.memory[1, :1], given["spoilt"][1], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(past.alpha, said)  # the loss compares with what was really said
    torch.testing.assert_close(
        past.memory[:, 1:4], given["frames_before"][:, 0], atol=1e-4, rtol=1e-3
    )
    assert (past.memory[:, 4] == 1).all()


def test_no_memory_is_a_memory_of_nothing():
    network = CompactNetwork().eval()
    frame, plate = torch.rand(2, 1, 3, 32, 32)
    prior = torch.zeros(1, 2, 32, 32)
    without = network(frame, plate, prior)
    nothing = network(frame, plate, prior, torch.zeros(1, 5, 32, 32))
    torch.testing.assert_close(without.alpha, nothing.alpha)
    smaller = network.deployed(memory=False)(frame, plate, prior)
    torch.testing.assert_close(without.alpha, smaller.alpha)
    known = network(frame, plate, prior, torch.ones(1, 5, 32, 32))
    assert not torch.allclose(without.alpha, known.alpha)


def test_temporal_loss_wants_the_true_change():
    alpha_true, before_true = torch.rand(2, 1, 1, 8, 8)
    constant = 0.1
    past = clips.Past(torch.zeros(1, 5, 8, 8), before_true + constant, before_true)
    assert float(temporal_loss(alpha_true + constant, alpha_true, past)) < 1e-6
    assert float(temporal_loss(alpha_true, alpha_true, past)) == pytest.approx(0.1, abs=1e-5)
