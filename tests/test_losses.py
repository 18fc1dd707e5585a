"""Each loss term is nothing at the truth and reacts to what it names."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cv2  # noqa: E402
from scipy import ndimage  # noqa: E402

from cleanplate.training.losses import (  # noqa: E402
    WEIGHTS,
    laplacian_pyramid,
    sobel,
    teacher_losses,
    weighted,
)
from cleanplate.training.networks.compact import Prediction  # noqa: E402

SURE = 20.0  # a logit as good as 1
SIZE = 32


pytestmark = pytest.mark.usefixtures("same_torch_numbers")


def truth():
    """A batch of two samples, a third each of foreground, edge and background, and its logits."""
    logit = torch.randn(2, 1, SIZE, SIZE)
    logit[..., :10] = SURE
    logit[..., -10:] = -SURE
    sample = {name: torch.rand(2, 3, SIZE, SIZE) for name in ("foreground", "background")}
    sample |= {"alpha": torch.sigmoid(logit), "shadow": torch.rand(2, 1, SIZE, SIZE)}
    sample["valid"] = (torch.rand(2, 1, SIZE, SIZE) > 0.3).float()
    prediction = Prediction(
        alpha_logit=logit,
        foreground=sample["foreground"].clone(),
        error=torch.full_like(logit, -SURE),
        shadow=sample["shadow"].clone(),
        valid_logit=(sample["valid"] * 2 - 1) * SURE,
    )
    return prediction, sample


def test_there_is_a_weight_for_every_term():
    assert {*teacher_losses(*truth()), "temporal"} == set(WEIGHTS)


def test_terms_are_zero_at_the_truth():
    terms = {name: float(term) for name, term in teacher_losses(*truth()).items()}
    alpha = truth()[1]["alpha"].double()
    assert terms.pop("cross_entropy") > 0.05  # what a soft alpha costs at best
    assert max(terms.values()) < 1e-6
    assert alpha.min() < 1e-6
    assert alpha.max() > 1 - 1e-6


def test_cross_entropy_is_least_at_the_truth():
    prediction, sample = truth()
    logit = prediction.alpha_logit.clone().requires_grad_()
    term = teacher_losses(prediction._replace(alpha_logit=logit), sample)["cross_entropy"]
    assert float(torch.autograd.grad(term, logit)[0].abs().max()) < 1e-7
    for change in (-0.5, 0.5):
        other = prediction._replace(alpha_logit=prediction.alpha_logit + change)
        assert teacher_losses(other, sample)["cross_entropy"] > term


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            "alpha_logit",
            {"alpha", "cross_entropy", "pyramid", "gradient", "composition", "error"},
        ),
        ("foreground", {"foreground", "composition"}),
        ("error", {"error"}),
        ("shadow", {"shadow"}),
        ("valid_logit", {"valid"}),
    ],
)
def test_each_term_reacts_to_what_it_names(part, expected):
    prediction, sample = truth()
    changed = getattr(prediction, part) + 0.3 * torch.randn_like(getattr(prediction, part))
    if part in ("error", "valid_logit"):
        changed = torch.zeros_like(changed)
    before = teacher_losses(prediction, sample)
    after = teacher_losses(prediction._replace(**{part: changed}), sample)
    assert {name for name in before if after[name] > before[name] + 1e-4} == expected


def test_foreground_counts_where_it_can_be_seen_and_most_at_the_edge():
    prediction, sample = truth()
    cost = {}
    for name, columns in (("solid", np.s_[:10]), ("edge", np.s_[10:20]), ("unseen", np.s_[-10:])):
        foreground = prediction.foreground.clone()
        foreground[..., columns] += 0.1
        cost[name] = teacher_losses(prediction._replace(foreground=foreground), sample)
    assert float(cost["unseen"]["foreground"]) == 0
    assert float(cost["unseen"]["composition"]) < 1e-7
    edge, solid = (float(cost[name]["foreground"]) for name in ("edge", "solid"))
    assert edge == pytest.approx(5 * solid, rel=1e-3)


def test_shadow_counts_behind_the_subject_only():
    prediction, sample = truth()
    shadow = prediction.shadow.clone()
    shadow[..., :10] = 0
    assert float(teacher_losses(prediction._replace(shadow=shadow), sample)["shadow"]) < 1e-6


def test_alpha_that_is_off_by_a_constant_has_no_gradient_error():
    prediction, sample = truth()
    sample["alpha"] = torch.full_like(sample["alpha"], 0.5)
    logit = torch.logit(torch.full_like(sample["alpha"], 0.6))
    terms = teacher_losses(prediction._replace(alpha_logit=logit), sample)
    assert float(terms["alpha"]) == pytest.approx(0.1, rel=1e-4)
    assert float(terms["gradient"]) < 1e-6
    assert float(terms["pyramid"]) == pytest.approx(2**4 * 0.1 / 5, rel=1e-4)  # the last band


def test_expected_error_is_learned_as_it_is():
    prediction, sample = truth()
    alpha_logit = prediction.alpha_logit + torch.randn_like(prediction.alpha_logit)
    distance = (torch.sigmoid(alpha_logit) - sample["alpha"]).abs().clamp(1e-6, 1 - 1e-6)
    knowing = prediction._replace(alpha_logit=alpha_logit, error=torch.logit(distance))
    assert float(teacher_losses(knowing, sample)["error"]) < 1e-6


def test_terms_teach_one_head_each():
    """The error head does not pull alpha along, nor a predicted shadow the composition."""
    prediction, sample = truth()
    logit = (prediction.alpha_logit + torch.randn_like(prediction.alpha_logit)).requires_grad_()
    off = prediction._replace(alpha_logit=logit, error=prediction.error.clone().requires_grad_())
    terms = teacher_losses(off, sample)
    assert torch.autograd.grad(terms["error"], logit, allow_unused=True) == (None,)
    other = teacher_losses(off._replace(shadow=torch.zeros_like(off.shadow)), sample)
    assert terms["composition"] > 0.01
    assert torch.equal(other["composition"], terms["composition"])


def test_weighted_sum():
    terms = {"alpha": torch.tensor(2.0), "error": torch.tensor(3.0), "other": torch.tensor(9.0)}
    assert float(weighted(terms, {"alpha": 0.5, "error": 2.0})) == 7.0


def test_sobel_is_that_of_scipy():
    alpha = torch.rand(2, 1, 9, 12)
    ours = sobel(alpha).numpy()
    assert ours.shape == (2, 2, 9, 12)
    for index in range(2):
        picture = alpha[index, 0].numpy()
        across = -ndimage.sobel(picture, axis=1, mode="nearest") / 8
        down = -ndimage.sobel(picture, axis=0, mode="nearest") / 8
        np.testing.assert_allclose(ours[index], [across, down], atol=1e-6)


def test_laplacian_pyramid_is_the_literal_one():
    alpha = torch.rand(1, 1, 32, 48)
    bands = laplacian_pyramid(alpha)
    picture = alpha[0, 0].numpy()
    for band in bands[:-1]:
        height, width = picture.shape
        small = picture.reshape(height // 2, 2, width // 2, 2).mean((1, 3))
        large = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(band[0, 0].numpy(), picture - large, atol=1e-5)
        picture = small
    np.testing.assert_allclose(bands[-1][0, 0].numpy(), picture, atol=1e-6)
    assert [tuple(band.shape[2:]) for band in bands][-1] == (2, 3)
    assert len(bands) == 5
