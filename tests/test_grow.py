"""A larger network that begins with what a smaller one knows."""

from dataclasses import replace
from functools import partial

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from cleanplate.errors import InputError, OutputError, WeightsError  # noqa: E402
from cleanplate.training import checkpoint  # noqa: E402
from cleanplate.training.export import export_network  # noqa: E402
from cleanplate.training.networks.compact import WIDTHS, CompactNetwork  # noqa: E402
from cleanplate.training.networks.grow import grown  # noqa: E402
from cleanplate.training.teacher import TeacherOptions, train_teacher  # noqa: E402


@pytest.fixture(scope="module")
def small():
    """A network in which nothing is at rest: norms, biases and residual blocks say something."""
    torch.manual_seed(3)
    network = CompactNetwork()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def pictures(remembers):
    torch.manual_seed(4)
    memory = torch.rand(2, 5, 48, 64)
    memory[:, 4] = 1
    given = [torch.rand(2, channels, 48, 64) for channels in (3, 3, 2)]
    return [*given, memory if remembers else None]


@pytest.mark.parametrize("remembers", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_grown_network_says_the_same(small, remembers, training):
    large = grown(small, "large")
    given = pictures(remembers)
    with torch.no_grad():
        for network in (small, large):
            network.train(training)
        pairs = list(zip(small(*given), large(*given), strict=True))
    small.eval()
    assert large.size == "large"
    assert sum(map(torch.numel, large.parameters())) > 2 * sum(map(torch.numel, small.parameters()))
    for ours, theirs in pairs:
        assert torch.allclose(ours, theirs, atol=1e-4 * float(ours.abs().max()))


def test_copies_begin_apart_when_asked(small):
    learned = {}
    for apart in (0.0, 0.25):
        torch.manual_seed(5)
        large = grown(small, "large", apart)
        prediction = large(*pictures(False))
        sum(each.square().mean() for each in prediction).backward()
        weight = large.encoder.stages[1][0][0].weight
        learned[apart] = weight.detach(), weight.grad
    same, pull = learned[0.0]
    copied = torch.cdist(same[32:].flatten(1), same[:32].flatten(1)).argmin(1)
    assert torch.equal(same[32:], same[copied])
    assert torch.allclose(pull[32:], pull[copied], rtol=1e-3, atol=1e-4 * float(pull.abs().max()))
    moved, pull = learned[0.25]
    assert torch.equal(moved[:32], same[:32])
    assert not torch.allclose(moved[32:], moved[copied], rtol=0.05)
    assert not torch.allclose(pull[32:], pull[copied], rtol=0.05)  # or both would stay the same


def test_nothing_grows_smaller(tmp_path, small):
    with pytest.raises(ValueError, match="somewhere larger"):
        grown(CompactNetwork("large"), "compact")
    path = tmp_path / "checkpoint.pt"
    large = CompactNetwork("large").state_dict()
    checkpoint.save(path, {"average": large, "size": "large"})
    with pytest.raises(WeightsError, match="cannot grow to compact"):
        checkpoint.grow(path, tmp_path / "grown.pt", "compact", 0)
    assert not (tmp_path / "grown.pt").exists()


@pytest.mark.parametrize("make", [partial(checkpoint.grow, size="large", seed=0), checkpoint.slim])
def test_a_file_in_the_place_of_the_folder_is_named(tmp_path, small, make):
    path, file = tmp_path / "small.pt", tmp_path / "file"
    weights = small.state_dict()
    checkpoint.save(path, {"network": weights, "average": weights})
    file.touch()
    with pytest.raises(OutputError, match="file cannot be made a folder"):
        make(path, file / "other.pt")


def test_each_size_is_at_most_itself():
    compact, large = WIDTHS["compact"], WIDTHS["large"]
    assert compact <= compact
    assert compact <= large
    assert not large <= compact


def test_a_grown_checkpoint_goes_on_and_is_exported(tmp_path, small, folders):
    path, run = tmp_path / "small.pt", tmp_path / "run"
    weights = small.state_dict()
    checkpoint.save(path, {"average": weights, "network": weights, "samples": 5, "seconds": 2.0})
    checkpoint.grow(path, run / "checkpoint.pt", "large", 1)
    options = TeacherOptions(size=32, batch=2, clips=0.0, held_out=0, workers=0, samples_limit=7)
    trained = checkpoint.load(
        train_teacher(*folders, run, replace(options, person=None), resume=True)
    )
    assert (trained["samples"], trained["size"], trained["cold"]) == (7, "large", 5)
    assert export_network(run / "checkpoint.pt", tmp_path / "large.onnx") < 2e-3


def test_sizes_that_nobody_knows_are_named(tmp_path, folders):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"average": {}, "size": "huge"})
    with pytest.raises(WeightsError, match="'huge'; known here are compact, large"):
        checkpoint.sized(path, checkpoint.load(path))
    with pytest.raises(InputError, match="'huge' is not known; use compact or large"):
        train_teacher(*folders, tmp_path / "run", TeacherOptions(network="huge"))
    assert not (tmp_path / "run").exists()
