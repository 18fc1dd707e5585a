"""The tile refiner: five thousand weights that correct projected alpha at full resolution."""

import torch
from torch import Tensor, nn

CHANNELS_IN = 13  # frame 3, plate 3, foreground 3, alpha, projected alpha, trust, error
PADDED = 16  # channels of the tiles that refine.py cuts; the last three are empty


class TileRefiner(nn.Module):
    """Tiles with a halo of 3 real neighbours in, corrections of their inner 16 x 16 out.

    N 16 22 22 to N 4 16 16: what to add to alpha and to the three foreground channels. It starts
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
        """N 16 22 22 in, N 4 16 16 out."""
        correction: Tensor = self.layers(tiles[:, :CHANNELS_IN] - 0.5)
        return correction

    def padded(self) -> nn.Sequential:
        """Make convolutions alone of it, the first of which takes the empty channels too."""
        first = self.layers[0]
        assert isinstance(first, nn.Conv2d)
        assert first.bias is not None
        wide = nn.Conv2d(PADDED, first.out_channels, 3)
        assert wide.bias is not None
        with torch.no_grad():
            wide.weight.zero_()[:, :CHANNELS_IN] = first.weight
            wide.bias.copy_(first.bias - 0.5 * first.weight.sum((1, 2, 3)))
        return nn.Sequential(wide, *list(self.layers)[1:])
