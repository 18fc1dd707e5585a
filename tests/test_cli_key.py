"""`cleanplate key`: files in, files out, and each way to be refused."""

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import screens
from cleanplate import cli, cli_key
from cleanplate.media.stills import read_still, write_still
from commands import files, refused

SIZE = (90, 120)


@pytest.fixture(scope="module")
def app():
    """Only this command, under the error handling of the main command line."""
    made = typer.Typer(cls=cli.Commands, pretty_exceptions_enable=False)
    made.callback()(lambda: None)
    cli_key.register(made)
    return made


@pytest.fixture
def run(app):
    return lambda *given: CliRunner().invoke(app, ["key", *(str(one) for one in given)])


@pytest.fixture
def studio(tmp_path, monkeypatch):
    """Shots before a green and a blue screen, and their plates."""
    monkeypatch.chdir(tmp_path)
    alpha = screens.disc(3, SIZE)
    for name, colour in (("a", "green"), ("b", "blue")):
        shot = screens.shot(screens.light(colour, 0.2, size=SIZE), alpha, screens.SKIN, 0.001)
        write_still(f"{name}.png", shot.frame)
        write_still(f"plate-{name}.png", shot.plate)
    return tmp_path


@pytest.mark.parametrize("ending", [".png", ".exr", ".tif", ".webp"])
def test_cutout_to_a_file(studio, run, ending):
    result = run("a.png", "-o", f"out{ending}")
    assert result.exit_code == 0, result.output
    still = read_still(f"out{ending}")
    assert still.alpha[0, 0] == 0
    assert still.alpha[45, 60] == 1
    np.testing.assert_allclose(still.picture[45, 60], screens.SKIN, atol=0.03)
    assert "120 x 90" in result.stderr


def test_batch_to_a_folder_and_over_a_colour(studio, run):
    result = run("a.png", "b.png", "-o", "made/", "--over", "#ff0000")
    assert result.exit_code == 0, result.output
    kinds = ("alpha", "composite", "foreground")
    assert files(studio / "made") == [f"{name}.{kind}.png" for name in "ab" for kind in kinds]
    np.testing.assert_allclose(read_still("made/b.composite.png").picture[2, 2], (1, 0, 0))


def test_plate_and_screen_and_masks(studio, run):
    mask = np.zeros((*SIZE, 1), np.float32)
    mask[:45] = 1
    write_still("mask.png", mask)
    more = ["--plate", "plate-a.png", "--screen", "green", "--garbage", "mask.png"]
    assert run("a.png", "-o", "out.png", *more).exit_code == 0
    alpha = read_still("out.png").alpha
    assert alpha[:45].max() == 0
    assert alpha[50, 60] == 1


def test_two_backings(studio, run):
    plates = ["--plates", "plate-a.png", "plate-b.png"]
    result = run("a.png", "b.png", *plates, "-o", "out.png")
    assert result.exit_code == 0, result.output
    alpha = read_still("out.png").alpha
    assert np.abs(alpha - screens.disc(3, SIZE)).mean() < 0.01


def test_one_bad_frame_does_not_stop_a_batch(studio, run):
    write_still("grey.png", np.full((*SIZE, 3), 0.5, np.float32))
    result = run("grey.png", "a.png", "-o", "made/")
    assert result.exit_code == 2
    assert files(studio / "made") == ["a.alpha.png", "a.foreground.png"]
    assert "1 of 2 frames" in result.stderr


def test_no_screen_is_said(studio, run):
    write_still("grey.png", np.full((*SIZE, 3), 0.5, np.float32))
    refused(studio, run("grey.png", "-o", "out.png"), "screen")
    refused(studio, run("a.png", "-o", "out.png", "--screen", "blue"), "blue", "screen")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (["a.png", "--screen", "shiny"], "#rrggbb"),
        (["a.png", "--screen", "#808080"], "grey"),
        (["a.png", "--screen", "rgb(0,900,0)"], "255"),
        (["a.png", "--over", "blur"], "blurred"),
        (["a.png", "--over", "nothing.png"], "nothing.png"),
        (["a.png", "--plate", "nothing.png"], "nothing.png"),
        (["nothing.png"], "nothing.png"),
        (["a.png", "--plates", "plate-a.png", "plate-b.png"], "two shots"),
        (["a.png", "b.png", "--plates", "plate-a.png", "nothing.png"], "nothing.png"),
        (["a.png", "b.png", "--screen", "red", "--plates", "plate-a.png", "a.png"], "choose one"),
        (["a.png", "b.png", "--plates", "plate-a.png", "plate-a.png"], "order"),
        (["a.png", "b.png", "--plates", "plate-b.png", "plate-a.png"], "order"),
    ],
)
def test_refused(studio, run, given, word):
    refused(studio, run(*given, "-o", "out.png"), word)


def test_a_plate_without_a_screen_is_said(studio, run):
    write_still("grey.png", np.full((*SIZE, 3), 0.5, np.float32))
    refused(studio, run("a.png", "--plate", "grey.png", "-o", "out.png"), "in the plate")
    refused(studio, run("a.png", "--plate", "plate-b.png", "-o", "out.png"), "screen of the plate")


@pytest.mark.parametrize("out", ["out.{name}.png", "out.{name}.mov"])
def test_places_named_by_the_clip(studio, run, out):
    refused(studio, run("a.png", "-o", out), "{name}")


@pytest.mark.parametrize("out", ["out.mov", "out/"])
def test_folder_of_clips(studio, run, out):
    (studio / "takes").mkdir()
    (studio / "takes" / "one.mp4").write_bytes(b"")
    refused(studio, run("takes", "-o", out), "takes is a folder of clips")


@pytest.mark.parametrize("option", ["--deinterlace", "--tone-map", "--restart", "--no-sound"])
def test_options_of_clips(studio, run, option):
    refused(studio, run("a.png", "-o", "out.png", option), f"{option} is for clips")


@pytest.mark.parametrize("name", ["a.png", "plate-a.png"])
def test_an_input_is_never_overwritten(studio, run, name):
    before = (studio / name).read_bytes()
    result = run("a.png", "--plate", "plate-a.png", "-o", name)
    assert result.exit_code == 2
    assert "one of the inputs" in result.stderr
    assert (studio / name).read_bytes() == before
