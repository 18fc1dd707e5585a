"""Each way in for bad input: exit code 2, one sentence, no file."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cleanplate.media.stills import read_still, write_still
from commands import HEIGHT, WIDTH, files, refused, run


def test_batch_into_one_file_is_refused(scene, calls):
    result = run("cut", "one.png", "two.png", "--plate", "plate.png", "-o", "out.png")
    refused(scene, result, "2 frames", "folder")


def test_batch_of_the_same_name_is_refused(scene, calls):
    (scene / "more").mkdir()
    write_still("more/ONE.png", read_still("one.png").picture)
    result = run("cut", "one.png", "more/ONE.png", "--plate", "plate.png", "-o", "out")
    refused(scene, result, "same files")


@pytest.mark.parametrize(
    "command",
    [
        ("cut", "LONG", "--plate", "plate.png", "-o", "out.png"),
        ("cut", "one.png", "--plate", "LONG", "-o", "out.png"),
        ("cut", "one.png", "--plate", "plate.png", "--over", "LONG", "-o", "out.png"),
        ("cut", "one.png", "--plate", "plate.png", "-o", "LONG"),
        ("key", "LONG", "-o", "out.png"),
        ("inspect", "LONG"),
        ("evaluate", "LONG", "-o", "out"),
        ("live", "--camera", "file:LONG", "--plate", "plate.png"),
        ("adapt", "LONG", "--plate", "plate.png", "-o", "out.onnx", "--minutes", "1"),
    ],
)
def test_a_name_too_long_for_the_system_is_refused(scene, command):
    long = "a" * 300
    result = run(*(word.replace("LONG", f"{long}.png") for word in command))
    refused(scene, result, long, "too long")


# ---- bad input, each way in


def bad_file(kind):
    """Write a file that cannot be used and return its name and a word of the complaint."""
    picture = np.random.default_rng(0).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    image = Image.fromarray((picture * 255).astype(np.uint8))
    if kind == "missing":
        return "nothing.png", "does not exist"
    if kind == "folder":
        Path("folder.png").mkdir()
        return "folder.png", "folder"
    name = f"{kind}.png"
    if kind == "empty":
        Path(name).write_bytes(b"")
        return name, "empty"
    if kind == "text":
        Path(name).write_text("hello" * 99)
        return name, "not a picture"
    if kind == "truncated":
        write_still(name, picture)
        Path(name).write_bytes(Path(name).read_bytes()[:900])
        return name, "damaged"
    if kind == "one pixel":
        image.resize((1, 1)).save(name)
        return name, "1 x 1"
    if kind == "wide":
        image.resize((20000, 16)).save(name)
        return name, "20000 x 16"
    if kind == "animated":
        image.save(name, save_all=True, append_images=[image.rotate(180)])
        return name, "animation"
    write_still(name, picture, picture[..., :1])
    return name, "transparent"


BAD = [
    "missing", "folder", "empty", "text", "truncated", "one pixel", "wide", "animated",
    "transparent",
]  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_frame(scene, calls, kind):
    name, word = bad_file(kind)
    refused(scene, run("cut", name, "--plate", "plate.png", "-o", "out.png"), name, word)
    refused(scene, run("cut", name, "--plate", "plate.png", "-o", "out/"), name, word)


@pytest.mark.parametrize("kind", BAD)
def test_bad_plate(scene, calls, kind):
    name, word = bad_file(kind)
    refused(scene, run("cut", "one.png", "--plate", name, "-o", "out.png"), name, word)


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("option", ["--over", "--holdout", "--garbage", "--prior"])
def test_bad_option(scene, calls, kind, option):
    if kind == "transparent":
        pytest.skip("a mask, or a new background over black")
    name, word = bad_file(kind)
    if (kind, option) == ("missing", "--over"):
        word = "colour"
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", option, name]
    refused(scene, run(*command), name, word)


def test_mask_of_another_shape(scene, calls):
    write_still("mask.png", np.ones((50, 20, 1), np.float32))
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", "--prior", "mask.png"]
    refused(scene, run(*command), "20 x 50", f"{WIDTH} x {HEIGHT}")


def test_plate_of_another_scene(scene, calls):
    write_still("bright.png", np.ones((HEIGHT, WIDTH, 3), np.float32))
    result = run("cut", "bright.png", "--plate", "plate.png", "-o", "out.png")
    refused(scene, result, "shoot it again")


def test_device_that_is_not_there(scene, calls):
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", "--device", "cuda"]
    refused(scene, run(*command), "CUDA")


@pytest.mark.parametrize("out", ["out.gif", "out.jpg", "out.v2", "none/out.png"])
def test_bad_output(scene, calls, out):
    refused(scene, run("cut", "one.png", "--plate", "plate.png", "-o", out), out)
    assert not calls


@pytest.mark.parametrize("name", ["one.png", "plate.png", "./one.png", "link.png", "mask.png"])
def test_output_over_an_input(scene, calls, name):
    write_still("mask.png", np.ones((HEIGHT, WIDTH, 1), np.float32))
    Path("link.png").symlink_to("plate.png")
    before = {path: (scene / path).read_bytes() for path in files(scene)}
    result = run("cut", "one.png", "--plate", "plate.png", "--prior", "mask.png", "-o", name)
    refused(scene, result, "one of the inputs")
    assert before == {path: (scene / path).read_bytes() for path in files(scene)}


def test_output_over_an_input_in_a_folder(scene, calls):
    write_still("one.alpha.png", np.ones((HEIGHT, WIDTH, 1), np.float32))
    command = ["cut", "one.png", "--plate", "plate.png", "--prior", "one.alpha.png", "-o", "."]
    refused(scene, run(*command), "one.alpha.png", "one of the inputs")


def test_folder_that_is_a_file(scene, calls):
    Path("taken").write_text("")
    result = run("cut", "one.png", "--plate", "plate.png", "-o", "taken")
    refused(scene, result, "taken is a file")


def test_file_that_is_a_folder(scene, calls):
    Path("taken.png").mkdir()
    result = run("cut", "one.png", "--plate", "plate.png", "-o", "taken.png")
    refused(scene, result, "taken.png is a folder, a file was expected")
    assert not os.listdir("taken.png")


@pytest.mark.parametrize("missing", ["--plate", "-o"])
def test_options_that_must_be_given(scene, calls, missing):
    command = {"--plate": "plate.png", "-o": "out.png"}
    del command[missing]
    result = run("cut", "one.png", *[part for pair in command.items() for part in pair])
    assert result.exit_code == 2
    assert "Missing option" in result.stderr


def test_places_named_by_the_clip_are_not_for_stills(scene, calls):
    result = run("cut", "one.png", "--plate", "plate.png", "-o", "out/{name}.png")
    refused(scene, result, "{name}", "folder")


@pytest.mark.parametrize("option", ["-o", "--plate", "--over", "--holdout", "--prior"])
def test_empty_values(scene, calls, option):
    """A variable of the shell that is not set would mean the current folder."""
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", option, ""]
    refused(scene, run(*command), f"{option} is empty")
    assert not calls


@pytest.mark.parametrize("words", [("inspect", ""), ("inspect", "one.png", ""), ("cut", "--over=")])
def test_empty_words(scene, words):
    refused(scene, run(*words), "is empty")


def test_colour_out_of_range(scene, calls):
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", "--over", "rgb(300,0,0)"]
    refused(scene, run(*command), "rgb(300,0,0)", "255")
    assert "frame" not in str(calls)


@pytest.mark.skipif(os.name == "nt", reason="devices as in POSIX")
def test_device_file_as_a_frame(scene, calls):
    result = run("cut", "/dev/null", "--plate", "plate.png", "-o", "out.png")
    refused(scene, result, "/dev/null is a device")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("cut", "a.jpg", "--plate", "b.jpg", "--plate", "c.jpg", "-o", "d.png"), "--plate"),
        (("cut", "a.jpg", "--plate", "b.jpg", "-o", "d.png", "--out=e.png"), "--out"),
        (("train", "slim", "a.pt", "-o", "b.pt", "-o", "c.pt"), "--out"),
    ],
)
def test_an_option_given_twice(words, said):
    result = run(*words)
    assert result.exit_code == 2
    assert f"{said} was given 2 times" in result.output


def test_stills_that_are_to_become_a_clip_are_told_how(scene, calls):
    for out, words in (("out.mov", "%04d.png"), ("out.%04d.png", "give a file")):
        result = run("cut", "one.png", "--plate", "plate.png", "-o", out)
        refused(scene, result, words)


def test_an_option_of_two_values_takes_no_other_option_for_one(scene):
    result = run("key", "one.png", "two.png", "--plates", "plate.png", "-o", "out.png")
    refused(scene, result, "--plates takes 2 values")
