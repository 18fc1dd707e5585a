"""Small building blocks that the compact network repeats."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


def conv(channels_in: int, channels: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU; the bias lives in the norm."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class Joint(nn.Sequential):
    """Convolution, norm and ReLU over channels that come in parts.

    Channels that are missing at the end count as nought, and cost nothing.
    """

    def __init__(self, channels_in: int, channels: int, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, *parts: Tensor) -> Tensor:
        """N C H W each in, N C H W out."""
        convolution, norm, rectify = self
        assert isinstance(convolution, nn.Conv2d)
        features = torch.cat(parts, 1)
        weight = convolution.weight[:, : features.shape[1]]
        features = functional.conv2d(features, weight, padding=convolution.padding)
        return torch.as_tensor(rectify(norm(features)))

    def freeze_before(self, channel: int) -> nn.Parameter:
        """Let only the weights learn that take the channels from this one on; returns them all."""
        weight = self[0].weight
        assert isinstance(weight, nn.Parameter)
        weight.requires_grad_(True)
        taken = (torch.arange(weight.shape[1]) >= channel).to(weight)[:, None, None]
        weight.register_hook(lambda gradient: gradient * taken)  # type: ignore[no-untyped-call]
        return weight


class Apart(nn.Module):
    """What a trained `Joint` says, with a convolution for each part: for weights that ship.

    Joined, parts that are no multiple of eight channels cost ONNX Runtime its own layout. widths:
    channels of each part, or of all together, which are joined then.
    """

    def __init__(self, joint: nn.Module, widths: Sequence[int]) -> None:
        super().__init__()
        assert isinstance(joint, Joint)
        convolution, norm, self.rectify = joint
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        fused = fuse_conv_bn_eval(convolution, norm)
        weights = torch.split(fused.weight.detach()[:, : sum(widths)], list(widths), 1)
        self.weights = nn.ParameterList(weight.clone() for weight in weights)
        self.bias, self.padding = fused.bias, convolution.padding

    def forward(self, *parts: Tensor) -> Tensor:
        """N C H W each in, N C H W out."""
        if len(self.weights) == 1:
            parts = (torch.cat(parts, 1),)
        biases = [self.bias] + [None] * (len(parts) - 1)  # one for all
        convolved = [
            functional.conv2d(part, weight, bias, padding=self.padding)
            for part, weight, bias in zip(parts, self.weights, biases, strict=True)
        ]
        return torch.as_tensor(self.rectify(sum(convolved[1:], convolved[0])))


class Residual(nn.Module):
    """Two 3x3 convolutions, the first dilated, added to what came in."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = conv(channels, channels, dilation=dilation)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        # A residual block that starts as the identity trains faster.
        norm = self.second[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)

    def forward(self, features: Tensor) -> Tensor:
        """N C H W in, N C H W out."""
        return torch.relu(features + self.second(self.first(features)))


class Encoder(nn.Module):
    """Strided 3x3 convolutions: features at 1/2, 1/4, 1/8 and 1/16."""

    def __init__(self, channels_in: int, channels: tuple[int, ...], depths: tuple[int, ...]):
        super().__init__()
        stages = []
        for width, depth in zip(channels, depths, strict=True):
            layers = [conv(channels_in, width, stride=2)]
            layers += [conv(width, width) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*layers))
            channels_in = width
        self.stages = nn.ModuleList(stages)

    def forward(self, picture: Tensor) -> list[Tensor]:
        """N C H W in, one feature map for each scale out, finest first."""
        features = []
        for stage in self.stages:
            picture = stage(picture)
            features.append(picture)
        return features


class Switch(nn.Module):
    """Context switching at one scale (section 3.1 of the paper, with a gate for each pixel).

    The plate's selector sees frame, plate and their difference; those of prior and memory see the
    frame and that cue. Each gives a few channels and a gate that says, pixel by pixel, whether
    that cue is to be believed here; the combinator joins them with the frame's own features.
    Where there is no memory its channels are nought, whatever its weights have learned.
    """

    def __init__(self, channels: int, prior_channels: int, selected: int) -> None:
        super().__init__()
        self.select_plate = _selector(3 * channels, selected)
        self.select_prior = _selector(channels + prior_channels, selected)
        self.select_memory = _selector(channels + prior_channels, selected)
        self.combine: nn.Module = Joint(channels + 3 * selected, channels, 1)

    def forward(
        self,
        frame: Tensor,
        plate: Tensor,
        prior: Tensor,
        memory: Tensor | None,
        known: Tensor | None,
    ) -> Tensor:
        """Features of one scale in (N C H W each), combined features out (as the frame's).

        memory: None where no sample has one; known: N 1 1 1, for each sample 1 or 0.
        """
        difference = (frame - plate).abs()
        from_plate = _gated(self.select_plate(torch.cat([frame, plate, difference], 1)))
        from_prior = _gated(self.select_prior(torch.cat([frame, prior], 1)))
        cues = [frame, from_plate, from_prior]
        if memory is not None and known is not None:
            from_memory = _gated(self.select_memory(torch.cat([frame, memory], 1)))
            cues.append(from_memory * known.to(from_memory.dtype))
        return torch.as_tensor(self.combine(*cues))


def _selector(channels: int, selected: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, selected + 1, 1, bias=False), nn.BatchNorm2d(selected + 1)
    )


def _gated(selected: Tensor) -> Tensor:
    return torch.relu(selected[:, 1:]) * torch.sigmoid(selected[:, :1])
