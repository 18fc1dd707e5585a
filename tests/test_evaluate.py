"""Evaluating on a tiny set made here, with a stand-in for the cutting."""

import json
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import cleanplate.evaluate as evaluate_module
from cleanplate import metrics
from cleanplate.errors import InputError, OutputError
from cleanplate.evaluate import evaluate, hash_model, register
from cleanplate.evaluation_set import find_cases
from cleanplate.report import error_map, picked

HEIGHT, WIDTH = 48, 64


def disc(x):
    rows, columns = np.indices((HEIGHT, WIDTH))
    distance = np.hypot(rows - 24, columns - x)
    return np.clip(14 - distance, 0, 1).astype(np.float32)[..., None]


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.rint(np.asarray(picture) * 255).astype(np.uint8)
    cv2.imwrite(str(path), samples[..., ::-1] if samples.shape[-1] == 3 else samples)


def pictures(x=30, seed=0):
    random = np.random.default_rng(seed)
    plate = random.uniform(0.0, 0.5, (HEIGHT, WIDTH, 3)).astype(np.float32)
    foreground = np.full((HEIGHT, WIDTH, 3), 0.9, np.float32)
    alpha = disc(x)
    return alpha * foreground + (1 - alpha) * plate, plate, alpha, foreground * (alpha > 0)


def make_case(folder, x=30, seed=0):
    for name, picture in zip(
        ("frame", "plate", "alpha", "foreground"), pictures(x, seed), strict=True
    ):
        save(folder / f"{name}.png", picture)


@pytest.fixture
def stills(tmp_path):
    root = tmp_path / "set"
    index = []
    for number in range(5):
        name = f"case{number}"
        make_case(root / name, 20 + 4 * number, number)
        condition = "clean" if number % 2 else "noisy"
        index.append({"case": name, "kind": "disc", "condition": condition})
    (root / "index.json").write_text(json.dumps(index))
    return root


@pytest.fixture
def clips(tmp_path):
    root = tmp_path / "clips"
    for number in range(3):
        frame, plate, alpha, _ = pictures(20 + 3 * number)
        save(root / "walk" / f"frame{number:03}.png", frame)
        save(root / "walk" / f"alpha{number:03}.png", alpha)
    save(root / "walk" / "plate.png", plate)
    return root


class StandIn:
    """Cuts by difference and remembers how often it was asked."""

    def __init__(self, offset=0.0):
        self.calls, self.offset = 0, offset

    def __call__(self, frame, plate, *, model):
        self.calls += 1
        assert frame.shape == plate.shape == (HEIGHT, WIDTH, 3)
        assert frame.dtype == np.float32
        difference = np.abs(frame - plate).max(axis=2, keepdims=True)
        alpha = np.clip((difference > 0.2) * 1.0 - self.offset, 0, 1).astype(np.float32)
        return SimpleNamespace(alpha=alpha, foreground=frame)


def test_every_case_gets_a_line_with_the_right_numbers(stills, tmp_path):
    evaluation = evaluate(stills, tmp_path / "report", StandIn())
    lines = (tmp_path / "report" / "cases.jsonl").read_text().splitlines()
    assert [json.loads(line)["case"] for line in lines] == [f"case{n}" for n in range(5)]
    assert not evaluation.problems
    record = json.loads(lines[2])
    frame, plate, alpha, _ = (np.rint(p * 255) / 255 for p in pictures(28, 2))
    cut = StandIn()(frame.astype(np.float32), plate.astype(np.float32), model="")
    assert record["mad"] == pytest.approx(metrics.mad(cut.alpha, alpha), abs=1e-4)
    assert record["gradient_error"] == pytest.approx(
        metrics.gradient_error(cut.alpha, alpha), abs=1e-6
    )
    assert record["foreground_mse"] > 0
    assert record["composite_error"] > 0
    assert "dtssd" not in record


def test_the_summary_averages_by_kind_and_condition(stills, tmp_path):
    evaluation = evaluate(stills, tmp_path / "report", StandIn())
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert summary == evaluation.summary
    assert {name: row["cases"] for name, row in summary["by_condition"].items()} == {
        "noisy": 3,
        "clean": 2,
    }
    noisy = [r["mad"] for r in evaluation.records if r["condition"] == "noisy"]
    assert summary["by_condition"]["noisy"]["mad"] == pytest.approx(np.mean(noisy), abs=1e-5)
    assert summary["by_kind"]["disc"] == summary["overall"]
    assert summary["model_hash"] == hash_model("default")


def test_a_clip_has_flicker_and_keeps_every_frame(clips, tmp_path):
    steady = evaluate(clips, tmp_path / "a", StandIn())
    (record,) = steady.records
    assert record["frames"] == 3
    assert record["kind"] == "unnamed"
    assert record["dtssd"] >= 0
    cutouts = sorted(path.name for path in (tmp_path / "a" / "cutouts" / "walk").iterdir())
    assert cutouts == ["frame000.png", "frame001.png", "frame002.png"]

    blinking = StandIn()

    def blink(frame, plate, *, model):
        cutout = blinking(frame, plate, model=model)
        scale = np.float32(blinking.calls % 2)
        return SimpleNamespace(alpha=cutout.alpha * scale, foreground=frame)

    (flickering,) = evaluate(clips, tmp_path / "b", blink).records
    assert flickering["dtssd"] > 5 * record["dtssd"] + 1
    assert flickering["worst_frame"] == 1


def test_a_second_run_cuts_only_what_is_new(stills, tmp_path):
    first = evaluate(stills, tmp_path / "report", StandIn())
    lines = tmp_path / "report" / "cases.jsonl"
    again = StandIn()
    second = evaluate(stills, tmp_path / "report", again)
    assert again.calls == 0
    assert second.records == first.records

    # Stopped in the middle of a line, one case changed: these two are cut, no other.
    text = lines.read_text()
    lines.write_text(text[: len(text) - 40])
    make_case(stills / "case1", 40, 77)
    resumed = StandIn()
    third = evaluate(stills, tmp_path / "report", resumed)
    assert resumed.calls == 2
    assert [record["case"] for record in third.records] == [f"case{n}" for n in range(5)]
    assert len(lines.read_text().splitlines()) == 5

    other_model = StandIn()
    evaluate(stills, tmp_path / "report", other_model, model="another")
    assert other_model.calls == 5


def test_other_weights_in_the_same_file_are_another_model(tmp_path):
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"one")
    before = hash_model(str(weights))
    weights.write_bytes(b"two")
    assert hash_model(str(weights)) != before


def test_bad_cases_are_named_and_the_rest_goes_on(stills, tmp_path):
    (stills / "case0" / "plate.png").unlink()
    save(stills / "case1" / "alpha.png", np.random.default_rng(0).random((HEIGHT, WIDTH, 3)))
    save(stills / "case2" / "alpha.png", np.zeros((HEIGHT, WIDTH + 2, 1)))
    (stills / "case3" / "frame.png").write_bytes(b"not a picture")
    evaluation = evaluate(stills, tmp_path / "report", StandIn())
    assert [record["case"] for record in evaluation.records] == ["case4"]
    expected = {
        "case0": "plate is missing",
        "case1": "not grey",
        "case2": "66 x 48 pixels",
        "case3": "case3",
    }
    assert len(evaluation.problems) == 4
    for name, words in expected.items():
        (sentence,) = [problem for problem in evaluation.problems if name in problem]
        assert words in sentence
        assert sentence in (tmp_path / "report" / "report.html").read_text().replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda c: save(c / "plate.png", np.zeros((HEIGHT, WIDTH + 4, 3))), "plate.png is 68 x 48"),
        (lambda c: save(c / "foreground.png", np.zeros((20, 20, 3))), "foreground.png is 20 x 20"),
        (lambda c: save(c / "frame001.png", np.zeros((HEIGHT, WIDTH, 3))), "do not pair up"),
        (lambda c: save(c / "frame.jpg", np.zeros((HEIGHT, WIDTH, 3))), "compete"),
        (lambda c: save(c / "alpha.png", np.zeros((HEIGHT, WIDTH, 4))), "transparency"),
    ],
)
def test_what_is_wrong_with_a_case_is_said(tmp_path, damage, words):
    make_case(tmp_path / "set" / "only")
    damage(tmp_path / "set" / "only")
    evaluation = evaluate(tmp_path / "set", tmp_path / "report", StandIn())
    assert len(evaluation.problems) == 1
    assert words in evaluation.problems[0]
    assert "only" in evaluation.problems[0]


def test_a_set_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        find_cases(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no case"):
        find_cases(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(InputError, match="JSON"):
        find_cases(tmp_path)
    (tmp_path / "index.json").write_text('{"case": "a"}')
    with pytest.raises(InputError, match="list of objects"):
        find_cases(tmp_path)


def test_an_index_cannot_lead_out_of_the_set(stills):
    (stills / "index.json").write_text('[{"case": "../set/case0"}, {"case": "gone"}, {}]')
    cases, problems = find_cases(stills)
    assert not cases
    assert len(problems) == 3


def test_without_an_index_every_folder_is_a_case(stills, tmp_path):
    (stills / "index.json").unlink()
    evaluation = evaluate(stills, tmp_path / "report", StandIn())
    assert [record["case"] for record in evaluation.records] == [f"case{n}" for n in range(5)]


def test_the_page_stands_alone(stills, tmp_path):
    evaluate(stills, tmp_path / "page.html", StandIn())
    page = (tmp_path / "page.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?!data:)\w""", page)
    assert "url(" not in page
    assert "http" not in page
    assert 'name="viewport"' in page
    assert "prefers-color-scheme:dark" in page
    for word in ("case0", "worst", "best", "frame", "plate", "truth", "error", "composite"):
        assert word in page
    # Six pictures and the two of the slider, for each of the five cases.
    assert page.count("data:image/jpeg;base64,") == 5 * 8
    assert page.count('type="range"') == 5
    assert (tmp_path / "page" / "summary.json").is_file()


def test_names_cannot_break_the_page(tmp_path):
    make_case(tmp_path / "set" / "<b>&amp")
    evaluate(tmp_path / "set", tmp_path / "report", StandIn())
    page = (tmp_path / "report" / "report.html").read_text()
    assert "<b>&amp<" not in page
    assert "&lt;b&gt;&amp;amp" in page


def test_another_method_beside_ours(stills, tmp_path):
    evaluate(stills, tmp_path / "theirs", StandIn(0.2))
    (tmp_path / "theirs" / "cutouts" / "case4.png").unlink()
    evaluation = evaluate(
        stills, tmp_path / "ours", StandIn(), compare=tmp_path / "theirs" / "cutouts"
    )
    assert list(evaluation.others) == [f"case{n}" for n in range(4)]
    assert evaluation.summary["compare"]["cases"] == 4
    ours = {record["case"]: record["mad"] for record in evaluation.records}
    assert all(other["mad"] > ours[name] for name, other in evaluation.others.items())
    page = (tmp_path / "ours" / "report.html").read_text()
    assert "MAD, cutouts" in page
    assert "(4 of 5)" in page


def test_nothing_to_compare_with_is_said(stills, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    evaluation = evaluate(stills, tmp_path / "report", StandIn(), compare=empty)
    assert "no matte of any case" in evaluation.problems[0]
    with pytest.raises(InputError, match="not a folder"):
        evaluate(stills, tmp_path / "report", StandIn(), compare=tmp_path / "nowhere")


def test_an_output_that_cannot_be_is_refused(stills, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="choose another"):
        evaluate(stills, tmp_path / "taken", StandIn())


def test_worst_median_and_best_are_never_the_same_case():
    records = [{"case": str(n), "mad": float(n)} for n in range(20)]
    chosen = picked(records)
    assert [record["mad"] for _, record in chosen] == [19, 18, 17, 11, 10, 9, 2, 1, 0]
    for count in range(1, 12):
        names = [record["case"] for _, record in picked(records[:count])]
        assert len(names) == len(set(names)) == min(count, 9)
    assert picked(records[:1]) == [("worst", records[0])]


def test_the_error_map_tells_too_much_from_too_little():
    alpha = np.array([[[1.0], [0.0], [0.5]]], np.float32)
    truth = np.array([[[0.0], [1.0], [0.5]]], np.float32)
    high, low, right = error_map(alpha, truth)[0]
    assert high[0] > high[2]
    assert low[2] > low[0]
    assert not right.any()


def test_the_command_prints_and_says_by_its_exit_code(stills, tmp_path, monkeypatch):
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    monkeypatch.setattr(
        evaluate_module,
        "_default_cuts",
        lambda model: evaluate_module._one_by_one(StandIn(), model),
    )
    arguments = ["evaluate", str(stills), "-o", str(tmp_path / "report")]
    good = CliRunner().invoke(app, arguments)
    assert good.exit_code == 0, good.output
    assert "MAD" in good.output
    assert "noisy" in good.output
    (stills / "case2" / "frame.png").unlink()
    bad = CliRunner().invoke(app, arguments)
    assert bad.exit_code == 2
    assert "case2: frame is missing" in bad.output
