"""Samples that are used again: what is kept, what is drawn, and what stands in another's scene."""

import pytest

torch = pytest.importorskip("torch")

from cleanplate.errors import DeviceError  # noqa: E402
from cleanplate.training import replay as replay_module  # noqa: E402
from cleanplate.training.replay import Replay, recombine, replayed  # noqa: E402

CHANNELS = {"frame": 3, "plate": 3, "prior": 2, "alpha": 1, "foreground": 3}
CHANNELS |= {"background": 3, "shadow": 1, "valid": 1}


def numbered(*numbers):
    """A batch whose samples are told by the value of every pixel but one corner's."""
    batch = torch.tensor(numbers).reshape(-1, 1, 1, 1).repeat(1, 1, 4, 6) / 16
    batch[..., 0] += 1 / 64
    return {"frame": batch, "alpha": batch + 1 / 32}


def test_the_newest_samples_are_kept():
    replay = Replay(4, "cpu")
    for first in (1, 3, 5):
        replay.add(numbered(first, first + 1))
    drawn = replay.draw(200)
    assert drawn["frame"].dtype == torch.float32
    assert sorted(set((drawn["frame"][:, 0, 0, 2] * 16).tolist())) == [3, 4, 5, 6]


def test_it_keeps_no_more_than_a_gpu_has_room_for(monkeypatch):
    sample = 2 * 2 * 4 * 6  # bytes: two pictures of 4 x 6 in half precision
    monkeypatch.setattr(replay_module, "free_memory", lambda device: 11 * sample)
    replay = Replay(100, "cpu")
    for first in (1, 3, 5, 7):
        replay.add(numbered(first, first + 1))
    assert replay.capacity == len(replay.kept["frame"]) == 5
    assert sorted(set((replay.draw(200)["frame"][:, 0, 0, 2] * 16).tolist())) == [4, 5, 6, 7, 8]
    monkeypatch.setattr(replay_module, "free_memory", lambda device: 3 * sample)
    with pytest.raises(DeviceError, match="too little to keep samples for --replay"):
        Replay(100, "cpu").add(numbered(1, 2))


def test_all_pictures_of_a_sample_are_drawn_and_mirrored_together():
    replay = Replay(8, "cpu")
    replay.add(numbered(*range(8)))
    drawn = replay.draw(100)
    torch.testing.assert_close(drawn["alpha"], drawn["frame"] + 1 / 32)
    mirrored = drawn["frame"][:, 0, 0, 0] < drawn["frame"][:, 0, 0, -1]
    assert 25 < int(mirrored.sum()) < 75


def test_every_batch_is_drawn_so_often():
    batches = iter([numbered(1, 2), numbered(3, 4)])
    drawn = list(replayed(batches, 3, 8, "cpu"))
    assert [len(batch["frame"]) for batch in drawn] == [2] * 6
    assert all(float(batch["frame"].max()) < 3 / 16 for batch in drawn[:3])


def test_a_subject_takes_its_shadow_and_prior_into_another_scene():
    torch.manual_seed(0)
    batch = {name: torch.rand(64, count, 8, 8) for name, count in CHANNELS.items()}
    mixed = recombine(batch)
    for name in ("alpha", "foreground", "shadow", "prior"):
        assert torch.equal(mixed[name], batch[name])
    moved = (mixed["frame"] != batch["frame"]).flatten(1).any(1)
    assert 10 < int(moved.sum()) < 40
    assert torch.equal(mixed["frame"][~moved], batch["frame"][~moved])
    behind = mixed["background"] * mixed["shadow"]
    composite = mixed["foreground"] * mixed["alpha"] + behind * (1 - mixed["alpha"])
    assert float((mixed["frame"] - composite)[moved].abs().mean()) < 4 / 255
    for scene in zip(*(mixed[name] for name in ("plate", "background", "valid")), strict=True):
        same = [torch.equal(scene[0], plate) for plate in batch["plate"]].index(True)
        assert torch.equal(scene[1], batch["background"][same])
        assert torch.equal(scene[2], batch["valid"][same])
