"""Person segmentation: where people are in a frame, coarsely; it makes the soft prior."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cleanplate.training.networks.blocks import Encoder, Residual, conv

CHANNELS = (16, 32, 48, 96, 128)
STRIDE = 4  # of the answer; the paper's prior is blurred far more than that


class PersonSegmenter(nn.Module):
    """Frame alone to the share of each 4 x 4 block that people cover.

    It sees no plate: it knows what people look like, where the matting network knows what is new.
    Height and width are multiples of 32; trained at about 160 x 160 pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder(3, CHANNELS, depths=(1, 2, 2, 3, 3))
        self.context = nn.Sequential(Residual(128, 1), Residual(128, 2))
        self.whole = nn.Sequential(nn.Linear(128, 64), nn.ReLU(inplace=True), nn.Linear(64, 128))
        self.decode16 = conv(128 + 96, 64)
        self.decode8 = conv(64 + 48, 48)
        self.decode4 = conv(48 + 32, 24)
        self.head = nn.Conv2d(24, 1, 3, padding=1)

    def forward(self, frame: Tensor) -> Tensor:
        """N 3 H W, 0..1, sRGB-encoded, to N 1 H/4 W/4, logits."""
        _, at4, at8, at16, at32 = self.encoder(frame * 4 - 2)
        context = self.context(at32)
        context = context + self.whole(context.mean((2, 3)))[:, :, None, None]
        at16 = self.decode16(torch.cat([_double(context), at16], 1))
        at8 = self.decode8(torch.cat([_double(at16), at8], 1))
        logits: Tensor = self.head(self.decode4(torch.cat([_double(at8), at4], 1)))
        return logits


def _double(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear")
