"""The command line, with a stand-in for the network: files in, files out."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from cleanplate import demo, doctor
from cleanplate.errors import OutputError
from cleanplate.jobs import stills as stills_job
from cleanplate.media.stills import read_still, write_still
from commands import HEIGHT, WIDTH, files, run

# ---- one frame


@pytest.mark.parametrize("ending", [".png", ".webp", ".tif", ".tiff", ".exr"])
def test_cutout_to_a_file(scene, calls, ending):
    result = run("cut", "one.png", "--plate", "plate.png", "-o", f"out{ending}")
    assert result.exit_code == 0, result.output
    still = read_still(f"out{ending}")
    assert still.alpha.shape == (HEIGHT, WIDTH, 1)
    assert still.alpha.sum() == 12 * 12
    np.testing.assert_allclose(still.picture[10, 10], (0.8, 0.2, 0.2), atol=0.004)
    assert f"out{ending}" in result.stderr
    assert f"{WIDTH} x {HEIGHT}" in result.stderr


@pytest.mark.parametrize("ending", [".png", ".jpg", ".exr"])
def test_composite_to_a_file(scene, calls, ending):
    out = f"out{ending}"
    result = run("cut", "one.png", "--plate", "plate.png", "--over", "#0000ff", "-o", out)
    assert result.exit_code == 0, result.output
    still = read_still(out)
    assert still.alpha is None
    np.testing.assert_allclose(still.picture[2, 30], (0, 0, 1), atol=0.04)
    np.testing.assert_allclose(still.picture[10, 12], (0.8, 0.2, 0.2), atol=0.04)


def test_gif_of_one_picture_is_a_still(scene, calls):
    Image.open("one.png").save("one.gif")
    assert run("cut", "one.gif", "--plate", "plate.png", "-o", "out.png").exit_code == 0
    assert read_still("out.png").alpha.sum() == 12 * 12


def test_exr_output_is_premultiplied(scene, calls):
    assert run("cut", "one.png", "--plate", "plate.png", "-o", "out.exr").exit_code == 0
    stored = OpenEXR.File("out.exr").channels()["RGBA"].pixels
    assert stored[0, 0].max() == 0
    assert stored[10, 10, 0] == pytest.approx(((0.8 + 0.055) / 1.055) ** 2.4, abs=0.01)


def test_depth_of_the_frame_is_kept(scene, calls):
    write_still("deep.png", read_still("one.png").picture, bit_depth=16)
    assert run("cut", "deep.png", "--plate", "plate.png", "-o", "out.tif").exit_code == 0
    assert read_still("out.tif").bit_depth == 16
    assert run("cut", "deep.png", "--plate", "plate.png", "-o", "folder/").exit_code == 0
    assert read_still("folder/deep.alpha.png").bit_depth == 16


def test_folder_for_one_frame(scene, calls):
    assert run("cut", "one.png", "--plate", "plate.png", "-o", "made/here").exit_code == 0
    assert files(scene / "made") == ["here/one.alpha.png", "here/one.foreground.png"]
    foreground = read_still("made/here/one.foreground.png")
    alpha = read_still("made/here/one.alpha.png")
    np.testing.assert_array_equal(foreground.alpha, alpha.picture[..., :1])


def test_options_reach_the_network(scene, calls):
    mask = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    for index, name in enumerate(("holdout", "garbage", "prior")):
        mask[index] = 1
        write_still(f"{name}.png", mask)
    masks = ["--holdout", "holdout.png", "--garbage", "garbage.png", "--prior", "prior.png"]
    more = ["--no-align", "--device", "cpu", "--model", "small", "--threads", "3"]
    more += ["--quality", "best"]
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png", *masks, *more]
    assert run(*command).exit_code == 0
    given = {"model": "small", "device": "cpu", "threads": 3, "quality": "best"}
    assert calls[0] == given
    assert calls[1]["options"].align is False
    assert calls[1]["options"].difference_prior is False
    assert calls[1]["model"].for_stills == "model"
    assert [calls[1][name].sum() for name in ("holdout", "garbage", "prior")] == [36, 72, 108]
    assert calls[1]["frame"].dtype == np.float32


def test_warnings_and_notes_are_said(scene, calls):
    Image.fromarray(np.full((HEIGHT, WIDTH), 100, np.uint8)).save("grey.png")
    result = run("cut", "grey.png", "--plate", "grey.png", "-o", "out.png")
    assert result.exit_code == 0
    assert "note: grey.png: greyscale" in result.stderr
    assert "warning: grey.png: The plate is the frame itself" in result.stderr
    assert read_still("out.png").alpha.max() == 0


def test_opaque_alpha_is_nothing_to_speak_of(scene, calls):
    picture = read_still("one.png").picture
    write_still("rgba.png", picture, np.ones_like(picture[..., :1]))
    result = run("cut", "rgba.png", "--plate", "plate.png", "-o", "out.png")
    assert result.exit_code == 0
    assert "note" not in result.stderr


# ---- batches


def test_batch(scene, calls):
    frames = ["one.png", "two.png", "three.png"]
    result = run("cut", *frames, "--plate", "plate.png", "--over", "blur", "-o", "out")
    assert result.exit_code == 0, result.output
    kinds = ("alpha", "composite", "foreground")
    assert files(scene / "out") == sorted(f"{f[:-4]}.{k}.png" for f in frames for k in kinds)
    assert len(calls) == 4  # the network is loaded once


def test_a_bad_frame_does_not_stop_the_batch(scene, calls):
    Path("two.png").write_bytes(b"no picture")
    write_still("bright.png", np.ones((HEIGHT, WIDTH, 3), np.float32))
    frames = ["one.png", "two.png", "bright.png", "none.png", "three.png"]
    result = run("cut", *frames, "--plate", "plate.png", "-o", "out")
    assert result.exit_code == 2
    for name in ("two.png is not", "bright.png: The plate", "none.png does not exist"):
        assert f"cleanplate: {name}" in result.stderr
    assert "3 of 5" in result.stderr
    assert len(files(scene / "out")) == 4


def test_unexpected_errors_keep_their_traceback(scene, calls, monkeypatch):
    def broken(*arguments, **options):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(stills_job, "cutout", broken)
    result = run("cut", "one.png", "--plate", "plate.png", "-o", "out.png")
    assert isinstance(result.exception, ZeroDivisionError)


# ---- planning


def test_plan_refuses_what_it_cannot_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = Path("a.jpg")
    assert stills_job.plan_outputs([frame], "x.PNG", False)[0].cutout == Path("x.PNG")
    assert stills_job.plan_outputs([frame], "x.jpg", True)[0].composite == Path("x.jpg")
    assert stills_job.plan_outputs([frame], "x.d/", False)[0].alpha == Path("x.d/a.alpha.png")
    (tmp_path / "y.d").mkdir()
    assert stills_job.plan_outputs([frame], "y.d", False)[0].alpha == Path("y.d/a.alpha.png")
    with pytest.raises(OutputError, match="folder"):
        stills_job.plan_outputs([frame], "x.d", False)


# ---- the other commands


def test_demo(tmp_path, calls):
    result = run("demo", "-o", tmp_path / "made" / "demo")
    assert result.exit_code == 0, result.output
    names = ["alpha.png", "composite.png", "contact-sheet.png", "foreground.png"]
    assert files(tmp_path / "made" / "demo") == names
    assert read_still(tmp_path / "made/demo/foreground.png").alpha is not None
    assert read_still(tmp_path / "made/demo/composite.png").picture.shape == (800, 800, 3)
    assert read_still(tmp_path / "made/demo/contact-sheet.png").picture.shape[1] == 1536
    assert all(str(tmp_path / "made" / "demo" / name) in result.stdout for name in names)


def test_demo_into_a_file_is_refused(tmp_path, calls):
    (tmp_path / "taken").write_text("")
    result = run("demo", "-o", tmp_path / "taken")
    assert result.exit_code == 2
    assert "cannot be created" in result.stderr


def test_new_background_of_the_demo_is_the_same_every_time():
    first, second = demo.evening(90, 160), demo.evening(90, 160)
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert 0 <= first.min() < first.max() <= 1


def test_doctor():
    result = run("doctor")
    assert result.exit_code == 0
    for word in ("cleanplate", "python", "numpy", "onnxruntime", "CPUExecutionProvider", "weights"):
        assert word in result.stdout


def test_doctor_names_weights_and_hashes(tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.onnx").write_bytes(b"abc")
    monkeypatch.setattr(doctor, "files", lambda package: tmp_path)
    text = "\n".join(doctor.report())
    assert "a.onnx" in text
    assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" in text


# ---- as a process


def process(code, folder, **options):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_process_of_a_bad_file(scene):
    command = [sys.executable, "-m", "cleanplate", "cut", "none.png", "--plate", "none2.png"]
    done = subprocess.run([*command, "-o", "out.png"], capture_output=True, text=True, cwd=scene)
    assert done.returncode == 2
    assert done.stderr == ("cleanplate: none2.png does not exist: check the name and the folder.\n")
    assert done.stdout == ""


def test_process_of_version_and_import_time(scene):
    command = [sys.executable, "-X", "importtime", "-m", "cleanplate", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=scene)
    assert done.returncode == 0
    assert done.stdout.startswith("cleanplate ")
    for heavy in ("onnxruntime", "torch", "onnx"):
        assert f" {heavy}\n" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals as in POSIX")
def test_interrupted_process_leaves_nothing(scene):
    """Ctrl-C while a picture is being encoded: 130, and neither half a file nor a temporary."""
    before = files(scene)
    waiting = process(
        """
        import sys, time
        from types import SimpleNamespace
        from cleanplate import cli
        from cleanplate.jobs import stills as stills_job
        from cleanplate.media import stills
        def cut(frame, plate, **options):
            return SimpleNamespace(alpha=frame[..., :1], foreground=frame)
        def slow(path, temporary, samples):
            temporary.write_bytes(b"half")
            print("encoding", flush=True)
            time.sleep(30)
        stills_job.cutout, stills_job.load_model, stills.encode = cut, lambda *a, **k: None, slow
        sys.argv = ["cleanplate", "cut", "one.png", "--plate", "plate.png", "-o", "out.png"]
        cli.main()
        """,
        scene,
    )
    assert waiting.stdout.readline() == "encoding\n"
    assert len(files(scene)) == len(before) + 1
    time.sleep(0.1)
    waiting.send_signal(signal.SIGINT)
    _, stderr = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert "Traceback" not in stderr
    assert files(scene) == before


def test_difference_as_prior(scene, calls):
    command = ["cut", "one.png", "--plate", "plate.png", "-o", "out.png"]
    assert run(*command, "--prior", "difference").exit_code == 0
    assert calls[1]["prior"] is None
    assert calls[1]["options"].difference_prior is True


@pytest.mark.parametrize(("prior", "asked"), [((), True), (("--prior", "none"), False)])
def test_people_are_looked_for_unless_no_prior_is_wanted(scene, calls, prior, asked):
    assert run("cut", "one.png", "--plate", "plate.png", "-o", "out.png", *prior).exit_code == 0
    assert calls[1]["prior"] is None
    assert calls[1]["options"].person_prior is asked
