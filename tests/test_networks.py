"""The 2020 generator and its discriminator: size, cost, wiring, gradients."""

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from cleanplate.errors import InputError  # noqa: E402
from cleanplate.training.networks.discriminator import PatchDiscriminator  # noqa: E402
from cleanplate.training.networks.paper import (  # noqa: E402
    PaperNetwork,
    motion_from,
    still_motion,
)

SELECTORS = ("plate", "prior", "motion")
Inputs = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2020)
        yield


def inputs(size: tuple[int, int] = (16, 24), batch: int = 1, device: str = "cpu") -> Inputs:
    channels = {"frame": 3, "plate": 3, "prior": 1, "motion": 4}
    return {
        name: torch.rand(batch, count, *size, device=device) for name, count in channels.items()
    }


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def without_compute(network_type: type[nn.Module]) -> nn.Module:
    """A network that knows shapes and has no numbers, so that 512 x 512 costs nothing."""
    with torch.device("meta"):
        return network_type()


def test_generator_has_the_published_number_of_parameters() -> None:
    assert parameters(without_compute(PaperNetwork)) == 17_908_420


def test_generator_costs_402_gmac_at_512() -> None:
    network = without_compute(PaperNetwork)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        alpha, foreground = network(**inputs((512, 512), device="meta"))
    assert counter.get_total_flops() / 2 / 1e9 == pytest.approx(402, abs=0.5)
    assert alpha.shape == (1, 1, 512, 512)
    assert foreground.shape == (1, 3, 512, 512)


def test_generator_keeps_size_and_range() -> None:
    with torch.no_grad():
        alpha, foreground = PaperNetwork()(**inputs((16, 24), batch=2))
    assert alpha.shape == (2, 1, 16, 24)
    assert foreground.shape == (2, 3, 16, 24)
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_heads_map_from_signed_values() -> None:
    network = PaperNetwork().eval()
    for head, bias in ((network.alpha_head, 1.5), (network.foreground_head, 1.5)):
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, bias)
    with torch.no_grad():
        alpha, foreground = network(**inputs())
    expected_alpha = torch.full_like(alpha, (torch.tanh(torch.tensor(1.5)).item() + 1) / 2)
    torch.testing.assert_close(alpha, expected_alpha)
    torch.testing.assert_close(foreground, torch.full_like(foreground, 1.25))  # not clamped


def test_networks_see_signed_values() -> None:
    """Mid grey is 0 inside: a first convolution without bias answers it with nothing."""
    generator = PaperNetwork().eval()
    discriminator = PatchDiscriminator().eval()
    firsts = {
        name: getattr(generator, f"encode_{name}").to_half[0] for name in ("frame", *SELECTORS)
    }
    firsts["discriminator"] = discriminator.score[0]
    answers: Inputs = {}
    for name, first in firsts.items():
        nn.init.zeros_(first.bias)
        first.register_forward_hook(
            lambda _module, _arguments, answer, name=name: answers.update(
                {name: answer.detach().clone()}
            )
        )
    grey = {name: torch.full_like(picture, 0.5) for name, picture in inputs().items()}
    with torch.no_grad():
        generator(**grey)
        discriminator(grey["frame"])
    assert {name: answer.abs().max().item() for name, answer in answers.items()} == dict.fromkeys(
        firsts, 0.0
    )


def selected(network: nn.Module, given: Inputs) -> Inputs:
    """What each selector passes on, and the alpha in the end."""
    passed_on: Inputs = {}
    hooks = [
        getattr(network, f"select_{name}").register_forward_hook(
            lambda _module, _arguments, answer, name=name: passed_on.update({name: answer.clone()})
        )
        for name in SELECTORS
    ]
    with torch.no_grad():
        passed_on["alpha"], _ = network(**given)
    for hook in hooks:
        hook.remove()
    return passed_on


@pytest.mark.parametrize(
    ("motion_selector_sees_plate", "changed_input", "expected"),
    [
        (False, "frame", {"plate", "prior", "motion", "alpha"}),
        (False, "plate", {"plate", "alpha"}),
        (False, "prior", {"prior", "alpha"}),
        (False, "motion", {"motion", "alpha"}),
        (True, "plate", {"plate", "motion", "alpha"}),
        (True, "prior", {"prior", "alpha"}),
        (True, "motion", set()),  # the published mistake: motion reaches nothing
    ],
)
def test_each_selector_sees_the_frame_and_its_own_hint(
    motion_selector_sees_plate: bool, changed_input: str, expected: set[str]
) -> None:
    network = PaperNetwork(motion_selector_sees_plate).eval()
    given = inputs()
    before = selected(network, given)
    after = selected(network, given | {changed_input: 1 - given[changed_input]})
    assert {name for name in before if not torch.equal(before[name], after[name])} == expected


def test_only_the_foreground_gets_the_frame_past_the_combinator() -> None:
    network = PaperNetwork().eval()
    network.combine.register_forward_hook(lambda _module, _arguments, answer: answer * 0)
    given = inputs()
    with torch.no_grad():
        alpha, foreground = network(**given)
        other_frame = network(**given | {"frame": 1 - given["frame"]})
        other_plate = network(**given | {"plate": 1 - given["plate"]})
    assert torch.equal(alpha, other_frame[0])
    assert not torch.equal(foreground, other_frame[1])
    assert torch.equal(foreground, other_plate[1])


def parameters_without_gradient(network: nn.Module, answers: tuple[Tensor, ...]) -> list[str]:
    sum(answer.square().sum() for answer in answers).backward()
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]


def test_gradient_reaches_every_parameter_of_the_generator() -> None:
    # In evaluation mode: normalisation over the batch cancels the bias just before it.
    network = PaperNetwork().eval()
    assert parameters_without_gradient(network, network(**inputs())) == []


def test_published_mistake_leaves_the_motion_encoder_untrained() -> None:
    network = PaperNetwork(motion_selector_sees_plate=True).eval()
    starved = parameters_without_gradient(network, network(**inputs()))
    assert starved == [
        f"encode_motion.{name}" for name, _ in network.encode_motion.named_parameters()
    ]


@pytest.mark.parametrize("size", [(18, 24), (16, 30), (4, 16)])
def test_generator_refuses_sizes_it_cannot_restore(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        PaperNetwork()(**inputs(size))


def test_generator_names_the_input_that_does_not_fit() -> None:
    network = without_compute(PaperNetwork)
    given = inputs(device="meta")
    given["motion"] = given["frame"]
    with pytest.raises(InputError, match=r"motion has the shape \(1, 3, 16, 24\)"):
        network(**given)


def test_motion_takes_two_frames_either_side() -> None:
    clip = torch.arange(101.0).view(-1, 1, 1, 1).expand(-1, 3, 2, 3) / 100
    motion = motion_from(clip, 50)
    assert motion.shape == (1, 4, 2, 3)
    torch.testing.assert_close(motion[0, :, 0, 0], torch.tensor([0.1, 0.3, 0.7, 0.9]))


def test_motion_stays_within_the_clip() -> None:
    clip = torch.arange(11.0).view(-1, 1, 1, 1).expand(-1, 3, 2, 3) / 10
    torch.testing.assert_close(
        motion_from(clip, 1, spacing=6)[0, :, 0, 0], torch.tensor([0.0, 0.0, 0.7, 1.0])
    )
    with pytest.raises(InputError, match="frames 0 to 10"):
        motion_from(clip, 11)


def test_still_repeats_itself() -> None:
    frame = torch.rand(2, 3, 4, 5)
    motion = still_motion(frame)
    assert motion.shape == (2, 4, 4, 5)
    torch.testing.assert_close(motion[:1], motion_from(frame[:1], 0))
    grey = 0.299 * frame[:, 0] + 0.587 * frame[:, 1] + 0.114 * frame[:, 2]
    torch.testing.assert_close(motion[:, 3], grey)


def test_discriminator_size_and_shape() -> None:
    discriminator = without_compute(PatchDiscriminator)
    assert parameters(discriminator) == 2_764_737
    assert discriminator(torch.rand(2, 3, 512, 512, device="meta")).shape == (2, 1, 67, 67)
    assert discriminator(torch.rand(1, 3, 16, 16, device="meta")).shape[:2] == (1, 1)


def test_discriminator_scores_patches_of_70_pixels() -> None:
    # Without its normalisation, which averages over the whole picture.
    discriminator = PatchDiscriminator()
    for index, layer in enumerate(discriminator.score):
        if isinstance(layer, nn.InstanceNorm2d):
            discriminator.score[index] = nn.Identity()
    picture = torch.rand(1, 3, 160, 160, requires_grad=True)
    scores = discriminator(picture)
    scores[0, 0, scores.shape[2] // 2, scores.shape[3] // 2].backward()
    assert picture.grad is not None
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    assert rows.max() - rows.min() + 1 == 70


def test_gradient_reaches_every_parameter_of_the_discriminator() -> None:
    discriminator = PatchDiscriminator()
    for index, layer in enumerate(discriminator.score):  # it cancels the bias just before it
        if isinstance(layer, nn.InstanceNorm2d):
            discriminator.score[index] = nn.Identity()
    answers = (discriminator(torch.rand(1, 3, 32, 32)),)
    assert parameters_without_gradient(discriminator, answers) == []
