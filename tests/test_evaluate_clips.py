"""Evaluating on a set of videos: a clip, a plate and an alpha clip each."""

import json
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import cleanplate.evaluate as evaluate_module
from cleanplate import metrics
from cleanplate.evaluate import evaluate, register
from cleanplate.evaluation_set import find_cases, read_truth, read_truths
from cleanplate.media.stills import write_still
from cleanplate.scoring import ClipScores, score_alpha, score_mattes
from clips import write_clip

HEIGHT, WIDTH, COUNT = 48, 64, 5
LOSSLESS = {"codec": "ffv1", "pixel_format": "bgr0"}


def disc(index):
    """Alpha H W, a soft disc that walks."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    distance = np.hypot(rows - 24, columns - 24 - 3 * index)
    return np.rint(np.clip((16 - distance) / 4, 0, 1) * 255) / 255


def plate_picture():
    return np.random.default_rng(3).uniform(0, 0.5, (HEIGHT, WIDTH, 3))


def frame_picture(index):
    alpha = disc(index)[..., None]
    return alpha * 0.9 + (1 - alpha) * plate_picture()


def grey(alphas):
    return [alpha[..., None].repeat(3, axis=2) for alpha in alphas]


def make_case(folder, count=COUNT, alphas=None):
    folder.mkdir(parents=True)
    write_still(folder / "plate.png", plate_picture().astype(np.float32))
    write_clip(folder / "clip.mkv", [frame_picture(index) for index in range(count)], **LOSSLESS)
    alphas = grey(map(disc, range(count))) if alphas is None else alphas
    write_clip(folder / "alpha.mkv", alphas, **LOSSLESS)
    return folder


def cut(frame, plate, *, model):
    difference = np.abs(frame - plate).max(axis=2, keepdims=True)
    return SimpleNamespace(alpha=(difference > 0.2).astype(np.float32), foreground=frame)


def replace_alpha(folder, name, pictures, **options):
    (folder / "alpha.mkv").unlink()
    write_clip(folder / name, pictures, **options)


def test_a_clip_is_scored_as_its_frames_would_be(tmp_path):
    make_case(tmp_path / "set" / "walk")
    evaluation = evaluate(tmp_path / "set", tmp_path / "report", cut)
    assert not evaluation.problems
    (record,) = evaluation.records
    truth = np.stack([disc(index) for index in range(COUNT)])
    plate = (np.rint(plate_picture() * 255) / 255).astype(np.float32)
    frames = [np.rint(frame_picture(index) * 255) / 255 for index in range(COUNT)]
    alphas = np.stack([cut(f.astype(np.float32), plate, model="").alpha for f in frames])
    assert (record["frames"], record["height"], record["width"]) == (COUNT, HEIGHT, WIDTH)
    mads = [metrics.mad(*pair) for pair in zip(alphas, truth, strict=True)]
    assert record["mad"] == pytest.approx(np.mean(mads), abs=1e-4)
    assert record["worst_frame"] == np.argmax(mads)
    assert record["dtssd"] == pytest.approx(metrics.dtssd(alphas, truth), abs=1e-4)
    assert record["messddt"] == pytest.approx(metrics.messddt(alphas, truth), abs=1e-4)
    kept = sorted(path.name for path in (tmp_path / "report" / "cutouts" / "walk").iterdir())
    assert kept == [f"frame{index:05}.png" for index in range(COUNT)]
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"frame {record['worst_frame']} of {COUNT}" in page


def test_taking_frames_in_one_by_one_changes_no_number():
    random = np.random.default_rng(0)
    alphas, truths = random.random((2, 4, 20, 30, 1)).astype(np.float32)
    whole = score_mattes(zip(alphas, truths, strict=True))
    assert whole["dtssd"] == pytest.approx(metrics.dtssd(alphas, truths), rel=1e-12)
    assert whole["messddt"] == pytest.approx(metrics.messddt(alphas, truths), rel=1e-12)
    frames = [score_alpha(*pair) for pair in zip(alphas, truths, strict=True)]
    assert whole["sad"] == pytest.approx(np.mean([frame["sad"] for frame in frames]), rel=1e-12)
    one = ClipScores()
    one.add(frames[0], alphas[0], truths[0])
    assert one.means() == frames[0]


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("alpha.mkv", {"codec": "ffv1", "pixel_format": "gray", "full": True}, 0),
        ("alpha.mp4", {"codec": "libx264", "options": {"crf": "4"}}, 0.05),
        ("alpha.mov", {"codec": "prores_ks", "pixel_format": "yuva444p10le"}, 0.01),
        ("alpha.webm", {"codec": "libvpx-vp9", "pixel_format": "yuva420p"}, 0.1),
    ],
)
def test_alpha_comes_grey_or_as_the_alpha_of_a_cutout(tmp_path, name, options, tolerance):
    folder = make_case(tmp_path / "set" / "walk")
    alphas = [disc(index) for index in range(COUNT)]
    if "yuva" in options.get("pixel_format", ""):
        pictures = [frame_picture(index) for index in range(COUNT)]
        replace_alpha(folder, name, pictures, alphas=alphas, **options)
    else:
        replace_alpha(folder, name, grey(alphas), **options)
    (case,), problems = find_cases(tmp_path / "set")
    assert not problems
    read = [truth.alpha[..., 0] for truth in read_truths(case)]
    assert len(read) == COUNT
    for alpha, true in zip(read, alphas, strict=True):
        assert np.abs(alpha - true).max() <= tolerance + 1e-6
    np.testing.assert_array_equal(read_truth(case, 3).alpha[..., 0], read[3])


def test_mattes_in_exr_are_plain_numbers(tmp_path):
    folder = make_case(tmp_path / "set" / "walk")
    (folder / "alpha.mkv").unlink()
    (folder / "alpha").mkdir()
    for index in range(COUNT):
        alpha = disc(index)[..., None].astype(np.float32)
        write_still(folder / "alpha" / f"{index:03}.exr", alpha, bit_depth=16)
    ((case,), _) = find_cases(tmp_path / "set")
    for index, truth in enumerate(read_truths(case)):
        np.testing.assert_allclose(truth.alpha[..., 0], disc(index), atol=1e-4)


def test_numbered_stills_and_a_foreground_clip_serve_too(tmp_path):
    folder = make_case(tmp_path / "set" / "walk")
    (folder / "alpha.mkv").unlink()
    (folder / "alpha").mkdir()
    for index in range(COUNT):
        write_still(folder / "alpha" / f"{index:03}.png", disc(index)[..., None].astype(np.float32))
    write_clip(folder / "foreground.mkv", [np.full((HEIGHT, WIDTH, 3), 0.9)] * COUNT, **LOSSLESS)
    evaluation = evaluate(tmp_path / "set", tmp_path / "report", cut)
    assert not evaluation.problems
    assert evaluation.records[0]["foreground_mse"] > 0

    def never(*given, **options):
        raise AssertionError("it was measured already")

    never.__module__, never.__qualname__ = cut.__module__, cut.__qualname__  # told by its name
    again = evaluate(tmp_path / "set", tmp_path / "report", never)
    assert again.records == evaluation.records


def colourful(folder):
    replace_alpha(folder, "alpha.mkv", list(map(frame_picture, range(COUNT))), **LOSSLESS)


def small(folder):
    replace_alpha(folder, "alpha.mkv", [a[:32] for a in grey(map(disc, range(COUNT)))], **LOSSLESS)


def opaque(folder):
    pictures = grey(map(disc, range(COUNT)))
    replace_alpha(folder, "alpha.mov", pictures, codec="prores_ks", pixel_format="yuva444p10le")


def small_plate(folder):
    write_still(folder / "plate.png", np.zeros((HEIGHT, WIDTH + 4, 3), np.float32))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "alpha.mkv").unlink(), "needs an alpha clip"),
        (lambda folder: (folder / "plate.png").unlink(), "plate is missing"),
        (lambda folder: (folder / "clip.mkv").write_bytes(b"no clip"), "clip.mkv"),
        (lambda folder: write_clip(folder / "clip.mp4", grey([disc(0)])), "compete"),
        (lambda folder: write_still(folder / "frame.png", grey([disc(0)])[0]), "compete"),
        (colourful, "not grey in frame 0"),
        (small, "64 x 32 pixels and its frame 64 x 48"),
        (opaque, "opaque everywhere"),
        (small_plate, "plate.png is 68 x 48"),
    ],
)
def test_what_is_wrong_with_a_case_is_said(tmp_path, damage, words):
    damage(make_case(tmp_path / "set" / "only"))
    evaluation = evaluate(tmp_path / "set", tmp_path / "report", cut)
    assert not evaluation.records
    (sentence,) = evaluation.problems
    assert words in sentence
    assert "only" in sentence


def test_clips_of_different_lengths_are_named_and_the_rest_goes_on(tmp_path, monkeypatch):
    make_case(tmp_path / "set" / "good")
    make_case(tmp_path / "set" / "short", alphas=grey(map(disc, range(COUNT - 1))))
    monkeypatch.setattr(
        evaluate_module,
        "_default_cuts",
        lambda model: lambda _: evaluate_module._one_by_one(cut, model),
    )
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    arguments = ["evaluate", str(tmp_path / "set"), "-o", str(tmp_path / "report")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "short" in done.output
    lines = (tmp_path / "report" / "cases.jsonl").read_text().splitlines()
    assert [json.loads(line)["case"] for line in lines] == ["good"]
    (problem,) = json.loads((tmp_path / "report" / "summary.json").read_text())["problems"]
    assert f"alpha.mkv has {COUNT - 1} frames and" in problem
    assert "short" in problem


def test_a_length_that_no_header_tells_is_found_on_the_way(tmp_path, monkeypatch):
    make_case(tmp_path / "set" / "short", alphas=grey(map(disc, range(COUNT - 1))))
    monkeypatch.setattr("cleanplate.truth._check_alike", lambda readers: None)
    (problem,) = evaluate(tmp_path / "set", tmp_path / "report", cut).problems
    assert f"alpha.mkv has no frame {COUNT - 1}" in problem


def test_memory_does_not_grow_with_the_clip(tmp_path):
    peaks = []
    for count in (4, 24):
        make_case(tmp_path / f"set{count}" / "walk", count)
        tracemalloc.start()
        evaluate(tmp_path / f"set{count}", tmp_path / f"report{count}", cut)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    frame = HEIGHT * WIDTH * 3 * 4
    assert peaks[1] - peaks[0] < 5 * frame
