"""The critic of the adversarial stage: it tells filmed patches from pasted ones."""

from torch import Tensor, nn


class PatchDiscriminator(nn.Module):
    """Least-squares GAN discriminator on patches (section 3.2 of the paper).

    Five 4x4 convolutions, 64-128-256-512-1 channels, 2.76 M parameters. Each score sees only
    70 x 70 pixels, so it judges edges and colours, not whether the scene makes sense.
    """

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Sequential(
            nn.Conv2d(3, 64, 4, stride=2, padding=2),
            nn.LeakyReLU(0.2, inplace=True),
            *_stage(64, 128, stride=2),
            *_stage(128, 256, stride=2),
            *_stage(256, 512, stride=1),
            nn.Conv2d(512, 1, 4, padding=2),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Score the patches of real frames or of composites.

        picture: N 3 H W, sRGB-encoded 0..1, at least 16 x 16.
        Returns N 1 h w, unbounded, h and w about an eighth of H and W: trained towards 1
        for real frames and 0 for composites, by squared error.
        """
        scores: Tensor = self.score(picture * 2 - 1)
        return scores


def _stage(channels_in: int, channels_out: int, stride: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(channels_in, channels_out, 4, stride=stride, padding=2),
        nn.InstanceNorm2d(channels_out),
        nn.LeakyReLU(0.2, inplace=True),
    )
