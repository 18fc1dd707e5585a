"""The network that ships: context switching at four scales, with a plate that can be cached."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from cleanplate.training.networks.blocks import (
    Apart,
    Encoder,
    Joint,
    Residual,
    Switch,
    conv,
)


@dataclass(frozen=True)
class Widths:
    """How many channels there are; four numbers are of the scales 1/2, 1/4, 1/8 and 1/16."""

    channels: tuple[int, int, int, int]
    prior_channels: tuple[int, int, int, int]  # of a cue's encoder
    selected: tuple[int, int, int, int]  # of what a cue says
    dilations: tuple[int, ...]  # one residual block of the context each
    decode8: tuple[int, int]  # of each convolution, and so on
    decode4: tuple[int, int]
    decode2: int
    decode1: int
    after: int = 0  # residual blocks after the decoders of 1/8 and 1/4

    def __le__(self, other: "Widths") -> bool:
        """Whether the other is nowhere narrower and nowhere less deep."""
        rows = ([_row(each) for each in vars(widths).values()] for widths in (self, other))
        return all(
            len(ours) <= len(theirs) and all(a <= b for a, b in zip(ours, theirs, strict=False))
            for ours, theirs in zip(*rows, strict=True)
        )


WIDTHS = {
    "compact": Widths(
        channels=(24, 32, 64, 128),
        prior_channels=(8, 12, 16, 24),
        selected=(8, 16, 24, 32),
        dilations=(1, 2, 4, 2),
        decode8=(80, 64),
        decode4=(48, 40),
        decode2=20,
        decode1=16,
    ),
    "large": Widths(
        channels=(32, 48, 96, 192),
        prior_channels=(8, 12, 16, 24),
        selected=(8, 16, 32, 48),
        dilations=(1, 2, 4, 2, 8, 1),
        decode8=(120, 96),
        decode4=(72, 64),
        decode2=32,
        decode1=24,
        after=1,
    ),
}


class Prediction(NamedTuple):
    """What the network says about one frame; all N C H W at the frame's size."""

    alpha_logit: Tensor  # N 1 H W; alpha = sigmoid
    foreground: Tensor  # N 3 H W, straight, not clamped
    error: Tensor  # N 1 H W, logit of the expected |alpha - true alpha|
    shadow: Tensor  # N 1 H W, s in I = alpha F + (1 - alpha) s B
    valid_logit: Tensor  # N 1 H W; does the plate show what is behind the subject here

    @property
    def alpha(self) -> Tensor:
        """Coverage, 0..1."""
        return torch.sigmoid(self.alpha_logit)


class CompactNetwork(nn.Module):
    """Frame, plate, soft prior and memory to alpha and foreground, at about 0.2 megapixel.

    One encoder with shared weights sees frame and plate, so that the plate's features are computed
    once and kept while the plate stands still (`encode_plate`). A small encoder sees the prior and
    the plain colour difference, another the memory: what the last frame of a clip left (the
    paper's motion prior). Height and width are multiples of 16.
    """

    def __init__(self, size: str = "compact") -> None:
        super().__init__()
        self.size, self.widths = size, WIDTHS[size]
        widths = self.widths
        at2, at4, at8, at16 = widths.channels
        last8, last4 = widths.decode8[-1], widths.decode4[-1]
        self.encoder = Encoder(3, widths.channels, depths=(1, 1, 2, 2))
        self.prior_encoder = Encoder(5, widths.prior_channels, depths=(1, 1, 1, 1))
        self.memory_encoder = Encoder(5, widths.prior_channels, depths=(1, 1, 1, 1))
        self.switches = nn.ModuleList(Switch(*each) for each in self._switched())
        self.context = nn.Sequential(*(Residual(at16, each) for each in widths.dilations))
        self.whole = nn.Sequential(
            nn.Linear(at16, at16), nn.ReLU(inplace=True), nn.Linear(at16, at16)
        )
        self.decode8 = _decoder(at16 + at8, widths.decode8, widths.after)
        self.decode4 = _decoder(last8 + at4, widths.decode4, widths.after)
        self.decode2 = conv(last4 + at2, widths.decode2)
        self.decode1: nn.Module = Joint(widths.decode2 + 8, widths.decode1, 3)
        self.smooth = nn.Conv2d(last4, 2, 3, padding=1)  # shadow, validity: soft by nature
        self.sharp = nn.Conv2d(widths.decode1, 5, 3, padding=1)  # alpha, foreground residual, error
        self.memory_alone = False  # whether all else is frozen

    def encode_plate(self, plate: Tensor) -> list[Tensor]:
        """Features of the plate: N 3 H W, 0..1, to four maps at 1/2, 1/4, 1/8, 1/16."""
        features: list[Tensor] = self.encoder(plate * 4 - 2)
        return features

    def learn_memory_alone(self) -> list[nn.Parameter]:
        """Freeze all but what reads the memory, so that what is said without one stays the same.

        Returns the parameters that go on learning.
        """
        self.memory_alone = True
        self.requires_grad_(False)
        learning = list(self._reading_memory().requires_grad_(True).parameters())
        for switch, (channels, _, selected) in zip(self.switches, self._switched(), strict=True):
            assert isinstance(switch, Switch)
            assert isinstance(switch.combine, Joint)
            learning.append(switch.combine.freeze_before(channels + 2 * selected))
        assert isinstance(self.decode1, Joint)
        return [*learning, self.decode1.freeze_before(self.widths.decode2 + 6)]

    def train(self, mode: bool = True) -> Self:
        """Go to training or back; norms that are frozen stay as they are."""
        super().train(mode and not self.memory_alone)
        if self.memory_alone:
            self._reading_memory().train(mode)
        return self

    def _switched(self) -> Iterator[tuple[int, int, int]]:
        """Channels of each switch: the frame's, a cue's, and what of that is selected."""
        widths = self.widths
        return zip(widths.channels, widths.prior_channels, widths.selected, strict=True)

    def _reading_memory(self) -> nn.ModuleList:
        """Collect the modules that nothing else uses."""
        switches = (switch for switch in self.switches if isinstance(switch, Switch))
        return nn.ModuleList([self.memory_encoder, *(each.select_memory for each in switches)])

    def deployed(self, memory: bool) -> "CompactNetwork":
        """Make a copy to be run, not trained: quicker, and without memory smaller as well.

        memory: whether it will be given; without, the copy says what this says where there is none.
        """
        network = copy.deepcopy(self).eval()
        for switch, (channels, _, selected) in zip(network.switches, self._switched(), strict=True):
            assert isinstance(switch, Switch)
            switch.combine = Apart(switch.combine, [channels + (3 if memory else 2) * selected])
        network.decode1 = Apart(network.decode1, [self.widths.decode2, 8 if memory else 6])
        return network

    def forward(
        self,
        frame: Tensor,
        plate: Tensor,
        prior: Tensor,
        memory: Tensor | None = None,
        plate_features: list[Tensor] | None = None,
    ) -> Prediction:
        """Predict alpha and foreground.

        frame, plate: N 3 H W, 0..1, sRGB-encoded. prior: N 2 H W, the soft prior 0..1 and whether
        there is one (1 or 0). memory: N 5 H W, alpha and frame of the last moment, both brought
        here along the motion (1 + 3 channels), and whether there was one; None: there was none,
        and what it would have cost is saved.
        plate_features: what `encode_plate` gave, when it is cached.
        """
        if plate_features is None:
            # One pass over both: twice the batch costs less than two calls.
            both = self.encoder(torch.cat([frame, plate]) * 4 - 2)
            frame_features = [half[: len(frame)] for half in both]
            plate_features = [half[len(frame) :] for half in both]
        else:
            frame_features = self.encoder(frame * 4 - 2)
        priors = self.prior_encoder(torch.cat([prior, (frame - plate).abs() * 4], 1))
        memories, known, pictures = [None] * len(priors), None, [frame, plate]
        if memory is not None:
            before, there = memory[:, :1], memory[:, 4:]
            change = (frame - memory[:, 1:4]).abs() * 4 * there
            memories = self.memory_encoder(torch.cat([before, there, change], 1))
            known = there.amax((2, 3), keepdim=True)
            pictures += [before, change.mean(1, keepdim=True)]
        cues = zip(self.switches, frame_features, plate_features, priors, memories, strict=True)
        at2, at4, at8, at16 = (switch(*maps, known) for switch, *maps in cues)
        context = self.context(at16)
        context = context + self.whole(context.mean((2, 3)))[:, :, None, None]
        at8 = self.decode8(torch.cat([_double(context), at8], 1))
        at4 = self.decode4(torch.cat([_double(at8), at4], 1))
        at2 = self.decode2(torch.cat([_double(at4), at2], 1))
        # In the type of the features, or cat would widen all of them to float32.
        at1 = self.decode1(_double(at2), torch.cat(pictures, 1).to(at2.dtype))
        sharp = self.sharp(at1).float()
        smooth = functional.interpolate(self.smooth(at4).float(), scale_factor=4.0, mode="bilinear")
        return Prediction(
            alpha_logit=sharp[:, :1],
            foreground=frame.float() + sharp[:, 1:4],
            error=sharp[:, 4:],
            shadow=torch.sigmoid(smooth[:, :1] + 3),
            valid_logit=smooth[:, 1:],
        )


def _row(widths: int | tuple[int, ...]) -> tuple[int, ...]:
    return widths if isinstance(widths, tuple) else (widths,)


def _decoder(channels_in: int, channels: tuple[int, ...], after: int) -> nn.Sequential:
    widths = zip((channels_in, *channels), channels, strict=False)
    convolutions = [conv(*pair) for pair in widths]
    return nn.Sequential(*convolutions, *(Residual(channels[-1]) for _ in range(after)))


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear")
