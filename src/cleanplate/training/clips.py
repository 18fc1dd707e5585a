"""Clips in training: what a network would remember when it comes to the last frame."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from cleanplate.training.networks.compact import CompactNetwork


class Past(NamedTuple):
    """What came before the last frame of a clip; N C H W."""

    memory: Tensor  # N 5 H W, as CompactNetwork takes it
    alpha: Tensor  # N 1 H W, predicted for the frame before, where things were then
    alpha_true: Tensor  # N 1 H W


@torch.no_grad()
def recall(network: CompactNetwork, batch: dict[str, Tensor]) -> Past:
    """Run a network over all frames but the last (keys as in stream.Synthesis)."""
    memory, alpha = None, batch["alphas_before"][:, 0]
    for moment in range(batch["flows"].shape[1]):
        frame = batch["frames_before"][:, moment]
        alpha = network(frame, batch["plate"], batch["priors_before"][:, moment], memory).alpha
        known = alpha
        if moment == batch["flows"].shape[1] - 1:
            known = alpha + batch["is_spoilt"] * (batch["spoilt"] - alpha)
        brought = follow(torch.cat([known, frame], 1), batch["flows"][:, moment])
        memory = torch.cat([brought, torch.ones_like(alpha)], 1)
    assert memory is not None
    return Past(memory, alpha, batch["alphas_before"][:, -1])


def follow(picture: Tensor, flow: Tensor) -> Tensor:
    """Take each pixel of N C H W from where the flow (N 2 H W, pixels, x then y) says it was."""
    height, width = flow.shape[2:]
    y, x = torch.meshgrid(
        torch.arange(height, device=flow.device),
        torch.arange(width, device=flow.device),
        indexing="ij",
    )
    place_x = 2 * (x + flow[:, 0]) / max(width - 1, 1) - 1
    place_y = 2 * (y + flow[:, 1]) / max(height - 1, 1) - 1
    grid = torch.stack([place_x, place_y], 3).to(picture.dtype)
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=True)
