"""Loss terms as a dictionary: what each is worth stands in one table, the caller sums."""

import torch
from torch import Tensor
from torch.nn import functional

from cleanplate.composite import over
from cleanplate.training.clips import Past
from cleanplate.training.networks.compact import Prediction

# The paper has alpha 1, foreground 2, composition 1, gradient 1 (section 3.1). Here the foreground
# is a residual to the frame and starts near its target, so that it needs less.
WEIGHTS = {
    "alpha": 1.0,
    "cross_entropy": 0.15,
    "pyramid": 1.0,
    "gradient": 1.0,
    "foreground": 1.0,
    "composition": 1.0,
    "error": 0.25,
    "shadow": 0.3,
    "valid": 0.03,
    "temporal": 0.5,
}
SEEN = 0.005  # alpha above which a foreground colour can be seen at all


def sobel(alpha: Tensor) -> Tensor:
    """Horizontal and vertical Sobel derivative: N 1 H W to N 2 H W."""
    row = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]], device=alpha.device) / 8
    kernels = torch.stack([row, row.T])[:, None]
    return functional.conv2d(functional.pad(alpha, (1, 1, 1, 1), mode="replicate"), kernels)


def laplacian_pyramid(alpha: Tensor, levels: int = 4) -> list[Tensor]:
    """Band-pass pictures of N 1 H W, finest first, the last one low-pass."""
    bands = []
    for _ in range(levels):
        small = functional.avg_pool2d(alpha, 2)
        large = functional.interpolate(small, scale_factor=2.0, mode="bilinear")
        bands.append(alpha - large)
        alpha = small
    return [*bands, alpha]


def teacher_losses(prediction: Prediction, sample: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every term, unweighted, for a batch of synthetic samples (N C H W, see synthesis.Sample).

    The composition term compares composites over the shaded true background, both without noise
    (section 3.1 of the paper compares with the noisy frame).
    """
    alpha, alpha_true = prediction.alpha, sample["alpha"]
    foreground_true, shadow_true = sample["foreground"], sample["shadow"]
    seen = (alpha_true > SEEN).float()
    behind = 1 - alpha_true
    shaded = sample["background"] * shadow_true
    composite = over(prediction.foreground, alpha, shaded)
    composite_true = over(foreground_true, alpha_true, shaded)
    foreground_distance = (prediction.foreground - foreground_true).abs() * seen
    # The edge is where a good foreground colour pays and where the frame does not show it.
    edge = seen * (1 + 4 * (alpha_true < 0.975))
    pyramid = zip(laplacian_pyramid(alpha), laplacian_pyramid(alpha_true), strict=True)
    distance = (alpha - alpha_true).abs()
    return {
        "alpha": distance.mean(),
        "cross_entropy": functional.binary_cross_entropy_with_logits(
            prediction.alpha_logit, alpha_true
        ),
        "pyramid": sum(
            (
                2**level * (ours - theirs).abs().mean()
                for level, (ours, theirs) in enumerate(pyramid)
            ),
            torch.zeros((), device=alpha.device),
        )
        / 5,
        "gradient": (sobel(alpha) - sobel(alpha_true)).abs().sum(1).mean(),
        "foreground": (foreground_distance * edge).sum() / (3 * edge.sum() + 1),
        "composition": (composite - composite_true).abs().mean(),
        "error": (torch.sigmoid(prediction.error) - distance.detach()).abs().mean(),
        "shadow": ((prediction.shadow - shadow_true).abs() * behind).sum() / (behind.sum() + 1),
        "valid": functional.binary_cross_entropy_with_logits(
            prediction.valid_logit, sample["valid"]
        ),
    }


def temporal_loss(alpha: Tensor, alpha_true: Tensor, past: Past) -> Tensor:
    """How far the change of alpha since the last frame is off the true change: flicker."""
    change, change_true = alpha - past.alpha.float(), alpha_true - past.alpha_true
    return (change - change_true).abs().mean()


def weighted(terms: dict[str, Tensor], weights: dict[str, float]) -> Tensor:
    """Weighted sum of the terms that have a weight."""
    return sum(
        (weights[name] * term for name, term in terms.items() if name in weights),
        torch.zeros((), device=next(iter(terms.values())).device),
    )
