"""Evaluating on a tiny set made here, with a stand-in for the cutting."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import cleanplate.evaluate as evaluate_module
from cleanplate import metrics, pipeline
from cleanplate.evaluate import evaluate, hash_model, register
from cleanplate.evaluation_set import find_cases
from evaluation_cases import StandIn, make_case, pictures, save, write_frames, write_stills


@pytest.fixture
def stills(tmp_path):
    return write_stills(tmp_path / "set")


@pytest.fixture
def clips(tmp_path):
    return write_frames(tmp_path / "clips")


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


def test_without_a_way_to_cut_stills_are_cut_as_stills_and_clips_as_clips(
    stills, clips, tmp_path, monkeypatch
):
    ways = []
    still, clip = pipeline.cutout, pipeline.cutouts
    monkeypatch.setattr(
        pipeline, "cutout", lambda *args, **how: ways.append("still") or still(*args, **how)
    )
    monkeypatch.setattr(
        pipeline, "cutouts", lambda *args, **how: ways.append("clip") or clip(*args, **how)
    )
    alone = evaluate(stills, tmp_path / "a")
    assert ways == ["still"] * (len(alone.records) + len(alone.problems))
    ways.clear()
    evaluate(clips, tmp_path / "b")
    assert ways == ["clip"]


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


def test_numbers_are_of_the_cutouts_that_are_there(stills, tmp_path):
    """Other weights were stopped on the way: the first ones' old lines are no longer true."""
    report, other = tmp_path / "report", StandIn(0.5)

    def stopped(frame, plate, *, model):
        if other.calls == 2:
            raise KeyboardInterrupt
        return other(frame, plate, model=model)

    first = evaluate(stills, report, StandIn())
    before = [path.read_bytes() for path in sorted((report / "cutouts").iterdir())]
    with pytest.raises(KeyboardInterrupt):
        evaluate(stills, report, stopped, model="another")
    assert evaluate(stills, report, StandIn()).summary["overall"] == first.summary["overall"]
    assert [path.read_bytes() for path in sorted((report / "cutouts").iterdir())] == before


def test_a_folder_in_a_clip_is_no_part_of_it(tmp_path):
    (tmp_path / "set" / "walk").mkdir(parents=True)
    for what in ("clip", "alpha"):
        for number in range(2):
            picture, _, alpha, _ = pictures(20 + number)
            shown = picture if what == "clip" else alpha
            save(tmp_path / "set" / "walk" / what / f"{number:03}.png", shown)
    save(tmp_path / "set" / "walk" / "plate.png", pictures()[1])
    (case,), _ = find_cases(tmp_path / "set")
    before = case.fingerprint()
    (tmp_path / "set" / "walk" / "clip" / "@eaDir").mkdir()
    assert case.fingerprint() == before


def test_another_way_to_cut_is_not_taken_for_the_first(stills, tmp_path):
    def nothing(frame, plate, *, model):
        return SimpleNamespace(alpha=0 * frame[..., :1], foreground=frame)

    def everything(frame, plate, *, model):
        return SimpleNamespace(alpha=0 * frame[..., :1] + 1, foreground=frame)

    one, other = (evaluate(stills, tmp_path / "report", cut) for cut in (nothing, everything))
    for first, second in zip(one.records, other.records, strict=True):
        assert first["mad"] + second["mad"] == pytest.approx(1000)


def test_kind_and_condition_are_those_of_the_index_of_today(stills, tmp_path):
    index = stills / "index.json"
    text = index.read_text()
    index.unlink()
    evaluate(stills, tmp_path / "report", StandIn())
    index.write_text(text)
    again = StandIn()
    evaluation = evaluate(stills, tmp_path / "report", again)
    assert again.calls == 0
    assert evaluation.summary["by_condition"].keys() == {"noisy", "clean"}


def test_what_lies_beside_the_weights_belongs_to_them(tmp_path):
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"one")
    before = hash_model(str(weights))
    (tmp_path / "weights.refiner.onnx").write_bytes(b"another")
    assert hash_model(str(weights)) != before


def test_other_weights_in_the_same_file_are_another_model(tmp_path):
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"one")
    before = hash_model(str(weights))
    weights.write_bytes(b"two")
    assert hash_model(str(weights)) != before


def test_without_an_index_every_folder_is_a_case(stills, tmp_path):
    (stills / "index.json").unlink()
    evaluation = evaluate(stills, tmp_path / "report", StandIn())
    assert [record["case"] for record in evaluation.records] == [f"case{n}" for n in range(5)]


def test_the_command_prints_and_says_by_its_exit_code(stills, tmp_path, monkeypatch):
    app = typer.Typer()
    register(app)
    app.command("other")(lambda: None)
    monkeypatch.setattr(
        evaluate_module,
        "_default_cuts",
        lambda model: lambda _: evaluate_module._one_by_one(StandIn(), model),
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
