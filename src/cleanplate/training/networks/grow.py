"""A larger network that says just what a smaller one says, to be trained on from there.

Wider layers hold some channels twice, and what takes them weighs the copies so that their sum is
as before. Copies that are the same would learn the same for ever, so they may begin a little apart.
New blocks add nothing yet (Net2Net: Chen, Goodfellow and Shlens, ICLR 2016).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cleanplate.training.networks.blocks import Encoder, Joint, Residual, Switch
from cleanplate.training.networks.compact import CompactNetwork


@dataclass(frozen=True)
class Copies:
    """Of each new channel, which of the `old` channels it copies."""

    source: Tensor
    old: int

    def __add__(self, other: "Copies") -> "Copies":
        """Both, one after the other, as features are joined."""
        return Copies(torch.cat([self.source, self.old + other.source]), self.old + other.old)

    def shares(self) -> Tensor:
        """Weights of the copies; those of one old channel add up to 1."""
        return 1 / torch.bincount(self.source)[self.source]


@torch.no_grad()
def grown(small: CompactNetwork, size: str, apart: float = 0.0) -> CompactNetwork:
    """Make a network of another size (see compact.WIDTHS), nowhere narrower or less deep.

    apart: standard deviation, relative, by which weights of second copies begin off.
    Raises ValueError where the other size is narrower or less deep somewhere.
    """
    large = CompactNetwork(size)
    if not small.widths <= large.widths:
        raise ValueError(f"it is {small.size} and somewhere larger.")
    picture, cue = _same(3), _same(5)
    scales = _encoder(small.encoder, large.encoder, picture)
    priors = _encoder(small.prior_encoder, large.prior_encoder, cue)
    memories = _encoder(small.memory_encoder, large.memory_encoder, cue)
    cues = zip(small.switches, large.switches, scales, priors, memories, strict=True)
    for old, new, *copies in cues:
        assert isinstance(old, Switch)
        assert isinstance(new, Switch)
        _switch(old, new, *copies)
    at2, at4, at8, at16 = scales
    for block, larger in zip(small.context, large.context, strict=False):
        _residual(block, larger, at16)
    hidden = _layer(small.whole[0], large.whole[0], at16)
    _layer(small.whole[2], large.whole[2], hidden, at16)
    from8 = _chain(small.decode8, large.decode8, at16 + at8)
    from4 = _chain(small.decode4, large.decode4, from8 + at4)
    from2 = _normed(small.decode2, large.decode2, from4 + at2)
    from1 = _normed(small.decode1, large.decode1, from2 + _same(8))
    _layer(small.smooth, large.smooth, from4, _same(2))
    _layer(small.sharp, large.sharp, from1, _same(5))
    of_large = dict(large.named_parameters())
    for name, weight in small.named_parameters():
        second = of_large[name][len(weight) :]  # the first copies come first
        if weight.ndim > 1:
            second *= 1 + apart * torch.randn_like(second)
    return large


def _same(count: int) -> Copies:
    return Copies(torch.arange(count), count)


def _more(old: int, new: int) -> Copies:
    """Each old channel once, then as many others as are missing, at random."""
    whole, rest = divmod(new, old)
    rounds = [torch.arange(old)] * whole + [torch.randperm(old)[:rest]]
    return Copies(torch.cat(rounds), old)


def _layer(old: nn.Module, new: nn.Module, taken: Copies, given: Copies | None = None) -> Copies:
    """Fill a convolution or linear layer; returns what its channels are copies of."""
    weight = torch.as_tensor(old.weight)
    given = given or _more(len(weight), len(torch.as_tensor(new.weight)))
    shares = taken.shares().reshape(1, -1, *[1] * (weight.ndim - 2))
    torch.as_tensor(new.weight).copy_(weight[given.source][:, taken.source] * shares)
    if old.bias is not None:
        torch.as_tensor(new.bias).copy_(torch.as_tensor(old.bias)[given.source])
    return given


def _norm(old: nn.Module, new: nn.Module, copies: Copies) -> None:
    assert isinstance(old, nn.BatchNorm2d)
    state = old.state_dict()
    new.load_state_dict(
        {name: each[copies.source] if each.ndim else each for name, each in state.items()}
    )


def _normed(old: nn.Module, new: nn.Module, taken: Copies, given: Copies | None = None) -> Copies:
    """Fill a convolution and its norm, whatever follows them."""
    assert isinstance(old, nn.Sequential)
    assert isinstance(new, nn.Sequential)
    given = _layer(old[0], new[0], taken, given)
    _norm(old[1], new[1], given)
    return given


def _chain(old: nn.Module, new: nn.Module, taken: Copies) -> Copies:
    """Fill a decoder as far as the smaller one goes; blocks beyond that are left as they began."""
    assert isinstance(old, nn.Sequential)
    assert isinstance(new, nn.Sequential)
    for less, more in zip(old, new, strict=False):
        if isinstance(less, Residual):
            _residual(less, more, taken)
        else:
            taken = _normed(less, more, taken)
    return taken


def _residual(old: nn.Module, new: nn.Module, copies: Copies) -> None:
    assert isinstance(old, Residual)
    assert isinstance(new, Residual)
    inner = _normed(old.first, new.first, copies)
    _normed(old.second, new.second, inner, copies)


def _encoder(old: nn.Module, new: nn.Module, taken: Copies) -> list[Copies]:
    scales = []
    assert isinstance(old, Encoder)
    assert isinstance(new, Encoder)
    for less, more in zip(old.stages, new.stages, strict=True):
        taken = _chain(less, more, taken)
        scales.append(taken)
    return scales


def _switch(old: Switch, new: Switch, frame: Copies, prior: Copies, memory: Copies) -> None:
    cues = [frame]
    selectors = (
        (old.select_plate, new.select_plate, frame + frame + frame),
        (old.select_prior, new.select_prior, frame + prior),
        (old.select_memory, new.select_memory, frame + memory),
    )
    for less, more, taken in selectors:
        counts = (len(torch.as_tensor(each[0].weight)) - 1 for each in (less, more))
        selected = _more(*counts)
        _normed(less, more, taken, _same(1) + selected)  # the gate, and what it lets through
        cues.append(selected)
    assert isinstance(old.combine, Joint)
    _normed(old.combine, new.combine, sum(cues[1:], cues[0]), frame)
