"""Screens keyed on shots whose alpha and foreground are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import literal_screens
import screens
from cleanplate.color import srgb_to_linear
from cleanplate.errors import InputError
from cleanplate.keying import KeyOptions, despill_screen, estimate_screen, key_frame
from cleanplate.screens.fields import blur
from cleanplate.screens.hue import axis_at, colour_difference, find_hue, hue_name
from cleanplate.screens.light import to_encoded, to_linear
from cleanplate.screens.solve import largest_alpha, least_alpha


def keyed(shot, **options):
    return key_frame(shot.frame, estimate_screen(shot.frame, **options))


def error(alpha, shot):
    return float(np.abs(alpha - shot.alpha).mean())


# ---- the screen


@pytest.mark.parametrize("uneven", [0.0, 0.4])
@pytest.mark.parametrize("colour", ["green", "blue"])
def test_light_is_found_under_the_subject(colour, uneven):
    light = screens.light(colour, uneven)
    screen = estimate_screen(screens.shot(light).frame)
    assert hue_name(screen.axis) == colour
    np.testing.assert_allclose(screen.light, light, atol=0.03)
    assert screen.unevenness == pytest.approx(
        np.divide(*np.percentile(light.sum(axis=2), (95, 5))), rel=0.1
    )


def test_wrinkles_stay_out_of_the_matte():
    light = screens.light(uneven=0.3, wrinkles=0.3)
    shot = screens.shot(light)
    alpha = keyed(shot).alpha
    naive = largest_alpha(srgb_to_linear(shot.frame), np.median(light, (0, 1)), axis_at(140, 0.7))
    away = screens.disc(60) == 0
    assert naive[away[..., 0]].max() > 0.2
    assert np.percentile(alpha[away], 98) < 0.02
    assert alpha[away].mean() < 0.05 * naive[away[..., 0]].mean()


def test_plate_shows_wrinkles_behind_the_edge():
    light = screens.light(uneven=0.2, wrinkles=0.4)
    shot = screens.shot(light)
    brighter = np.clip(shot.plate * 1.05, 0, 1)
    assert error(keyed(shot, plate=brighter).alpha, shot) < error(keyed(shot).alpha, shot) + 1e-4
    assert error(keyed(shot, plate=brighter).alpha, shot) < 0.003


def test_given_colour_is_keyed_beside_another():
    light = screens.light("green")
    light[:, :120] = screens.light("blue")[:, :120]
    frame = screens.shot(light, alpha=np.zeros((180, 240, 1), np.float32)).frame
    for colour, half in (("green", np.s_[:, 125:]), ("blue", np.s_[:, :115])):
        screen = estimate_screen(frame, colour=screens.COLOURS[colour])
        alpha = key_frame(frame, screen).alpha
        assert alpha[half].max() < 0.05
        assert 0.4 < alpha.mean() < 0.6


def test_any_saturated_screen_when_it_is_given():
    shot = screens.shot(screens.light("magenta", 0.3))
    with pytest.raises(InputError, match="--screen"):
        estimate_screen(shot.frame)
    assert error(keyed(shot, colour=screens.COLOURS["magenta"]).alpha, shot) < 0.004


# ---- alpha and foreground


@pytest.mark.parametrize("colour", [screens.GREY, screens.SKIN, screens.DARK])
@pytest.mark.parametrize("screen", ["green", "blue"])
def test_soft_edges_and_straight_colour(screen, colour):
    shot = screens.shot(screens.light(screen, 0.3), screens.disc(14), colour)
    cutout = keyed(shot)
    assert error(cutout.alpha, shot) < 0.006
    edge = (shot.alpha > 0.25) & (shot.alpha < 0.95)
    off = np.abs(cutout.foreground - shot.foreground)[edge[..., 0]]
    assert off.mean() < 0.03
    assert cutout.alpha.dtype == cutout.foreground.dtype == np.float32


def test_skin_before_green_beats_the_colour_difference():
    shot = screens.shot(screens.light(), screens.disc(14), screens.SKIN)
    screen = estimate_screen(shot.frame)
    difference = largest_alpha(srgb_to_linear(shot.frame), screen.light, screen.axis)[..., None]
    assert error(keyed(shot).alpha, shot) < 0.4 * error(difference, shot)


def test_transparency_stays():
    alpha = screens.disc() * np.float32(0.5)
    alpha[:, :120] *= 2
    shot = screens.shot(screens.light(uneven=0.2), alpha)
    found = keyed(shot).alpha
    glass = alpha == 0.5
    assert found[glass].mean() == pytest.approx(0.5, abs=0.04)
    assert (found[alpha == 1] == 1).mean() > 0.99


def test_spill_comes_off_grey_and_the_subject_stays_solid():
    shot = screens.shot(screens.light(), spill=0.15)
    edge = (screens.disc()[..., 0] == 1) & (screens.disc(40)[..., 0] < 1)
    spilled = shot.frame[edge]
    assert (spilled[:, 1] - spilled[:, 0]).mean() > 0.01
    cutout = keyed(shot)
    clean = cutout.foreground[edge]
    assert np.abs(clean - clean.mean(axis=1, keepdims=True)).mean() < 0.01
    assert cutout.alpha[edge].mean() > 0.98
    kept = key_frame(shot.frame, estimate_screen(shot.frame), options=KeyOptions(despill=0))
    assert kept.foreground[edge][:, 1].mean() > clean[:, 1].mean() + 0.005


def test_recomposed_over_its_own_screen_it_is_the_frame():
    shot = screens.shot(screens.light(uneven=0.3), screens.disc(10), screens.SKIN, noise=0.0005)
    again = keyed(shot).over(shot.plate, linear=True)
    assert np.abs(again - shot.frame).mean() < 0.004


def test_masks_have_the_last_word():
    shot = screens.shot(screens.light(), colour=screens.COLOURS["green"])
    holdout, garbage = screens.disc(), np.zeros((180, 240, 1), np.float32)
    garbage[:90] = 1
    screen = estimate_screen(shot.frame, holdout=holdout, garbage=garbage)
    assert key_frame(shot.frame, screen).alpha.mean() < 0.01
    cutout = key_frame(shot.frame, screen, holdout=holdout, garbage=garbage)
    assert cutout.alpha[:90].max() == 0
    assert (cutout.alpha[90:] >= holdout[90:]).all()
    solid = ((holdout == 1) & (garbage == 0))[..., 0]
    np.testing.assert_allclose(cutout.foreground[solid], shot.frame[solid], atol=1e-6)


def test_one_screen_serves_a_clip():
    light = screens.light(uneven=0.3, wrinkles=0.2)
    first, later = screens.shot(light), screens.shot(light, screens.disc(12), screens.SKIN, seed=1)
    screen = estimate_screen(first.frame)
    assert error(key_frame(later.frame, screen).alpha, later) < 0.006


def test_a_quick_matte_is_the_literal_one(monkeypatch):
    size = (270, 480)
    light = screens.light(uneven=0.3, wrinkles=0.2, size=size)
    for alpha in (screens.disc(3, size), screens.disc(20, size)):
        shot = screens.shot(light, alpha, screens.SKIN, noise=0.004, spill=0.05)
        quick = keyed(shot)
        with monkeypatch.context() as patch:
            patch.setattr("cleanplate.screens.screen.spread_out", literal_screens.spread_out)
            patch.setattr("cleanplate.keying.guess_foreground", literal_screens.guess_foreground)
            literal = keyed(shot)
        off = np.abs(quick.alpha - literal.alpha)
        assert off.mean() < 5e-4
        assert np.percentile(off, 99.9) < 0.02
        assert error(quick.alpha, shot) < 1.05 * error(literal.alpha, shot)
        seen = shot.alpha[..., 0] > 0.3
        assert np.abs(quick.foreground - literal.foreground)[seen].mean() < 1e-3


def test_tables_are_the_srgb_curve():
    for steps, tolerance in ((256, 1e-6), (65536, 1e-6), (70001, 2e-5)):
        encoded = np.linspace(0, 1, steps, dtype=np.float32)
        np.testing.assert_allclose(to_linear(encoded), srgb_to_linear(encoded), atol=tolerance)
    linear = np.linspace(-0.1, 1.1, 70001, dtype=np.float32)
    exact = screens.encode(linear)
    np.testing.assert_allclose(to_encoded(linear), exact, atol=1.2e-5)


# ---- what is not keyed


def test_frame_without_a_screen_is_refused():
    random = np.random.default_rng(0)
    restless = random.random((180, 240, 3)).astype(np.float32)
    grey = np.full((180, 240, 3), 0.5, np.float32)
    for frame in (restless, grey):
        with pytest.raises(InputError, match="screen"):
            estimate_screen(frame)


@pytest.mark.parametrize(
    ("darkest", "lightest", "words"),
    [
        ((0.25, 0.45, 0.75), (0.45, 0.62, 0.85), "No green or blue"),  # a sky
        ((0.05, 0.42, 0.38), (0.1, 0.55, 0.55), "No green or blue"),  # the sea
        ((0.42, 0.52, 0.12), (0.2, 0.55, 0.2), "many hues"),  # a leaf, its veins and its shade
    ],
)
def test_scenery_is_no_screen(darkest, lightest, words):
    down = np.linspace(0, 1, 180, dtype=np.float32)[:, None, None]
    ends = (srgb_to_linear(np.array(colour, np.float32)) for colour in (darkest, lightest))
    top, bottom = ends
    scene = np.broadcast_to(top * (1 - down) + bottom * down, (180, 240, 3))
    frame = screens.shot(scene, noise=0.004).frame
    with pytest.raises(InputError, match=words):
        estimate_screen(frame)


@pytest.mark.parametrize("colour", ["green", "blue"])
@pytest.mark.parametrize("uneven, wrinkles", [(0.0, 0.1), (0.6, 0.4)])  # noqa: PT006
def test_a_screen_with_little_of_it_seen_is_found(colour, uneven, wrinkles):
    """A close-up: the subject hides half of a cloth whose light falls to a third."""
    alpha = np.clip((screens.disc(200) - 0.3) * 8, 0, 1)
    assert alpha.mean() > 0.45
    tinted = screens.light(colour, uneven, wrinkles) * np.array([1.05, 1, 0.95])
    shot = screens.shot(tinted, alpha, screens.SKIN, noise=0.006, spill=0.1)
    assert hue_name(estimate_screen(shot.frame).axis) == colour


def test_screen_of_another_colour_is_refused():
    frame = screens.shot(screens.light("green")).frame
    with pytest.raises(InputError, match="blue"):
        estimate_screen(frame, colour=screens.COLOURS["blue"])


def test_meadow_is_no_screen():
    random = np.random.default_rng(1)
    brightness = random.lognormal(0, 0.8, (180, 240, 1))
    frame = screens.encode(screens.light("green") * brightness)
    with pytest.raises(InputError, match="restless"):
        estimate_screen(frame)


def test_grey_is_no_colour_of_a_screen():
    with pytest.raises(InputError, match="grey"):
        estimate_screen(screens.shot(screens.light()).frame, colour=(0.5, 0.5, 0.52))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, ">u2", np.float16, np.float64])
def test_frames_of_any_type_are_keyed(kind):
    shot = screens.shot(screens.light())
    most = 1 if np.dtype(kind).kind == "f" else np.iinfo(kind).max
    frame, plate, mask = (
        np.asfortranarray((each * most).astype(kind))
        for each in (shot.frame, shot.plate, screens.disc()[..., 0] * 0)
    )
    screen = estimate_screen(frame, plate=plate, holdout=mask, garbage=mask)
    cutout = key_frame(frame, screen, holdout=mask, garbage=mask)
    assert error(cutout.alpha, shot) < 0.01


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((180, 240, 4), np.float32),
        np.zeros((180, 240), np.float32),
        np.zeros((0, 240, 3), np.float32),
        np.full((180, 240, 3), np.nan, np.float32),
        np.full((180, 240, 3), 168.0, np.float32),
        "frame.png",
    ],
)
def test_what_is_no_frame_is_refused(bad):
    frame = screens.shot(screens.light()).frame
    screen = estimate_screen(frame)
    with pytest.raises(InputError, match="The frame"):
        estimate_screen(bad)
    with pytest.raises(InputError, match="The frame"):
        key_frame(bad, screen)
    with pytest.raises(InputError, match="The plate"):
        estimate_screen(frame, plate=bad)


def test_plates_and_masks_of_another_size_are_refused():
    frame = screens.shot(screens.light()).frame
    with pytest.raises(InputError, match="The plate is 240 x 90 pixels"):
        estimate_screen(frame, plate=frame[:90])
    for name in ("holdout", "garbage"):
        mask = {name: np.zeros((90, 240, 1), np.float32)}
        with pytest.raises(InputError, match=f"The {name}"):
            estimate_screen(frame, **mask)
        with pytest.raises(InputError, match=f"The {name}"):
            key_frame(frame, estimate_screen(frame), **mask)


@pytest.mark.parametrize("name", ["holdout", "garbage"])
@pytest.mark.parametrize("colour", [None, screens.COLOURS["green"]])
@pytest.mark.parametrize("left", [0, 1])
def test_masks_over_everything_are_refused(name, colour, left):
    shot = screens.shot(screens.light())
    mask = np.ones((180, 240), np.float32)
    mask[0, :left] = 0
    for plate in (None, shot.plate):
        with pytest.raises(InputError, match="Holdout and garbage leave"):
            estimate_screen(shot.frame, plate=plate, colour=colour, **{name: mask})


def test_no_hue_is_found_where_nothing_may_be_looked_at():
    with pytest.raises(InputError, match="No green or blue screen"):
        find_hue(to_linear(screens.shot(screens.light()).frame), np.zeros((180, 240), bool), None)


@pytest.mark.parametrize("strength", [-0.1, 5, float("nan")])
def test_a_strength_beyond_0_to_1_is_refused(strength):
    with pytest.raises(InputError, match="strength of despill"):
        KeyOptions(despill=strength)


def test_screen_of_another_size_is_refused():
    shot = screens.shot(screens.light())
    with pytest.raises(InputError, match="240 x 180"):
        key_frame(shot.frame[:100], estimate_screen(shot.frame))


# ---- algebra

unit = st.floats(0, 1, width=32)
hues = st.floats(0, 359)


@given(hues, unit, unit)
def test_grey_has_no_colour_difference(hue, grey, step):
    axis = axis_at(hue, 0.7)
    assert abs(colour_difference(np.full(3, grey, np.float32), axis)) < 1e-5
    colour = grey * 0.5 + step * axis.along
    assert colour_difference(colour, axis) == pytest.approx(step, abs=1e-4)


@given(unit, unit)
@settings(max_examples=50)
def test_grey_over_a_screen_is_exact(alpha, grey):
    screen = np.array([[0.03, 0.4, 0.06]], np.float32)
    axis = find_hue(np.broadcast_to(screen, (20, 20, 3)), None, None)
    mixed = np.float32(alpha) * np.float32(grey) + np.float32(1 - alpha) * screen
    assert largest_alpha(mixed, screen, axis)[0] == pytest.approx(alpha, abs=1e-4)
    assert least_alpha(mixed, screen, 1e-4)[0] <= alpha + 1e-3


@given(unit, unit, st.floats(0, 1))
def test_despill_gives_grey_back_and_keeps_skin(grey, spill, shade):
    axis, light = axis_at(120, 0.7), np.array([0.05, 0.4, 0.05], np.float32)
    spilled = np.float32(0.5 * grey) + np.float32(spill) * light
    np.testing.assert_allclose(
        despill_screen(spilled, light, axis), np.full(3, 0.5 * grey), atol=1e-4
    )
    skin = np.float32(shade) * np.array([0.6, 0.35, 0.25], np.float32)
    np.testing.assert_array_equal(despill_screen(skin, light, axis), skin)


@pytest.mark.parametrize("channels", [1, 4, 7])
def test_wide_blur_takes_any_number_of_channels(channels):
    layers = np.random.default_rng(0).random((120, 200, channels), dtype=np.float32)
    blurred = blur(layers, 20.0)
    assert blurred.shape == layers.shape
    assert blurred.std() < 0.1 * layers.std()
    assert np.allclose(blurred.mean((0, 1)), layers.mean((0, 1)), atol=0.01)


def test_a_screen_brighter_than_the_camera_shows_keeps_its_soft_edges():
    """The hot spot of the lamp is clipped; the light that is fitted to it goes beyond white."""
    y, x = np.mgrid[-1 : 1 : screens.HEIGHT * 1j, -1 : 1 : screens.WIDTH * 1j]
    lamp = (1 - 0.25 * (x**2 + y**2))[..., None] * np.array([0.05, 1.1, 0.1])
    made = screens.shot(lamp)
    key = keyed(made)
    edge = (made.alpha > 0.05) & (made.alpha < 0.95)
    assert (key.alpha - made.alpha)[edge].mean() < 0.08
