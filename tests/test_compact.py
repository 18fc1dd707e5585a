"""The network that ships and the tile refiner: size, cache, gradients."""

import pytest

torch = pytest.importorskip("torch")

from cleanplate.training.losses import WEIGHTS, teacher_losses, weighted  # noqa: E402
from cleanplate.training.networks.compact import CompactNetwork  # noqa: E402
from cleanplate.training.networks.refiner import PADDED, TileRefiner  # noqa: E402

NAMES = ("frame", "plate", "prior")
SIZE = 32


pytestmark = pytest.mark.usefixtures("same_torch_numbers")


def truth():
    """What a training step compares a batch of two with."""
    sample = {name: torch.rand(2, 3, SIZE, SIZE) for name in ("foreground", "background")}
    return sample | {name: torch.rand(2, 1, SIZE, SIZE) for name in ("alpha", "shadow", "valid")}


def inputs(height=32, width=48, batch=2):
    return [torch.rand(batch, channels, height, width) for channels in (3, 3, 2)]


@pytest.fixture
def network():
    """The compact network with residual blocks that do something, as after some training."""
    made = CompactNetwork()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
    return made


def test_compact_network_is_as_small_as_it_says(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_851_247
    assert sum(parameter.numel() for parameter in TileRefiner().parameters()) == 4788


def test_cached_plate_gives_the_same_output(network):
    network.eval()
    frame, plate, prior = inputs()
    with torch.no_grad():
        whole = network(frame, plate, prior)
        cached = network(frame, plate, prior, None, network.encode_plate(plate))
        other = network(frame, plate, prior, None, network.encode_plate(1 - plate))
    for ours, theirs in zip(whole, cached, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(whole.alpha_logit, other.alpha_logit, atol=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (64, 160)])
def test_output_is_as_large_as_the_input(network, size):
    network.eval()
    with torch.no_grad():
        prediction = network(*inputs(*size))
    channels = {name: getattr(prediction, name).shape[1] for name in prediction._fields}
    assert channels == {
        "alpha_logit": 1,
        "foreground": 3,
        "error": 1,
        "shadow": 1,
        "valid_logit": 1,
    }
    assert {tuple(part.shape[2:]) for part in prediction} == {size}
    for shares in (prediction.alpha, prediction.shadow):
        assert shares.min() >= 0
        assert shares.max() <= 1


def test_every_input_reaches_alpha(network):
    network.eval()
    given = [each.requires_grad_() for each in inputs()]
    alpha = network(*given).alpha
    for name, moved in zip(NAMES, torch.autograd.grad(alpha.sum(), given), strict=True):
        assert (moved != 0).flatten(2).any(2).all(), name


def test_prior_encoder_sees_the_plain_difference_of_colours(network):
    seen = []
    network.prior_encoder.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    frame, plate, prior = inputs()
    network(frame, plate, prior)
    torch.testing.assert_close(seen[0], torch.cat([prior, 4 * (frame - plate).abs()], 1))


def test_gradient_reaches_every_parameter(network):
    sample = truth()
    terms = teacher_losses(network(*inputs(SIZE, SIZE), torch.rand(2, 5, SIZE, SIZE)), sample)
    weighted(terms, WEIGHTS).backward()
    starved = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert starved == []


def test_every_term_moves_the_network(network):
    sample = truth()
    terms = teacher_losses(network(*inputs(SIZE, SIZE)), sample)
    for name, term in terms.items():
        moved = torch.autograd.grad(term, network.decode4[0][0].weight, retain_graph=True)[0]
        assert torch.isfinite(moved).all(), name
        assert moved.any(), name


def test_refiner_starts_as_no_correction():
    correction = TileRefiner()(torch.rand(5, PADDED, 22, 22))
    assert correction.shape == (5, 4, 16, 16)
    assert not correction.any()
