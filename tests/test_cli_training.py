"""The commands that make weights, as they are typed."""

import json
from functools import partial

import cv2
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import pools  # noqa: E402
from cleanplate import cli_training  # noqa: E402
from cleanplate.training import refiner, teacher  # noqa: E402
from commands import files, run  # noqa: E402


@pytest.fixture
def folders(tmp_path):
    return pools.write_pools(tmp_path / "pools")


def refused(result, *words):
    said = result.stderr.splitlines()
    assert result.exit_code == 2, result.output
    assert len(said) == 1
    assert said[0].startswith("cleanplate: ")
    for word in words:
        assert word in said[0]


def test_synthesize(folders, tmp_path):
    sheet = tmp_path / "sheet.png"
    result = run("synthesize", *folders, "-o", sheet, "--count", 2, "--size", 64, "--seed", 3)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{sheet}\n"
    assert cv2.imread(str(sheet)).shape == (64, 2 * 7 * 64, 3)


def test_train_and_export(folders, tmp_path, monkeypatch):
    """Everything that leads to weights, once, as small as it goes."""
    monkeypatch.setattr(teacher, "TeacherOptions", partial(teacher.TeacherOptions, held_out=1))
    tiny = partial(refiner.RefinerOptions, size=96, tiles=8, samples_per_step=1, workers=0)
    monkeypatch.setattr(refiner, "RefinerOptions", tiny)
    folder, weights = tmp_path / "run", tmp_path / "weights.onnx"

    train = ["train", "teacher", *folders, "-o", folder, "--minutes", 0.01, "--size", 64]
    train += ["--batch", 2, "--planned-samples", 100, "--workers", 0, "--device", "cpu"]
    result = run(*train)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'checkpoint.pt'}\n"
    bill = json.loads((folder / "bill.json").read_text())
    assert {entry["pool"] for entry in bill} == {"foregrounds", "backgrounds"}
    earlier = bill[0] | {"folder": "seen-before", "licence": "not for sale", "commercial": False}
    (folder / "bill.json").write_text(json.dumps([*bill, earlier]))
    before = torch.load(folder / "checkpoint.pt")["samples"]
    refused(run(*train), "already holds a run; add --resume")
    refused(run(*train, "--resume", "--ship"), "seen-before", "not for sale")
    assert run(*train, "--resume").exit_code == 0
    assert earlier in json.loads((folder / "bill.json").read_text())
    assert torch.load(folder / "checkpoint.pt")["samples"] > before

    result = run("export", folder, "-o", weights)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{weights}: differs from torch by at most ")

    result = run(
        "train", "refiner", weights, *folders, "-o", folder, "--minutes", 0.01, "--planned-steps", 1
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'refiner.pt'}\n"

    assert run("export", folder, "-o", weights).exit_code == 0
    assert [name for name in files(tmp_path) if name.startswith("weights")] == [
        "weights.memory.onnx",
        "weights.onnx",
        "weights.plate.onnx",
        "weights.refiner.onnx",
    ]


def test_mistakes_are_told_in_one_line(folders, tmp_path):
    nowhere, out = tmp_path / "nowhere", tmp_path / "out"
    sheet = tmp_path / "sheet.png"
    train = ["-o", out, "--minutes", 1, "--device", "cpu"]
    refused(run("synthesize", nowhere, folders[1], "-o", sheet), "nowhere is not a folder")
    refused(run("synthesize", *folders, "-o", tmp_path / "a.jpg"), "must end in .png")
    refused(run("train", "teacher", folders[0], nowhere, *train), "nowhere is not a folder")
    refused(run("train", "teacher", *folders, *train, "--size", 100), "multiple of 16")
    refused(run("train", "teacher", *folders, *train, "--resume"), "leave --resume out")
    refused(run("train", "teacher", *folders, *train, "--ship"), "commercial use unknown")
    for words in (("slim", "no.pt"), ("grow", "no.pt")):
        refused(run("train", *words, "-o", sheet), "no.pt is not there: name a checkpoint that is.")
    refused(run("train", "refiner", "no.onnx", *folders, *train[:4]), "no.onnx does not exist")
    refused(run("export", nowhere, "-o", tmp_path / "a.onnx"), "holds no checkpoint.pt")
    refused(run("export", nowhere, "-o", tmp_path / "a.pt"), "must end in .onnx")
    assert not out.exists()
    assert not sheet.exists()


def test_no_output_is_an_input(folders, tmp_path):
    picture = folders[0] / "things" / "thing-0.png"
    trained = tmp_path / "run" / "checkpoint.pt"
    trained.parent.mkdir()
    torch.save({"optimizer": {}}, trained)
    (tmp_path / "link.pt").symlink_to(trained)
    before = picture.read_bytes(), trained.read_bytes()
    said = "is one of the inputs: choose another output"
    refused(run("synthesize", *folders, "-o", picture, "--count", 1, "--size", 64), said)
    refused(run("train", "grow", trained, "-o", tmp_path / "link.pt"), said)
    refused(run("train", "slim", tmp_path / "link.pt", "-o", trained), said)
    assert (picture.read_bytes(), trained.read_bytes()) == before


def test_seeds_that_cannot_be_and_runs_that_are_files(folders, tmp_path):
    out = tmp_path / "run"
    out.write_bytes(b"precious")
    for command in (
        ["synthesize", *folders, "-o", tmp_path / "a.png"],
        ["train", "teacher", *folders, "-o", out, "--minutes", 1],
        ["train", "grow", "a.pt", "-o", tmp_path / "b.pt"],
    ):
        for seed in (-1, 2**31):
            result = run(*command, "--seed", seed)
            assert result.exit_code == 2
            assert "Invalid value for '--seed'" in result.stderr
    end = ["-o", out, "--minutes", 1, "--device", "cpu"]
    for command in ("teacher", "segmenter"):
        said = "run cannot be made a folder"
        refused(run("train", command, *folders, *end, "--size", 64), said)
    assert out.read_bytes() == b"precious"


def test_missing_extra_is_named(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(cli_training, "find_spec", lambda name: None)
    for command in (
        ["synthesize", *folders, "-o", tmp_path / "a.png"],
        ["train", "teacher", *folders, "-o", tmp_path / "run", "--minutes", 1],
        ["train", "refiner", "a.onnx", *folders, "-o", tmp_path / "run", "--minutes", 1],
        ["export", tmp_path, "-o", tmp_path / "a.onnx"],
    ):
        refused(run(*command), "torch and onnx", "pip install 'cleanplate[train]'")
