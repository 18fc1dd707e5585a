"""The tile refiner: five thousand weights that correct projected alpha at full resolution."""

from torch import Tensor, nn

CHANNELS_IN = 13  # frame 3, plate 3, foreground 3, alpha, projected alpha, trust, error


class TileRefiner(nn.Module):
    """Tiles with a halo of 3 real neighbours in, corrections of their inner 16 x 16 out.

    N 13 22 22 to N 4 16 16: what to add to alpha and to the three foreground channels. It starts
    as no correction at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(CHANNELS_IN, 16, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 16, 3),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 4, 3),
        )
        last = self.layers[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, tiles: Tensor) -> Tensor:
        """N 13 22 22 in, N 4 16 16 out."""
        correction: Tensor = self.layers(tiles - 0.5)
        return correction
