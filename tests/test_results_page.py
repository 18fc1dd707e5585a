"""The page of results: made of what the benchmarks wrote, and of nothing else."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "make_results_page.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="comes with the repository only")

TABLE = """# Speed

`python benchmarks/speed.py --threads 2` at abc1234-dirty, 2026-01-02, on a machine.

![Curves](speed.svg) and [elsewhere](https://example.org)

## 1920 x 1080

| a | b |
|---|---:|
| c | 1.5 |
"""
NUMBERS = {"commit": "abc1234-dirty", "date": "2026-01-02", "processor": "Abacus", "cores": 3}


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("make_results_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "benchmarks" / "results"
    folder.mkdir(parents=True)
    (tmp_path / "docs").mkdir()
    (folder / "speed.md").write_text(TABLE)
    (folder / "speed.json").write_text(json.dumps(NUMBERS))
    (folder / "keying.txt").write_text("python benchmarks/keying.py x, at abc1, 2026-01-03\n1 2\n")
    (folder / "quality-rooms.md").write_text(TABLE.replace("Speed", "Quality"))
    return folder


def run(script, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
    return script.main()


def test_the_page_holds_every_table_with_its_origin(script, results, monkeypatch):
    page = results.parents[1] / "docs" / "results.md"
    given = ("--results", results, "-o", page)
    assert run(script, monkeypatch, *given, "--check") == 1
    assert not page.exists()
    assert run(script, monkeypatch, *given) == 0
    assert run(script, monkeypatch, *given, "--check") == 0
    text = page.read_text()
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert headings == [
        "# Results",
        "## Quality",
        "### 1920 x 1080",
        "## Speed",
        "### 1920 x 1080",
        "## Keying",
    ]
    assert text.count("| c | 1.5 |") == 2
    assert "Measured at abc1234-dirty, 2026-01-02, on Abacus, 3 cores." in text
    assert "](../benchmarks/results/speed.svg)" in text
    assert "](https://example.org)" in text
    assert "```\npython benchmarks/keying.py x, at abc1, 2026-01-03\n1 2\n```" in text
    (results / "speed.md").write_text(TABLE.replace("1.5", "1.6"))
    assert run(script, monkeypatch, *given, "--check") == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("speed.md", TABLE.replace("python benchmarks", "look"), "its command"),
        ("speed.md", TABLE.replace("2026-01-02", "today"), "commit and date"),
        ("speed.json", json.dumps(NUMBERS | {"commit": "fff"}), "different runs"),
        ("speed.json", json.dumps({"commit": "abc1234-dirty"}), "lacks date, processor"),
    ],
)
def test_a_table_of_unknown_origin_is_refused(
    script, results, monkeypatch, capsys, name, content, words
):
    (results / name).write_text(content)
    page = results.parents[1] / "docs" / "results.md"
    assert run(script, monkeypatch, "--results", results, "-o", page) == 2
    assert words in capsys.readouterr().err
    assert not page.exists()


def test_no_results_are_no_page(script, tmp_path):
    with pytest.raises(ValueError, match="holds no table"):
        script.make_page(tmp_path, tmp_path / "results.md")


def test_the_page_in_the_documentation_is_up_to_date(script, monkeypatch):
    assert run(script, monkeypatch, "--check") == 0
