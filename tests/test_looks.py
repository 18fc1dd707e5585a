"""At what size the network sees a frame, and what of two looks is believed."""

import numpy as np

from cleanplate.looks import Look, agreed, is_wider, without_holes
from cleanplate.prediction import Coarse, Window


def said(alpha: np.ndarray, shade: float) -> Coarse:
    """Say that alpha, h w, of a whole picture, and one number of all else."""
    height, width = alpha.shape
    one = np.full((height, width, 1), shade, np.float32)
    three = np.repeat(one, 3, axis=2)
    window = Window(0, height, 0, width)
    return Coarse(three, window, alpha[..., None].astype(np.float32), three, one, one, one)


def square(side: int, inset: int, hole: int = 0) -> np.ndarray:
    """Draw a white square with a black hole in its middle."""
    alpha = np.zeros((side, side))
    alpha[inset:-inset, inset:-inset] = 1
    middle = np.s_[(side - hole) // 2 : (side + hole) // 2]
    alpha[middle, middle] = 0
    return alpha


def test_a_size_is_a_multiple_of_16_and_no_finer_than_it_may_be() -> None:
    for height, width in ((1080, 1920), (64, 64), (17, 3000), (3000, 17)):
        for finest in (1.0, 1.5):
            rows, columns = Look(96 * 128, finest=finest).zoomed(0, (height, width), None)
            assert rows % 16 == columns % 16 == 0
            assert rows <= max(32, finest * height + 8)
            assert columns <= max(32, finest * width + 8)
    assert Look(96 * 128, finest=1.5).zoomed(0, (64, 64), None) == (96, 96)
    assert Look(96 * 128, finest=1.5).size(64, 64) == (64, 64)
    rows, columns = Look(96 * 128).size(1080, 1920)
    assert 0.8 < rows * columns / (96 * 128) < 1.25


def test_a_small_part_is_seen_as_large_as_the_look_allows() -> None:
    look = Look(96 * 128)
    for share in (1.0, 0.7, 0.4, 0.1):
        rows, columns = look.zoomed(share, (960, 1280), None)
        assert share * rows * columns <= look.pixels or (rows, columns) == look.size(960, 1280)
    assert look.zoomed(0.01, (960, 1280), None) == look.size(960, 1280, look.zooms[-1])
    assert look.zoomed(0.01, (96, 128), None) == (96, 128)


def test_the_size_of_the_frame_before_stays_while_it_fits() -> None:
    look = Look(96 * 128)
    last = look.zoomed(0.4, (960, 1280), None)
    assert look.zoomed(0.3, (960, 1280), None) != last
    assert look.zoomed(0.3, (960, 1280), last) == last
    assert look.zoomed(0.9, (960, 1280), last) != last


def test_only_a_much_smaller_picture_is_a_wider_look() -> None:
    assert is_wider((100, 100), (150, 150))
    assert not is_wider((100, 100), (110, 110))
    assert not is_wider((100, 100), (100, 100))


def test_edges_come_from_the_closer_look() -> None:
    near, far = said(square(96, 20), 0.8), said(square(48, 10), 0.2)
    joined = agreed(near, far)
    assert np.allclose(joined.alpha, near.alpha, atol=1e-6)
    for name in ("foreground", "error", "shadow", "valid"):
        assert np.allclose(getattr(joined, name), 0.8, atol=1e-6)


def test_a_hole_that_the_wider_look_does_not_see_is_closed() -> None:
    joined = agreed(said(square(96, 8, hole=32), 0.8), said(square(48, 4), 0.2))
    assert joined.alpha[44:52, 44:52].min() == 1
    assert np.allclose(joined.foreground[44:52, 44:52], 0.2)
    assert joined.alpha.shape == (96, 96, 1)


def test_windows_of_two_looks_need_not_be_the_same() -> None:
    near, far = said(square(96, 20), 0.8), said(square(48, 10), 0.2)
    part = Window(0, 80, 16, 96)
    parts = {name: getattr(near, name)[part.inside()] for name in ("alpha", "foreground", "error")}
    near = Coarse(near.frame, part, *parts.values(), parts["error"], parts["error"])
    far_window = Window(0, 48, 0, 48)
    joined = agreed(
        near, Coarse(far.frame, far_window, far.alpha, far.foreground, *[far.error] * 3)
    )
    assert np.allclose(joined.alpha, near.alpha, atol=1e-6)


def test_a_hole_deep_inside_people_is_closed_and_one_at_their_edge_is_not() -> None:
    alpha = square(96, 8, hole=16)
    alpha[40:56, 8:10] = 0
    people = square(96, 8)[..., None].astype(np.float32)
    closed = without_holes(said(alpha, 0.5), people).alpha[..., 0]
    assert closed[40:56, 40:56].min() == 1
    alpha[40:56, 40:56] = 1
    assert np.array_equal(closed, alpha)
    unsure = without_holes(said(square(96, 8, hole=16), 0.5), people * np.float32(0.9))
    assert np.array_equal(unsure.alpha[..., 0], square(96, 8, hole=16))
