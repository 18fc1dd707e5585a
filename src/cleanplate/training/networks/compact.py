"""The network that ships: context switching at four scales, with a plate that can be cached."""

import copy
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

CHANNELS = (24, 32, 64, 128)
PRIOR_CHANNELS = (8, 12, 16, 24)
SELECTED = (8, 16, 24, 32)


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

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(3, CHANNELS, depths=(1, 1, 2, 2))
        self.prior_encoder = Encoder(5, PRIOR_CHANNELS, depths=(1, 1, 1, 1))
        self.memory_encoder = Encoder(5, PRIOR_CHANNELS, depths=(1, 1, 1, 1))
        self.switches = nn.ModuleList(
            Switch(*widths) for widths in zip(CHANNELS, PRIOR_CHANNELS, SELECTED, strict=True)
        )
        self.context = nn.Sequential(
            Residual(128, 1), Residual(128, 2), Residual(128, 4), Residual(128, 2)
        )
        self.whole = nn.Sequential(nn.Linear(128, 128), nn.ReLU(inplace=True), nn.Linear(128, 128))
        self.decode8 = nn.Sequential(conv(128 + 64, 80), conv(80, 64))
        self.decode4 = nn.Sequential(conv(64 + 32, 48), conv(48, 40))
        self.decode2 = conv(40 + 24, 20)
        self.decode1: nn.Module = Joint(20 + 8, 16, 3)
        self.smooth = nn.Conv2d(40, 2, 3, padding=1)  # shadow, validity: soft by nature
        self.sharp = nn.Conv2d(16, 5, 3, padding=1)  # alpha, foreground residual, error
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
        for switch, channels, selected in zip(self.switches, CHANNELS, SELECTED, strict=True):
            assert isinstance(switch, Switch)
            assert isinstance(switch.combine, Joint)
            learning.append(switch.combine.freeze_before(channels + 2 * selected))
        assert isinstance(self.decode1, Joint)
        return [*learning, self.decode1.freeze_before(20 + 6)]

    def train(self, mode: bool = True) -> Self:
        """Go to training or back; norms that are frozen stay as they are."""
        super().train(mode and not self.memory_alone)
        if self.memory_alone:
            self._reading_memory().train(mode)
        return self

    def _reading_memory(self) -> nn.ModuleList:
        """Collect the modules that nothing else uses."""
        switches = (switch for switch in self.switches if isinstance(switch, Switch))
        return nn.ModuleList([self.memory_encoder, *(each.select_memory for each in switches)])

    def deployed(self, memory: bool) -> "CompactNetwork":
        """Make a copy to be run, not trained: quicker, and without memory smaller as well.

        memory: whether it will be given; without, the copy says what this says where there is none.
        """
        network = copy.deepcopy(self).eval()
        for switch, channels, selected in zip(network.switches, CHANNELS, SELECTED, strict=True):
            assert isinstance(switch, Switch)
            switch.combine = Apart(switch.combine, [channels + (3 if memory else 2) * selected])
        network.decode1 = Apart(network.decode1, [20, 8 if memory else 6])
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


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear")
