"""Pictures at another size, and their mirror image."""

import numpy as np

from cleanplate.channels import mirrored, resize


def test_a_smaller_picture_is_the_mean_of_areas() -> None:
    picture = np.random.default_rng(1).random((32, 48, 3), dtype=np.float32)
    means = picture.reshape(16, 2, 24, 2, 3).mean(axis=(1, 3))
    assert np.allclose(resize(picture, (16, 24)), means, atol=1e-6)


def test_an_enlarged_edge_is_sharper_than_linear_and_stays_in_range() -> None:
    edge = np.repeat([[0.0, 0.0, 0.0, 1.0, 1.0, 1.0]], 6, axis=0).astype(np.float32)[..., None]
    large = resize(edge, (60, 60))
    assert large.shape == (60, 60, 1)
    assert large.min() == 0
    assert large.max() == 1
    assert np.diff(large[30, :, 0]).max() > 1.1 / 10  # linear: a tenth of the step a pixel


def test_the_mirror_image_of_a_mirror_image_is_the_picture() -> None:
    picture = np.random.default_rng(1).random((4, 6, 2), dtype=np.float32)
    assert np.array_equal(mirrored(picture)[:, 0], picture[:, -1])
    assert np.array_equal(mirrored(mirrored(picture)), picture)
