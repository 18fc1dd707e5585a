"""The page of an evaluation: what it shows, and that it stands alone."""

import json
import re

import numpy as np
import pytest

from cleanplate.evaluate import evaluate
from cleanplate.report import error_map, picked
from evaluation_cases import StandIn, make_case, save, write_stills


@pytest.fixture
def stills(tmp_path):
    return write_stills(tmp_path / "set")


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


def test_kinds_and_conditions_cannot_break_the_page(stills, tmp_path):
    index = [{"case": "case0", "kind": "<i>&amp", "condition": "<u>"}]
    (stills / "index.json").write_text(json.dumps(index))
    evaluate(stills, tmp_path / "report", StandIn())
    page = (tmp_path / "report" / "report.html").read_text()
    for tag in ("<i>&amp", "<u>"):
        assert tag not in page
    assert "&lt;i&gt;&amp;amp, &lt;u&gt;" in page


def test_a_matte_of_another_shape_is_named_and_the_page_is_written(stills, tmp_path):
    others = tmp_path / "others"
    for number in range(5):
        save(others / f"case{number}.png", np.ones((48, 64, 1)))
    save(others / "case2.png", np.ones((48, 80, 1)))
    evaluation = evaluate(stills, tmp_path / "report", StandIn(), compare=others)
    (problem,) = evaluation.problems
    assert "case2.png is 80 x 48 pixels and the frame 64 x 48" in problem
    assert (tmp_path / "report" / "report.html").read_text().count('type="range"') == 5


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
