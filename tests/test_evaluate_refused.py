"""Sets, cases and outputs that cannot be evaluated: named, while the rest goes on."""

import numpy as np
import pytest

from cleanplate.errors import InputError, OutputError
from cleanplate.evaluate import evaluate
from cleanplate.evaluation_set import find_cases
from evaluation_cases import HEIGHT, WIDTH, StandIn, make_case, save, write_stills


@pytest.fixture
def stills(tmp_path):
    return write_stills(tmp_path / "set")


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


@pytest.mark.parametrize("name", ["set", "set/report", "set/page.html", "set.html"])
def test_a_report_in_the_set_is_refused(stills, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="outside"):
        evaluate(stills, tmp_path / name, StandIn())
    assert sorted(tmp_path.rglob("*")) == before
