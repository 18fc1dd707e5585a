"""The plate stage on procedural scenes whose homography and colours are known."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanplate.errors import InputError, PlateError
from cleanplate.plate import align_plate, check_plate, fit_plate, match_color
from cleanplate.plates.color import fit_color
from plate_scenes import HEIGHT, WIDTH, left_over, moved_pair, noisy, scene, with_subject


@pytest.mark.parametrize(("shift", "cover", "seed"), [(5, 0.15, 1), (16, 0.3, 2), (20, 0.6, 3)])
def test_homography_is_recovered(shift, cover, seed):
    frame, plate, truth, _ = moved_pair(shift, cover, seed)
    aligned = align_plate(plate, frame)
    residual = left_over(aligned.homography, truth)
    assert np.median(residual) < 0.1
    assert np.percentile(residual, 99) < 0.3


def test_aligned_plate_shows_the_background():
    frame, plate, _, mask = moved_pair(14, 0.3, 4)
    aligned = align_plate(plate, frame)
    seen = ~mask & (aligned.valid[:, :, 0] > 0)
    before = np.abs(plate - frame)[seen].mean()
    after = np.abs(aligned.plate - frame)[seen].mean()
    assert after < 0.25 * before
    assert after < 2.5 / 255


def test_valid_marks_what_the_plate_does_not_cover():
    frame, plate, _, _ = moved_pair(20, 0.2, 5)
    aligned = align_plate(plate, frame)
    ones = cv2.warpPerspective(np.ones((HEIGHT, WIDTH)), aligned.homography, (WIDTH, HEIGHT))
    assert 0.9 < aligned.valid.mean() < 1
    assert not aligned.valid[ones < 0.5].any()
    assert aligned.valid[ones > 0.999].all()


def test_plate_that_fits_is_left_alone():
    frame, mask = with_subject(scene(6), 0.4)
    random = np.random.default_rng(6)
    plate = noisy(scene(6), 1, random)
    aligned = align_plate(plate, noisy(frame, 1, random))
    np.testing.assert_array_equal(aligned.homography, np.eye(3))
    assert aligned.warped is plate
    assert aligned.valid.all()
    assert mask.mean() > 0.35


def test_flat_wall_survives():
    random = np.random.default_rng(7)
    wall = np.linspace(0.55, 0.7, WIDTH, dtype=np.float32)[None, :, None] * np.ones(
        (HEIGHT, 1, 3), np.float32
    )
    frame, _ = with_subject(wall, 0.5)
    aligned, report = fit_plate(noisy(wall, 1, random), noisy(frame, 1, random))
    np.testing.assert_array_equal(aligned.homography, np.eye(3))
    assert any("too little structure" in sentence for sentence in report.warnings)


def test_sizes_may_differ():
    frame, plate, truth, _ = moved_pair(10, 0.25, 8)
    large = cv2.resize(plate, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    aligned = align_plate(np.clip(large, 0, 1), frame)
    scaled = np.array([[1.5, 0, 0.25], [0, 1.5, 0.25], [0, 0, 1]])
    assert np.percentile(left_over(aligned.homography @ scaled, truth), 99) < 0.4
    assert aligned.plate.shape == frame.shape


def test_other_aspect():
    frame, plate, truth, _ = moved_pair(10, 0.25, 9)
    cropped = np.ascontiguousarray(plate[:, 60:-40])
    aligned = align_plate(cropped, frame)
    shifted = np.array([[1, 0, -60], [0, 1, 0], [0, 0, 1.0]])
    assert np.median(left_over(aligned.homography @ shifted, truth)) < 0.2


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_plate_is_turned_back(turns):
    frame, plate, _, mask = moved_pair(8, 0.25, 10)
    aligned, report = fit_plate(np.ascontiguousarray(np.rot90(plate, turns)), frame)
    seen = ~mask & (aligned.valid[:, :, 0] > 0)
    assert np.abs(aligned.plate - frame)[seen].mean() < 2.5 / 255
    assert report.turns == 4 - turns
    assert any("turned" in sentence for sentence in report.warnings)


@pytest.mark.parametrize(
    ("gain", "gamma"),
    [
        ((0.55, 0.5, 0.58), 1.0),
        ((1.5, 1.6, 1.4), 1.0),
        ((1.05, 0.95, 1.0), 0.8),
        ((0.9,) * 3, 1.25),
    ],
)
def test_colors_are_recovered(gain, gamma):
    frame, plate, _, mask = moved_pair(10, 0.5, 11)
    changed = np.clip(np.float32(gain) * frame**gamma, 0, 1).astype(np.float32)
    aligned = align_plate(plate, changed)
    seen = ~mask & (aligned.valid[:, :, 0] > 0) & (changed.max(axis=2) < 0.97)
    wrong = (aligned.plate - changed)[seen].mean(axis=0)
    assert np.abs(wrong).max() < 1.5 / 255
    assert np.abs(aligned.plate - changed)[seen].mean() < 4 / 255


def test_subject_never_pulls_the_colors():
    plate = scene(12)
    frame, mask = with_subject(plate, 0.65)
    frame[mask] = frame[mask] * 0.3 + np.float32([0.6, 0.1, 0.1])
    match = fit_color(plate, frame)
    assert np.abs(match.apply(plate) - plate).max() < 2 / 255


def test_no_evidence_means_no_change():
    black = np.zeros((60, 80, 3), np.float32)
    assert fit_color(black, scene(13, 60, 80)).is_identity


def test_holdout_is_not_believed():
    """A subject that looks like a moved plate would win, were it not held out."""
    background = scene(14)
    lie = np.roll(background, 9, axis=1)
    holdout = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    holdout[:, 100:] = 1
    frame = np.where(holdout > 0, lie, background)
    held = align_plate(background, frame, holdout=holdout)
    np.testing.assert_allclose(held.homography, np.eye(3), atol=0.02)
    assert np.abs(align_plate(background, frame).homography[0, 2] - 9) < 1


def test_match_color_follows_the_exposure():
    frame, plate, _, mask = moved_pair(8, 0.3, 15)
    aligned = align_plate(plate, frame)
    assert match_color(aligned, frame) is aligned
    darker = match_color(aligned, frame * np.float32(0.8))
    seen = ~mask & (aligned.valid[:, :, 0] > 0)
    assert np.abs((darker.plate - 0.8 * frame)[seen].mean()) < 1 / 255
    assert darker.warped is aligned.warped
    with pytest.raises(InputError, match="align the plate"):
        match_color(aligned, frame[:-2])


def test_report_in_numbers_and_words():
    frame, plate, truth, mask = moved_pair(16, 0.3, 16)
    report = check_plate(plate * np.float32(0.75), frame)
    assert abs(report.shift - left_over(np.eye(3), truth).max()) < 0.5
    assert report.residual < 0.1
    assert report.gain == pytest.approx([1 / 0.75] * 3, rel=0.05)
    assert abs(report.agreement - (1 - mask.mean())) < 0.1
    assert 0.9 < report.coverage < 1
    assert not report.identical
    said = " ".join(report.warnings)
    assert "16 px" in said
    assert "brighter" in said


def test_equal_plate_is_reported():
    frame = scene(17)
    report = check_plate(frame.copy(), frame)
    assert report.identical
    assert "equals the frame" in report.warnings[0]
    random = np.random.default_rng(17)
    empty = check_plate(noisy(frame, 1, random), noisy(frame, 1, random))
    assert not empty.identical
    assert "no subject" in empty.warnings[0]


@pytest.mark.parametrize("seed", range(2))
def test_wrong_scene_is_refused(seed):
    frame, _ = with_subject(scene(20 + seed), 0.3)
    with pytest.raises(PlateError, match="does not show the scene"):
        check_plate(scene(40 + seed), frame)
    _, report = fit_plate(scene(40 + seed), frame, refuse=False)
    assert "does not show the scene" in report.warnings[0]


def test_blank_plate_is_refused():
    with pytest.raises(PlateError, match="blank"):
        check_plate(np.zeros((HEIGHT, WIDTH, 3), np.float32), scene(60))


@pytest.mark.parametrize("seed", range(4))
def test_huge_subject_is_not_refused(seed):
    frame, plate, truth, mask = moved_pair(10, 0.72, 50 + seed)
    aligned, report = fit_plate(plate, frame)
    assert mask.mean() > 0.65
    assert np.median(left_over(aligned.homography, truth)) < 0.3
    assert not any("does not show" in sentence for sentence in report.warnings)


@pytest.mark.parametrize(
    ("plate", "sentence"),
    [
        (np.zeros((8, 8), np.float32), "height, width, 3"),
        (np.zeros((8, 8, 4), np.float32), "height, width, 3"),
        (np.zeros((8, 8, 3), np.int32), "int32"),
        (np.zeros((0, 8, 3), np.float32), "8 x 0 pixels; expected at least 1"),
        (np.full((8, 8, 3), np.nan, np.float32), "no numbers"),
        (np.full((8, 8, 3), 168.0, np.float32), "from 168 to 168; expected 0 to 1"),
        (np.full((8, 8, 3), -0.5, np.float32), "from -0.5"),
    ],
)
def test_bad_pictures_are_named(plate, sentence):
    frame = scene(30, 40, 50)
    for check in (align_plate, check_plate):
        with pytest.raises(InputError, match=f"The plate .*{sentence}"):
            check(plate, frame)
        with pytest.raises(InputError, match=f"The frame .*{sentence}"):
            check(frame, plate)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((40, 51, 1), np.float32),
        np.full((40, 50, 1), np.nan, np.float32),
        np.full((40, 50, 1), 255, np.float32),
        [[0.0] * 50] * 40,
    ],
)
def test_bad_masks_are_named(mask):
    frame = scene(31, 40, 50)
    for name in ("holdout", "garbage"):
        with pytest.raises(InputError, match=f"The {name}"):
            align_plate(frame, frame, **{name: mask})


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, ">u2", ">f4", np.float64])
def test_plates_and_masks_are_taken_as_frames_of_cutout_are(kind):
    frame, plate, _, mask = moved_pair(8, 0.3, 15)
    most = 1 if np.dtype(kind).kind == "f" else np.iinfo(kind).max
    whole = align_plate(plate, frame, holdout=mask[..., None].astype(np.float32))
    typed = [(each * most).astype(kind) for each in (plate, frame, mask)]
    made = align_plate(typed[0], typed[1], holdout=typed[2])
    assert made.plate.dtype == np.float32
    assert np.abs(made.plate - whole.plate).mean() < 1.5 / 255
    assert check_plate(typed[0], typed[1]).agreement > 0.5


def test_the_layout_in_memory_does_not_matter():
    frame, _ = with_subject(scene(6), 0.3)
    turned = [np.asfortranarray(each) for each in (scene(6) * np.float32(0.8), frame)]
    made = align_plate(*turned)
    assert np.array_equal(made.plate, align_plate(*map(np.ascontiguousarray, turned)).plate)
    assert check_plate(*turned).gain[0] > 1.1


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(*[st.integers(1, 90)] * 4),
    st.sampled_from(["scene", "black", "white", "noise"]),
    st.integers(0, 100),
)
def test_any_size_gives_a_plate_of_the_frames_size(sizes, kind, seed):
    height, width, plate_height, plate_width = sizes
    frame = scene(seed, 100, 100)[:height, :width]
    plate = {
        "scene": scene(seed, 100, 100)[:plate_height, :plate_width],
        "black": np.zeros((plate_height, plate_width, 3), np.float32),
        "white": np.ones((plate_height, plate_width, 3), np.float32),
        "noise": np.random.default_rng(seed).random((plate_height, plate_width, 3), np.float32),
    }[kind]
    aligned, report = fit_plate(plate, frame, refuse=False)
    assert aligned.plate.shape == frame.shape
    assert aligned.plate.dtype == np.float32
    assert aligned.valid.shape == (height, width, 1)
    assert aligned.valid.dtype == np.float32
    assert 0 <= aligned.plate.min() <= aligned.plate.max() <= 1
    assert set(np.unique(aligned.valid)) <= {0.0, 1.0}
    assert np.isfinite(aligned.homography).all()
    assert 0 <= report.agreement <= 1


def test_blown_out_plate_leaves_no_ghost_of_what_was_brighter():
    room = scene(3)
    room = (0.25 + 0.75 * (room - room.min()) / np.ptp(room)).astype(np.float32)
    frame, mask = with_subject(room, 0.2)
    plate = np.clip(room * np.float32(1.6), 0, 1)
    aligned, _ = fit_plate(plate, frame.astype(np.float32))
    blown = (plate > 0.99).any(2)
    ghost = np.abs(aligned.color.apply(plate) - room)[blown & ~mask].mean()
    left = np.abs(aligned.plate - room)[blown & ~mask].mean()
    assert blown.mean() > 0.1
    assert left < 0.3 * ghost
    assert not aligned.valid[blown].any()
    assert aligned.valid[~(plate > 0.97).any(2)].mean() > 0.95


def test_a_long_strip_of_a_plain_wall_is_aligned():
    """Looked at small, a line of it is left."""
    wall = 0.5 + np.random.default_rng(0).normal(0, 0.006, (64, 3000, 3)).astype(np.float32)
    aligned = align_plate(wall, wall[:, ::-1].copy())
    assert aligned.plate.shape == wall.shape


@pytest.mark.parametrize(("colour", "other"), [((1.0, 1.0, 1.0), False), ((1.16, 1.0, 0.86), True)])
def test_a_bare_wall_of_other_colours_may_be_of_another_scene(colour, other):
    random = np.random.default_rng(7)
    wall = np.linspace(0.3, 0.7, WIDTH, dtype=np.float32)[None, :, None] * np.ones(
        (HEIGHT, 1, 3), np.float32
    )
    frame, _ = with_subject(wall, 0.5)
    report = check_plate(noisy(wall, 1, random), noisy(frame * np.float32(colour), 1, random))
    assert any("too little structure" in said for said in report.warnings)
    assert any("may be of another scene" in said for said in report.warnings) == other
