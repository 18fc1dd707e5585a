"""Checkpoints that survive being cut off, and the moving average of the weights."""

import os

import pytest

torch = pytest.importorskip("torch")

from cleanplate.errors import OutputError, WeightsError  # noqa: E402
from cleanplate.training import checkpoint  # noqa: E402


def test_checkpoint_comes_back(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"network": {"weight": torch.arange(3.0)}, "samples": 5})
    content = checkpoint.load(path)
    assert content["samples"] == 5
    assert torch.equal(content["network"]["weight"], torch.arange(3.0))
    assert os.listdir(tmp_path) == ["checkpoint.pt"]


@pytest.mark.parametrize("cut", ["while it is written", "before it takes its place"])
def test_cut_off_save_leaves_the_old_checkpoint(tmp_path, monkeypatch, cut):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"samples": 1})

    def half(_content, file):
        file.write_bytes(b"half of it")
        raise OSError("No space left on device")

    def none(*_paths):
        raise KeyboardInterrupt

    if cut == "while it is written":
        monkeypatch.setattr(torch, "save", half)
    else:
        monkeypatch.setattr(os, "replace", none)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        checkpoint.save(path, {"samples": 2})
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["checkpoint.pt"]
    assert checkpoint.load(path) == {"samples": 1}
    checkpoint.save(path, {"samples": 3})
    assert checkpoint.load(path) == {"samples": 3}


def test_slim_checkpoint_is_small_and_keeps_the_weights(tmp_path):
    weight = torch.rand(20_000)
    full, small = tmp_path / "checkpoint.pt", tmp_path / "kept" / "small.pt"
    parts = {"network": {"weight": weight}, "average": {"weight": weight.clone()}, "samples": 7}
    checkpoint.save(full, parts | {"optimizer": {"moments": torch.rand(2, 20_000)}})
    checkpoint.slim(full, small)
    content = checkpoint.load(small)
    assert content["samples"] == 7
    assert "optimizer" not in content
    assert torch.allclose(content["average"]["weight"].float(), weight, atol=1e-3)
    assert small.stat().st_size < 0.4 * full.stat().st_size


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "folder.pt").mkdir()
    with pytest.raises(OutputError, match=r"folder\.pt is a folder, a file name was expected"):
        checkpoint.save(tmp_path / "folder.pt", {})

    def full(_content, _file):
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"other\.pt cannot be written: is the disk full\?"):
        checkpoint.save(tmp_path / "other.pt", {})
    assert os.listdir(tmp_path) == ["folder.pt"]


def damaged(path, kind):
    if kind == "cut short":
        checkpoint.save(path, {"network": torch.rand(1000)})
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "no tensors":
        torch.save({"network": os.getcwd}, path)  # a function could do anything when it is read
    elif kind == "a list":
        torch.save([1, 2], path)
    else:
        path.write_bytes({"empty": b"", "text": b"not a checkpoint"}[kind])


@pytest.mark.parametrize("kind", ["cut short", "no tensors", "a list", "empty", "text"])
def test_damaged_checkpoint_is_refused_in_one_line(tmp_path, kind):
    path = tmp_path / "checkpoint.pt"
    damaged(path, kind)
    with pytest.raises(WeightsError) as caught:
        checkpoint.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="is not there: name a checkpoint"):
        checkpoint.load(tmp_path / "checkpoint.pt")


def test_checkpoint_of_something_else_is_refused(tmp_path):
    path, layer = tmp_path / "other.pt", torch.nn.Linear(2, 3)
    for content in ({}, {"network": torch.nn.Linear(2, 4).state_dict()}, {"network": {}}):
        with pytest.raises(WeightsError, match=r"other\.pt is of another kind: its part 'network'"):
            checkpoint.restore(path, content, network=layer)
    other = torch.nn.Linear(2, 3)
    checkpoint.restore(path, {"network": other.state_dict()}, network=layer)
    assert torch.equal(layer.weight, other.weight)


def test_moving_average_follows_the_formula():
    network, average = (torch.nn.BatchNorm1d(2) for _ in range(2))
    with torch.no_grad():
        network.weight.copy_(torch.tensor([2.0, -1.0]))
    network.num_batches_tracked += 7
    expected = torch.ones(2)
    for step in (1, 2, 1000, 1001):
        checkpoint.update_average(average, network, step, decay=0.9)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach()
        torch.testing.assert_close(average.weight.detach(), expected)
    assert int(average.num_batches_tracked) == 7  # a count is not averaged
    assert torch.equal(network.weight.detach(), torch.tensor([2.0, -1.0]))
